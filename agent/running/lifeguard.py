"""Pings the service manager while every part is on time, and says who is late before it acts.

It is a thread of its own, so that a stuck event loop is told of too. What is told names where the
program's threads stand, for a hang is seldom seen twice.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import PurePath

from agent.running.pulse import Pulse
from gateway.notify import ALIVE, notify

_log = logging.getLogger("sidestream.agent")
EVERY = 2.0
"""Seconds between two looks, and so between two signs of life."""
_RESTING = ("selectors.py", "threading.py", "queue.py", "thread.py")
"""Where the event loop, and threads without work, wait."""
_JOIN = 5.0


class Lifeguard:
    """A thread that looks after a `Pulse` from `start` to `stop`."""

    def __init__(self, pulse: Pulse, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._pulse = pulse
        self._clock = clock
        self._late: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lifeguard", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join(_JOIN)

    def _run(self) -> None:
        while True:
            self.look()
            if self._stopped.wait(EVERY):
                return

    def look(self) -> None:
        """Tell parts that became late or came back, and give a sign of life when none is late."""
        late = self._pulse.late(self._clock())
        for part in sorted(late.keys() - self._late):
            _log.error("%s: %s, so the watchdog may act; %s", part, late[part], standing())
        for part in sorted(self._late - late.keys()):
            _log.warning("%s: on time again", part)
        self._late = set(late)
        if not late:
            notify(ALIVE)


def standing() -> str:
    """Say where each thread stands now, but for those that rest."""
    frames = sys._current_frames()  # noqa: SLF001 - the documented way to see other threads
    found = []
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if frame is None or thread is threading.current_thread():
            continue
        code = frame.f_code
        file = PurePath(code.co_filename).name
        if file not in _RESTING:
            found.append(f"{thread.name} is in {code.co_name} ({file}:{frame.f_lineno})")
    return "; ".join(found) or "all threads rest"
