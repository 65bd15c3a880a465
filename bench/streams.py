"""A plant of many streams, each with a totaliser: its file, and what its counters show."""

import json
import subprocess
from pathlib import Path

from adapters.reading import NANOSECONDS, Block
from bench.process import python
from config.sizes import FIGURE, MAGNITUDE, RECORD

_HEAD = """
[plant]
name = "Bench"
owner = "Bench"
[hub]
cluster = "bench"
broker = "mqtt://127.0.0.1:{port}"
key = "{key}"
insecure = true
record_size = {size}
[windows]
require_clock_sync = false
{windows}
[state]
directory = "state"
runtime = "run"
[sources.works]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = {device}
[sources.works.points]
"""
_POINT = 't{n:03} = {{ register = {register}, type = "uint32", unit = "kg" }}\n'
_SPARE = 'x{n:03} = {{ register = {register}, type = "uint16", unit = "1" }}\n'
_STREAM = """
[streams.s{n:03}]
material = "10 {group:02} {last:02}"
meter = {{ total = "works.t{n:03}", max_rate = "200 t/h" }}
share = "cluster"
significant = 6
"""


def plant(
    streams: int, key: str, port: int = 1, device: int = 1, windows: str = "", spare: int = 0
) -> str:
    """Write the plant's file; `key` is its hub's, ports are those of the broker and the device.

    `spare` points are read and used by no stream.
    """
    size = 4096
    while size < RECORD + (FIGURE + MAGNITUDE) * streams:
        size *= 2
    head = _HEAD.format(size=size, key=key, port=port, device=device, windows=windows)
    points = (_POINT.format(n=n, register=40_001 + 2 * n) for n in range(streams))
    made = (_STREAM.format(n=n, group=n // 20 + 1, last=n % 20 + 1) for n in range(streams))
    unused = (_SPARE.format(n=n, register=45_001 + n) for n in range(spare))
    return "".join([head, *points, *unused, *made])


def shown(number: int, instant: int) -> int:
    """Give a counter in kg: each grows at a pace of its own."""
    return (number + 1) * 1000 + (number + 3) * (instant // NANOSECONDS) % 4_000_000_000


def block(streams: int, instant: int) -> Block:
    """Give what one poll of all counters reads."""
    names = tuple(f"t{n:03}" for n in range(streams))
    return Block("works", instant, names, tuple(shown(n, instant) for n in range(streams)))


def make_key(file: Path) -> str:
    """Make a plant's key; gives the public half as the hub's roster wants it."""
    command = python("agent.cli", "key", str(file), "--create", "--json")
    done = subprocess.run(command, cwd=file.parent, check=True, stdout=subprocess.PIPE, text=True)
    return str(json.loads(done.stdout)["key"])


def spare_block(first: int, count: int, instant: int) -> Block:
    """Give what a poll of some spare points reads."""
    names = tuple(f"x{n:03}" for n in range(first, first + count))
    return Block(
        "works", instant, names, tuple((n + instant // NANOSECONDS) % 65_536 for n in range(count))
    )
