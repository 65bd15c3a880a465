"""Windows: where a meter's contributions are added up, and from which each is closed once.

A contribution has a start, an end and a cumulative form a·x + b·x² (x runs from 0 at its start to 1
at its end): a constant rate has b = 0, a ramp has both. The parts that fall into windows are
differences of the cumulative form, so they add up to the whole. Parts are also made where what a
measured unit is worth changes (`agent.measuring.attributes`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.reading import NANOSECONDS
from agent.measuring.attributes import STEADY, Attributes, Worth
from agent.measuring.tally import MIDDLE, Tally
from agent.measuring.total import Aggregation, Event, EventKind, Total

NEVER = -(1 << 62)
"""An instant before all others."""
CLOCK_STEP: Final = "clock-step"
LATE = "late"
WILD = "wild"
_AGGREGATED: tuple[tuple[str, EventKind, str], ...] = (
    (LATE, "late-samples", "came after their time had been counted or closed, and are left out"),
    (WILD, "wild-values", "did not fit the readings around them, and are left out"),
)


class Windows:
    """One stream's windows: the open ones, and the instant before which all are closed.

    `length` divides a day or is whole days, in nanoseconds. `carries` says what becomes of a
    quantity whose window is closed: a totaliser's or a batch goes into the first open window, a
    rate's is left out and counted. With the `mean` of a stock, contributions are its level times
    seconds, and a window's quantity is their sum over the seconds covered. Contributions of one
    stream never overlap in time. `uncertainty` is relative to the quantity. Contributions come in
    what is measured; `attributes` say what it is worth in the stream's unit, and dry.
    """

    def __init__(
        self,
        stream: str,
        unit: str,
        length: int,
        *,
        carries: bool,
        banded: bool,
        log: list[Event],
        aggregation: Aggregation = "sum",
        uncertainty: float | None = None,
        attributes: Attributes = STEADY,
    ) -> None:
        self.stream = stream
        self.unit = unit
        self.length = length
        self.floor = NEVER
        self._fence = NEVER
        self._carries = carries
        self._banded = banded
        self._aggregation = aggregation
        self._mean = aggregation == "mean"
        self._uncertainty = uncertainty
        self._attributes = attributes
        self._worth = attributes.at(NEVER)
        self._log = log
        self._open: dict[int, Tally] = {}
        self._last = Tally()
        self._last_start = self._last_end = NEVER
        self._silent = False

    def begin(self, instant: int) -> None:
        """Open the window an instant lies in, unless windows have begun before."""
        if self.floor == NEVER:
            self.floor = instant - instant % self.length

    @property
    def next_end(self) -> int:
        """End of the first open window."""
        return self.floor + self.length

    def _tally(self, start: int) -> Tally:
        tally = self._open.get(start)
        if tally is None:
            tally = self._open[start] = Tally()
        return tally

    def _at(self, time: int) -> Tally:
        """Find the open window for what happened at an instant: its own, or the first one."""
        return self._tally(max(time - time % self.length, self.floor))

    def add(
        self,
        start: int,
        end: int,
        steady: float,
        ramp: float = 0.0,
        doubt: bool = False,
        spread: bool = False,
        warmth: tuple[float, float] | None = None,
    ) -> None:
        """Add a contribution: `steady`·x + `ramp`·x² over [start, end).

        `spread` says that its course in time is not known; that matters only past a window's edge.
        `warmth` is the supply temperature at start and end.
        """
        if start < self._last_start or end > self._last_end:
            first = start - start % self.length
            worth = self._attributes.at(start)
            begin, until = max(self.floor, self._fence), min(first + self.length, worth.until)
            if start < begin or end > until:
                self._split(start, end, steady, ramp, doubt, spread, warmth)
                return
            self._last, self._worth = self._tally(first), worth
            self._last_start, self._last_end = max(first, self._fence, worth.since), until
        tally, worth = self._last, self._worth
        tally.add(steady + ramp, end - start, doubt, worth)
        if warmth is not None:
            tally.warm(steady + ramp, end - start, (warmth[0] + warmth[1]) / 2)
        if self._mean:
            level = (steady + 2 * ramp) / ((end - start) / NANOSECONDS)
            tally.close_at(end, level * worth.exchange)

    def until(self, start: int) -> int:
        """Give how far contributions from `start` on may reach that `add_all` takes; NEVER: none.

        That is as far as the window goes into which the last contribution was added whole.
        """
        return NEVER if start < self._last_start else self._last_end

    def add_all(self, start: int, end: int, quantities: Sequence[float]) -> None:
        """Add contributions one after the other over [start, end), none of them in doubt.

        Not of a level, of which the last is told too.
        """
        self._last.add_all(quantities, end - start, self._worth)

    def _split(
        self,
        start: int,
        end: int,
        steady: float,
        ramp: float,
        doubt: bool,
        spread: bool,
        warmth: tuple[float, float] | None,
    ) -> None:
        whole = end - start
        at, share, done = start, 0.0, 0.0
        begin = max(self.floor, self._fence)
        while at < end:
            worth = self._attributes.at(at)
            edge = begin if at < begin else at - at % self.length + self.length
            edge = min(edge, worth.until, end)
            reached = (edge - start) / whole
            sum_to_edge = reached * (steady + reached * ramp)
            part = sum_to_edge - done
            if at < begin:
                self._overdue(part, worth)
            else:
                tally = self._tally(at - at % self.length)
                tally.add(part, edge - at, doubt or spread, worth)
                if spread:
                    tally.spread += edge - at
                    tally.mark("spread")
                if warmth is not None:
                    middle = (share + reached) / 2
                    tally.warm(part, edge - at, warmth[0] + (warmth[1] - warmth[0]) * middle)
                if self._mean:
                    level = (steady + 2 * ramp * reached) / (whole / NANOSECONDS)
                    tally.close_at(edge, level * worth.exchange)
            at, share, done = edge, reached, sum_to_edge

    def _overdue(self, part: float, worth: Worth) -> None:
        """Take a part whose time was counted before: it can add quantity, never coverage."""
        tally = self._tally(self.floor)
        if not self._carries:
            tally.count(LATE)
        elif part:
            tally.add(part, 0, doubt=False, worth=worth)
            tally.mark("spread")

    def put(self, time: int, quantity: float, tickets: int, spread: bool = False) -> None:
        """Add a quantity that came at an instant as so many batches.

        It counts in the window of its instant or, when that is closed, in the first open one.
        `spread` says that its instant is not known.
        """
        tally = self._at(time)
        tally.add(quantity, 0, doubt=False, worth=self._attributes.at(time))
        tally.tickets += tickets
        if spread or time < self.floor:
            tally.mark("spread")

    def count(self, time: int, reason: str) -> None:
        """Count a reading that was not good."""
        self._at(time).count(reason)

    def note(self, time: int, kind: EventKind, detail: str) -> None:
        """Mark the window of an instant and log an event of the same name.

        Of steps of the clock, one event a window.
        """
        tally = self._at(time)
        if kind == CLOCK_STEP and kind in tally.marks:
            return
        tally.mark(kind)
        self._log.append(Event(time, self.stream, kind, detail))

    def mark(self, time: int, mark: str) -> None:
        """Mark the window of an instant."""
        self._at(time).mark(mark)

    def fence(self, instant: int) -> None:
        """Let nothing before an instant be covered any more: the clock goes over it again."""
        self._fence = max(self._fence, instant)
        self._last_end = NEVER

    def begun(self, before: int) -> list[int]:
        """Give the starts of the open windows that hold something and start before an instant."""
        return sorted(start for start in self._open if start < before)

    def jump(self, floor: int) -> None:
        """Go on at a window, leaving out those before it."""
        self.floor = floor
        self._last_end = NEVER

    def restart(self, now: int, moved: Sequence[Total]) -> None:
        """Begin anew at `now`: the windows so far were made by a clock that was ahead.

        What they hold, and the closed ones that are moved, counts in the first window without
        coverage, for it was measured; a level is left out, for it is never added up.
        """
        held, self._open = self._open, {}
        self.jump(now - now % self.length)
        self._fence = NEVER
        first = self._tally(self.floor)
        first.mark(CLOCK_STEP)
        if self._mean:
            return
        for tally in held.values():
            first.take_over(tally)
        for total in moved:
            warm = total.quantity * MIDDLE.get(total.band or "", 0.0)
            first.take_over(
                Tally(total.quantity, dry=total.dry or 0.0, warm_energy=warm, tickets=total.tickets)
            )
        if first.quantity:
            first.mark("spread")

    def close(self) -> Total:
        """Close the first open window for good."""
        start = self.floor
        tally = self._open.pop(start, None) or Tally()
        self.floor = start + self.length
        self._last_end = NEVER
        self._report(self.floor, tally)
        return self._total(start, tally)

    def _report(self, end: int, tally: Tally) -> None:
        """Log what a closed window says about its meter, as one event a kind."""
        kind: EventKind
        for reason, kind, what in _AGGREGATED:
            if times := tally.reasons.get(reason):
                self._log.append(Event(end, self.stream, kind, f"{times} readings {what}"))
        silent = not tally.covered
        if silent != self._silent:
            bad = ", ".join(f"{n} x {reason}" for reason, n in sorted(tally.reasons.items()))
            kind, detail = "meter-back", "the meter's readings count again"
            if silent:
                kind, detail = "meter-silent", f"nothing was observed: {bad or 'no readings'}"
            self._log.append(Event(end, self.stream, kind, detail))
        self._silent = silent

    def _total(self, start: int, tally: Tally) -> Total:
        quantity = self._of(tally, tally.quantity + tally.residue)
        dries = self._attributes.dries
        known = self._uncertainty
        return Total(
            stream=self.stream,
            start=start,
            end=start + self.length,
            quantity=quantity,
            unit=self.unit,
            coverage=min(tally.covered / self.length, 1.0),
            uncertain=min(tally.doubtful / self.length, 1.0),
            band=tally.band() if self._banded else None,
            marks=tuple(sorted(tally.marks)),
            reasons=dict(sorted(tally.reasons.items())),
            tickets=tally.tickets,
            aggregation=self._aggregation,
            closing=None if tally.closing is None else tally.closing[1],
            spread=min(tally.spread / self.length, 1.0),
            uncertainty=None if known is None else known * abs(quantity),
            dry=self._of(tally, tally.dry + tally.dry_residue) if dries else None,
        )

    def _of(self, tally: Tally, whole: float) -> float:
        """Give what a window tells of a sum: itself, or the mean of a stock."""
        if not self._mean:
            return whole
        return whole / (tally.covered / NANOSECONDS) if tally.covered else 0.0

    def provisional(self) -> list[Total]:
        """Give the open windows as they stand, in time order; the first is always among them."""
        if self.floor == NEVER:
            return []
        starts = sorted({self.floor, *self._open})
        return [self._total(start, self._open.get(start) or Tally()) for start in starts]

    def snapshot(self) -> dict[str, Any]:
        """Give everything the windows hold, fit for JSON."""
        return {
            "length": self.length,
            "floor": self.floor,
            "fence": self._fence,
            "silent": self._silent,
            "dries": self._attributes.dries,
            "open": [[start, tally.snapshot()] for start, tally in sorted(self._open.items())],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot; one with another window length is fitted to this one's."""
        self._last_end = NEVER
        self._silent = bool(state["silent"])
        self._fence = int(state.get("fence", NEVER))
        floor = int(state["floor"])
        self.floor = floor if floor == NEVER else -(-floor // self.length) * self.length
        same = state["length"] == self.length
        undried = self._attributes.dries and not state.get("dries")
        for at, held in state["open"]:
            start, tally = int(at), Tally(**held)
            if undried:
                tally.dried(self._attributes.at(start).dry or 0.0)
            if same:
                self._open[start] = tally
            else:
                self._move(start, int(state["length"]), tally)

    def _move(self, start: int, length: int, tally: Tally) -> None:
        """Take over a window of another length: coverage only where it lies inside one of ours."""
        target = self._at(start)
        inside = start >= self.floor and start % self.length + length <= self.length
        if self._mean and not inside:
            return
        target.take_over(tally)
        if inside:
            target.covered += tally.covered
            target.doubtful += tally.doubtful
            target.spread += tally.spread
            target.warm_time += tally.warm_time
        else:
            target.mark("spread")
