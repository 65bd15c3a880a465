"""The profiles of OPC UA's own types, against a real server."""

import struct
from pathlib import Path

import pytest

from adapters.adapter import Source
from adapters.opcua import OPCUA
from adapters.reading import Quality
from config.load import load_plant
from simulation.models import Typed, Value
from simulation.opcua import NAMESPACE, OpcUaPlant
from tests.opcuakit import Recorder, running
from tests.unit.test_profiles import PLANT

pytestmark = pytest.mark.integration
WEIGHT = struct.pack("<3d", 41_250.5, 28_130.25, 13_120.25)
POINTS = ("gross", "net", "tare")
SCALES = "http://opcfoundation.org/UA/Scales/V2/"
PADIM = "http://opcfoundation.org/UA/PADIM/"


def plant(kind: str, **values: Value) -> OpcUaPlant:
    """Make a server with variables of a type of its own standard's namespace."""
    space = PADIM if "Flow" in kind else SCALES
    typed = [Typed(((NAMESPACE, name),), value, ((space, kind),)) for name, value in values.items()]
    return OpcUaPlant({}, typed=typed, namespaces=(space,))


def source(folder: Path, url: str, profile: str, points: dict[str, str], more: str = "") -> Source:
    head = PLANT.split("[sources", maxsplit=1)[0]
    lines = [f'{name} = {{ node = "{node}", unit = "kg" }}' for name, node in points.items()]
    text = f'[sources.m]\nprotocol = "opcua"\nurl = "{url}"\nsecurity = "None"\n{more}'
    text += f'profile = "{profile}"\nevery = "100 ms"\n[sources.m.points]\n' + "\n".join(lines)
    (folder / "plant.toml").write_text(head + text, "utf-8")
    return load_plant(folder / "plant.toml", {}).sources[0]


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_a_weighing_item_gives_gross_net_and_tare(tmp_path: Path, mode: str) -> None:
    recorder = Recorder()
    async with plant("WeightItemType", Weight=WEIGHT) as served:
        nodes = dict.fromkeys(POINTS, "ns=2;s=Weight")
        one = source(tmp_path, served.url, "opcua-scales", nodes, f'mode = "{mode}"\n')
        async with running([one], recorder):
            for point, value in zip(POINTS, struct.unpack("<3d", WEIGHT), strict=True):
                await recorder.value(point, value)
            await served.set("Weight", struct.pack("<3d", 2.0, 1.5, 0.5))
            await recorder.value("net", 1.5)


async def test_a_structure_that_is_too_short_and_a_value_that_is_none_are_bad(
    tmp_path: Path,
) -> None:
    nodes = {"gross": "ns=2;s=Short", "net": "ns=2;s=Short", "tare": "ns=2;s=Number"}
    async with plant("WeightItemType", Short=WEIGHT[:8], Number=3.0) as served:
        found = await OPCUA.probe(source(tmp_path, served.url, "opcua-scales", nodes))
    assert [(one.value, one.reason) for one in found] == [
        (41_250.5, ""),
        (None, "unsupported-type"),
        (None, "unsupported-type"),
    ]


async def test_a_flow_instrument_is_read_where_the_plant_file_says(tmp_path: Path) -> None:
    async with plant("ActualVolumeFlowRateVariableType", Flow=12.5) as served:
        one = source(tmp_path, served.url, "opcua-pa-dim", {"volume_flow": "ns=2;s=Flow"})
        (found,) = await OPCUA.probe(one)
    assert (found.point, found.value, found.quality) == ("volume_flow", 12.5, Quality.GOOD)
