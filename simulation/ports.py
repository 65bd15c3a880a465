"""Ports for servers that are started later, or started again: free now, and not the kernel's own.

A port of the range the kernel takes for outgoing links may be taken by any of them meanwhile, even
by a client that dials the server's own port while nobody listens there.
"""

import random
import socket

LOWEST, HIGHEST = 15_000, 32_000
"""Below Linux' default range of outgoing links, which begins at 32 768 (ip(7))."""
_DRAW = random.SystemRandom()


def free_port() -> int:
    """Give a TCP port of 127.0.0.1 that was free a moment ago."""
    while True:
        port = _DRAW.randint(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(count: int) -> list[int]:
    """Give so many different ports that were free a moment ago."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)
