"""`sidestream probe --profile --url` finds a profile's nodes on a real OPC UA server."""

import asyncio
import json
import struct
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua

from adapters.errors import PermanentError
from adapters.opcua import OPCUA
from agent.cli.find import Server, found_out
from config.load import load_plant
from simulation.models import Typed
from simulation.opcua import NAMESPACE, OpcUaPlant
from tests.opcuakit import Wire, certificate, client_files, der, key_der, services, write

pytestmark = pytest.mark.integration
PADIM = "http://opcfoundation.org/UA/PADIM/"
SCALES = "http://opcfoundation.org/UA/Scales/V2/"
MAKER = "urn:maker"
FLOW = (PADIM, "FlowMeasurementVariableType")
DEVICE = ((NAMESPACE, "Line 1"), (PADIM, "SignalSet"))
MASS = Typed(
    (*DEVICE, (PADIM, "Mass")), 12.5, ((PADIM, "MassFlowRateVariableType"), FLOW), (),
    (4534584, "t/h"), (0.0, 80.0),
)  # fmt: skip
TOTAL = Typed(
    (*DEVICE, (PADIM, "Total")), 48_213.0, ((MAKER, "OurTotal"), (PADIM, "TotalizerVariableType")),
    (), (5525061, "t"),
)  # fmt: skip
OTHER = Typed((*DEVICE, (PADIM, "Pressure")), 3.0, ((PADIM, "PressureMeasurementVariableType"),))
INSTRUMENT = (MASS, TOTAL, OTHER)


def weight(name: str, net: float = 28_130.25, gross: float = 41_250.5) -> Typed:
    body = struct.pack("<3d", gross, net, 13_120.25)
    path = ((NAMESPACE, "Scale"), (SCALES, name))
    return Typed(path, body, ((SCALES, "WeightItemType"),), (), (4933453, "kg"))


def plant(typed: Sequence[Typed], *first: str, **more: Any) -> OpcUaPlant:
    return OpcUaPlant({"Rate": 3.0}, typed, (*first, PADIM, SCALES, MAKER), **more)


async def find(name: str, typed: Sequence[Typed], under: str = "") -> dict[str, Any]:
    async with plant(typed, "urn:first") as served:
        table = {"protocol": "opcua", "url": served.url, "security": "None"}
        return await found_out(name, Server(table, under))


async def run(*words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent.cli", "probe", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


def chosen(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["point"]: row["choices"][0] for row in document["points"] if row["choices"]}


async def test_an_instruments_nodes_values_and_units_are_found_by_their_types() -> None:
    said = await find("opcua-pa-dim", INSTRUMENT)
    found = chosen(said)
    assert {name: (one["value"], one["unit"]) for name, one in found.items()} == {
        "mass_flow": (12.5, "t/h"),
        "total": (48_213.0, "t"),
    }
    assert found["mass_flow"]["node"] == f"nsu={NAMESPACE};s=Line 1/SignalSet/Mass"
    assert said["certainty"] == "sure"
    assert "volume_flow: nothing of its type" in said["why"]


async def test_what_is_found_is_what_a_plant_file_needs(tmp_path: Path) -> None:
    said = await find("opcua-pa-dim", INSTRUMENT)
    head = ['[plant]\nname = "a"\nowner = "b"', *said["toml"]]
    (tmp_path / "plant.toml").write_text("\n".join(head), "utf-8")
    (source,) = load_plant(tmp_path / "plant.toml", {}).sources
    async with plant(INSTRUMENT, "urn:one", "urn:two") as served:
        settings = source.settings.model_copy(update={"url": served.url})
        read = await OPCUA.probe(replace(source, settings=settings))
    assert {one.point: (one.value, one.unit) for one in read} == {
        "mass_flow": (12.5, "t/h"),
        "total": (48_213.0, "t"),
    }


@pytest.mark.parametrize(
    ("change", "certainty", "against"),
    [
        ({"value": 93.0}, "likely", "outside its range 0 to 80"),
        ({"unit": None}, "likely", "the server tells no unit"),
        ({"unit": (0, "bushel/h")}, "likely", "its unit is bushel/h (0), which is not known here"),
        ({"unit": (4534584, "kg/h")}, "likely", "its unit is told as t/h and as kg/h"),
        ({"value": "none"}, "likely", "it is a text"),
    ],
)
async def test_what_speaks_against_a_node_is_told(
    change: dict[str, Any], certainty: str, against: str
) -> None:
    said = await find("opcua-pa-dim", [replace(MASS, **change), TOTAL])
    assert said["certainty"] == certainty
    assert chosen(said)["mass_flow"]["against"] == [against]


async def test_a_scale_with_several_weights_leaves_the_choice_and_shows_each() -> None:
    said = await find("opcua-scales", [weight("CurrentWeight"), weight("RegisteredWeight", 1.0)])
    assert said["certainty"] == "not sure"
    gross = said["points"][0]["choices"]
    assert [one["path"].rpartition(";")[2] for one in gross] == [
        "CurrentWeight",
        "RegisteredWeight",
    ]
    assert gross[1]["against"] == ["gross is not net and tare together"]
    table = tomllib.loads("\n".join(said["toml"]))["sources"]["meter"]
    assert {name: one["unit"] for name, one in table["points"].items()} == dict.fromkeys(
        ("gross", "net", "tare"), "kg"
    )
    alone = await find("opcua-scales", [weight("CurrentWeight")])
    assert alone["certainty"] == "sure"


async def test_a_node_to_look_below_narrows_the_search() -> None:
    far = replace(MASS, path=((NAMESPACE, "Line 2"), (PADIM, "Mass")), value=1.5)
    both = await find("opcua-pa-dim", [MASS, far])
    assert both["certainty"] == "not sure"
    one = await find("opcua-pa-dim", [MASS, far], f"/Objects/nsu={NAMESPACE};Line 2")
    assert (one["certainty"], chosen(one)["mass_flow"]["value"]) == ("sure", 1.5)
    with pytest.raises(PermanentError, match="no node /Objects/2:Line9"):
        await find("opcua-pa-dim", [MASS], "/Objects/2:Line9")


async def test_a_server_with_nothing_of_the_profile_is_refused_with_what_it_has() -> None:
    with pytest.raises(PermanentError, match=rf"nothing of this profile .*{NAMESPACE}.*{MAKER}"):
        await find("opcua-scales", INSTRUMENT)


async def test_a_probe_only_browses_and_reads() -> None:
    async with plant(INSTRUMENT) as served, Wire(served.port) as wire:
        table = {"protocol": "opcua", "url": wire.url(served.url), "security": "None"}
        await found_out("opcua-pa-dim", Server(table))
    asked = set(services(bytes(wire.sent)))
    binary = "Request_Encoding_DefaultBinary"
    allowed = (
        "CreateSession", "ActivateSession", "CloseSession", "CloseSecureChannel", "Read", "Browse",
        "BrowseNext", "GetEndpoints",
    )  # fmt: skip
    assert asked <= {getattr(ua.ObjectIds, f"{name}{binary}") for name in allowed}
    assert ua.ObjectIds.BrowseRequest_Encoding_DefaultBinary in asked


async def test_the_command_prints_the_lines_and_says_how_sure_it_is() -> None:
    async with plant(INSTRUMENT) as served:
        code, text = await run("--profile", "opcua-pa-dim", "--url", served.url)
        more, document = await run("--profile", "opcua-pa-dim", "--url", served.url, "--json")
    assert code == more == 0
    for part in (
        "sure",
        "12.5",
        "[sources.meter.points]",
        'profile = "opcua-pa-dim"',
        'unit = "t/h"',
    ):
        assert part in text
    assert json.loads(document)["certainty"] == "sure"


async def test_a_secured_server_is_probed_with_the_options_of_a_plant_file(tmp_path: Path) -> None:
    made = certificate("server")
    files = client_files(tmp_path)
    pinned, _ = write(tmp_path, "server", made)
    policy = "Basic256Sha256"
    secured = plant(
        INSTRUMENT,
        security=(f"{policy}_SignAndEncrypt",),
        certificate=der(made),
        key=key_der("server"),
    )
    async with secured as served:
        way = ("--profile", "opcua-pa-dim", "--url", served.url)
        options = (
            "--security", policy, "--certificate", files["certificate"],
            "--private-key", files["private_key"], "--server-certificate", pinned,
        )  # fmt: skip
        code, text = await run(*way, *options)
        plain, refused = await run(*way)
        table = '[plant]\nname = "a"\nowner = "b"\n[sources.flow]\nprotocol = "opcua"\n'
        table += f'url = "{served.url}"\nsecurity = "{policy}"\nserver_certificate = "{pinned}"\n'
        table += f'certificate = "{files["certificate"]}"\nprivate_key = "{files["private_key"]}"\n'
        (tmp_path / "plant.toml").write_text(table, "utf-8")
        by_file, again = await run(
            "--profile", "opcua-pa-dim", str(tmp_path / "plant.toml"), "flow"
        )
    assert (code, by_file) == (0, 0)
    assert f'server_certificate = "{pinned}"' in text
    assert 'unit = "t/h"' in again
    assert plain != 0
    assert "does not offer" in refused
    assert "Traceback" not in refused


async def test_mistakes_in_the_options_are_told_in_their_words() -> None:
    nowhere = ("--url", "opc.tcp://127.0.0.1:1")
    for words, code, part in (
        (("--profile", "opcua-pa-dim", *nowhere), 2, "no connection"),
        (("--profile", "siemens-bw500", *nowhere), 1, "is not for opcua"),
        (("--profile", "opcua-pa-dim", *nowhere, "--host", "h"), 2, "one of --host"),
        (("--profile", "opcua-pa-dim", "--url", "http://h"), 1, "opc.tcp://192.0.2.20:4840"),
    ):
        found, text = await run(*words)
        assert (found, part in text, "Traceback" in text) == (code, True, False), text
