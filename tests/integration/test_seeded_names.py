"""Seeded names: what is a plant's own is in no byte that leaves it, by programs of their own.

Three plants play recordings, one reads a device; every name, address, file and code that must stay
is unlike anything else, and is looked for in all traffic, in each of the hub's files, in what the
broker logs and in what the hub prints. Names of the hub's roster must not be on the feed either.
"""

import base64
import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.keys import HubKey, load
from gateway.seal import open_record
from simulation.modbus import Device, ModbusPlant
from tests import cluster
from tests.agentkit import Scale
from tests.links import eventually
from tests.servers import MosquittoMaker, program

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
ADDRESS = "127.83.69.68"
PLANT = """
[plant]
name = "Zqplant {n}"
owner = "Zqowner {n}"
[hub]
cluster = "ora"
broker = "mqtt://127.0.0.1:{port}"
key = "{hub_key}"
backlog_rate = 200.0
[windows]
{windows}
checkpoint = "50 ms"
{source}
[streams.zqhidden]
material = "07 05 13*"
status = "waste"
meter = {{ total = "zqsource.zqtotal", max_rate = "60000 t/h" }}
share = "off"
[streams.zqbanned]
material = "16 04 03*"
status = "waste"
meter = {{ total = "zqsource.zqtotal", max_rate = "60000 t/h" }}
share = "cluster"
[streams.zqshared]
material = "10 09 03"
status = "by-product"
treatment = "R5"
meter = {{ total = "zqsource.zqtotal", max_rate = "60000 t/h", modulus = "4294967.296 t" }}
composition = {{ of = "wet", shares = {{ zqcomponent = "41.237 %" }} }}
share = "cluster"
[state]
directory = "state"
runtime = "run"
"""
RECORDED = """
[sources.zqsource]
protocol = "replay"
file = "zqfile.csv"
every = "10 s"
[sources.zqsource.points]
zqtotal = { column = "total", unit = "kg" }
"""
READ = """
[sources.zqsource]
protocol = "modbus-tcp"
host = "{host}"
port = {port}
every = "100 ms"
timeout = "300 ms"
[sources.zqsource.points]
zqtotal = {{ register = 40001, type = "uint32", unit = "kg" }}
"""
STAYS = (
    "zqplant", "zqowner", "zqsource", "zqtotal", "zqfile", "zqhidden", "zqbanned", "zqshared",
    "zqcomponent", ADDRESS, "07 05 13", "16 04", "41.237", "0.41237", "by-product",
)  # fmt: skip
"""What stays in a plant; long enough that sealed bytes do not hold it by chance."""
ROSTER = ("yqmember", "yqowner")
PLACE = "yqplace"


def write(folder: Path, n: int, port: int, hub_key: str, source: str, windows: str = "") -> str:
    """Write a plant's file and make its key; gives its line of the roster."""
    folder.mkdir()
    text = PLANT.format(n=n, port=port, hub_key=hub_key, source=source, windows=windows)
    (folder / "plant.toml").write_text(text)
    made = cluster.sidestream("key", "plant.toml", "--create", "--json", cwd=folder)
    member = cluster.MEMBER.format(
        name=f"yqmember{n}", owner=f"yqowner{n}", key=json.loads(made)["key"]
    )
    return member.replace("agder/", f"{PLACE}/")


def found(texts: dict[str, bytes], words: tuple[str, ...]) -> list[tuple[str, str]]:
    """List which words are where, whatever their case and however they are written."""
    ways = {word: {word.lower().encode(), base64.b64encode(word.encode())} for word in words}
    return [
        (word, place)
        for place, text in texts.items()
        for word in words
        if any(way in (text.lower() if way.islower() else text) for way in ways[word])
    ]


def records(traffic: bytes, key: HubKey) -> bytes:
    """Open the records in what passed, with the hub's key."""
    lines = (line.split(b" ", 1) for line in traffic.splitlines() if b"/records/" in line)
    opened = (open_record(payload, "ora", topic.decode()[-32:], key) for topic, payload in lines)
    return b"\n".join(json.dumps(content).encode() for content in opened)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


async def play(tmp_path: Path, port: int, scale: Scale) -> tuple[dict[str, bytes], list[str]]:
    """Run the cluster; gives what the hub has kept, and the logs: the plants', then the hub's."""
    hub, hub_key = cluster.hub(tmp_path / "hub", port)
    async with ModbusPlant({1: Device(registers=scale.register)}, host=ADDRESS) as device:
        folders = [tmp_path / f"p{n}" for n in range(4)]
        members = [write(f, n, port, hub_key, RECORDED) for n, f in enumerate(folders[:3])]
        quick = 'measure = "1 s"\nrelease = "2 s"\ngrace = "300 ms"\njitter = "100 ms"'
        live = READ.format(host=ADDRESS, port=device.port)
        synced = f"{quick}\nrequire_clock_sync = false"
        members.append(write(folders[3], 3, port, hub_key, live, synced))
        for number, folder in enumerate(folders[:3]):
            cluster.record_day(folder / "zqfile.csv", 1440, 60, phase=number * 1000)
        cluster.admit(hub, port, members, wait="1 h")
        agents = [cluster.Program(("run", "plant.toml"), folder) for folder in folders]
        with cluster.ended(hub, *agents):
            hub.start()
            await eventually(hub.running, 40)
            for agent in agents:
                agent.start()
            await eventually(lambda: cluster.counted(hub) >= 3 * 23 + 2, 60)
            # Only now what is long past is due: every plant is in its windows.
            hub.stop()
            cluster.admit(hub, port, members)
            hub.start()
            cells = tmp_path / "hub" / "state"
            await eventually(lambda: _released(cells), 60)
    held = files(tmp_path / "hub" / "state") | files(tmp_path / "hub" / "run")
    return held, [*(agent.log for agent in agents), hub.log]


@contextlib.contextmanager
def listening(port: int, path: Path) -> Iterator[None]:
    """Keep all traffic in a file."""
    with path.open("wb") as file:
        command = [program("mosquitto_sub"), "-p", str(port), "-t", "#", "-v"]
        listener = subprocess.Popen(command, stdout=file)
        try:
            yield
        finally:
            listener.terminate()
            listener.wait(10)


async def test_no_seeded_name_leaves_a_plant_and_none_of_the_roster_the_hub(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker = mosquitto("log_type all")
    port, scale = broker.port, Scale()
    with listening(port, tmp_path / "traffic"):
        held, logs = await play(tmp_path, port, scale)
    traffic = (tmp_path / "traffic").read_bytes()
    public = {"traffic": traffic, "the broker's log": broker.log.read_bytes()}

    opened = records(traffic, HubKey(load(tmp_path / "hub" / "hub.key")))
    assert opened.count(b'"window"') >= 3 * 23
    assert opened.count(b"10 09 03") >= 3 * 23
    assert b'"released"' in traffic
    assert any(b"yqmember" in text for text in held.values()), "the ledger was searched"
    assert (
        found(public | held | {"records": opened, "the hub's log": logs[-1].encode()}, STAYS) == []
    )
    stored = {name: text for name, text in held.items() if "cells" in name}
    assert stored
    assert found(public | stored, ROSTER) == []
    # A plant's own journal names its streams; another's names are not in it.
    for n, log in enumerate(logs[:-1]):
        others = tuple(f"zqplant {other}" for other in range(4) if other != n)
        assert found({"log": log.encode()}, (*others, *ROSTER)) == []


def _released(state: Path) -> bool:
    return any(b"10 09 03" in text for name, text in files(state).items() if "cells" in name)


def test_what_is_looked_for_is_found() -> None:
    texts = {"plain": b"..ZQplant..", "sealed": base64.b64encode(b"by-product"), "none": b"clean"}
    assert found(texts, STAYS) == [("zqplant", "plain"), ("by-product", "sealed")]
