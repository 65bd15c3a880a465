"""The agent's state at a glance: what its parts know, made into one document and graded."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from adapters.adapter import Health, Link, Source
from adapters.reading import NANOSECONDS, Block
from agent.publisher import UplinkState
from agent.tables import Depth
from agent.total import Total
from config.plan import PlantPlan

Level = Literal["ok", "warning", "critical"]
_NAMED = 5
"""Points named in a problem; of the others only the number is told."""


@dataclass(slots=True)
class Board:
    """What the service knows at a glance: the last blocks and the health of every source.

    Since when a link is as it is, is known exactly; since when a point is not good, as exactly as
    somebody looks (each two seconds), so that it costs nothing for each reading.
    """

    health: dict[str, Health] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    _latest: dict[tuple[str, tuple[str, ...]], Block] = field(default_factory=dict)
    _not_good: dict[tuple[str, str], int] = field(default_factory=dict)

    def hear(self, source: str, health: Health, now: int) -> Health | None:
        """Remember a source's state; gives the one before."""
        before = self.health.get(source)
        self.health[source] = health
        if before is None or before.link is not health.link:
            self.since[source] = now
        return before

    def note(self, block: Block) -> None:
        """Remember a block: one entry a request, whatever the number of points."""
        self._latest[block.source, block.points] = block

    def points(self, now: int) -> dict[str, dict[str, dict[str, Any]]]:
        """Give each source's points with value, age in seconds, quality and reason.

        `since` is when a point was first seen not to be good, None while it is good.
        """
        newest: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
        for block in self._latest.values():
            for reading in block.readings():
                key = (reading.source, reading.point)
                if key not in newest or newest[key][0] <= reading.time:
                    newest[key] = (
                        reading.time,
                        {
                            "value": reading.value,
                            "age_s": round((now - reading.time) / NANOSECONDS, 3),
                            "quality": reading.quality.name.lower(),
                            "reason": reading.reason,
                        },
                    )
        by_source: dict[str, dict[str, dict[str, Any]]] = {}
        for (source, point), (time, row) in sorted(newest.items()):
            row["since"] = self._since((source, point), row["quality"], time)
            by_source.setdefault(source, {})[point] = row
        return by_source

    def _since(self, key: tuple[str, str], quality: str, time: int) -> int | None:
        if quality == "good":
            self._not_good.pop(key, None)
            return None
        return self._not_good.setdefault(key, time)


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
    stopped: bool = False


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Turn a snapshot into the status document, its level and problems included."""
    points = snapshot.board.points(snapshot.now)
    document: dict[str, Any] = {
        "plant": snapshot.plan.name,
        "pid": os.getpid(),
        "time": snapshot.now,
        "started": snapshot.started,
        "stopped": snapshot.stopped,
        "sources": {
            source.name: _source(source, snapshot.board, points.get(source.name, {}))
            for source in snapshot.plan.sources
        },
        "windows": [asdict(total) for total in snapshot.windows],
        "outbox": asdict(snapshot.depth),
        "uplink": None if snapshot.uplink is None else asdict(snapshot.uplink),
        "troubles": dict(snapshot.troubles),
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
    for name, source in document["sources"].items():
        found += _source_problems(name, source)
    uplink = document["uplink"]
    if uplink is not None and not uplink["link"]["connected"]:
        since = _since(uplink["link"]["since"] or document["started"])
        found.append(f"hub's broker not connected{since}: {uplink['link']['detail']}")
    lost = document["outbox"]["by_status"]
    found += [
        f"{lost[status]} records {status}" for status in ("refused", "dropped") if lost.get(status)
    ]
    return found


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
    grave = [name for name in document["troubles"] if not name.startswith("source ")]
    if grave or (links and links <= {Link.DOWN.value}):
        return "critical"
    return "warning" if document["problems"] else "ok"
