"""The total meter: differences of a totaliser, through rollovers, resets and wild values."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

from adapters.reading import NANOSECONDS
from agent.measuring.column import Rows
from agent.measuring.meter import Book, Input, Order, numeric
from agent.measuring.meters.count import Count, counts, quick_count, risen, went
from agent.measuring.window import NEVER, WILD, Windows
from config.plan import MeterPlan

PATIENCE = 60 * NANOSECONDS
"""How long another level must hold before the baseline is given up for it.

Longer than devices show zero while they start. Nothing is lost by waiting: what the new level
counts meanwhile is accepted when it is confirmed.
"""
SLACK = 1e-6
"""Relative tolerance on `max_rate`, for the coarseness of time stamps."""
_ROOM = 1 + SLACK
CLOCK_SLACK = NANOSECONDS
"""What a clock may repeat unseen, as at a leap second: so much more may have been counted."""
EASED_EVERY = 3_600 * NANOSECONDS
"""How long after one such second no other is granted, so that `max_rate` stays a limit."""
DAY = 86_400 * NANOSECONDS
LONGEST_UNKNOWN = 30 * DAY
"""Most that a clock which was set back is taken to have hidden; a day comes on top."""
MAY_HAVE_TURNED: Final = "may-have-turned"
HIGH, LOW = 0.9, 0.1
"""Without `max_rate`, a fall from above to below these parts of the modulus is a rollover."""


class TotalMeter:
    """Contributes what a totaliser counted between two accepted readings, evenly over the time.

    The baseline is the last accepted reading. A reading is accepted when the rise from it is
    possible at `max_rate` in the time since the count last changed (without `max_rate`: any rise,
    but none above half the modulus unless readings were missing), where time that the clock went
    over twice counts twice, or when the rise through a
    rollover is possible at `max_rate`. Any other reading is held: the baseline stays. When
    readings fit the baseline again, the held one was wild and nothing is lost. When readings go on
    from the held one for `PATIENCE`, there is a new level: a rollover (no `max_rate`, from the top
    to the bottom tenth of the modulus), else a reset or another meter, which contributes nothing
    but what was counted since. When the count comes back in one step to where it was before a
    reset (a device that showed zero while it started), it goes on from there: at once when that
    step is possible at `max_rate`, else when it has held, for it may be a wild value. Bad readings
    are passed over: the next good one brings the difference.

    Not for a count that is set back with each batch: such falls are indistinguishable from faults.
    """

    def __init__(self, plan: MeterPlan) -> None:
        self._factor = plan.inputs["total"].factor
        self._max_gap = plan.max_gap
        self._max_rate = plan.max_rate
        self._modulus = None if plan.modulus is None else counts(plan.modulus / self._factor)
        self._order = Order()
        self._base: Count | None = None
        self._moved = NEVER
        self._held: Count | None = None
        self._level: Count | None = None
        self._former: Count | None = None
        self._midway = 0.0
        self._after_gap = False
        self._bad = NEVER
        self._repeated, self._unknown, self._eased = 0, 0, NEVER

    def take(self, time: int, inputs: Sequence[Input], book: Book) -> None:
        """Take one reading: accept it, hold it, or leave it out."""
        _, value, fault = inputs[0]
        if fault is None and self._goes_on(time, value, book):
            return
        count = numeric(time, value, fault, book)
        if count is None:
            self._bad = max(self._bad, time)
            return
        last = self._level or self._base
        if last is not None and time <= last.time:
            self._order.behind(time, last.time, book)
            self._repeated = max(self._repeated, last.time - time)
            return
        self._order.run = 0
        self._after_gap = last is not None and self._hidden(last.time, time) > self._max_gap
        reading = Count(time, count, fault is not None)
        if self._base is None:
            self._restart(reading)
        else:
            self._judge(self._base, reading, book)

    def _goes_on(self, time: int, value: Any, book: Book) -> bool:
        """Take at once what nearly every reading is; it comes to the same as the longer way.

        That is a good one soon after the last, with a rise that is possible, while nothing is held.
        """
        base = self._base
        if base is None or self._held or self._former or self._repeated or self._unknown:
            return False
        since, before, doubt = base
        kind, elapsed = type(value), time - since
        if (kind is not float and kind is not int) or not 0 < elapsed <= self._max_gap:
            return False
        rise, limit, factor = value - before, self._max_rate, self._factor
        if not 0 <= rise < inf:
            return False
        if limit is None:
            if self._modulus is not None and rise > self._modulus / 2:
                return False
        elif (rise - 1 if kind is int else rise) * factor > (
            limit * ((time - self._moved) / NANOSECONDS) * _ROOM
        ):
            return False
        self._order.run = 0
        self._after_gap = False
        book.add(since, time, rise * factor, 0.0, doubt)
        if rise:
            self._base, self._moved = quick_count(Count, (time, value, False)), time
        else:
            self._base = quick_count(Count, (time, before, False))
        return True

    def go_on(self, rows: Rows, windows: Windows) -> tuple[int, Any] | None:
        """Take readings at once while `_goes_on` would take each, within one window."""
        base = self._base
        unusual = self._held or self._former or self._repeated or self._unknown
        if base is None or base.doubt or unusual:
            return next(rows, None)
        begun, before, _ = base
        since, moved, until, quantities = begun, self._moved, windows.until(begun), list[float]()
        factor, limit, max_gap = self._factor, self._max_rate, self._max_gap
        half = inf if self._modulus is None else self._modulus / 2
        odd = None
        for row in rows:
            time, value = row
            kind = type(value)
            if (kind is not float and kind is not int) or time > until:
                odd = row
                break
            rise = value - before
            if not 0 <= rise < inf or not 0 < time - since <= max_gap:
                odd = row
                break
            if limit is None:
                if rise > half:
                    odd = row
                    break
            elif (rise - 1 if kind is int else rise) * factor > (
                limit * ((time - moved) / NANOSECONDS) * _ROOM
            ):
                odd = row
                break
            quantities.append(rise * factor)
            since = time
            if rise:
                before, moved = value, time
        if quantities:
            windows.add_all(begun, since, quantities)
            self._base, self._moved = Count(since, before, doubt=False), moved
            self._order.run, self._after_gap = 0, False
        return odd

    def _judge(self, base: Count, reading: Count, book: Book) -> None:
        rise = risen(base, reading)
        if rise is not None and self._plain(rise, reading):
            if self._comes_back(reading):
                self._undo(base, reading, book)
            else:
                self._accept(base, reading, rise, book)
        elif (wrapped := self._wrapped(base, reading)) is not None:
            book.note(reading.time, "rollover", went(base, reading))
            self._accept(base, reading, wrapped, book)
        else:
            self._hold(base, reading, book)

    def _hidden(self, since: int, time: int) -> int:
        """Give how long it may have been since an instant, as far as the clock tells."""
        return time - since + self._repeated + self._unknown

    def _comes_back(self, reading: Count) -> bool:
        """Tell whether a count goes on from where it was before a reset."""
        return self._former is not None and self._follows(self._former, reading)

    def _undo(self, base: Count, reading: Count, book: Book) -> None:
        """Go on from before a reset, which was none."""
        before = base if self._former is None else self._former
        book.note(reading.time, "reset", f"undone: {went(base, reading)}")
        self._former = None
        self._accept(base, reading, reading.value - before.value, book)
        self._restart(reading)

    def _possible(self, rise: float, since: int, reading: Count) -> bool:
        if self._max_rate is None:
            return self._modulus is None or self._after_gap or rise <= self._modulus / 2
        one_count = 1 if type(reading.value) is int else 0  # a pulse may come at any moment
        elapsed = reading.time - since + self._repeated
        most = self._max_rate * (elapsed / NANOSECONDS) * _ROOM
        return (rise - one_count) * self._factor <= most

    def _plain(self, rise: float, reading: Count) -> bool:
        """Tell whether a rise without a rollover is possible, a second more now and then."""
        since = self._moved - self._unknown
        if self._possible(rise, since, reading):
            return True
        eased = (
            reading.time - self._eased >= EASED_EVERY
            and self._held is None
            and self._possible(rise, since - CLOCK_SLACK, reading)
        )
        self._eased = reading.time if eased else self._eased
        return eased

    def _wrapped(self, base: Count, reading: Count) -> float | int | None:
        """Give the rise through a rollover when `max_rate` says that it is possible."""
        modulus = self._modulus
        if modulus is None or self._max_rate is None or reading.value >= base.value:
            return None
        rise = modulus - base.value + reading.value
        fits = base.value <= modulus and self._possible(rise, self._moved, reading)
        return rise if fits else None

    def _accept(self, base: Count, reading: Count, rise: float, book: Book) -> None:
        held = self._held
        if held is not None:
            self._held = self._level = None
            if reading.value >= base.value and not base.value <= held.value <= reading.value:
                book.count(held.time, WILD)
        quantity = rise * self._factor
        spread = bool(rise) and self._hidden(base.time, reading.time) > self._max_gap
        turned = spread and self._may_have_turned(base, reading)
        if turned:
            hours = (reading.time - base.time) / NANOSECONDS / 3600
            told = f"unseen in {hours:.3g} h, and a turn is not counted: {went(base, reading)}"
            book.note(reading.time, MAY_HAVE_TURNED, told)
        doubt = base.doubt or reading.doubt or turned
        self._repeated = self._unknown = 0
        book.add(base.time, reading.time, quantity, 0.0, doubt, spread)
        if rise:
            self._restart(reading)
        else:
            self._base = Count(reading.time, base.value, reading.doubt)

    def _may_have_turned(self, base: Count, reading: Count) -> bool:
        """Tell whether a whole turn of the register fits in the time, unseen."""
        if self._modulus is None or self._max_rate is None:
            return False
        return self._possible(self._modulus, base.time, reading)

    def _restart(self, reading: Count) -> None:
        self._base, self._moved = reading, reading.time
        if self._former is not None and reading.value > self._midway:
            self._former = None

    def _hold(self, base: Count, reading: Count, book: Book) -> None:
        held = self._held
        if held is None or not self._follows(held, reading):
            if held is not None:
                book.count(held.time, WILD)
            self._held = self._level = reading
        elif reading.time - held.time < PATIENCE:
            self._level = reading
        else:
            self._renew(base, held, reading, book)

    def _follows(self, held: Count, reading: Count) -> bool:
        rise = reading.value - held.value
        return rise >= 0 and self._possible(rise, held.time, reading)

    def _renew(self, base: Count, held: Count, reading: Count, book: Book) -> None:
        """Give the baseline up for a level that has held."""
        self._held = self._level = None
        if self._comes_back(held):
            self._undo(base, held, book)
        elif self._top_to_bottom(base, held) and self._modulus is not None:
            book.note(held.time, "rollover", went(base, held))
            self._accept(base, held, self._modulus - base.value + held.value, book)
        else:
            book.note(held.time, "reset", went(base, held))
            self._former = base._replace(time=self._moved) if held.value < base.value else None
            self._midway = (base.value + held.value) / 2
            self._restart(held)
        self._accept(held, reading, reading.value - held.value, book)

    def _top_to_bottom(self, base: Count, held: Count) -> bool:
        modulus = self._modulus
        if modulus is None or self._max_rate is not None:
            return False
        return HIGH * modulus <= base.value <= modulus and held.value <= LOW * modulus

    def reached(self) -> int:
        """Give the last accepted reading's instant."""
        return NEVER if self._base is None else self._base.time

    def newest(self) -> int:
        """Give the instant of the newest reading of any quality."""
        last = self._level or self._base
        return self._bad if last is None else max(last.time, self._bad)

    def set_back(self, now: int) -> None:
        """Keep the baseline, as of `now` at the latest; how long ago it was is then not known."""
        base = self._base
        if base is not None and base.time > now:
            self._unknown = min(base.time - now, LONGEST_UNKNOWN) + DAY
            self._base = base._replace(time=now)
        self._held = self._level = None
        if self._former is not None:
            self._former = self._former._replace(time=min(self._former.time, now))
        self._moved, self._bad = min(self._moved, now), min(self._bad, now)
        self._eased = min(self._eased, now)
        self._order.set_back(now)

    def snapshot(self) -> dict[str, Any]:
        """Give the baseline and what is held."""
        return {
            "base": self._base,
            "moved": self._moved,
            "held": self._held,
            "level": self._level,
            "former": self._former,
            "midway": self._midway,
            "bad": self._bad,
            "hidden": [self._repeated, self._unknown, self._eased],
            "order": self._order.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self._base, self._held, self._level, self._former = (
            None if state[key] is None else Count(*state[key])
            for key in ("base", "held", "level", "former")
        )
        self._midway = state["midway"]
        self._moved, self._bad = state["moved"], state["bad"]
        self._repeated, self._unknown, self._eased = state.get("hidden", (0, 0, NEVER))
        self._order.restore(state["order"])
