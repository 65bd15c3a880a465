"""Tell systemd how the service is: ready, alive, what it does, stopping (sd_notify(3))."""

import os
import socket
from collections.abc import Mapping

from adapters.reading import NANOSECONDS

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"


def notify(*lines: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send lines such as `READY` to the service manager; tells whether they were sent.

    Does nothing without a service manager (no `NOTIFY_SOCKET`), and never raises or waits: a
    service manager that does not read must not stop the service.
    """
    path = environment.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    # A leading @ stands for the zero byte of Linux's abstract socket names.
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            out.sendto("\n".join(lines).encode(), address)
    except OSError:
        return False
    return True


def status(text: str) -> str:
    """Make the line that `systemctl status` shows; line breaks become spaces."""
    return f"STATUS={' '.join(text.split())}"


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> int | None:
    """Give how often to send `ALIVE`, in nanoseconds: half the limit; None without a watchdog.

    The limit is `WATCHDOG_USEC` and holds for the process `WATCHDOG_PID` (sd_watchdog_enabled(3)).
    """
    limit = environment.get("WATCHDOG_USEC", "")
    process = environment.get("WATCHDOG_PID", str(os.getpid()))
    if not limit.isascii() or not limit.isdigit() or process != str(os.getpid()):
        return None
    return int(limit) * (NANOSECONDS // 1_000_000) // 2 or None
