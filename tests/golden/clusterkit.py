"""A cluster for golden scenarios: recordings through real agents' engines to a real hub's ledger.

All but the broker: plant files are loaded, recordings replayed, totals kept, records sealed, judged
by the hub's gate, stored in its ledger and released by its rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.replay import Progress, blocks
from agent.disclosing.record import Sealer
from agent.keeping.outbox import Outbox
from agent.running.engine import Engine
from config.hub_plan import Calendar, HubLimits, Member, Rules
from config.load import load_plant
from config.plan import Kind
from gateway.hub.book import Book
from gateway.hub.database import Database
from gateway.hub.intake import Gate
from gateway.hub.ledger import Ledger
from gateway.hub.release import Calendars, release_due
from gateway.seal import open_record
from gateway.wire import records_topic
from tests.plants import hub_key, plant_key

HOUR = 3600 * 10**9
DAY = 24 * HOUR
LATER = 100 * DAY
"""So long after a window's start all of it has been decided."""


@dataclass
class Sent:
    """What a plant sent: the figures of its records in order, and what waits to leave."""

    figures: list[dict[str, Any]] = field(default_factory=list)
    waiting: float = 0.0

    @property
    def quantity(self) -> float:
        """Add up the figures."""
        return sum(float(one["quantity"]) for one in self.figures)


class Cluster:
    """A hub and its members: one plant for each owner named, in its order."""

    def __init__(self, folder: Path, *owners: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._members = tuple(
            Member(f"plant {number}", str(plant_key(number).public), owner, "ora", waives=False)
            for number, owner in enumerate(owners, start=1)
        )
        self._gate = Gate.of("ora", hub_key(), self._members, HubLimits())
        self._database = Database.open(folder / "ledger.db", 1)
        self._book = Book(self._database, "ora")

    def live(self, number: int, folder: Path) -> Sent:
        """Run a plant over its recording, keep its totals and send its records to the hub."""
        plan = load_plant(folder / "plant.toml", {})
        assert plan.uplink is not None
        key = plant_key(number)
        engine = Engine(plan, Sealer(key, hub_key().public, plan.uplink), lambda: 0, horizon=None)
        newest = 0
        for block in blocks(plan.sources[0], None, Progress()):
            if block is not None:
                engine.take(block)
                engine.advance(newest := block.time)
        engine.finish(newest)
        commit = engine.commit()
        with Outbox.open(Path(plan.state_dir), newest) as outbox:
            outbox.commit(commit, newest)
        sent, ledger = Sent(), Ledger(self._database, HubLimits())
        for record, _ in commit.records:
            now = record.end + HOUR // 2
            topic = records_topic("ora", record.pseudonym)
            verdict = self._gate.judge(topic, record.payload, now)
            assert ledger.store([verdict], now)[record.pseudonym].stored
            content = open_record(record.payload, "ora", record.pseudonym, hub_key())
            sent.figures += content["figures"]
        held = commit.state.get("carry:streams") or {}
        sent.waiting = sum(float(one["quantity"]) for one in held.values())
        return sent

    def decide(self, now: int, calendars: Mapping[Kind, Calendar]) -> list[tuple[str, float]]:
        """Decide every window; gives whether each cell was released, and its quantity."""
        plan = Calendars(calendars, HOUR, Rules(), self._members)
        while release_due(self._book, plan, 0, now):
            pass
        with self._database.look() as cursor:
            found = cursor.execute("SELECT status, quantity FROM cells ORDER BY number").fetchall()
        self._database.close()
        return [tuple(row) for row in found]


def quantities(cells: Sequence[tuple[str, float]], status: str) -> list[float]:
    """Give the quantities of the cells of a status."""
    return [quantity for found, quantity in cells if found == status]
