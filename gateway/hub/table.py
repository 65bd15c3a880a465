"""What is summed: contributions of members to atoms, and the labels cells carry."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, Self, TypeVar

from gateway.wire import Band, FigureDirection, FigureKind, FigureUnit, Mark

T = TypeVar("T")


class Group(NamedTuple):
    """What may be added up at all: one kind, direction and unit."""

    kind: FigureKind
    direction: FigureDirection
    unit: FigureUnit


class Atom(NamedTuple):
    """The finest thing a cell is made of within a group: a code, a place path and a band."""

    code: str | None
    place: str
    band: Band | None


class Label(NamedTuple):
    """What all atoms of a cell have in common, as far as it goes."""

    code: str | None
    place: str
    band: Band | None

    @classmethod
    def of(cls, atoms: Iterable[Atom]) -> Self:
        """Find the finest label that covers all of the atoms (at least one)."""
        codes, places, bands = zip(*atoms, strict=True)
        return cls(_common_code(codes), _common_place(places), _common(bands))

    def joined(self, other: Self) -> Self:
        """Find the finest label that covers what both cover."""
        return type(self)(*_common_label(self, other))

    def covers(self, other: "Label | Atom") -> bool:
        """Tell whether everything under the other label lies under this one too."""
        return (
            (self.code is None or other.code == self.code or _under(other.code, self.code))
            and (self.place == ALL or _inside(other.place, self.place))
            and self.band in (None, other.band)
        )


@lru_cache(maxsize=65_536)
def _common_label(one: "Label", other: "Label") -> "Label":
    return Label.of((Atom(*one), Atom(*other)))


ALL = "all"
"""The place that is the whole cluster."""


def _common(values: Iterable[T]) -> T | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _common_code(codes: Iterable[str | None]) -> str | None:
    known = set(codes)
    for digits in (6, 4, 2):
        coarse = {coarser_code(code, digits) for code in known}
        if len(coarse) == 1:
            return coarse.pop()
    return None


def _common_place(places: Iterable[str]) -> str:
    known = set(places)
    for depth in range(max(place.count("/") for place in known) + 1, 0, -1):
        coarse = {coarser_place(place, depth) for place in known}
        if len(coarse) == 1:
            return coarse.pop()
    return ALL


def _under(code: str | None, coarse: str) -> bool:
    return code is not None and code.startswith(coarse + " ")


def _inside(place: str, coarse: str) -> bool:
    return place == coarse or place.startswith(coarse + "/")


def coarser_code(code: str | None, digits: int) -> str | None:
    """Cut a code such as `10 09 03` to 4 or 2 digits; 0 digits is no code."""
    if code is None or digits == 0:
        return None
    cut = code.rstrip("*").split(" ")[: digits // 2]
    return code if len(cut) == code.count(" ") + 1 else " ".join(cut)


def coarser_place(place: str, depth: int) -> str:
    """Cut a place path to its first `depth` parts; none is the whole cluster."""
    return "/".join(place.split("/")[:depth]) or ALL


class Contribution(NamedTuple):
    """What one member has in one atom of a window: net quantity, coverage 0-1, marks."""

    member: str
    owner: str
    atom: Atom
    quantity: float
    coverage: float = 1.0
    marks: tuple[Mark, ...] = ()
    waives: bool = False


Table = Sequence[Contribution]
"""The contributions to one group in one window."""
