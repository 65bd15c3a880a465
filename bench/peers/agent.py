"""The agent as a peer: a plant file of one stream, whose meter is the devices' count of seconds."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.peers.peer import Peer
from bench.process import python
from gateway.keys import HubKey

_PLANT = """
[plant]
name = "Bench"
owner = "Bench"
[hub]
cluster = "bench"
broker = "mqtt://127.0.0.1:{broker}"
insecure = true
key = "{key}"
receipts = false
[windows]
measure = "5 s"
release = "5 s"
grace = "1 s"
jitter = "100 ms"
checkpoint = "1 s"
require_clock_sync = false
[state]
directory = "state"
runtime = "run"
[streams.slag]
material = "10 09 03"
meter = {{ total = "d1.r000", max_rate = "36000 t/h" }}
share = "cluster"
"""


def agent(folder: Path, broker: int, sources: str) -> Peer:
    """Set the agent up with sources, of which `d1` has the count in kilograms as `r000`."""
    key = HubKey(Ed25519PrivateKey.generate()).public
    (folder / "plant.toml").write_text(_PLANT.format(broker=broker, key=key) + sources)
    return Peer("sidestream", python("agent.cli", "run", "plant.toml"), folder, os.environ)
