"""An OPC UA server, device or node that is not the one meant is refused, on a real server."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from asyncua import ua

from adapters.adapter import Source
from adapters.errors import PermanentError
from adapters.opcua import OPCUA, OpcUa
from adapters.reading import Quality
from simulation.models import Models, Name, Typed
from simulation.opcua import NAMESPACE, OpcUaPlant
from tests.opcuakit import Recorder, Wire, running, services, source

pytestmark = pytest.mark.integration
PADIM = "http://opcfoundation.org/UA/PADIM/"
DI = "http://opcfoundation.org/UA/DI/"
MAKER = "urn:maker"
MASS: tuple[Name, ...] = (
    (PADIM, "MassFlowRateVariableType"),
    (PADIM, "FlowMeasurementVariableType"),
)
VOLUME = ((PADIM, "ActualVolumeFlowRateVariableType"), MASS[1])
DEVICE = ((DI, "DeviceSet"), (NAMESPACE, "Meter"))
PATH = f"/Objects/nsu={DI};DeviceSet/nsu={NAMESPACE};Meter"
FLOW = Typed((*DEVICE, (PADIM, "Flow")), 12.5, MASS, unit=(4534584, "t/h"))
NODE = f"{PATH}/nsu={PADIM};Flow"


def meter(serial: str = "S-1", kinds: Sequence[Name] = MASS) -> list[Typed]:
    of = ((DI, "DeviceType"),)
    says = {"Manufacturer": "Maker", "Model": "M 1", "SerialNumber": serial}
    told = [Typed((*DEVICE, (DI, name)), text, of=of) for name, text in says.items()]
    return [*told, replace(FLOW, kinds=tuple(kinds))]


def plant(one: Sequence[Typed], *first: str) -> OpcUaPlant:
    return OpcUaPlant({"Rate": 3.0}, typed=one, namespaces=(*first, DI, PADIM, MAKER))


def reads(url: str, identity: Sequence[dict[str, Any]] = (), **more: Any) -> Source:
    point = {"node": NODE, "unit": "t/h", "type": f"nsu={PADIM};{MASS[0][1]}"}
    line = source(url, {}, identity=identity, **more)
    table = {**line.settings.model_dump(exclude_unset=True), "points": {"flow": point}}
    table |= {"every": "100 ms", "timeout": "1 s"}
    return Source("line", type(line.settings).model_validate(table))


def serial(*accepted: str) -> dict[str, Any]:
    node = f"{PATH}/nsu={DI};SerialNumber"
    return {"what": "serial number", "node": node, "accepted": accepted}


@pytest.mark.parametrize("first", [(), ("urn:another", "urn:one")])
async def test_a_device_is_known_by_names_whatever_the_index_of_their_namespaces(
    first: tuple[str, ...],
) -> None:
    kind = {"what": "device", "node": PATH, "type": f"nsu={DI};DeviceType"}
    async with plant(meter(), *first) as served:
        (found,) = await OPCUA.probe(reads(served.url, [serial("S-1", "S-2"), kind]))
    assert (found.value, found.quality) == (12.5, Quality.GOOD)


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        (serial("S-9"), r"its serial number \(.*SerialNumber\) is S-1, not S-9"),
        (
            {"what": "maker", "node": f"{PATH}/nsu={DI};Maker", "accepted": ["Maker"]},
            r"it has no maker \(.*\): bad-no-match",
        ),
        (
            {"what": "maker", "node": "nsu=urn:other;s=Maker", "accepted": ["Maker"]},
            r"it has no maker \(.*\): unknown-namespace",
        ),
        (
            {"what": "device", "node": PATH, "type": f"nsu={PADIM};PADIMType"},
            rf"its device \(.*\) is nsu={DI};DeviceType, not nsu={PADIM};PADIMType",
        ),
        (
            {"what": "product", "node": "i=2261", "accepted": ["Other"]},
            r"its product \(i=2261\) is .*, not Other",
        ),
    ],
)
async def test_another_device_is_refused_with_what_it_says(
    identity: dict[str, Any], text: str
) -> None:
    async with plant(meter()) as served:
        with pytest.raises(PermanentError, match=f"another device: {text}"):
            await OPCUA.probe(reads(served.url, [identity]))


async def test_the_servers_own_product_is_an_identity() -> None:
    async with plant(meter()) as served:
        core = served._ready
        told = ua.DataValue(ua.Variant("Gateway 5", ua.VariantType.String))
        await core.write_attribute_value(ua.NodeId(2261), told, ua.AttributeIds.Value)
        one = {"what": "product", "node": "i=2261", "accepted": ["Gateway 5"]}
        (found,) = await OPCUA.probe(reads(served.url, [one]))
    assert found.quality is Quality.GOOD


async def test_a_node_of_another_type_is_refused_and_one_of_a_derived_type_is_not() -> None:
    async with plant(meter(kinds=VOLUME)) as served:
        with pytest.raises(PermanentError, match=r"its flow \(.*\) is nsu=.*ActualVolume.*, not"):
            await OPCUA.probe(reads(served.url))
    async with plant(meter(kinds=((MAKER, "OurFlowType"), *MASS))) as served:
        (found,) = await OPCUA.probe(reads(served.url))
    assert found.value == 12.5


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_a_running_source_reads_nothing_of_another_device_and_heals(mode: str) -> None:
    recorder = Recorder()
    async with plant(meter("S-9")) as served, Wire(served.port) as wire:
        one = reads(wire.url(served.url), [serial("S-1")], mode=mode)
        other = source(wire.url(served.url), {"rate": "ns=2;s=Rate"}, "other", mode=mode)
        async with running([one, other], recorder, OpcUa(retry=0.2)):
            await recorder.until(lambda: recorder.last("flow"))
            reading = recorder.last("flow")
            assert reading is not None
            assert (reading.value, reading.reason) == (None, "wrong-device")
            await recorder.value("rate", 3.0)
            health = [one for name, one in recorder.health if name == "line"][-1]
            assert "serial number" in health.error
            assert not recorder.good("flow")
            await served.set("DeviceSet/Meter/SerialNumber", "S-1")
            await recorder.value("flow", 12.5)
    asked = set(services(bytes(wire.sent)))
    assert ua.ObjectIds.BrowseRequest_Encoding_DefaultBinary in asked
    assert ua.ObjectIds.WriteRequest_Encoding_DefaultBinary not in asked


async def test_a_node_that_comes_late_is_not_read_when_it_is_of_another_type() -> None:
    recorder = Recorder()
    async with plant(meter()[:3]) as served:
        core = served._ready
        spaces = ("", "", NAMESPACE, DI, PADIM, MAKER)
        models = Models(core.isession, spaces, 2, served._made)
        for path in (DEVICE[:1], DEVICE):
            place = ua.NodeId("/".join(name for _, name in path), 2)
            models._known[path] = place
        async with running([reads(served.url)], recorder, OpcUa(retry=0.2)):
            await recorder.until(lambda: recorder.last("flow"))
            first = recorder.last("flow")
            assert first is not None
            assert first.reason == "bad-no-match"
            await models.add(replace(FLOW, kinds=VOLUME))
            await recorder.until(
                lambda: (last := recorder.last("flow")) and last.reason == "wrong-device"
            )
            assert not recorder.good("flow")


def test_an_identity_says_something() -> None:
    with pytest.raises(ValueError, match="`accepted` values, a `type`, or both"):
        reads("opc.tcp://h", [{"node": "i=2261"}])
