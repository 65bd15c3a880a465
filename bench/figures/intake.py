"""Intake: records opened, verified and stored a second of processor time, beside its two floors.

The floors are what no hub gets around: opening the seal (HPKE) and verifying the signature
(Ed25519) of the same records, and committing the same rows to the same tables of SQLite in batches
of the same size. The slower of the two is the one that counts.
"""

import base64
import gc
import json
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.frame import Bench, Figure, Goal, Say
from bench.timing import in_turns
from config.hub_plan import HubLimits
from gateway.hub.database import LAYOUT, Database
from gateway.hub.intake import Gate
from gateway.hub.ledger import Ledger
from gateway.hub.reception import Arrival, receive
from gateway.signing import SUITE, binding, signed_text
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY, Plant, figure, gate, plant

GOAL = Goal(0.5, least=True)
PLANTS = 10
BATCH = HubLimits().batch
LATER = MONDAY + 300 * 24 * HOUR


@dataclass(frozen=True, slots=True)
class _Sealed:
    """One sealed record and what the floors need of it."""

    id: str
    arrival: Arrival
    sender: Plant
    box: bytes
    signed: bytes
    signature: bytes


def _content(streams: int) -> list[dict[str, object]]:
    return [
        figure(round(1.7 * (n + 1), 3), f"{10 + n // 10} {n % 10 + 1:02} 03", coverage=0.98)
        for n in range(streams)
    ]


def _records(streams: int, batches: int) -> list[list[_Sealed]]:
    """Seal batches of records of different windows, as ten plants send them."""
    plants, figures = [plant(n) for n in range(PLANTS)], _content(streams)
    found = [_sealed(plants[n % PLANTS], n // PLANTS, figures) for n in range(batches * BATCH)]
    return [found[at : at + BATCH] for at in range(0, len(found), BATCH)]


def _sealed(sender: Plant, number: int, figures: Sequence[dict[str, object]]) -> _Sealed:
    content = sender.content(MONDAY + number * HOUR, figures, sequence=number + 1)
    payload = sender.seal(content)
    box = base64.b64decode(json.loads(payload)["sealed"])
    return _Sealed(
        content["id"],
        Arrival(sender.topic, payload, sender.member.name),
        sender,
        box,
        signed_text(content, "record"),
        sender.key.sign.sign(signed_text(content, "record")),
    )


def _crypto(batch: Sequence[_Sealed]) -> None:
    for one in batch:
        SUITE.decrypt(one.box, HUB.open, info=binding(CLUSTER, one.sender.pseudonym))
        one.sender.key.public.verify.verify(one.signature, one.signed)


def _rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        return {
            table: db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 constants
            for table in ("records", "sheets")
        }


class _Commit:
    """The floor of the ledger: the rows a hub made, written to equal tables and nothing else."""

    def __init__(self, path: Path, made: Path, order: Mapping[str, int]) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN; {LAYOUT.tables} COMMIT;"
        )
        rows = _rows(made)
        self._records = sorted(rows["records"], key=lambda row: order[str(row[0])])
        self._sheets: dict[object, list[tuple[object, ...]]] = {}
        for row in rows["sheets"]:
            self._sheets.setdefault(row[0], []).append(row)

    def write(self, number: int) -> None:
        """Commit a batch in one transaction."""
        batch = self._records[number * BATCH : (number + 1) * BATCH]
        marks = ", ".join("?" * len(batch[0]))
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(f"INSERT INTO records VALUES ({marks})", batch)  # noqa: S608 constants
        sheets = [row for record in batch for row in self._sheets[record[0]]]
        marks = ", ".join("?" * len(sheets[0]))
        self._db.executemany(f"INSERT INTO sheets VALUES ({marks})", sheets)  # noqa: S608
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _hub(path: Path, judge: Gate, batches: Sequence[Sequence[_Sealed]]) -> Callable[[int], None]:
    """Give what takes a batch by its number, with a ledger of its own."""
    limits = HubLimits(daily_records=10**7, daily_bytes=10**12)
    ledger = Ledger(Database.open(path, MONDAY), limits)

    def take(number: int) -> None:
        received = receive(judge, ledger, [one.arrival for one in batches[number]], LATER)
        stored = sum(1 for verdict in received.verdicts if hasattr(verdict, "record"))
        if stored != BATCH or not received.receipts:
            raise RuntimeError(f"{BATCH - stored} records were refused")

    return take


def measure(streams: int, batches: int, say: Say) -> dict[str, float]:
    """Give processor seconds a record: of the hub, of crypto alone, of the commit alone."""
    say(f"sealing {batches * BATCH} records of {streams} streams")
    sealed = _records(streams, batches)
    judge = gate(*(plant(n) for n in range(PLANTS)))
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name:
        folder = Path(name)
        # Made once beforehand, for the rows the floor writes.
        first = _hub(folder / "made.db", judge, sealed)
        for number in range(batches):
            first(number)
        ids = [one.id for batch in sealed for one in batch]
        order = {known: number for number, known in enumerate(ids)}
        commit = _Commit(folder / "floor.db", folder / "made.db", order)
        # What sealing left to the garbage collector is not the hub's to clear away.
        gc.collect()
        say("measuring")
        works: dict[str, Callable[[int], object]] = {
            "hub": _hub(folder / "hub.db", judge, sealed),
            "crypto": lambda number: _crypto(sealed[number]),
            "commit": commit.write,
        }
        taken = in_turns(works, batches)
        commit.close()
    return {what: seconds / (batches * BATCH) for what, seconds in taken.items()}


def run(full: bool, say: Say) -> list[Figure]:
    """Measure small and large records."""
    return [_figure(streams, measure(streams, 10 if full else 4, say)) for streams in (5, 50)]


def _figure(streams: int, taken: dict[str, float]) -> Figure:
    slower = max(("crypto", "commit"), key=taken.__getitem__)
    others = {"crypto": "open and verify", "commit": "SQLite commit"}
    return Figure(
        f"hub intake, records of {streams} streams",
        "records/s",
        1 / taken["hub"],
        1 / taken[slower],
        f"{others[slower]} alone",
        "times",
        GOAL,
    )


BENCH = Bench(
    "intake", "records opened, verified and stored by a hub, beside SQLite and crypto", run
)
