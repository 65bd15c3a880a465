"""Series: what a stream is, by the instants it changed, so that a change never reads as a flow.

A stream's classification changes on a day that the plant file declares, or, undeclared, with the
file itself: then the new one holds from the next release window on, as the state file remembers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from typing import Final

from agent.measuring.total import Event, Total
from config.course import Course, always
from config.plan import Classification, StreamPlan, classification
from gateway.wire import rfc3339

RECLASSIFIED: Final = "reclassified"
Series = Course[Classification]


@dataclass(frozen=True, slots=True)
class Held:
    """A series as the state file remembers it: it holds from `since` on, in nanoseconds."""

    stream: str
    since: int
    classification: Classification


def as_of(stream: StreamPlan, one: Classification) -> StreamPlan:
    """Give a stream's plan with another classification."""
    return replace(
        stream, code=one.code, status=one.status, treatment=one.treatment, ns9431=one.ns9431,
        direction=one.direction, basis=one.basis,
    )  # fmt: skip


def course(held: Sequence[Held]) -> Series:
    """Give the series that follow one another, at least one, in order of time."""
    return Course(tuple(one.since for one in held), tuple(one.classification for one in held))


def history(stream: StreamPlan, held: Sequence[Held]) -> Series:
    """Give what a stream was and is, for a report: the plant file declares it, or it is remembered.

    `held` is what the state file remembers of the stream. A file that contradicts it was changed
    undeclared: then what is remembered stands, and later days that the file declares follow it.
    """
    declared = stream.series or always(classification(stream))
    if all(declared.at(one.since) == one.classification for one in held):
        return declared
    last = held[-1].since
    later = [Held(stream.name, at, declared.at(at)) for at in declared.edges if at > last]
    return course([*held, *later])


def histories(streams: Sequence[StreamPlan], held: Sequence[Held]) -> Mapping[str, Series]:
    """Give the history of every stream by its name."""
    return {
        stream.name: history(stream, [one for one in held if one.stream == stream.name])
        for stream in streams
    }


@dataclass(frozen=True, slots=True)
class Renewed:
    """The series that figures go by from a start of the agent on, and the events that say so."""

    held: tuple[Held, ...]
    events: tuple[Event, ...]

    @property
    def series(self) -> Mapping[str, Series]:
        """The series of each stream by its name."""
        streams = dict.fromkeys(one.stream for one in self.held)
        return {name: course([one for one in self.held if one.stream == name]) for name in streams}


def renewed(streams: Sequence[StreamPlan], held: Sequence[Held], now: int, release: int) -> Renewed:
    """Compare what is remembered with the plant file, and let what differs begin.

    `now` is the first instant the agent hears of; release windows have a length of `release`. What
    has changed until now holds from the next release window on, also where the file declares an
    earlier day: what was released stays. What the file declares for later holds from that day on.
    """
    found: list[Held] = []
    for stream in streams:
        past = [one for one in held if one.stream == stream.name and one.since <= now]
        found += _going_on(stream, past, now, -(-now // release) * release)
    known = set(held)
    events = [
        _event(before, one, now)
        for before, one in pairwise(found)
        if one.stream == before.stream and one not in known
    ]
    return Renewed(tuple(found), tuple(events))


def _going_on(stream: StreamPlan, past: Sequence[Held], now: int, boundary: int) -> list[Held]:
    declared = stream.series or always(classification(stream))
    found = list(past) or [Held(stream.name, now, declared.at(now))]
    coming = [(boundary, declared.at(now))]
    coming += [(max(at, boundary), declared.at(at)) for at in declared.edges if at > now]
    for since, one in coming:
        if one != found[-1].classification:
            found.append(Held(stream.name, since, one))
    return found


def _event(before: Held, after: Held, now: int) -> Event:
    detail = (
        f"from {rfc3339(after.since)} on it is {_told(after.classification)}; "
        f"it was {_told(before.classification)}"
    )
    return Event(now, after.stream, RECLASSIFIED, detail)


def _told(one: Classification) -> str:
    return ", ".join(str(part) for part in astuple(one) if part is not None)


def marked(total: Total, series: Series) -> Total:
    """Mark the last window of a series and the first of the next one."""
    if not series.edges:
        return total
    length = total.end - total.start
    if not any(total.start - length < edge <= total.end for edge in series.edges):
        return total
    return replace(total, marks=tuple(sorted({*total.marks, RECLASSIFIED})))
