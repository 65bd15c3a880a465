"""The agent's state as a file: written by the service, read by `sidestream status`.

A file in the runtime directory (memory, not flash) needs no port and no socket. Its shape is the
`--json` output of the command.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from adapters.adapter import Health, Link
from adapters.errors import PermanentError
from adapters.reading import NANOSECONDS, Block
from agent.publisher import UplinkState
from agent.tables import Depth
from agent.total import Total
from config.plan import PlantPlan

FILE = "status.json"
STALE_AFTER = 30 * NANOSECONDS
"""A status file older than this means that the agent is not running, or hangs."""
LEVELS = ("ok", "warning", "critical")
Level = Literal["ok", "warning", "critical"]


@dataclass(slots=True)
class Board:
    """What the service knows at a glance: the last blocks and the health of every source."""

    health: dict[str, Health] = field(default_factory=dict)
    _latest: dict[tuple[str, tuple[str, ...]], Block] = field(default_factory=dict)

    def note(self, block: Block) -> None:
        """Remember a block: one entry a request, whatever the number of points."""
        self._latest[block.source, block.points] = block

    def points(self, now: int) -> dict[str, dict[str, dict[str, Any]]]:
        """Give each source's points with value, age in seconds, quality and reason."""
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
        for (source, point), (_, row) in sorted(newest.items()):
            by_source.setdefault(source, {})[point] = row
        return by_source


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


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Turn a snapshot into the status document, its level and problems included."""
    points = snapshot.board.points(snapshot.now)
    document: dict[str, Any] = {
        "plant": snapshot.plan.name,
        "pid": os.getpid(),
        "time": snapshot.now,
        "started": snapshot.started,
        "sources": {
            source.name: _source(
                snapshot.board.health.get(source.name), points.get(source.name, {})
            )
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


def _source(health: Health | None, points: Mapping[str, Any]) -> dict[str, Any]:
    health = health or Health(Link.CONNECTING)
    return {**asdict(health), "link": health.link.value, "points": dict(points)}


def problems(document: Mapping[str, Any]) -> list[str]:
    """Say in words what is not as it should be, worst first."""
    found = [f"{name}: {text}" for name, text in document["troubles"].items()]
    for name, source in document["sources"].items():
        if source["link"] == Link.DOWN.value:
            found.append(f"source {name} is down: {source['error']}")
        found += [f"source {name}: {note}" for note in source["notes"]]
        bad = [point for point, row in source["points"].items() if row["quality"] == "bad"]
        if bad and source["link"] != Link.DOWN.value:
            found.append(f"source {name}: bad values at {', '.join(bad[:5])}")
    uplink = document["uplink"]
    if uplink is not None and not uplink["link"]["connected"]:
        found.append(f"hub's broker not connected: {uplink['link']['detail']}")
    lost = document["outbox"]["by_status"]
    found += [
        f"{lost[status]} records {status}" for status in ("refused", "dropped") if lost.get(status)
    ]
    return found


def level(document: Mapping[str, Any]) -> Level:
    """Grade a document: critical when nothing is measured or stored, warning for any problem."""
    links = {source["link"] for source in document["sources"].values()}
    if document["troubles"] or (links and links <= {Link.DOWN.value}):
        return "critical"
    return "warning" if document["problems"] else "ok"


def write(directory: Path, document: Mapping[str, Any]) -> None:
    """Replace the status file in one step, so that no reader sees half of it."""
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / f".{FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(document))
    fresh.replace(directory / FILE)


def read(directory: Path, now: int) -> dict[str, Any]:
    """Read the status file; one that is stale is critical whatever it says.

    Raises `PermanentError` when there is none.
    """
    path = directory / FILE
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise PermanentError(
            "no status: the agent has not run here",
            where=str(path),
            mend="start it with `systemctl start sidestream-agent` or `sidestream run plant.toml`",
        ) from None
    except (OSError, ValueError) as error:
        raise PermanentError(
            f"the status file cannot be read ({error})",
            where=str(path),
            mend="run the command as root or as the service's user",
        ) from error
    age = now - int(document["time"])
    if age > STALE_AFTER:
        document["level"] = "critical"
        document["problems"].insert(
            0, f"the agent wrote its last status {age // NANOSECONDS} s ago: it stopped or hangs"
        )
    return document
