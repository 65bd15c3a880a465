"""Replay: a recording of readings each second becomes totals, beside a loop that adds its rows.

Meters and windows alone are measured in this process; `sidestream backfill` as a program, over a
recording and over one twice as long: its time must double and its memory stay.
"""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import replay
from bench.frame import Bench, Figure, Goal, Say

YEAR = 365
SHARE = Goal(0.25, least=True)
MINUTES = Goal(30 * 60.0)
LINEAR = Goal(1.15)
FLAT = Goal(5.0)
"""Megabytes that twice the recording may take beyond it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a program took from its start to its end."""

    processor: float
    peak_mb: float


def _backfill(kind: str, days: int) -> Run:
    """Replay a recording of some days with `sidestream backfill`."""
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name:
        folder = Path(name)
        text = replay.PLANT.format(unit=replay.UNITS[kind], meter=replay.KINDS[kind])
        (folder / "plant.toml").write_text(text)
        replay.record(folder / "in.csv", kind, days)
        # Not `communicate`: the kernel tells what a child took to whoever waits for it.
        with subprocess.Popen(
            replay.backfill(days), cwd=folder, stdout=subprocess.DEVNULL
        ) as running:
            _, status, used = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"backfill ended with {running.returncode}")
    return Run(used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


def run(full: bool, say: Say) -> list[Figure]:
    """Measure meters of two kinds, and the program on a totaliser's recording."""
    figures = []
    for kind in replay.KINDS:
        say(f"the pipeline on a {kind}")
        found = replay.measure(kind, 1)
        floor, meters = found["bare loop"], found["meters"]
        name = f"pipeline, a {kind}"
        figures.append(Figure(name, "readings/s", meters, floor, "added rows", "times", SHARE))
        singly = found["meters, block by block"]
        figures.append(
            Figure(f"{name}, block by block", "readings/s", singly, floor, "added rows", "times")
        )
    days = 10 if full else 2
    say(f"replaying {days} and {2 * days} days")
    single, double = _backfill("total", days), _backfill("total", 2 * days)
    more = double.processor - single.processor
    return [
        *figures,
        Figure(
            "replay of a year of a reading each second", "s", more * YEAR / days,
            86_400 * YEAR / floor, "added rows", goal=MINUTES, note=f"from {days} days",
        ),
        Figure(
            "replay, a day in twice as many", "s", double.processor / days / 2,
            single.processor / days, "in half", "times", LINEAR,
        ),
        Figure(
            "replay, memory in twice as many days", "MB", double.peak_mb,
            single.peak_mb, "in half", "beyond", FLAT,
        ),
    ]  # fmt: skip


BENCH = Bench("replay", "recordings into totals: meters alone, and a year's backfill", run)
