"""Belt scales with known truth: totalisers that stand, grow from an instant on, and stand again."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulation.modbus import Device
from simulation.truth import Wave

GRAM = 1e-6
"""Tonnes in a step of the counter."""
WIDTH = 1 << 32
WRAPS_AFTER = 15
"""Seconds of growth after which a counter rolls over."""
FIRST = 40_001


@dataclass
class Belt:
    """A scale's uint32 counter in grams: what it has grown by is what must have been measured."""

    mean: float
    """Tonnes per hour."""
    clock: Callable[[], int] = time.time_ns
    begun: int = 0
    """Instant from which it grows, in nanoseconds since 1970; 0 while it stands."""
    halted: int = 0
    """Instant at which it stands again; 0 before."""
    reads: int = 0
    _held: int = 0

    @property
    def first(self) -> int:
        """The counter before it grows: it rolls over within the run."""
        return WIDTH - math.floor(self.mean / 3600 / GRAM * WRAPS_AFTER)

    def grown(self, now: int) -> int:
        """Give the grams since the beginning."""
        if not self.begun or now <= self.begun:
            return 0
        end = min(now, self.halted) if self.halted else now
        course = Wave(self.mean, 0.3 * self.mean, 17.0, phase=self.mean, origin=self.begun)
        return math.floor(course.amount(self.begun, end) / GRAM)

    def register(self, at: int) -> int | None:
        """Give a holding register; both are of the instant at which the first is read."""
        if at == 0:
            self.reads += 1
            self._held = (self.first + self.grown(self.clock())) % WIDTH
        return {0: self._held >> 16, 1: self._held & 0xFFFF}.get(at)

    def device(self) -> Device:
        """Make the device that shows it."""
        return Device(registers=self.register)

    @property
    def truth(self) -> float:
        """All it has counted, in tonnes, once it stands."""
        return self.grown(self.halted) * GRAM
