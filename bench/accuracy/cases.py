"""The meters of the year: what each device shows from second to second, and what is expected."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Protocol

from adapters.reading import NANOSECONDS, Value
from agent.measuring.water import ZERO_CELSIUS, liquid
from bench.accuracy.oracle import GAP, Counted, Integral, Weighed
from config.plan import InputPlan, MeterPlan, StreamPlan

YEAR = 365 * 86_400
_PRESSURE = 1.6
_PERIOD = 600


@dataclass(frozen=True, slots=True)
class Expected:
    """What the windows should add up to; None where a case has no such figure.

    `exact` is the true integral of the curve that was sampled and `bound` how far a trapezoid of
    these samples can be from it. `covered` is in seconds.
    """

    quantity: float
    covered: int | None = None
    exact: float | None = None
    bound: float | None = None
    tickets: int | None = None


class Case(Protocol):
    """One meter under test."""

    stream: ClassVar[StreamPlan]
    points: ClassVar[tuple[str, ...]]

    def show(self, second: int) -> tuple[Value, ...]:
        """Give what the device shows; called once a second, in order."""

    def accept(self, second: int) -> None:
        """Count what was shown at this second: it was read, and good."""

    def wild(self) -> tuple[Value, ...] | None:
        """Give values that fit nothing, where the meter must see that by itself."""

    def reset(self) -> bool:
        """Set the device's counter back, where there is one and it is unmistakable."""

    def expected(self) -> Expected:
        """Give what the windows should hold now."""


def _plan(kind: Any, unit: Any, factors: dict[str, float], **more: Any) -> StreamPlan:
    inputs = {role: InputPlan(role, "plc", role, factor) for role, factor in factors.items()}
    meter = MeterPlan(kind, inputs, GAP * NANOSECONDS, **more)
    return StreamPlan(f"a_{kind}", "heat" if unit == "MW.h" else "material", unit, meter)


class _Plain:
    """What most cases have not: wild values and resets."""

    def wild(self) -> tuple[Value, ...] | None:
        """Give None: any value would count."""
        return None

    def reset(self) -> bool:
        """Do nothing."""
        return False


class Rate(_Plain):
    """Tonnes an hour on a curve whose integral is known: 40 + 10 sin(2πt/600) + 8 sin(2πt/year)."""

    stream: ClassVar[StreamPlan] = _plan("rate", "t", {"rate": 1 / 3600})
    points: ClassVar[tuple[str, ...]] = ("rate",)
    _waves = ((10.0, 2 * math.pi / _PERIOD), (8.0, 2 * math.pi / YEAR))

    def __init__(self, draw: Random) -> None:
        del draw
        self._integral = Integral()
        self._value = 0.0
        self._fast = [self._waves[0][0] * math.sin(self._waves[0][1] * at) for at in range(_PERIOD)]

    def show(self, second: int) -> tuple[Value, ...]:
        """Give the rate in t/h."""
        high, slow = self._waves[1]
        self._value = 40.0 + self._fast[second % _PERIOD] + high * math.sin(slow * second)
        return (self._value,)

    def accept(self, second: int) -> None:
        """Integrate the sample."""
        self._integral.take(second, self._value)

    def _antiderivative(self, second: int) -> float:
        return 40.0 * second - sum(b / w * math.cos(w * second) for b, w in self._waves)

    def expected(self) -> Expected:
        """Give tonnes."""
        return self._of(3600.0)

    def _of(self, seconds: float) -> Expected:
        """Give integrals over a unit of time; the trapezoid's bound is max|f''|·Σh³/12."""
        found, f = self._integral, self._antiderivative
        steepest = sum(b * w * w for b, w in self._waves)
        exact = math.fsum(f(b) - f(a) for a, b in found.stretches)
        bound = steepest * found.cubes / 12
        return Expected(found.total() / seconds, found.covered, exact / seconds, bound / seconds)


class Stock(Rate):
    """A heap's level in tonnes: its windows' means times the seconds observed are its integral."""

    stream: ClassVar[StreamPlan] = _plan("stock", "t", {"level": 1.0})
    points: ClassVar[tuple[str, ...]] = ("level",)

    def expected(self) -> Expected:
        """Give tonnes times seconds."""
        return self._of(1.0)


class Total:
    """An energy meter's uint32 of Wh at about 45 MW: it wraps each 95 hours."""

    stream: ClassVar[StreamPlan] = _plan(
        "total", "MW.h", {"total": 1e-6}, modulus=2**32 * 1e-6, max_rate=60 / 3600
    )
    points: ClassVar[tuple[str, ...]] = ("total",)
    _width = 2**32

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self._true = self._start = draw.randrange(self._width)
        self._base = 0
        self._counted = Counted()

    def show(self, second: int) -> tuple[Value, ...]:
        """Give the register after another second at 44 to 46 MW, or of a stop one in eight days."""
        if second // 86_400 % 8 != 5 or second % 86_400 < 80_000:
            self._true += 12_222 + int(self._draw.random() * 556)
        return ((self._true - self._base) % self._width,)

    def accept(self, second: int) -> None:
        """Count what was counted."""
        del second
        self._counted.take(self._true)

    def wild(self) -> tuple[Value, ...] | None:
        """Give half a register more: no meter of this size does that in a second."""
        return ((self._true - self._base + self._width // 2) % self._width,)

    def reset(self) -> bool:
        """Set the register to nothing, unless that could be taken for a wrap."""
        share = (self._true - self._base) % self._width / self._width
        if not 0.1 < share < 0.9:
            return False
        self._base = self._true
        self._counted.forget()
        return True

    def expected(self) -> Expected:
        """Give MW.h."""
        return Expected(self._counted.whole / 1e6)


class Batch(_Plain):
    """A weighbridge: a ticket each five to fifteen minutes, some corrected, some voided."""

    stream: ClassVar[StreamPlan] = _plan(
        "batch", "t", {"weight": 0.001, "ticket": 1.0, "void": 1.0}
    )
    points: ClassVar[tuple[str, ...]] = ("weight", "ticket", "void")

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self._weighed = Weighed()
        self._number, self._weight, self._void, self._until = 4000, 12_000, False, 0

    def show(self, second: int) -> tuple[Value, ...]:
        """Give the last ticket's net weight in kg, its number and whether it is voided."""
        if second >= self._until:
            draw = self._draw
            if draw.random() < 0.1:
                self._weight += draw.choice([-200, 160])
            elif draw.random() < 0.05:
                self._void = not self._void
            else:
                self._number, self._void = self._number + 1, False
                self._weight = draw.randrange(5_000, 38_000, 20)
            self._until = second + draw.randrange(300, 900)
        return (self._weight, self._number, self._void)

    def accept(self, second: int) -> None:
        """Weigh what was shown."""
        del second
        self._weighed.take(self._number, 0 if self._void else self._weight)

    def expected(self) -> Expected:
        """Give tonnes and tickets."""
        return Expected(self._weighed.kilograms / 1000, tickets=self._weighed.tickets)


class _Circuit:
    """A water circuit's temperatures to a tenth of a kelvin, and the worth of its water.

    Worth comes from the equation itself (IAPWS-IF97 region 1), which is tested against the values
    published with it; the meter takes it from a table.
    """

    def __init__(self) -> None:
        turn = [2 * math.pi * at / _PERIOD for at in range(_PERIOD)]
        self.supply = [round(88 + 9 * math.sin(angle), 1) for angle in turn]
        self.back = [round(52 + 6 * math.cos(2 * angle), 1) for angle in turn]
        self.worth = [_worth(*pair) for pair in zip(self.supply, self.back, strict=True)]


def _worth(supply: float, back: float) -> float:
    """Give MW.h a m3 that was metered in the return."""
    warm, cold = (liquid(ZERO_CELSIUS + celsius, _PRESSURE) for celsius in (supply, back))
    return (warm.enthalpy - cold.enthalpy) / cold.volume / 3.6e6


class Heat(_Plain):
    """Heat from a flow in m3/s."""

    stream: ClassVar[StreamPlan] = _plan(
        "heat", "MW.h", {"flow": 1.0, "supply": 1.0, "return": 1.0}, flow_sensor="return"
    )
    points: ClassVar[tuple[str, ...]] = ("flow", "supply", "return")

    def __init__(self, draw: Random) -> None:
        self._draw, self._circuit, self._integral = draw, _Circuit(), Integral()
        self._flow = 0.0

    def show(self, second: int) -> tuple[Value, ...]:
        """Give flow, supply and return."""
        at, circuit = second % _PERIOD, self._circuit
        self._flow = 0.02 + 0.01 * self._draw.random()
        return (self._flow, circuit.supply[at], circuit.back[at])

    def accept(self, second: int) -> None:
        """Integrate the power."""
        self._integral.take(second, self._flow * self._circuit.worth[second % _PERIOD])

    def expected(self) -> Expected:
        """Give MW.h."""
        return Expected(self._integral.total(), self._integral.covered)


class HeatTotal:
    """Heat from a volume counter in litres that wraps at 2^20, half a day's flow."""

    stream: ClassVar[StreamPlan] = _plan(
        "heat", "MW.h", {"flow": 0.001, "supply": 1.0, "return": 1.0}, flow_sensor="return",
        flow_is_total=True, modulus=2**20 / 1000, max_rate=0.04,
    )  # fmt: skip
    points: ClassVar[tuple[str, ...]] = ("flow", "supply", "return")

    def __init__(self, draw: Random) -> None:
        self._draw, self._circuit, self._counted = draw, _Circuit(), Counted()
        self._true = draw.randrange(2**20)
        self._at = 0

    def show(self, second: int) -> tuple[Value, ...]:
        """Give the counter, supply and return."""
        self._true += 18 + int(self._draw.random() * 14)
        at = self._at = second % _PERIOD
        return (self._true % 2**20, self._circuit.supply[at], self._circuit.back[at])

    def accept(self, second: int) -> None:
        """Count what was counted, at its worth."""
        self._counted.take(self._true, self._circuit.worth[second % _PERIOD])

    def wild(self) -> tuple[Value, ...] | None:
        """Give half a register more."""
        wild = (self._true + 2**19) % 2**20
        return (wild, self._circuit.supply[self._at], self._circuit.back[self._at])

    def reset(self) -> bool:
        """Do nothing: what a rise across a reset was worth is not defined."""
        return False

    def expected(self) -> Expected:
        """Give MW.h."""
        return Expected(self._counted.worth() / 1000)


CASES: dict[str, Callable[[Random], Case]] = {
    "rate": Rate,
    "total": Total,
    "batch": Batch,
    "heat": Heat,
    "heat-total": HeatTotal,
    "stock": Stock,
}
