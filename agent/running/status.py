"""The agent's state at a glance: what its parts know, made into one document and graded."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from adapters.adapter import Health, Link, Source
from adapters.reading import NANOSECONDS, Block, Reading
from agent.disclosing.policy import EVERY
from agent.keeping.tables import Depth, Storage
from agent.measuring.clock import ClockState
from agent.measuring.total import Total
from agent.running.columns import Column, columns, merged, row
from agent.running.uplink import UplinkState
from config.plan import PlantPlan

Level = Literal["ok", "warning", "critical"]
NOT_ON_ROSTER = "this plant is not on it; ask the hub's operator"
_NOT_GRAVE = ("source ", "disk", "certificate ")
"""Troubles beside which something is measured, and everything stored."""
SILENT = 900 * NANOSECONDS
"""Silence of a hub, in ns, that is told: it confirms within seconds what its broker took."""
_ASK_THE_HUB = (
    "ask the hub's operator whether the hub runs and has this plant as a member; a broker of MQTT"
    " 3.1.1 does not say when its access list refuses"
)
_NAMED = 5
"""Points named in a problem; of the others only the number is told."""
_MOST_BLOCKS = 64
"""Blocks of one source beyond which outdated ones are looked for."""
_OFTEN = 4
"""How often each point may be in the blocks of a source, on average, until they are made one."""
_FEW = 256
"""Points that cost little however often they are held."""


@dataclass(slots=True)
class Board:
    """What the service knows at a glance: the last blocks and the health of every source.

    Since when a link is as it is, is known exactly; since when a point is not good, as exactly as
    somebody looks (each five seconds), so that it costs nothing for each reading.
    """

    points_of: dict[str, int] = field(default_factory=dict)
    """How many points each source has, as far as is known."""
    health: dict[str, Health] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    _latest: dict[str, dict[tuple[str, ...], Block]] = field(default_factory=dict)
    _held: dict[str, int] = field(default_factory=dict)
    _not_good: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, sources: Iterable[Source]) -> Self:
        """Make the board of a plan's sources."""
        return cls({source.name: len(source.settings.points) for source in sources})

    def hear(self, source: str, health: Health, now: int) -> Health | None:
        """Remember a source's state; gives the one before."""
        before = self.health.get(source)
        self.health[source] = health
        if before is None or before.link is not health.link:
            self.since[source] = now
        return before

    def note(self, block: Block) -> None:
        """Remember a block: one entry a request, whatever the number of points."""
        blocks = self._latest.get(block.source)
        if blocks is None:
            blocks = self._latest[block.source] = {}
        known = len(blocks)
        blocks[block.points] = block
        if len(blocks) != known:
            self._hold(block, blocks.values())

    def _hold(self, block: Block, blocks: Iterable[Block]) -> None:
        """Make blocks one when they hold too much: groups of points may never come again."""
        source = block.source
        held = self._held.get(source, 0) + len(block.points)
        if held > _OFTEN * max(self.points_of.get(source, 0), _FEW):
            one = merged(blocks)
            self._latest[source] = {one.points: one}
            held = len(one.points)
            self.points_of[source] = max(self.points_of.get(source, 0), held)
        self._held[source] = held

    def columns(self) -> dict[str, list[Column]]:
        """Give the values of each source where all is good."""
        return {
            source: columns(blocks.values())
            for source, blocks in self._latest.items()
            if _all_good(blocks)
        }

    def points(self, now: int) -> dict[str, dict[str, dict[str, Any]]]:
        """Give the points of each source with value, age in seconds, quality and reason.

        No points where all is good (see `columns`). `since` is when a point was first seen not to
        be good, None while it is good.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for source, blocks in self._latest.items():
            if _all_good(blocks):
                self._not_good.pop(source, None)
                found[source] = {}
            else:
                found[source] = self._rows(source, blocks, now)
        return found

    def _rows(
        self, source: str, blocks: dict[tuple[str, ...], Block], now: int
    ) -> dict[str, dict[str, Any]]:
        newest: dict[str, tuple[Reading, Block]] = {}
        for block in blocks.values():
            for reading in block.readings():
                known = newest.get(reading.point)
                if known is None or known[0].time <= reading.time:
                    newest[reading.point] = (reading, block)
        # A block all of whose values are outdated has nothing to say any more.
        current = {block.points for _, block in newest.values()}
        self._latest[source] = {key: block for key, block in blocks.items() if key in current}
        self._held[source] = sum(map(len, self._latest[source]))
        told: dict[str, dict[str, Any]] = {}
        for point, (reading, _) in sorted(newest.items()):
            quality = reading.quality.name.lower()
            told[point] = row(reading.value, now - reading.time, quality, reading.reason)
            told[point]["since"] = self._since(source, point, quality, reading.time)
        return told

    def _since(self, source: str, point: str, quality: str, time: int) -> int | None:
        known = self._not_good.setdefault(source, {})
        if quality == "good":
            known.pop(point, None)
            return None
        return known.setdefault(point, time)


def _all_good(blocks: Mapping[tuple[str, ...], Block]) -> bool:
    return len(blocks) <= _MOST_BLOCKS and not any(block.faults for block in blocks.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a status is made of, at one instant."""

    plan: PlantPlan
    now: int
    started: int
    board: Board
    windows: list[Total]
    depth: Depth
    uplink: UplinkState | None
    troubles: Mapping[str, str]
    clock: ClockState | None = None
    """None for recorded data, which has its own present."""
    storage: Storage | None = None
    stopped: bool = False
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    """The streams that were taken back, with what is told of each."""


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Turn a snapshot into the status document, its level and problems included.

    A source where all is good has `columns` instead of points: see `agent.running.columns`.
    """
    points, good = snapshot.board.points(snapshot.now), snapshot.board.columns()
    document: dict[str, Any] = {
        "plant": snapshot.plan.name,
        "pid": os.getpid(),
        "time": snapshot.now,
        "started": snapshot.started,
        "stopped": snapshot.stopped,
        "sources": {
            source.name: {
                **_source(source, snapshot.board, points.get(source.name, {})),
                **({"columns": good[source.name]} if source.name in good else {}),
            }
            for source in snapshot.plan.sources
        },
        "windows": [asdict(total) for total in snapshot.windows],
        "outbox": asdict(snapshot.depth),
        "storage": None if snapshot.storage is None else asdict(snapshot.storage),
        "uplink": None if snapshot.uplink is None else asdict(snapshot.uplink),
        "clock": None if snapshot.clock is None else asdict(snapshot.clock),
        "troubles": dict(snapshot.troubles),
        "withdrawn": dict(snapshot.withdrawn),
    }
    document["problems"] = problems(document)
    document["level"] = level(document)
    return document


def _source(source: Source, board: Board, points: Mapping[str, Any]) -> dict[str, Any]:
    health = board.health.get(source.name) or Health(Link.CONNECTING)
    return {
        **asdict(health),
        "link": health.link.value,
        "since": board.since.get(source.name),
        "configured": len(source.settings.points),
        "points": dict(points),
    }


def problems(document: Mapping[str, Any]) -> list[str]:
    """Say in words what is not as it should be, worst first."""
    found = [f"{name}: {text}" for name, text in document["troubles"].items()]
    clock = document["clock"]
    if clock is not None and clock["problem"]:
        found.append(clock["problem"])
    for name, source in document["sources"].items():
        found += _source_problems(name, source)
    if EVERY in document.get("withdrawn", {}):
        found.append(document["withdrawn"][EVERY])
    storage = document["storage"]
    if storage and storage["damaged"]:
        found.append(f"{storage['damaged']}; remove that file once you have looked at it")
    uplink = document["uplink"]
    if uplink is not None and not uplink["link"]["connected"]:
        since = _since(uplink["link"]["since"] or document["started"])
        found.append(f"hub's broker not connected{since}: {uplink['link']['detail']}")
    elif uplink is not None:
        found += _unanswered(document)
        troubles = uplink["partners"]["troubles"]
        found += [f"messages for partner {name} wait: {why}" for name, why in troubles.items()]
    if document["outbox"].get("messages_dropped"):
        found.append(f"{document['outbox']['messages_dropped']} messages for partners dropped")
    roster = None if uplink is None else uplink.get("roster")
    if roster is not None and roster["since"] is None:
        found.append(f"roster of {roster['period']}: {NOT_ON_ROSTER}")
    lost = document["outbox"]["by_status"]
    found += [
        f"{lost[status]} records {status}" for status in ("refused", "dropped") if lost.get(status)
    ]
    return found


def _unanswered(document: Mapping[str, Any]) -> list[str]:
    """Say that a hub is silent whose broker takes everything: that broker may throw it away."""
    since = document["uplink"]["unanswered"]
    waits = document["outbox"]["records"] and since is not None
    if not waits or document["time"] - since < SILENT:
        return []
    what = f"the hub has confirmed nothing{_since(since)}, although its broker took what was sent"
    return [f"{what}\n  → {_ASK_THE_HUB}"]


def _source_problems(name: str, source: Mapping[str, Any]) -> list[str]:
    found = []
    down = source["link"] == Link.DOWN.value
    if down:
        found.append(f"source {name} is down{_since(source['since'])}: {source['error']}")
    found += [f"source {name}: {note}" for note in source["notes"]]
    bad = {point: row for point, row in source["points"].items() if row["quality"] == "bad"}
    if bad and not down:
        first = min(row["since"] for row in bad.values())
        why = ", ".join(sorted({row["reason"] for row in bad.values()}))
        more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        named = ", ".join(list(bad)[:_NAMED]) + more
        found.append(f"source {name}: bad values{_since(first)} at {named}: {why}")
    return found


def _since(instant: int | None) -> str:
    if not instant:
        return ""
    moment = datetime.fromtimestamp(instant // NANOSECONDS, UTC)
    return f" since {moment:%Y-%m-%d %H:%M:%S} UTC"


def level(document: Mapping[str, Any]) -> Level:
    """Grade a document: critical when nothing is measured or stored, warning for any problem."""
    links = {source["link"] for source in document["sources"].values()}
    clock = document["clock"]
    waiting = clock is not None and clock["waiting"]
    grave = [name for name in document["troubles"] if not name.startswith(_NOT_GRAVE)]
    if grave or waiting or (links and links <= {Link.DOWN.value}):
        return "critical"
    return "warning" if document["problems"] else "ok"
