"""The watch over this computer's clock: asks whether it is synchronised, notices when it is set."""

import ctypes
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adapters.reading import NANOSECONDS
from agent.measuring.clock import ClockState, Kernel, StepWatch, Sync, judged
from gateway import changes

FLAGS = ("/run/systemd/timesync/synchronized", "/run/sidestream-clock/synchronised")
"""Files that exist once the clock was synchronised: systemd-timesyncd's, and one for any client."""
_AGAIN = 60 * NANOSECONDS
"""How often is looked whether a clock that was synchronised still is."""
_APART = NANOSECONDS // 50
"""Two readings of clocks that belong together are taken again when they took longer than this."""
WAITS = "until then rates do not count, and counts go to the first open window"
TRUST = "if the clock is right now, stop the agent and run it once with --trust-clock"
_log = logging.getLogger("sidestream.clock")
_CLOCK = {"change": changes.CLOCK}


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
    then not taken back: a clock that loses its server runs on, and drifts little. `vouched` says
    that a person has found the clock right. `ahead` is by how much windows are ahead of the clock.
    """

    def __init__(
        self,
        *,
        required: bool,
        vouched: bool = False,
        wall: Callable[[], int] = time.time_ns,
        mono: Callable[[], int] = uptime,
        kernel: Callable[[], Kernel | None] = ask_kernel,
        flags: Sequence[str] = FLAGS,
    ) -> None:
        self.required = required
        self.vouched = vouched
        self.ahead = 0
        self._wall, self._mono, self._kernel = wall, mono, kernel
        self._flags = tuple(flags)
        self._watch = StepWatch(*self._both())
        self._asked = self._mono()
        self.sync = self._ask()
        self.trusted = vouched or not required or self.sync.synchronised is True
        if not self.trusted:
            _log.warning("%s: nothing is measured until it is", self.sync.detail, extra=_CLOCK)

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
            _log.info("the clock is synchronised (%s): measuring begins", sync.detail, extra=_CLOCK)
        elif before.synchronised and not sync.synchronised:
            _log.warning("%s any more; it runs on", sync.detail, extra=_CLOCK)

    @property
    def right(self) -> bool:
        """Whether somebody says that the clock is right."""
        return self.vouched or self.sync.synchronised is True

    def told(self) -> ClockState:
        """Give the clock's state for `sidestream status`."""
        problem = ""
        if not self.trusted:
            problem = f"{self.sync.detail}: nothing is measured until it is\n  → {self.sync.mend}"
        elif self.ahead:
            hours = self.ahead / (3_600 * NANOSECONDS)
            problem = f"what was measured is {hours:.1f} h ahead of the clock: {WAITS}"
            problem += "" if self.right else f"\n  → {TRUST}"
        return ClockState(self.sync.synchronised, self.required, not self.trusted, problem)
