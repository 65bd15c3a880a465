"""A computer whose clock can be set: real agent programs on another time than ours."""

import sys
from dataclasses import dataclass

from tests.agentkit import Agent

PROGRAM = """
import functools, pathlib, sys, time

folder, real, known = pathlib.Path(sys.argv.pop(1)), time.time_ns, [0, 0]

def now():
    path = folder / "clock"
    made = path.stat().st_mtime_ns
    if made != known[0]:
        known[:] = made, int(path.read_text())
    return real() + known[1]

time.time_ns = now

from agent.running import service
from agent.measuring.clock import Kernel
from agent.cli import main

service.Timekeeper = functools.partial(
    service.Timekeeper,
    kernel=lambda: Kernel(refused="Operation not permitted"),
    flags=(str(folder / "synchronised"),),
)
main()
"""


@dataclass
class ClockedAgent(Agent):
    """`sidestream run` on a computer whose clock the test sets, and that needs it synchronised."""

    def command(self) -> list[str]:
        return [sys.executable, "-c", PROGRAM, str(self.folder)]

    def write(self, *parts: str) -> None:
        """Write the plant file; the clock must be synchronised."""
        super().write(*parts)
        path = self.folder / "plant.toml"
        path.write_text(path.read_text().replace("require_clock_sync = false\n", ""))
        self.set_clock(0)

    def set_clock(self, offset: int) -> None:
        """Set the clock: so many nanoseconds ahead of the true time."""
        fresh = self.folder / ".clock"
        fresh.write_text(str(offset))
        fresh.replace(self.folder / "clock")

    def synchronise(self) -> None:
        """Tell that the clock is synchronised."""
        (self.folder / "synchronised").touch()
