"""Power cuts: what agent and hub do to their files is traced, and replayed up to any point.

Each image of the medium (see `medium`) is opened by the program itself. It must be sound, hold
what the last commit before the cut had made, or the one under way, and keep every promise that was
made on the wire: a record that was sent, a PUBACK, a receipt, a cell.
"""

import contextlib
import hashlib
import json
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import click

from adapters.errors import SidestreamError
from agent.keeping.outbox import FILE, Outbox
from agent.running import statusfile
from gateway.hub.database import Database
from gateway.hub.intake import Accepted, Gate
from gateway.hub.status import LEDGER
from gateway.receipt import read_receipt
from tests import cluster
from tests.faults.medium import NEVER, STYLES, Files, Mark, Medium, Operation
from tests.faults.promises import PUBACK, PUBLISH, Packet, packets
from tests.faults.recording import Care, Recording, record

LATER = (cluster.START + 3 * 86_400) * 10**9
"""Nanoseconds: after all that is recorded."""
_TOLD = 20
Promise = tuple[int, str, str]
"""After which operation it was made, its kind, and what it is about."""
Say = Callable[[str], None]


@dataclass
class Cuts:
    """What came of power cuts: images by style, what was checked, and what was lost or wrong."""

    images: int = 0
    styles: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    wrong: int = 0
    worst: int = 0
    problems: list[str] = field(default_factory=list)

    def body(self) -> dict[str, object]:
        """Give it all for JSON."""
        plain: dict[str, object] = {one.name: getattr(self, one.name) for one in fields(self)}
        return plain | {"styles": dict(self.styles), "checked": dict(self.checked)}

    def tell(self, problem: str) -> None:
        """Keep a problem, as long as there are not too many to read."""
        if len(self.problems) < _TOLD:
            self.problems.append(problem)


@dataclass(frozen=True)
class Writer:
    """A program whose files are cut: how to open them, and how its promises are checked."""

    name: str
    file: str
    open: Callable[[Path], str]
    promised: Callable[[Recording, Sequence[Operation]], list[Promise]]
    kept: Callable[[Path, str], set[str]]


def digest(path: Path) -> str:
    """Tell what a file holds: all rows of all tables."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        texts = [f'SELECT * FROM "{name}"' for (name,) in names.fetchall()]  # noqa: S608 - ours
        rows = [db.execute(text).fetchall() for text in texts]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def put(files: Files, root: str, folder: Path) -> None:
    """Write an image in place of what a folder holds."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    for path, content in files.items():
        target = folder / Path(path).relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


@dataclass
class Replay:
    """A trace and what must be true of its images."""

    writer: Writer
    recording: Recording
    operations: Sequence[Operation]
    folder: Path
    states: list[str] = field(default_factory=lambda: [""])
    promises: list[Promise] = field(default_factory=list)

    @property
    def root(self) -> str:
        return str(self.recording.folder)

    def prepare(self) -> None:
        """Learn what the file held after each commit, and what was promised when."""
        medium = Medium()
        for one in self.operations:
            medium.do(one)
            if _commit(one, self.writer.file):
                put(_own(medium.view(), self.writer.file), self.root, self.folder)
                self.states.append(digest(self.folder / self.writer.file))
        self.promises = self.writer.promised(self.recording, self.operations)
        self.same(medium.view())

    def same(self, seen: Files) -> None:
        """Check the trace: all of it must give the very files the programs have left."""
        for path, content in seen.items():
            if Path(path).suffix not in (".db", ".sqlite"):
                continue
            if Path(path).read_bytes() != content:
                raise AssertionError(f"the trace does not tell all that was done to {path}")

    def run(self, images: int, draw: random.Random, say: Say) -> Cuts:
        """Cut the power `images` times, at every point before at any twice."""
        tally = Cuts(images)
        points = len(self.operations) + 1
        count = [images // points + (at < images % points) for at in range(points)]
        draw.shuffle(count)
        medium, commits, done = Medium(), 0, 0
        for at in range(points):
            for _ in range(count[at]):
                self._cut(medium, at, commits, draw, tally)
            done += count[at]
            if count[at]:
                say(f"{done}/{images} power cuts, {tally.lost} lost, {tally.wrong} wrong")
            if at < len(self.operations):
                medium.do(self.operations[at])
                commits += _commit(self.operations[at], self.writer.file)
        return tally

    def _cut(self, medium: Medium, at: int, commits: int, draw: random.Random, to: Cuts) -> None:
        style = draw.choice(STYLES)
        put(medium.image(style, draw), self.root, self.folder)
        to.styles[style] += 1
        where = f"{self.writer.name}, cut after operation {at} ({style})"
        try:
            trouble = self.writer.open(self.folder)
            found = digest(self.folder / self.writer.file)
        except (SidestreamError, sqlite3.Error) as error:
            trouble, found = str(error), ""
        if trouble:
            to.wrong += 1
            to.tell(f"{where}: {trouble}")
            return
        self._judge(found, commits, where, to)
        self._promises(at, where, to)

    def _judge(self, found: str, commits: int, where: str, to: Cuts) -> None:
        to.checked["commits"] += commits
        if commits == 0 or found in self.states[commits : commits + 2]:
            return
        earlier = [at for at, state in enumerate(self.states[:commits]) if state == found]
        if earlier or self._empty():
            lost = commits - (earlier[-1] if earlier else 0)
            to.lost += 1
            to.worst = max(to.worst, lost)
            to.tell(f"{where}: {lost} commits are lost")
        else:
            to.wrong += 1
            to.tell(f"{where}: the file is as no commit has left it")

    def _empty(self) -> bool:
        path = self.folder / self.writer.file
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return not db.execute("SELECT count(*) FROM records").fetchone()[0]

    def _promises(self, at: int, where: str, to: Cuts) -> None:
        due: dict[str, set[str]] = {}
        for when, kind, text in self.promises:
            if when < at:
                due.setdefault(kind, set()).add(text)
        for kind, texts in due.items():
            to.checked[kind] += len(texts)
            missing = texts - self.writer.kept(self.folder, kind)
            to.lost += len(missing)
            if missing:
                to.tell(f"{where}: {len(missing)} promises ({kind}) are broken")
        for trouble in _across(self.folder):
            to.wrong += 1
            to.tell(f"{where}: {trouble}")


def _commit(one: Operation, file: str) -> bool:
    return isinstance(one, Mark) and one.kind == "told" and one.text.decode().strip() in file


def _own(files: Files, file: str) -> Files:
    return {path: files[path] for path in files if file in path and not path.endswith(NEVER)}


def _across(folder: Path) -> Iterator[str]:
    """Compare files with each other: a cell that counts as written is in the store."""
    store, ledger = folder / "state" / "cells.db", folder / "state" / LEDGER
    if not ledger.exists():
        return
    written = _texts(ledger, "SELECT name || start FROM cells WHERE written IS NOT NULL")
    there = _texts(store, _STORED) if store.exists() else set()
    if written - there:
        yield f"{len(written - there)} cells count as written and are not in the store"


_STORED = """
SELECT cell || (CAST(strftime('%s', window_start) AS INTEGER) * 1000000000) FROM sidestream_cell
"""


def _texts(path: Path, query: str) -> set[str]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            return {str(row[0]) for row in db.execute(query)}
        except sqlite3.OperationalError:  # no tables yet
            return set()


# The agent.


def _open_agent(folder: Path) -> str:
    with contextlib.suppress(statusfile.NoStatusError):
        statusfile.read(folder / "run", LATER)
    with Outbox.open(folder / "state", LATER) as outbox:
        if outbox.set_aside:
            return outbox.set_aside
        return "" if outbox.run() else "the file has no run"


def _sent_records(recording: Recording, operations: Sequence[Operation]) -> list[Promise]:
    sent = [one for one in packets(operations) if one.sent and _is_record(one)]
    gate = recording.gate() if sent else None
    return [(one.at, "records sent", _record(one, gate)) for one in sent if gate]


def _is_record(one: Packet) -> bool:
    return one.kind == PUBLISH and "/records/" in one.topic


def _record(one: Packet, gate: Gate) -> str:
    verdict = gate.judge(one.topic, one.payload, LATER)
    assert isinstance(verdict, Accepted), verdict
    return verdict.record.id


def _agent_kept(folder: Path, _kind: str) -> set[str]:
    return _texts(folder / "state" / FILE, "SELECT id FROM records")


AGENT = Writer("agent", f"state/{FILE}", _open_agent, _sent_records, _agent_kept)


# The hub.


def _open_hub(folder: Path) -> str:
    database = Database.open(folder / "state" / LEDGER, LATER)
    database.close()
    return database.set_aside


def _hub_promises(recording: Recording, operations: Sequence[Operation]) -> list[Promise]:
    gate = recording.gate()
    arrived: dict[tuple[str, int], str] = {}
    found: list[Promise] = []
    for one in packets(operations):
        if not one.sent:
            if _is_record(one):
                arrived[one.link, one.number] = _record(one, gate)
        elif one.kind == PUBACK and (one.link, one.number) in arrived:
            found.append((one.at, "PUBACKs", arrived.pop((one.link, one.number))))
        elif one.kind == PUBLISH and "/receipts/" in one.topic:
            pseudonym = one.topic.rpartition("/")[2]
            receipt = read_receipt(one.payload, gate.cluster, pseudonym, gate.key.public)
            found += [(one.at, "receipts", record) for record in receipt.stored]
        elif one.kind == PUBLISH and "/cells/" in one.topic:
            found.append((one.at, "cells", _cell(json.loads(one.payload))))
    return found


def _cell(cell: Mapping[str, object]) -> str:
    window = cell["window"]
    assert isinstance(window, dict)
    return f"{cell['cell']} {window['start']} {cell.get('quantity')}"


_CELLS = """
SELECT name || ' ' || strftime('%Y-%m-%dT%H:%M:%SZ', start / 1000000000, 'unixepoch') AS cell,
CASE status WHEN 'released' THEN quantity END AS quantity FROM cells WHERE listed = 1
"""


def _hub_kept(folder: Path, kind: str) -> set[str]:
    path = folder / "state" / LEDGER
    if kind != "cells":
        return _texts(path, "SELECT id FROM records")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return {f"{cell} {quantity}" for cell, quantity in db.execute(_CELLS)}


HUB = Writer("hub", f"state/{LEDGER}", _open_hub, _hub_promises, _hub_kept)


def replay(
    writer: Writer, recording: Recording, images: int, draw: random.Random, say: Say = print
) -> Cuts:
    """Cut a program's power `images` times; the images go to memory where there is some."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        one = Replay(writer, recording, recording.operations(), Path(folder, "image"))
        one.prepare()
        cuts = one.run(images, draw, say)
    counted = {"operations": len(one.operations), "commits made": len(one.states) - 1}
    cuts.checked.update({**counted, "promises made": len(one.promises)})
    return cuts


@click.command()
@click.option("--cuts", default=3000, show_default=True, help="Power cuts of each program.")
@click.option("--seed", default=1, show_default=True)
@click.option("--synchronous", default="FULL", show_default=True, help="NORMAL and OFF must fail.")
def main(cuts: int, seed: int, synchronous: str) -> None:
    """Record a day of three plants and their hub, and cut the power at every point of it."""
    well = True
    with tempfile.TemporaryDirectory(prefix="sidestream-power-") as folder:
        agent, hub = record(Path(folder), Care(40, synchronous), rows=4320, every=20)
        for writer, made in ((AGENT, agent), (HUB, hub)):
            found = replay(writer, made, cuts, random.Random(seed), lambda _: None)
            click.echo(json.dumps({"program": writer.name, **found.body()}))
            well = well and not found.problems
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
