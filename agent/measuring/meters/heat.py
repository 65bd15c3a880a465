"""The heat meter: thermal energy of a circuit from its flow and its states."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from adapters.reading import NANOSECONDS
from agent.measuring.media import Fall, medium
from agent.measuring.meter import Book, Input, numeric
from agent.measuring.meters.samples import Sample, Samples
from agent.measuring.window import NEVER
from config.plan import InputPlan, MeterPlan

KILOJOULES_PER_MWH = 3.6e6
OUT_OF_RANGE = "out-of-range"


class Power(NamedTuple):
    """The circuit evaluated at one instant: MW.h per second, and the supply in Celsius."""

    time: int
    power: float
    supply: float
    doubt: bool


class HeatMeter:
    """Integrates mass flow times the fall of enthalpy, by trapezoid between evaluations.

    Evaluated at each new instant at which all inputs are usable and none is older than `max_gap`;
    evaluations further apart than `max_gap` are not bridged. The mass flow of a volume meter is
    taken with the specific volume where the sensor sits. In doubt are: a difference below `dt_min`
    while there is flow, heat that flows the other way (counted as zero), a state that the medium
    tells with doubt, an interval with a bad reading in it. A value outside the medium's range
    makes its reading bad; values that are no state together make all of them bad, unless nothing
    flows. With a `reference` there is no return: heat counts above that temperature.
    """

    def __init__(self, plan: MeterPlan) -> None:
        """Prepare the medium; raises `PermanentError` as it does."""
        self._medium = medium(plan)
        self._roles = ("flow", *self._medium.roles)
        self._inputs: dict[str, InputPlan] = {role: plan.inputs[role] for role in self._roles}
        self._max_gap, self._dt_min = plan.max_gap, plan.dt_min
        self._samples = Samples(self._roles)
        self._last = Power(NEVER, 0.0, 0.0, doubt=False)

    def take(self, time: int, inputs: Sequence[Input], book: Book) -> None:
        """Take the readings of one instant and evaluate once."""
        fresh = False
        for role, value, fault in inputs:
            usable = self._usable(time, role, numeric(time, value, fault, book), book)
            if usable is not None:
                self._samples[role] = Sample(time, usable, fault is not None)
                fresh = True
        if fresh and time >= self._last.time:
            self._evaluate(time, book)

    def _usable(self, time: int, role: str, number: float | None, book: Book) -> float | None:
        """Give a reading in canonical units when it is in order and in range."""
        before = self._samples[role]
        if number is not None and time <= before.time:
            self._samples.orders[role].behind(time, before.time, book)
            return None
        plan = self._inputs[role]
        value = None if number is None else number * plan.factor + plan.offset
        if value is not None and role != "flow" and not self._medium.holds(role, value):
            book.count(time, OUT_OF_RANGE)
            value = None
        if value is None:
            self._samples.spoil(time, role)
        else:
            self._samples.orders[role].run = 0
        return value

    def _evaluate(self, time: int, book: Book) -> None:
        present = self._present(time)
        if present is None:
            return
        (flow, *values), doubt = present
        now = self._power(time, flow, values, doubt)
        if now is None:
            self._refuse(time, book)
            return
        if 0 < time - self._last.time <= self._max_gap:
            self._integrate(self._last, now, book)
        self._last = now

    def _present(self, time: int) -> tuple[list[float], bool] | None:
        """Give the inputs' values and whether one is in doubt; None unless all are usable."""
        values, doubt, oldest = [], False, time
        for at, value, unsure in self._samples.values():
            if value is None:
                return None
            values.append(value)
            doubt = doubt or unsure
            oldest = min(oldest, at)
        return None if time - oldest > self._max_gap else (values, doubt)

    def _power(self, time: int, flow: float, values: Sequence[float], doubt: bool) -> Power | None:
        """Evaluate the circuit; None when the values are no state."""
        if flow == 0.0:
            return Power(time, 0.0, self._medium.warmth(values), doubt)
        fall = self._medium.fall(values)
        if fall is None:
            return None
        if flow < 0.0 or fall.kelvin < 0.0:
            return Power(time, 0.0, fall.supply, doubt=True)
        power = flow / fall.volume * fall.drop / KILOJOULES_PER_MWH
        return Power(time, power, fall.supply, doubt or self._unsure(fall))

    def _unsure(self, fall: Fall) -> bool:
        return fall.doubt or fall.kelvin < self._dt_min

    def _refuse(self, time: int, book: Book) -> None:
        """Treat the readings of an instant as bad, once."""
        if self._samples.bad < time:
            book.count(time, OUT_OF_RANGE)
        self._samples.bad = max(self._samples.bad, time)

    def _integrate(self, last: Power, now: Power, book: Book) -> None:
        seconds = (now.time - last.time) / NANOSECONDS
        ramp = (now.power - last.power) / 2 * seconds
        doubt = last.doubt or now.doubt or self._samples.bad >= last.time
        warmth = (last.supply, now.supply)
        book.add(last.time, now.time, last.power * seconds, ramp, doubt, warmth=warmth)

    def reached(self) -> int:
        """Give the last evaluation's instant, or a bad reading's too late to be bridged."""
        last = self._last.time
        return last if self._samples.bad - last <= self._max_gap else self._samples.bad

    def newest(self) -> int:
        """Give the instant of the newest reading of any quality."""
        return self._samples.newest()

    def set_back(self, now: int) -> None:
        """Forget readings from after `now`."""
        self._samples.set_back(now)
        if self._last.time > now:
            self._last = self._last._replace(time=NEVER)

    def snapshot(self) -> dict[str, Any]:
        """Give the last reading of each input and the last evaluation."""
        return {
            **self._samples.snapshot(),
            "last": self._last,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self._samples.restore(state)
        self._last = Power(*state["last"])
