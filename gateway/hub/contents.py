"""Contents: what a record says, as the ledger keeps it, its figures on sheets.

What a record is the contract's models say (gateway/contract.py). Building them took longer than the
rest of the check, and their objects, thousands in a batch, kept the garbage collector busy. So what
is written as plants write it, in canonical form and with known members alone, is checked by the
same constraints without models. Whatever is otherwise goes the long way: what is refused, and why,
is the models' word alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from operator import itemgetter
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict

from gateway.contract import Cluster, Hex32, Instant, Record, YearMagnitude
from gateway.hub.sheet import Line, text_of
from gateway.hub.table import Group
from gateway.wire import Band, FigureDirection, FigureKind, FigureUnit, Mark

Code = Annotated[str, Field(pattern=r"^\d{2}( \d{2}){0,2}\*?$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_STRICT = ConfigDict(strict=True, extra="ignore", defer_build=True)
_EXACT = 2**53
_SMALL = 1e-4
_LARGE = 1e15
"""Numbers between these are written alike by all; 0 too."""
_WHOLE = (b".0,", b".0}", b".0]")


class SheetText(NamedTuple):
    """A sheet as it is written: of what group, from which position, how many figures."""

    group: Group
    position: int
    figures: int
    text: str


class Contents(NamedTuple):
    """What a record says; `largest` is the largest size of a quantity."""

    id: str
    cluster: str
    plant: str
    pseudonym: str
    sequence: int
    run: int | None
    revision: int
    start: str
    end: str
    sheets: Sequence[SheetText]
    largest: float
    magnitudes: Sequence[YearMagnitude]


@with_config(_STRICT)
class _Figure(TypedDict):
    band: NotRequired[Band | None]
    code: NotRequired[Code | None]
    coverage: Share
    direction: FigureDirection
    kind: FigureKind
    marks: NotRequired[list[Mark]]
    quantity: Annotated[float, Field(allow_inf_nan=False)]
    uncertain: Share
    unit: FigureUnit


@with_config(_STRICT)
class _Window(TypedDict):
    end: Instant
    start: Instant


@with_config(_STRICT)
class _Record(TypedDict):
    cluster: Cluster
    figures: Annotated[list[_Figure], Field(max_length=500)]
    hub: Hex32
    id: Hex32
    plant: Hex32
    pseudonym: Hex32
    revision: Annotated[int, Field(ge=0, lt=_EXACT)]
    run: NotRequired[Annotated[int, Field(ge=1, lt=_EXACT)] | None]
    sequence: Annotated[int, Field(ge=1, lt=_EXACT)]
    signature: str
    v: Literal[1]
    window: _Window


_RECORD = TypeAdapter(_Record)


def of_record(record: Record) -> Contents:
    """Give what a record says, from its model."""
    figures = record.figures
    groups = [(one.kind, one.direction, one.unit) for one in figures]
    rest = [(one.code, one.band, one.quantity, one.coverage, one.marks) for one in figures]
    return Contents(
        record.id,
        record.cluster,
        record.plant,
        record.pseudonym,
        record.sequence,
        record.run,
        record.revision,
        record.window.start,
        record.window.end,
        _sheets(groups, *zip(*rest, strict=True)),
        max((abs(one.quantity) for one in figures), default=0.0),
        record.magnitudes,
    )


def quickly(content: Mapping[str, Any], text: bytes) -> Contents | None:
    """Give what a record says that was read from a text, where that is its canonical form.

    None also where it may be, but is not seen to be at once.
    """
    try:
        if to_json(content) != text or not _plain(content, text):
            return None
        found = _RECORD.validate_python(content)
    except ValueError:  # something is wrong with it, which the long way tells
        return None
    figures, window = found["figures"], found["window"]
    quantities = [one["quantity"] for one in figures]
    coverages = [one["coverage"] for one in figures]
    sizes = [abs(one) for one in quantities]
    if not _alike(sizes, coverages, [one["uncertain"] for one in figures]):
        return None
    codes, bands = [one.get("code") for one in figures], [one.get("band") for one in figures]
    return Contents(
        found["id"],
        found["cluster"],
        found["plant"],
        found["pseudonym"],
        found["sequence"],
        found.get("run"),
        found["revision"],
        window["start"],
        window["end"],
        _sheets(
            map(_GROUP, figures), codes, bands, quantities, coverages,
            [one.get("marks", ()) for one in figures],
        ),
        max(sizes, default=0.0),
        (),
    )  # fmt: skip


_GROUP = itemgetter("kind", "direction", "unit")


def _plain(content: Mapping[str, Any], text: bytes) -> bool:
    """Tell whether names are known and in order, and no text or number is doubtful.

    The text is already known to be what a compiled writer makes of the content: it has no blanks,
    and no name twice.
    """
    if not text.isascii() or b"\\" in text or (b".0" in text and any(e in text for e in _WHOLE)):
        return False
    try:
        names = {tuple(content["window"]), *map(tuple, content["figures"])}
    except (KeyError, TypeError):
        return False
    return _ordered(tuple(content)) and all(map(_ordered, names))


@lru_cache(maxsize=256)
def _ordered(names: tuple[str, ...]) -> bool:
    """Tell whether names are in order, and those of one of the objects here."""
    return list(names) == sorted(names) and any(
        kind.__annotations__.keys() >= set(names) for kind in (_Figure, _Window, _Record)
    )


def _alike(*columns: Sequence[float]) -> bool:
    """Tell whether numbers, none below 0, are written alike by all."""
    return all(
        min(filter(None, column), default=1.0) > _SMALL and max(column, default=0.0) < _LARGE
        for column in columns
    )


def _sheets(
    groups: Iterable[tuple[FigureKind, FigureDirection, FigureUnit]],
    *columns: Iterable[Any],
) -> tuple[SheetText, ...]:
    """Write figures, given by columns, on a sheet for each group."""
    lines = zip(count(), *columns, strict=False)
    found: dict[tuple[FigureKind, FigureDirection, FigureUnit], list[Line]] = {}
    for of, line in zip(groups, lines, strict=False):
        own = found.get(of)
        if own is None:
            found[of] = own = []
        own.append(line)
    return tuple(
        SheetText(Group(*of), own[0][0], len(own), text_of(own)) for of, own in found.items()
    )
