"""A record never outgrows the size that loading has allowed for, and so never tells by its size."""

from dataclasses import replace
from typing import get_args

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from agent.disclosing.figure import Figure
from agent.disclosing.magnitude import LEVELS, Ordered
from config.plan import BANDS, Direction, Kind, Unit
from config.sizes import FIGURE, MAGNITUDE, RECORD
from gateway.signing import signed_record
from gateway.wire import FigureUnit, Mark
from tests.plants import HOUR, START, plant_key, sealer

codes = st.sampled_from(["10 09 03", "19 01 13*", "10", None])
marks = st.sets(st.sampled_from(get_args(Mark)))


@st.composite
def figures(draw: st.DrawFn) -> Figure:
    return Figure(
        draw(st.sampled_from(get_args(Kind))),
        draw(codes),
        draw(st.sampled_from([name for _, name in BANDS])),
        draw(st.sampled_from(get_args(Direction))),
        draw(st.sampled_from(get_args(Unit))),
        draw(st.floats(allow_nan=False, allow_infinity=False)),
        round(draw(st.floats(0, 1)), 2),
        round(draw(st.floats(0, 1)), 2),
        tuple(sorted(draw(marks))),
    )


@given(st.lists(figures(), max_size=20), st.integers(0, 20), st.integers(1, 2**53 - 1))
def test_a_record_is_no_larger_than_what_its_streams_were_counted_for(
    found: list[Figure], orders: int, number: int
) -> None:
    one = sealer()
    one = replace(one, uplink=replace(one.uplink, cluster="c" * 63))
    key = ("material", "19 01 13*", "surplus", "MW.h")
    longest = max(range(len(LEVELS)), key=lambda at: len(LEVELS[at]))
    told = [Ordered(key, longest)] * orders
    content = one.content(START, START + HOUR, found, number, told)
    plain = signed_record({**content, "sequence": number}, plant_key().sign)
    assert len(plain) <= RECORD + len(found) * FIGURE + orders * MAGNITUDE


def test_the_longest_figure_is_counted_for() -> None:
    figure = Figure(
        "material", "19 01 13*", ">200", "surplus", "MW.h", -1.2345678901234567e-300, 0.99, 0.99,
        tuple(sorted(get_args(Mark))),
    )  # fmt: skip
    assert len(rfc8785.dumps(figure.content())) + 1 <= FIGURE  # type: ignore[arg-type]
    assert set(get_args(FigureUnit)) == set(get_args(Unit))


@given(st.lists(figures(), max_size=40))
def test_all_records_of_a_plant_have_one_size(found: list[Figure]) -> None:
    one = sealer()
    sizes = {len(one.seal(START, START + HOUR, 1, some).payload) for some in ((), found)}
    assert len(sizes) == 1


def test_a_record_that_would_outgrow_its_size_is_left_empty_and_says_so() -> None:
    figure = Figure("material", "10 09 03", None, "surplus", "t", 1.5, 1.0, 0.0, ())
    made = sealer().seal(START, START + HOUR, 1, [figure] * 40)
    assert '"figures":[]' in made.plain
    [pad] = [step for step in made.steps if step.name == "pad"]
    assert pad.stopped
    assert pad.outcome.endswith("left empty")
