"""Properties of consent and security classes: what wins, over all settings."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.disclosing.figure import STEPS, disclose
from agent.disclosing.magnitude import HYSTERESIS, held, level_of, magnitudes
from agent.disclosing.policy import Policy, barred_by, policy, reaches
from agent.disclosing.yearly import Sum, Tally, month, month_start
from agent.measuring.total import Total
from config.course import Course
from config.disclosure import ALWAYS
from config.plan import SHARES, Classification, InputPlan, MeterPlan, Share, StreamPlan
from tests.plants import HOUR, START, plan

METER = MeterPlan("total", {"total": InputPlan("total", "belt", "total")}, max_gap=3)
CODES = ("10 09 03", "10 09 05", "06 10 99", "16 04 01*", "19 01 13*", None)
END = month_start(month(START))
shares = st.sampled_from(SHARES)
codes = st.sampled_from(CODES)


@st.composite
def streams(draw: st.DrawFn, name: str = "slag") -> StreamPlan:
    return StreamPlan(
        name,
        "material",
        "t",
        replace(METER, kind=draw(st.sampled_from(["total", "rate", "batch"]))),
        code=draw(codes),
        share=draw(shares),
        never_publish=draw(st.booleans()),
        code_digits=draw(st.sampled_from([2, 4, 6])),
        significant=draw(st.integers(1, 6)),
        coverage_floor=draw(st.floats(0, 1)),
        min_tickets=draw(st.integers(2, 5)),
    )


def totals(stream: StreamPlan) -> list[Total]:
    return [
        Total(stream.name, i, i + 1, 7.0, "t", 1.0, 0.0, None, (), {}, tickets=4) for i in range(4)
    ]


def tally(stream: StreamPlan) -> Tally:
    first = month_start(month(END) - 12)
    year = Sum(700.0, 365.0 * 24 * HOUR, 100)
    return Tally((), first, {month(first): year})


def leaves(stream: StreamPlan, rules: Policy) -> tuple[bool, bool]:
    """Tell whether a figure leaves, and whether a magnitude does."""
    figures = disclose([stream], {stream.name: totals(stream)}, 4, rules=rules).figures
    orders = magnitudes([stream], {stream.name: tally(stream)}, END, rules=rules).items
    return bool(figures), bool(orders)


@given(streams(), st.sets(st.sampled_from(["06", "06 10", "10 09 03", "19 01 13"])), st.booleans())
def test_a_stream_leaves_just_as_far_as_its_share_goes_and_never_in_a_security_class(
    stream: StreamPlan, never: set[str], withdrawn: bool
) -> None:
    rules = Policy(tuple({*ALWAYS, *never}), withdrawn={"slag": "withdrawn"} if withdrawn else {})
    secret = stream.never_publish or any(
        (stream.code or "").startswith(part) for part in {*ALWAYS, *never}
    )
    stays = secret or withdrawn
    figure = not stays and stream.share in ("cluster", "partner")
    order = not stays and stream.share != "off"
    assert leaves(stream, rules) == (figure, order)


@given(streams(), st.lists(codes, min_size=1, max_size=3))
def test_a_code_that_is_barred_bars_its_stream_before_and_after_a_change_too(
    stream: StreamPlan, past: list[str | None]
) -> None:
    told = [Classification(code, None, None, None, "surplus") for code in [*past, stream.code]]
    stream = replace(stream, series=Course(tuple(range(len(told))), tuple(told)))
    rules = policy(replace(plan(), streams=(stream,), never_codes=("06 10", "16 04")))
    ever = any(code in ("06 10 99", "16 04 01*") for code in [*past, stream.code])
    now = replace(stream, code="10 09 03", never_publish=False, share="cluster")
    assert leaves(now, rules) == (not ever, not ever)


@given(shares, shares)
def test_levels_nest(share: Share, level: Share) -> None:
    order = {name: at for at, name in enumerate(SHARES)}
    expected = share != "off" and order[share] >= order[level]
    assert reaches(share, level) == expected


@given(streams())
def test_steps_come_in_the_order_of_the_policy_and_end_where_one_stops(stream: StreamPlan) -> None:
    steps = disclose([stream], {stream.name: totals(stream)}, 4, rules=Policy(ALWAYS)).steps
    places = [STEPS.index(step.name) for step in steps]
    assert places == sorted(set(places))
    assert [step.stopped for step in steps[:-1]] == [False] * (len(steps) - 1)
    assert places[:1] == [0]


@given(st.sampled_from([code for code in CODES if code]), st.integers(1, 3))
def test_a_code_is_barred_by_each_of_its_beginnings_and_by_no_other(code: str, parts: int) -> None:
    beginning = " ".join(code.rstrip("*").split()[:parts])
    assert barred_by(code, [beginning])
    assert not barred_by(code, [f"20{beginning[2:]}", beginning + " 77"])


near = st.builds(lambda power, at: 10.0**power * at, st.integers(0, 9), st.floats(0.92, 1.08))


@given(
    st.one_of(near, st.floats(0, 1e12)),
    st.integers(0, 10),
    st.lists(st.floats(-0.09, 0.09), max_size=12),
)
def test_noise_of_nine_percent_never_makes_a_magnitude_flip_back_and_forth(
    quantity: float, before: int, noise: list[float]
) -> None:
    level = held(quantity, before)
    seen = [level]
    for share in noise:
        level = held(quantity * (1 + share), level)
        seen.append(level)
    changes = [pair for pair in pairwise(seen) if pair[0] != pair[1]]
    assert len(changes) <= 1
    assert abs(level - level_of(quantity)) <= 1
    if level != level_of(quantity):
        border = 10.0 ** min(level, level_of(quantity))
        assert border / (HYSTERESIS * 1.1) <= quantity <= border * HYSTERESIS * 1.1
