"""Measure how fast recorded readings become totals, beside a loop that parses and adds the same.

Run with `python -m bench.replay`. One file of readings each second is read five ways: in turns, so
that their ratios hold on a busy machine too, by a bare loop that splits each row, reads both
numbers and adds them, by the meters alone, from blocks made before, and by the same fed block by
block, as a live agent is; then by rows and meters in this process, and by `sidestream backfill` as
a program, with its start and its commits. Processor time counts.
"""

import json
import math
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click

from adapters.adapter import Source
from adapters.reading import Block
from adapters.replay import Progress, ReplayPoint, ReplaySettings, blocks
from agent.measuring.pipeline import Pipeline
from bench.process import python
from bench.timing import in_turns
from config.load import load_plant
from config.plan import StreamPlan, WindowPlan

START = 1_735_689_600
"""2025-01-01T00:00:00Z, in seconds since 1970."""
KINDS = {"rate": 'rate = "belt.value"', "total": 'total = "belt.value", max_rate = "60 t/h"'}
AT_ONCE = 256
"""Blocks that a backfill takes at once."""
ROUNDS = 5
UNITS = {"rate": "t/h", "total": "t"}
PLANT = """
[plant]
name = "Bench works"
owner = "Bench AS"
[sources.belt]
protocol = "modbus-tcp"
host = "127.0.0.1"
every = "1 s"
[sources.belt.points]
value = {{ register = 41010, type = "uint32", decimals = 3, unit = "{unit}" }}
[streams.slag]
material = "10 09 03"
meter = {{ {meter} }}
[state]
directory = "state"
runtime = "run"
"""


def record(path: Path, kind: str, days: int) -> None:
    """Write a recording of so many days, and two minutes to close the last window."""
    total = 0.0
    with path.open("w") as file:
        file.write("time,value\n")
        for second in range(86_400 * days + 120):
            rate = 30 + 10 * math.sin(second / 600)
            total += rate / 3600
            file.write(f"{START + second},{rate if kind == 'rate' else total:.3f}\n")


def bare(path: Path) -> None:
    """Split each row, read both numbers and add them: the least that any reader does."""
    times = total = 0.0
    with path.open() as file:
        next(file)
        for row in file:
            instant, value = row.split(",")
            times += float(instant)
            total += float(value)


def _read(path: Path) -> Iterator[Block]:
    points = {"value": ReplayPoint()}
    source = Source("belt", ReplaySettings(protocol="replay", file=str(path), points=points))
    return (block for block in blocks(source, None, Progress()) if block is not None)


def _meter(stream: StreamPlan, span: WindowPlan, found: Iterator[Block] | list[Block]) -> None:
    """Feed the blocks one by one, as a live agent does."""
    pipeline = Pipeline([stream], span)
    for block in found:
        pipeline.take(block)
        pipeline.close(block.time)


def _meter_at_once(
    stream: StreamPlan, span: WindowPlan, found: Iterator[Block] | list[Block]
) -> None:
    """Feed the blocks some hundred at a time, as a backfill does."""
    pipeline, rest = Pipeline([stream], span), iter(found)
    while some := list(islice(rest, AT_ONCE)):
        at = 0
        while at < len(some):
            taken = pipeline.take_run(some, at)
            if not taken:
                pipeline.take(some[at])
                pipeline.close(some[at].time)
            at += taken or 1


def backfill(days: int) -> list[str]:
    """Give the command that replays the recording of a folder, to be run in it."""
    end = time.strftime("%Y-%m-%d", time.gmtime(START + 86_400 * days))
    words = ["backfill", "plant.toml", "in.csv", "--source", "belt", "--from", "2025-01-01"]
    return python("agent.cli", *words, "--to", end)


def _program(folder: Path, days: int) -> None:
    subprocess.run(backfill(days), cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _processor() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _speed(work: Callable[[], None], readings: int) -> float:
    begun = _processor()
    work()
    return readings / (_processor() - begun)


def measure(kind: str, days: int) -> dict[str, float]:
    """Give readings a second of processor time, for each way to read the file."""
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name:
        folder = Path(name)
        plant = folder / "plant.toml"
        plant.write_text(PLANT.format(unit=UNITS[kind], meter=KINDS[kind]))
        record(folder / "in.csv", kind, days)
        plan = load_plant(plant, {})
        (stream,), span = plan.streams, plan.windows
        path, count = folder / "in.csv", 86_400 * days + 120
        made = list(islice(_read(path), 86_400))
        works = {
            "bare loop": lambda _: bare(path),
            "meters": lambda _: _meter_at_once(stream, span, made),
            "meters, block by block": lambda _: _meter(stream, span, made),
        }
        taken = in_turns(works, ROUNDS)
        return {
            **{
                way: ROUNDS * (count if way == "bare loop" else len(made)) / seconds
                for way, seconds in taken.items()
            },
            "rows and meters": _speed(lambda: _meter_at_once(stream, span, _read(path)), count),
            "backfill": _speed(lambda: _program(folder, days), count),
        }


@click.command()
@click.option("--days", default=5, show_default=True, help="Length of the recording.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(days: int, as_json: bool) -> None:
    """Measure how fast a recording of readings each second becomes totals."""
    found = {kind: measure(kind, days) for kind in KINDS}
    if as_json:
        click.echo(json.dumps(found))
        return
    for kind, speeds in found.items():
        for way, speed in speeds.items():
            share = speed / speeds["bare loop"]
            year = 365 * 86_400 / speed
            print(
                f"{kind:6} {way:22} {speed:12,.0f} readings/s {share:6.0%}  a year {year:5,.0f} s"
            )


if __name__ == "__main__":
    main()
