"""What becomes of files when the power is cut: seeded images of a medium after some operations.

What was synced stays. Of what was written since, any part may be there: by sectors, torn, in order
or not at all, with old rubbish in between where a file grew. Names that were made, moved or dropped
since their directory was synced may be there or not; a journalling file system keeps their order,
and a synced file keeps its name there, which POSIX does not promise.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePath

SECTOR = 512
"""Bytes a medium writes whole or not at all."""
NEVER = ("-shm", "/reserve", "/marks")
"""Files that a power cut ends anyway, that hold nothing, or that are the trace's own."""
STYLES = ("none", "all", "sectors", "prefix", "rubbish")
"""How much of what was not synced survives."""


@dataclass(frozen=True, slots=True)
class Make:
    """A file or directory appears under a name."""

    path: str
    node: int
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """A file gets another name, in place of what had it."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Drop:
    """A name goes."""

    path: str


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at an offset of a file."""

    node: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A file gets another length."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Everything of a file, or the names in a directory, is on the medium."""

    path: str
    node: int | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something outside the files: what a program promised, and what it read or sent."""

    kind: str
    text: bytes
    link: str = ""


Name = Make | Move | Drop
Operation = Name | Write | Cut | Sync | Mark
Files = dict[str, bytes]


def put(file: bytearray, change: Write | Cut) -> None:
    """Make a change to a file's bytes."""
    if isinstance(change, Cut):
        del file[change.size :]
        file.extend(bytes(change.size - len(file)))
        return
    end = change.offset + len(change.data)
    file.extend(bytes(max(0, end - len(file))))
    file[change.offset : end] = change.data


def rename(names: dict[str, int], change: Name) -> None:
    """Make a change to names."""
    if isinstance(change, Make):
        names[change.path] = change.node
    elif isinstance(change, Drop):
        names.pop(change.path, None)
    elif change.old in names:
        names[change.new] = names.pop(change.old)


@dataclass
class Names:
    """Names as they are on the medium, and what was done to them since."""

    journalled: bool
    durable: dict[str, int] = field(default_factory=dict)
    pending: list[Name] = field(default_factory=list)

    def sync(self, done: Sync) -> None:
        """Take in that a file or a directory was synced."""
        if done.node is None:
            self._settle([one for one in self.pending if _folder(one) == done.path])
        elif self.journalled:
            made = [at for at, one in enumerate(self.pending) if _node(one) == done.node]
            self._settle(self.pending[: made[-1] + 1] if made else [])

    def _settle(self, done: Sequence[Name]) -> None:
        known = {id(one) for one in done}
        for one in done:
            rename(self.durable, one)
        self.pending = [one for one in self.pending if id(one) not in known]

    def survivors(self, style: str, draw: random.Random) -> dict[str, int]:
        """Give names after a power cut."""
        names = dict(self.durable)
        for one in _some(self.pending, style, draw, ordered=self.journalled):
            rename(names, one)
        return names


def _folder(name: Name) -> str:
    return str(PurePath(name.new if isinstance(name, Move) else name.path).parent)


def _node(name: Name) -> int | None:
    return name.node if isinstance(name, Make) else None


def _some(
    pending: Sequence[Name], style: str, draw: random.Random, *, ordered: bool
) -> Sequence[Name]:
    if style in ("none", "all"):
        return pending if style == "all" else ()
    if ordered:
        return pending[: draw.randint(0, len(pending))]
    return [one for one in pending if draw.random() < 0.5]


@dataclass
class Medium:
    """Files as the running programs see them, and as they would be found after a power cut."""

    seen: dict[int, bytearray] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    _folders: dict[str, int] = field(default_factory=dict)
    _durable: dict[int, bytearray] = field(default_factory=dict)
    _pending: dict[int, list[Write | Cut]] = field(default_factory=dict)
    _kept: tuple[Names, Names] = field(default_factory=lambda: (Names(False), Names(True)))

    def do(self, done: Operation) -> None:
        """Take in an operation."""
        if isinstance(done, Write | Cut):
            put(self.seen.setdefault(done.node, bytearray()), done)
            self._pending.setdefault(done.node, []).append(done)
        elif isinstance(done, Make | Move | Drop):
            rename(self.names, done)
            if isinstance(done, Make) and done.folder:
                self._folders[done.path] = done.node
            for kept in self._kept:
                kept.pending.append(done)
        elif isinstance(done, Sync):
            self._sync(done)

    def _sync(self, done: Sync) -> None:
        for kept in self._kept:
            kept.sync(done)
        if done.node is not None:
            for change in self._pending.pop(done.node, ()):
                put(self._durable.setdefault(done.node, bytearray()), change)

    def view(self) -> Files:
        """Give the files as running programs see them."""
        found = self._within(self.names)
        return {path: bytes(self.seen.get(node, b"")) for path, node in found.items()}

    def image(self, style: str, draw: random.Random) -> Files:
        """Give the files as a power cut now would leave them, but for those of `NEVER`."""
        names = self._within(draw.choice(self._kept).survivors(style, draw))
        return {
            path: self._survivor(node, style, draw)
            for path, node in names.items()
            if not path.endswith(NEVER)
        }

    def _within(self, names: dict[str, int]) -> dict[str, int]:
        """Give the files whose folders are there too."""
        lost = [PurePath(path) for path in self._folders if path not in names]
        return {
            path: node
            for path, node in names.items()
            if path not in self._folders
            and not any(folder in PurePath(path).parents for folder in lost)
        }

    def _survivor(self, node: int, style: str, draw: random.Random) -> bytes:
        durable = self._durable.get(node, bytearray())
        file = bytearray(durable)
        for change in surviving(self._pending.get(node, ()), style, draw):
            put(file, change)
        if style == "rubbish" and len(file) > len(durable):
            _litter(file, len(durable), draw)
        return bytes(file)


def surviving(
    pending: Sequence[Write | Cut], style: str, draw: random.Random
) -> Iterator[Write | Cut]:
    """Give what survives of changes that were not synced."""
    if style == "none":
        return
    if style == "all":
        yield from pending
        return
    if style == "prefix":
        pending = pending[: draw.randint(0, len(pending))]
        yield from pending[:-1]
        pending = pending[-1:]
    for change in pending:
        yield from _sectors(change, draw)


def _sectors(change: Write | Cut, draw: random.Random) -> Iterable[Write | Cut]:
    if isinstance(change, Cut):
        return [change] if draw.random() < 0.5 else []
    start, end = change.offset, change.offset + len(change.data)
    edges = [start, *range(start - start % SECTOR + SECTOR, end, SECTOR), end]
    return [
        Write(change.node, one, change.data[one - start : other - start])
        for one, other in pairwise(edges)
        if draw.random() < 0.5
    ]


def _litter(file: bytearray, start: int, draw: random.Random) -> None:
    """Put rubbish where a file grew and nothing was written: blocks hold what was there before."""
    for at in range(start - start % SECTOR, len(file), SECTOR):
        one, other = max(at, start), min(at + SECTOR, len(file))
        if not any(file[one:other]):
            file[one:other] = draw.randbytes(other - one)
