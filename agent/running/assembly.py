"""What a run begins with: the plant's key, what seals, and what the state file remembers."""

import logging
import os
from pathlib import Path

from agent.disclosing.contracts import DETAIL, Contracts
from agent.disclosing.magnitude import told_of
from agent.disclosing.record import Sealer
from agent.disclosing.sealed_detail import DetailSealer
from agent.disclosing.yearly import TALLIES, TOLD, YEAR, tallies_of
from agent.keeping.outbox import Outbox
from agent.keeping.recount import completed
from agent.running.engine import CARRY, CURSOR, STREAM, Memory, carried
from agent.running.trust import Trust
from config.plan import RECORDED, PlantPlan
from gateway import keys

_log = logging.getLogger("sidestream.agent")
KEY_FILE = "plant.key"


def is_replay(plan: PlantPlan) -> bool:
    """Tell whether the plan reads recorded data; loading refuses a mix of both."""
    return any(source.settings.protocol == RECORDED for source in plan.sources)


def plant_key(plan: PlantPlan, *, create: bool = False) -> keys.PlantKey:
    """Load the plant's key from a systemd credential or the state directory."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (path := Path(credentials) / KEY_FILE).exists():
        return keys.PlantKey(keys.load(path))
    return keys.PlantKey(keys.load(Path(plan.state_dir) / KEY_FILE, create=create))


def sealer(plan: PlantPlan) -> Sealer | None:
    """Make what seals the plant's records, or None for a plant without a hub."""
    if plan.uplink is None:
        return None
    hub = keys.HubPublic.parse(plan.uplink.hub_key)
    try:
        plant = plant_key(plan)
    except keys.NoKeyError:
        plant = plant_key(plan, create=True)
        _log.warning("there was no key, so one was made: tell it to the hub (`sidestream key`)")
    trust = Trust(plant, hub, plan.uplink.cluster, Path(plan.state_dir))
    return Sealer(plant, hub, plan.uplink, trust)


def memory(outbox: Outbox, plan: PlantPlan | None = None) -> Memory:
    """Read what the engine must know to go on where the last commit stopped.

    With a plan, tallies of the year that were not kept are counted from the totals.
    """
    released = outbox.meta("released_to")
    start = int(released) if released else 0
    year = outbox.state(YEAR)
    tallies = tallies_of(year.get(TALLIES, {}))
    if plan is not None and plan.uplink is not None:
        tallies = completed(outbox, plan, tallies, start)
    return Memory(
        streams=outbox.state(STREAM),
        cursors=outbox.state(CURSOR),
        totals=tuple(outbox.windows.totals(start, 2**63 - 1)),
        closed_to=outbox.windows.closed_to(),
        released_to=int(released) if released else None,
        last_sequence=outbox.last_sequence(),
        run=outbox.run(),
        carried=carried(outbox.state(CARRY)),
        series=tuple(outbox.series()),
        tallies=tallies,
        told=told_of(year.get(TOLD, ())),
    )


def contracts(plan: PlantPlan, outbox: Outbox, seals: Sealer | None) -> Contracts | None:
    """Make what tells partners, from where the last commit stopped; None without a hub."""
    if seals is None:
        return None
    sealing = DetailSealer(seals.plant, seals.uplink)
    return Contracts(plan, sealing, outbox.ended, outbox.state(DETAIL))
