"""Runs in the container: prints what a stopped agent has measured of a stream, in tonnes."""

import os
import sys
from pathlib import Path

from agent.keeping.outbox import Outbox
from agent.running.assembly import memory
from agent.running.engine import Engine
from config.load import load_plant
from config.secrets import for_operator

plan = load_plant(Path("/etc/sidestream/plant.toml"), for_operator(os.environ))
with Outbox.look_at(Path("/var/lib/sidestream")) as outbox:
    kept = memory(outbox)
    closed = [row for row in outbox.windows.totals(0, 2**63 - 1) if row.stream == sys.argv[1]]
    engine = Engine(plan, None, lambda: 0, kept)
still = [one for one in engine.pipeline.open_windows() if one.stream == sys.argv[1]]
sys.stdout.write(f"{sum(one.quantity for one in [*closed, *still])}\n")
