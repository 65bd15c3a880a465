"""Tell systemd how the service is doing (the sd_notify protocol: one datagram a message)."""

import os
import socket


def notify(*assignments: str) -> bool:
    """Send assignments such as `READY=1`; False when nobody asked for them or they got lost.

    A missing supervisor or a full socket must never disturb the service, so it only tells.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(1.0)
            sender.sendto("\n".join(assignments).encode(), address)
    except OSError:
        return False
    return True
