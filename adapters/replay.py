"""Replay a CSV of timestamped readings as a source: a historian's export, or a recorded plant.

The layout is told from the header: `time,point,value[,quality]` is one reading a row, anything
else is one column a point. Rows are read in file order, at full speed and in constant memory.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from pydantic import Field

from adapters.adapter import Health, Link, Outlet, Probe, Source
from adapters.errors import PermanentError
from adapters.fields import FileName
from adapters.reading import NO_FAULTS, Block, Fault, Quality, Value
from adapters.rows import Layout, Row, layout
from adapters.settings import PointSettings, SourceSettings

_BREATH = 256
"""Rows between two turns of the event loop."""
_NAMED = 20
"""Malformed rows an operator is told of by line; the others are counted."""
_LONGEST = 1 << 20
"""Longest row in bytes."""
_KNOWN = 4096
"""Most combinations of points whose tuple is kept for use again."""


class ReplayPoint(PointSettings):
    """A point of a replayed file."""

    column: str | None = Field(default=None, min_length=1)
    """Column of the point (or its name in the `point` column), where it is not the point's own."""


class ReplaySettings(SourceSettings):
    """A CSV file of readings: `time,point,value[,quality]`, or `time` and one column a point.

    Times are RFC 3339 with their zone, or seconds since 1970 UTC. Columns are separated by `,` or
    `;`; with `;` a decimal comma is understood. Quality is good, uncertain or bad; an empty cell
    is a missing value.
    """

    file: FileName
    """The file."""
    points: Mapping[str, ReplayPoint] = Field(min_length=1)
    """The values to read, by name; or the name of a CSV file, one a row."""


class Progress:
    """What came of a file so far, for its Health."""

    def __init__(self) -> None:
        self.rows = 0
        self.malformed = 0
        self.notes: list[str] = []

    def note(self, line: int, reason: str) -> None:
        """Count a row that says nothing, and name it by its line while there are few."""
        self.malformed += 1
        if self.malformed <= _NAMED:
            self.notes.append(f"line {line}: {reason}")

    def health(self, link: Link, error: str = "") -> Health:
        """Give the state as an operator sees it; requests are rows, failures malformed ones."""
        rest = self.malformed - _NAMED
        notes = (*self.notes, *([f"{rest} more malformed rows"] if rest > 0 else []))
        return Health(link, error, requests=self.rows, failures=self.malformed, notes=notes)


class _Group:
    """Rows of one instant, on their way to be a block; `time` is that instant."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.time = -1
        self.rows: list[Row] = []
        self.known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def begin(self, row: Row) -> None:
        self.time = row.time
        self.rows = [row]

    def block(self, cursor: str) -> Block:
        if len(self.rows) == 1:
            time, points, values, faults = self.rows[0]
            return Block(self.source, time, points, values, faults, None, cursor)
        return self._joined(cursor)

    def _joined(self, cursor: str) -> Block:
        names: list[str] = []
        found: list[Value] = []
        wrong: dict[int, Fault] = {}
        for row in self.rows:
            wrong.update({len(names) + at: fault for at, fault in row.faults.items()})
            names += row.points
            found += row.values
        points, faults = self._same(tuple(names)), wrong or NO_FAULTS
        return Block(self.source, self.time, points, tuple(found), faults, None, cursor)

    def _same(self, points: tuple[str, ...]) -> tuple[str, ...]:
        """Give the tuple object used before for these points, as consumers route by identity."""
        if len(self.known) > _KNOWN:
            self.known.clear()
        return self.known.setdefault(points, points)


def blocks(source: Source, cursor: str | None, progress: Progress) -> Iterator[Block | None]:
    """Read a source's file from a cursor on; a block is all consecutive rows of one instant.

    A block's cursor is where reading continues after it: byte and line. None now and then stands
    for rows that were read without one. Raises `PermanentError` when the file cannot be read,
    lacks a column, or has become shorter than the cursor.
    """
    try:
        with Path(_settings(source).file).open("rb") as file:
            parse = _layout(file, source).parse
            lines = _Lines(file, *_start(cursor, source, file), progress)
            yield from _blocks(source.name, lines, parse, progress)
    except OSError as error:
        raise PermanentError(
            f"the file cannot be read ({error.strerror})",
            where=_where(source),
            mend="correct `file`, and let the service's user read it",
        ) from error


def _blocks(
    name: str, lines: "_Lines", parse: Callable[[str], Row | None], progress: Progress
) -> Iterator[Block | None]:
    group = _Group(name)
    for text in lines:
        try:
            row = parse(text)
        except ValueError as error:
            progress.note(lines.number, str(error))
            row = None
        if row is not None:
            if row.time == group.time:
                group.rows.append(row)
            else:
                if group.rows:
                    yield group.block(f"{lines.before}:{lines.number}")
                group.begin(row)
        if progress.rows % _BREATH == 0:
            yield None
    if group.rows:
        yield group.block(f"{lines.after}:{lines.number + 1}")


class _Lines:
    """The rows of a file, with the bytes each lies between and its number, from 1."""

    def __init__(self, file: BinaryIO, offset: int, number: int, progress: Progress) -> None:
        self.file = file
        self.before = offset
        self.after = offset
        self.number = number - 1
        self.progress = progress

    def __iter__(self) -> Iterator[str]:
        self.file.seek(self.after)
        while raw := self.file.readline(_LONGEST):
            self.before, self.after = self.after, self.after + len(raw)
            self.number += 1
            self.progress.rows += 1
            if len(raw) == _LONGEST and not raw.endswith(b"\n"):
                self._pass_by()
            elif text := raw.decode("utf-8", "replace").rstrip("\r\n"):
                yield text

    def _pass_by(self) -> None:
        self.progress.note(self.number, f"longer than {_LONGEST} bytes")
        while (raw := self.file.readline(_LONGEST)) and not raw.endswith(b"\n"):
            self.after += len(raw)
        self.after += len(raw)


def _settings(source: Source) -> ReplaySettings:
    if isinstance(source.settings, ReplaySettings):
        return source.settings
    raise PermanentError("the source is not a replay", where=f"source {source.name}")


def _where(source: Source) -> str:
    return f"source {source.name}, {_settings(source).file}"


def _layout(file: BinaryIO, source: Source) -> Layout:
    points = _settings(source).points
    header = file.readline(_LONGEST).decode("utf-8-sig", "replace").rstrip("\r\n")
    columns = {point.column or name: name for name, point in points.items()}
    try:
        found = layout(header, columns, points)
    except ValueError as error:
        found, header = Layout(_nothing, tuple(columns)), f"{header}: {error}"
    if found.absent:
        raise PermanentError(
            f"no column {', '.join(found.absent)} in the header: {header[:200] or 'nothing'}",
            where=_where(source),
            mend="name the columns as in the file (`column` of a point)",
        )
    return found


def _nothing(_: str) -> None:
    return None


def _start(cursor: str | None, source: Source, file: BinaryIO) -> tuple[int, int]:
    """Give the byte and line to start at: after the header, or where the cursor says."""
    if cursor is None:
        return file.tell(), 2
    offset, _, line = cursor.partition(":")
    size = os.fstat(file.fileno()).st_size
    if not (offset.isdecimal() and line.isdecimal()) or int(offset) > size:
        raise PermanentError(
            f"the saved position {cursor[:40]} is not in the file, which has {size} bytes",
            where=_where(source),
            mend="restore the file, or give the source another name to read it from its start",
        )
    return int(offset), int(line)


class Replay:
    """The adapter of the protocol `replay`."""

    @property
    def settings(self) -> type[ReplaySettings]:
        """Model of a source's table in the plant file."""
        return ReplaySettings

    def lane(self, source: Source) -> str:
        """Give each source a lane of its own: files share no connection."""
        return f"replay:{source.name}"

    def prepare(self) -> None:
        """Import nothing: it is all here."""

    async def run(
        self, sources: Sequence[Source], outlet: Outlet, resume: Mapping[str, str]
    ) -> None:
        """Deliver the files from their cursors to their ends, one after the other."""
        for source in sources:
            await self._replay(source, outlet, resume.get(source.name))

    async def _replay(self, source: Source, outlet: Outlet, cursor: str | None) -> None:
        progress = Progress()
        outlet.report(source.name, progress.health(Link.UP))
        for count, block in enumerate(blocks(source, cursor, progress), start=1):
            if block is not None:
                await outlet.deliver(block)
            if block is None or count % _BREATH == 0:
                await asyncio.sleep(0)
        outlet.report(source.name, progress.health(Link.DONE))

    async def probe(self, source: Source) -> Sequence[Probe]:
        """Give the first value of every point; raises `PermanentError` when there is no file."""
        points = _settings(source).points
        found: dict[str, Probe] = {}
        for block in blocks(source, None, Progress()):
            for reading in block.readings() if block is not None else ():
                settings = points[reading.point]
                found.setdefault(
                    reading.point,
                    Probe(
                        point=reading.point,
                        address=settings.column or reading.point,
                        raw=str(reading.value),
                        value=reading.value,
                        unit=settings.unit,
                        quality=reading.quality,
                        reason=reading.reason,
                    ),
                )
            if len(found) == len(points):
                break
        return [found.get(name) or _absent(name, point) for name, point in points.items()]


def _absent(name: str, point: ReplayPoint) -> Probe:
    return Probe(name, point.column or name, "", None, point.unit, Quality.BAD, "missing")


REPLAY = Replay()
