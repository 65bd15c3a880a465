"""Outbox: what the agent writes to flash in an hour, at the defaults and with fifty streams.

The agent's own engine and state file are driven through an hour by a clock of the benchmark's, a
poll each second; the service's rule for commits is kept: at each checkpoint, and when a window
closes. The kernel counts the bytes (`write_bytes` of /proc/self/io): pages of the log beside the
file, and again when they are moved into it. What a file system's own journal adds is not in it.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.reading import NANOSECONDS
from agent.keeping.outbox import Outbox
from agent.running.assembly import memory, sealer
from agent.running.engine import HORIZON, Engine
from bench import streams
from bench.frame import Bench, Figure, Goal, Say
from config.load import load_plant
from gateway.keys import HubKey

STREAMS = 50
START = 1_772_323_200 * NANOSECONDS
"""2026-03-01T00:00:00Z."""
GOAL = Goal(20.0)
IO = Path("/proc/self/io")


@dataclass(slots=True)
class Hour:
    """What was written in the hours that were measured."""

    hours: float
    commits: int = 0
    written: int = 0
    processor: float = 0.0
    folder: str = field(default="", repr=False)


def _written() -> int:
    """Give the bytes this process has had written to disk."""
    [line] = [row for row in IO.read_text().splitlines() if row.startswith("write_bytes")]
    return int(line.split()[1])


@contextmanager
def _driven(count: int, windows: str) -> Iterator[tuple[Engine, Outbox, int]]:
    """Give an engine and its state file, and the interval of checkpoints (nanoseconds)."""
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-", dir=Path.cwd()) as name:
        file = Path(name) / "plant.toml"
        key = HubKey(Ed25519PrivateKey.generate()).public
        file.write_text(streams.plant(count, str(key), windows=windows))
        plan = load_plant(file, {})
        with Outbox.open(Path(plan.state_dir), START) as outbox:
            found = memory(outbox, plan)
            engine = Engine(plan, sealer(plan), lambda: 0, found, HORIZON)
            yield engine, outbox, plan.windows.checkpoint


def measure(count: int, hours: int, say: Say, windows: str = "") -> Hour:
    """Drive the hours, after one that is not counted: tables and first windows come once."""
    found = Hour(hours)
    with _driven(count, windows) as (engine, outbox, checkpoint):
        committed = START
        for second in range((hours + 1) * 3600):
            now = START + second * NANOSECONDS
            if second % 3600 == 0:
                say(f"hour {second // 3600 + 1} of {hours + 1}, of {count} streams")
            if second == 3600:
                found.commits, before, begun = 0, _written(), time.process_time()
            engine.take(streams.block(count, now))
            engine.advance(now)
            if engine.restless or now - committed >= checkpoint:
                outbox.commit(engine.commit(), now)
                committed = now
                found.commits += 1
        found.written = _written() - before
        found.processor = time.process_time() - begun
    return found


def run(full: bool, say: Say) -> list[Figure]:
    """Measure one hour, or six."""
    hours = 6 if full else 1
    found = measure(STREAMS, hours, say)
    if not found.written:
        raise RuntimeError("the kernel counts no written bytes here: is this a disk in memory?")
    return [
        Figure(f"outbox, commits with {STREAMS} streams", "an hour", found.commits / hours),
        Figure(
            f"outbox, written with {STREAMS} streams",
            "MB/h",
            found.written / hours / 1e6,
            goal=GOAL,
        ),
    ]


BENCH = Bench("outbox", "commits and bytes the agent writes to flash in an hour", run)
