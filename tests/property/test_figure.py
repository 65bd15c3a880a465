"""Properties of the disclosure policy over any totals."""

import math

from hypothesis import given
from hypothesis import strategies as st

from agent.disclosing.figure import disclose, significant
from agent.measuring.total import Total
from config.plan import InputPlan, MeterPlan, StreamPlan

METER = MeterPlan("total", {"total": InputPlan("total", "belt", "total")}, max_gap=3)
finite = st.floats(-1e12, 1e12, allow_subnormal=False)
shares = st.floats(0, 1)


@st.composite
def plants(draw: st.DrawFn) -> tuple[list[StreamPlan], dict[str, list[Total]]]:
    streams, totals = [], {}
    for number in range(draw(st.integers(1, 6))):
        name = f"s{number}"
        streams.append(
            StreamPlan(
                name,
                "material",
                "t",
                METER,
                code=draw(st.sampled_from(["10 09 03", "10 09 05", "19 01 13*"])),
                share=draw(st.sampled_from(["off", "cluster"])),
                never_publish=draw(st.booleans()),
                code_digits=draw(st.sampled_from([2, 4, 6])),
                significant=draw(st.integers(1, 6)),
                coverage_floor=draw(shares),
            )
        )
        totals[name] = [
            Total(name, i, i + 1, draw(finite), "t", draw(shares), 0.0, None, (), {})
            for i in range(draw(st.integers(0, 4)))
        ]
    return streams, totals


@given(finite, st.integers(1, 12))
def test_rounding_is_off_by_at_most_half_a_unit_of_the_last_figure(x: float, digits: int) -> None:
    bound = 0.5 * 10.0 ** (math.floor(math.log10(abs(x))) - digits + 1) if x else 0.0
    assert abs(significant(x, digits) - x) <= bound * (1 + 1e-9)


@given(plants())
def test_only_streams_that_consent_and_are_not_secret_contribute(
    plant: tuple[list[StreamPlan], dict[str, list[Total]]],
) -> None:
    streams, totals = plant
    open_streams = [s for s in streams if s.share == "cluster" and not s.never_publish]
    everything = disclose(streams, totals, 4).figures
    assert everything == disclose(open_streams, totals, 4).figures


@given(plants())
def test_figures_add_up_to_what_consented_within_rounding(
    plant: tuple[list[StreamPlan], dict[str, list[Total]]],
) -> None:
    streams, totals = plant
    expected: dict[str, list[float]] = {}
    for stream in streams:
        covered = math.fsum(total.coverage for total in totals[stream.name]) / 4
        stays = stream.share == "off" or stream.never_publish or not totals[stream.name]
        if stays or min(1.0, covered) < stream.coverage_floor:
            continue
        code = " ".join((stream.code or "").split()[: stream.code_digits // 2])
        code = code if stream.code_digits == 6 else code.rstrip("*")
        expected.setdefault(code, []).extend(t.quantity for t in totals[stream.name])
    figures = disclose(streams, totals, 4).figures
    assert {figure.code for figure in figures} == set(expected)
    for figure in figures:
        truth = math.fsum(expected[figure.code or ""])
        assert abs(figure.quantity - truth) <= 0.5 * abs(truth) + 1e-3
