"""The disclosure policy: what a stream's totals become, and what stops them."""

from dataclasses import replace

import pytest

from agent.disclosing.figure import STEPS, Carry, Disclosure, disclose, significant
from agent.disclosing.policy import generalise
from agent.measuring.total import Total
from config.plan import InputPlan, MeterPlan, StreamPlan

METER = MeterPlan("total", {"total": InputPlan("total", "belt", "total")}, max_gap=3)
SLAG = StreamPlan("slag", "material", "t", METER, code="10 09 03", share="cluster")


def total(stream: str = "slag", index: int = 0, **change: object) -> Total:
    plain = Total(stream, index, index + 1, 10.0, "t", 1.0, 0.0, None, (), {})
    return replace(plain, **change)  # type: ignore[arg-type]


def disclosed(*streams: StreamPlan, **totals: list[Total]) -> Disclosure:
    return disclose(streams, totals, 4)


def four(stream: str = "slag", **change: object) -> list[Total]:
    return [total(stream, index, **change) for index in range(4)]


def test_a_stream_leaves_nothing_unless_it_says_so() -> None:
    result = disclosed(replace(SLAG, share="off"), slag=four())
    assert result.figures == ()
    assert [(step.name, step.stopped) for step in result.steps] == [("consent", True)]


def test_a_stream_is_off_when_nothing_is_said() -> None:
    assert StreamPlan("s", "material", "t", METER).share == "off"


def test_never_publish_wins_over_share() -> None:
    result = disclosed(replace(SLAG, never_publish=True), slag=four())
    assert result.figures == ()
    assert result.steps[-1].name == "security-class"
    assert result.steps[-1].stopped


def test_a_release_window_is_the_sum_of_its_windows() -> None:
    [figure] = disclosed(SLAG, slag=four(quantity=0.1)).figures
    assert figure.quantity == pytest.approx(0.4)
    assert figure.coverage == 1.0


def test_a_missing_window_is_missing_coverage_and_not_zero_coverage_of_the_rest() -> None:
    [figure] = disclosed(SLAG, slag=four()[:3]).figures
    assert figure.coverage == 0.75


def test_a_figure_below_its_coverage_floor_does_not_leave() -> None:
    result = disclosed(SLAG, slag=four(coverage=0.4))
    assert result.figures == ()
    assert result.steps[-1].outcome == "40% covered, 50% needed"


def test_a_stream_without_totals_gives_no_figure_even_without_a_floor() -> None:
    assert disclosed(replace(SLAG, coverage_floor=0.0)).figures == ()


def test_a_code_is_generalised_as_far_as_the_stream_says() -> None:
    codes = {
        digits: disclosed(replace(SLAG, code_digits=digits), slag=four()).figures[0].code
        for digits in (6, 4, 2)
    }
    assert codes == {6: "10 09 03", 4: "10 09", 2: "10"}


def test_a_streams_steps_are_named_in_the_order_of_the_policy() -> None:
    places = [STEPS.index(step.name) for step in disclosed(SLAG, slag=four()).steps]
    assert places == sorted(places)
    assert {STEPS[place] for place in places} == set(STEPS) - {"tickets", "merge"}


def test_the_asterisk_of_a_hazardous_code_goes_with_its_last_digits() -> None:
    assert generalise("19 01 13*", 6) == "19 01 13*"
    assert generalise("19 01 13*", 4) == "19 01"


def test_streams_that_read_alike_leave_as_one_figure_so_that_their_number_stays_inside() -> None:
    dust = replace(SLAG, name="dust", significant=2)
    result = disclosed(SLAG, dust, slag=four(quantity=1.111), dust=four("dust", quantity=2.222))
    [figure] = result.figures
    assert figure.quantity == 13.0
    assert "merge" in {step.name for step in result.steps}


def test_the_band_of_a_release_window_is_that_of_its_largest_share() -> None:
    heat = replace(SLAG, kind="heat", unit="MW.h", code=None)
    bands = [total(band="40-60", quantity=1.0), total(index=1, band="60-90", quantity=5.0)]
    [figure] = disclosed(heat, slag=bands).figures
    assert figure.band == "60-90"


def test_marks_of_every_window_stay_with_the_figure() -> None:
    marked = [total(marks=("spread",)), *[total(index=i, marks=("reset",)) for i in (1, 2, 3)]]
    [figure] = disclosed(SLAG, slag=marked).figures
    assert figure.marks == ("reset", "spread")


def test_what_leaves_names_no_stream_and_no_point() -> None:
    [figure] = disclosed(SLAG, slag=four()).figures
    assert set(figure.content()) == {
        "kind", "code", "direction", "unit", "quantity", "coverage", "uncertain", "marks",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [(0.0, 3, 0.0), (123456.0, 3, 123000.0), (-0.0012345, 2, -0.0012), (9.999, 2, 10.0)],
)
def test_rounding_keeps_significant_figures(value: float, digits: int, expected: float) -> None:
    assert significant(value, digits) == expected


BATCHES = replace(SLAG, meter=replace(METER, kind="batch"))


def test_fewer_batches_than_needed_do_not_leave_but_wait_for_the_next_window() -> None:
    first = disclosed(BATCHES, slag=[*four(quantity=1.0, tickets=0)[:3], total(tickets=2)])
    assert first.figures == ()
    assert first.steps[-1].name == "tickets"
    assert first.steps[-1].stopped
    assert first.steps[-1].outcome == "2 of at least 3: carried to the next release window"
    [figure] = disclose([BATCHES], {"slag": [total(tickets=1)] * 4}, 4, first.carried).figures
    assert figure.quantity == 53.0
    assert figure.marks == ("spread",)


def test_batches_of_a_window_that_was_hardly_observed_wait_too() -> None:
    first = disclosed(BATCHES, slag=four(tickets=1, coverage=0.1))
    assert first.figures == ()
    assert first.carried["slag"].tickets == 4
    second = disclose([BATCHES], {"slag": four(tickets=0, quantity=0.0)}, 4, first.carried)
    assert [figure.quantity for figure in second.figures] == [40.0]
    assert second.carried == {}


def test_what_waits_is_dropped_when_consent_is_withdrawn() -> None:
    waiting = {"slag": Carry(("material", "10 09 03", "", "surplus", "t"), 5.0, 2)}
    off = replace(BATCHES, share="off")
    assert disclose([off], {"slag": four(tickets=1)}, 4, waiting).carried == {}


def test_what_waits_under_another_code_is_left_behind_and_named() -> None:
    waiting = {"slag": Carry(("material", "10 09 05", "", "surplus", "t"), 5.0, 2)}
    result = disclose([BATCHES], {"slag": four(tickets=1)}, 4, waiting)
    assert result.figures[0].quantity == 40.0
    assert "2 carried as material 10 09 05 surplus t: left behind" in [
        step.outcome for step in result.steps
    ]


def test_marks_that_are_for_the_plant_alone_do_not_leave() -> None:
    [figure] = disclosed(SLAG, slag=four(marks=("corrected", "reset"))).figures
    assert figure.marks == ("reset",)
