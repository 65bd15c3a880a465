"""What a kill loses: the seconds whose sample never came, of those the broker was away."""

import contextlib
import sqlite3
import time
from pathlib import Path

from bench.peers.peer import Peer, kill, running
from bench.peers.platform import Platform
from bench.variables import BEGUN, TURN, count
from tests.servers import Mosquitto

AWAY = 15
"""Seconds the broker is away before the kill."""
_BEFORE, _AFTER = 10, 25


def unmeasured(folder: Path, gone: int) -> int:
    """Give the seconds of the count that are in no total of the agent's, from a second on.

    What was counted while it did not run is in its next reading, and may so be in the next window.
    """
    path = folder / "state" / "state.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        row: tuple[int, int, float] = db.execute(
            'SELECT min(start), max("end"), sum(quantity) FROM totals WHERE "end" > ?',
            ((BEGUN + gone) * 10**9,),
        ).fetchone()
    first, last, tonnes = row
    return max(0, round((last - first) / 1e9 - tonnes * 1000))


def lost(peer: Peer, broker: Mosquitto, platform: Platform) -> tuple[int, float]:
    """Kill a peer while its broker is away; gives how many seconds are missing, and of how many."""
    platform.seconds.clear()
    with running(peer) as found:
        if peer.name != "sidestream":
            platform.wait(peer.name)
        time.sleep(_BEFORE)
        gone = count()
        broker.stop()
        time.sleep(AWAY)
        kill(found)
        killed = count()
    broker.start()
    with running(peer):
        time.sleep(_AFTER)
    wanted = range(gone + 1, killed)
    if peer.name == "sidestream":
        return unmeasured(peer.folder, gone), float(len(wanted))
    missing = sum(one % TURN not in platform.seconds for one in wanted)
    return missing, float(len(wanted))
