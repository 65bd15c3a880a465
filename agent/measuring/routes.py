"""Routes: which values of a block go to which stream, found once for each group of points."""

from collections.abc import Sequence
from typing import NamedTuple

from adapters.reading import Block, Value
from agent.measuring.column import take_column
from agent.measuring.meter import Book
from agent.measuring.track import Take, Track

_MOST_LAYOUTS = 1024
_MOST_NAMES = 1 << 18
"""Most names of points in the layouts kept: a subscription may tell another group each time."""
_Picks = tuple[tuple[str, int], ...]


class Route(NamedTuple):
    """Which values of a block go to a stream; `only` is the role and place of a single one."""

    track: Track
    take: Take
    book: Book
    picks: _Picks
    only: tuple[str, int] | None

    @classmethod
    def of(cls, track: Track, picks: Sequence[tuple[str, int]]) -> "Route":
        """Make the route of a stream."""
        only = picks[0] if len(picks) == 1 else None
        return cls(track, track.feed, track.windows, tuple(picks), only)

    def take_all(self, times: Sequence[int], rows: Sequence[tuple[Value, ...]]) -> None:
        """Take the stream's good readings of blocks that came one after the other."""
        column = self.track.column
        if self.only is not None and column is not None:
            role, at = self.only
            values = [row[at] for row in rows]
            take_column(column, role, times, values, self.track.windows)
            return
        for time, row in zip(times, rows, strict=True):
            self.take(time, [(role, row[at], None) for role, at in self.picks], self.book)


class Routes:
    """The routes of blocks to some streams, kept by the identity of a block's tuple of points."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tracks
        self._users = _index(tracks)
        self._names = 0
        self.layouts: dict[tuple[str, tuple[str, ...]], list[Route]] = {}
        """Routes by source and points."""
        self.seen: dict[tuple[str, int], tuple[tuple[str, ...], list[Route]]] = {}
        """Routes by source and identity of the tuple, beside which that is kept."""

    def find(self, block: Block) -> list[Route]:
        """Find the routes of a block whose tuple of points is another object than before."""
        self._names += len(block.points)
        if len(self.seen) >= _MOST_LAYOUTS or self._names > _MOST_NAMES:
            self.seen.clear()
            self.layouts.clear()
            self._names = len(block.points)
        key = (block.source, block.points)
        routes = self.layouts.get(key)
        if routes is None:
            routes = self.layouts[key] = self._lay_out(*key)
        # The tuple is kept beside its routes: no other object can take on its identity.
        self.seen[block.source, id(block.points)] = (block.points, routes)
        return routes

    def _lay_out(self, source: str, points: tuple[str, ...]) -> list[Route]:
        picks: dict[int, list[tuple[str, int]]] = {}
        for at, point in enumerate(points):
            for number, role in self._users.get((source, point), ()):
                picks.setdefault(number, []).append((role, at))
        return [Route.of(self._tracks[number], picks[number]) for number in sorted(picks)]


def _index(tracks: Sequence[Track]) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """Say which streams use a point, and as what."""
    users: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, track in enumerate(tracks):
        for role, one in track.plan.meter.inputs.items():
            users.setdefault((one.source, one.point), []).append((number, role))
    return users
