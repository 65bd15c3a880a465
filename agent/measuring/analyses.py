"""Which analyses of a stream are valid at an instant, since which day, and which are old."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

from agent.measuring.localtime import local_day
from config.course import Course
from config.plan import Composition, StreamPlan

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Analysis:
    """A slow attribute at an instant; days are the plant's. One without a date never ages."""

    what: str
    value: str
    since: str | None
    until: str | None
    """The day from which another value holds, where one is known."""
    old: bool


def analyses(stream: StreamPlan, zone: ZoneInfo, now: int) -> tuple[Analysis, ...]:
    """Give what is valid of a stream at an instant; a course without a date is valid always."""
    found: list[Analysis] = []

    def tell(what: str, course: Course[Value] | None, text: Callable[[Value], str]) -> None:
        if course is not None:
            found.append(_analysis(what, course, text, zone, now, stream.analysis_age))

    tell("density", stream.meter.exchange, lambda each: _density(stream, each))
    tell("moisture", stream.meter.moisture, _percent)
    tell("composition", stream.composition, _composition)
    return tuple(found)


def _analysis(
    what: str,
    course: Course[Value],
    text: Callable[[Value], str],
    zone: ZoneInfo,
    now: int,
    age: int | None,
) -> Analysis:
    at = course.position(now)
    dated = course.since != (0,)
    since = course.since[at]
    following = course.since[at + 1 : at + 2]
    return Analysis(
        what,
        text(course.values[at]),
        f"{local_day(since, zone):%Y-%m-%d}" if dated else None,
        f"{local_day(following[0], zone):%Y-%m-%d}" if following else None,
        old=dated and age is not None and now - since > age,
    )


def _density(stream: StreamPlan, exchange: float) -> str:
    return f"{exchange if stream.unit == 't' else 1 / exchange:.6g} t/m3"


def _percent(share: float) -> str:
    return f"{100 * share:.6g} %"


def _composition(made_of: Composition) -> str:
    parts = ", ".join(f"{name} {_percent(share)}" for name, share in made_of.shares.items())
    return f"of the {made_of.of} mass: {parts}"
