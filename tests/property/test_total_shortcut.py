"""The short way through a totaliser's meter comes to the same as the long one, bit by bit."""

import math
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from adapters.reading import Fault, Value
from agent.measuring.meters.total import TotalMeter
from tests.measuring import BAD, T0, UNSURE, ListBook, S, total_plan

VALUES = st.one_of(
    st.integers(-5, 300),
    st.floats(-5, 300),
    st.sampled_from([0, 255, 256, 65_535, math.nan, math.inf, -math.inf, True, None, "x"]),
)
STEPS = st.sampled_from([-70, -2, 0, 1, 1, 1, 2, 9, 10, 11, 61, 4000])
FAULTS = st.sampled_from([None, None, None, BAD, UNSURE])
CLIMB = st.lists(st.tuples(st.just(1), st.integers(0, 3), st.none()), max_size=8)
READINGS = st.lists(st.tuples(STEPS, VALUES, FAULTS), max_size=25)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_rate": st.sampled_from([0.5, 2.0, 100.0]),
        "modulus": st.sampled_from([256, 65_536]),
    },
)


Rows = list[tuple[int, Value, Fault | None]]


class Longer(TotalMeter):
    """The meter without its short way."""

    def _goes_on(self, *_: Any) -> bool:
        return False


def told(meter: TotalMeter, readings: Rows, back: int) -> tuple[ListBook, list[dict[str, Any]]]:
    book, states, time = ListBook(), [], T0
    for number, (step, value, fault) in enumerate(readings):
        time += step * S
        if number == back:
            meter.set_back(time - 5 * S)
        meter.take(time, [("total", value, fault)], book)
        states.append(meter.snapshot())
    return book, states


RESET: Rows = [(1, 200, None), (1, 201, None), *[(9, 0, None)] * 9]
"""A count that is set back, and is taken to be after a minute."""


@given(CLIMB, READINGS, LIMITS, st.integers(0, 40))
@example([], [(1, 7, None), (1, math.inf, None), (1, 8, None)], {}, 40)
@example([], [(1, 7, None), (1, 9, UNSURE), (1, 11, None), (1, 12, None)], {}, 40)
@example([], [(1, 200, None), (1, 1, None), (61, 2, None), (1, 201, None)], {"max_rate": 2.0}, 40)
@example([], [(1, 7, None), (1, 7.0, None), (1, 8, None)], {}, 40)
@example([], [*RESET, (1, 1, None), (1, 202, None), (1, 203, None)], {}, 40)
@example([], [*RESET, (1, 1, None), (9, 202, None), (1, 203, None)], {"max_rate": 100.0}, 40)
def test_the_short_way_writes_and_keeps_what_the_long_one_does(
    climb: list[tuple[int, Value, None]],
    readings: Rows,
    limits: dict[str, Any],
    back: int,
) -> None:
    plan = total_plan(max_gap=10 * S, **limits)
    rows = [*climb, *readings, *climb]
    short, long = told(TotalMeter(plan), rows, back), told(Longer(plan), rows, back)
    assert repr(vars(short[0])) == repr(vars(long[0]))
    assert repr(short[1]) == repr(long[1])
