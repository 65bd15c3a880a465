"""Calendar windows: which one an instant is in, what follows it, and which is decided next."""

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from config.hub_plan import Calendar

DAY = 86_400_000_000_000
"""Nanoseconds in a day."""
_LENGTHS = {"15min": DAY // 96, "hour": DAY // 24, "day": DAY}
_SETTLE = 600_000_000_000
_WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-05 was a Monday
_QUARTER = 91 * DAY
_SPANS: dict[Calendar, int] = {"week": 2 * _QUARTER, "month": 400 * DAY}
"""How far back windows are sampled from; a quarter for all shorter ones."""


class Window(NamedTuple):
    """A half-open interval [start, end) in nanoseconds since 1970 UTC."""

    start: int
    end: int


def _month(instant: int) -> Window:
    moment = datetime.fromtimestamp(instant // 1_000_000_000, UTC)
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = (first + timedelta(days=32)).replace(day=1)
    return Window(int(first.timestamp()) * 1_000_000_000, int(after.timestamp()) * 1_000_000_000)


def window_of(calendar: Calendar, instant: int) -> Window:
    """Give the calendar's window an instant is in."""
    if calendar == "month":
        return _month(instant)
    if calendar == "week":
        start = instant - (instant - _MONDAY) % _WEEK
        return Window(start, start + _WEEK)
    length = calendar if isinstance(calendar, int) else _LENGTHS[calendar]
    start = instant - instant % length
    return Window(start, start + length)


def next_window(calendar: Calendar, decided_to: int, earliest: int) -> Window:
    """Give the window to decide next.

    `earliest` is the start of the earliest record not yet decided, `decided_to` the end of what
    has been decided. A record of a decided window counts in the first window that lies wholly
    after it, also when the calendar has been changed since: decided windows never overlap.
    """
    window = window_of(calendar, max(decided_to, earliest))
    return window if window.start >= decided_to else window_of(calendar, window.end)


def sampled(calendar: Calendar, before: int, since: int, most: int) -> list[Window]:
    """Give at most `most` windows before an instant, spread over the time since another.

    They are as far apart as a number of windows that shares no factor with those of a week, so that
    every weekday and hour is met.
    """
    since = max(since, before - _SPANS.get(calendar, _QUARTER))
    windows: list[Window] = []
    while before > since:
        windows.append(window_of(calendar, before - 1))
        before = windows[-1].start
    step = -(-len(windows) // most) or 1
    a_week = _WEEK // (windows[0].end - windows[0].start) if windows else 1
    while math.gcd(step, a_week) > 1:
        step += 1
    return windows[::step]


def due(window: Window, wait: int, up_since: int | None, now: int) -> bool:
    """Tell whether a window may be decided: `wait` after its end, with the broker within reach.

    After an outage of the hub or its broker, what was queued meanwhile is awaited first: for
    `wait`, but not longer than ten minutes. `up_since` is None while the broker is away.
    """
    if up_since is None:
        return False
    return now >= window.end + wait and now >= up_since + min(wait, _SETTLE)
