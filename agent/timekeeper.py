"""The watch over this computer's clock: asks whether it is synchronised, notices when it is set."""

import ctypes
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adapters.reading import NANOSECONDS
from agent.clock import ClockState, Kernel, StepWatch, Sync, judged

FLAGS = ("/run/systemd/timesync/synchronized", "/run/sidestream-clock/synchronised")
"""Files that exist once the clock was synchronised: systemd-timesyncd's, and one for any client."""
_AGAIN = 60 * NANOSECONDS
"""How often is looked whether a clock that was synchronised still is."""
_APART = NANOSECONDS // 50
"""Two readings of clocks that belong together are taken again when they took longer than this."""
_log = logging.getLogger("sidestream.clock")


class _Timex(ctypes.Structure):
    """The head of `struct timex` of adjtimex(2), and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def ask_kernel() -> Kernel | None:
    """Ask the kernel about its clock; `modes` is 0, so nothing is set. None: there is no way to."""
    call: Any = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    if call is None:
        return None
    answer = _Timex()
    state = int(call(ctypes.byref(answer)))
    if state < 0:
        return Kernel(refused=os.strerror(ctypes.get_errno()))
    return Kernel(state, answer.status)


def uptime() -> int:
    """Give nanoseconds since the computer started, sleep included: a clock that is never set."""
    boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(boot)


class Timekeeper:
    """What the service knows of its clock.

    `required` says that nothing may be measured before the clock was found synchronised. That is
    then not taken back: a clock that loses its server runs on, and drifts little.
    """

    def __init__(
        self,
        *,
        required: bool,
        wall: Callable[[], int] = time.time_ns,
        mono: Callable[[], int] = uptime,
        kernel: Callable[[], Kernel | None] = ask_kernel,
        flags: Sequence[str] = FLAGS,
    ) -> None:
        self.required = required
        self._wall, self._mono, self._kernel = wall, mono, kernel
        self._flags = tuple(flags)
        self._watch = StepWatch(*self._both())
        self._asked = self._mono()
        self.sync = self._ask()
        self.trusted = not required or self.sync.synchronised is True
        if not self.trusted:
            _log.warning("%s: nothing is measured until it is", self.sync.detail)

    def _both(self) -> tuple[int, int]:
        """Read both clocks at one moment: again, a few times, when something came between."""
        for _ in range(5):
            before = self._mono()
            wall = self._wall()
            if self._mono() - before < _APART:
                break
        return wall, before

    def _ask(self) -> Sync:
        found = next((flag for flag in self._flags if Path(flag).exists()), "")
        return judged(None if found else self._kernel(), found, self._flags)

    def look(self) -> int:
        """Look at the clock; gives the nanoseconds by which it was set since the last look."""
        wall, mono = self._both()
        step = self._watch.look(wall, mono)
        if not self.trusted or step or mono - self._asked >= _AGAIN:
            self._asked = mono
            self._learn(self._ask())
        return step

    def _learn(self, sync: Sync) -> None:
        before, self.sync = self.sync, sync
        if sync.synchronised and not self.trusted:
            self.trusted = True
            _log.info("the clock is synchronised (%s): measuring begins", sync.detail)
        elif before.synchronised and not sync.synchronised:
            _log.warning("%s any more; it runs on", sync.detail)

    def told(self) -> ClockState:
        """Give the clock's state for `sidestream status`."""
        problem = ""
        if not self.trusted:
            problem = f"{self.sync.detail}: nothing is measured until it is\n  → {self.sync.mend}"
        return ClockState(self.sync.synchronised, self.required, not self.trusted, problem)
