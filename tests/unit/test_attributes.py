"""Slow attributes: how a plant file states them, what is said of mistakes, what they count for."""

import json
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from adapters.reading import Value
from agent.cli.group import sidestream
from agent.disclosing.figure import Carry, disclose
from agent.measuring.analyses import analyses
from agent.measuring.localtime import year
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total, counted
from agent.reporting.report import report
from config.course import Course, always
from config.load import load_plant
from config.plan import Composition, MeterPlan, PlantPlan, StreamPlan
from tests.measuring import (
    DAY,
    MIN,
    T0,
    S,
    batch_plan,
    block,
    rate_plan,
    stream,
    total_plan,
    windows,
)
from tests.plants import plan
from tests.unit.test_load_plant import BASE, SOURCE, meter, only
from tests.unit.test_load_plant import stream as loaded

OSLO = ZoneInfo("Europe/Oslo")
NEW_YEAR = 1_767_222_000 * S
"""2026-01-01 in Oslo."""
SUMMER = 1_781_474_400 * S
"""2026-06-15 in Oslo, in summer time."""
DATED = """[{ from = "2026-01-01", value = "1.8 t/m3" },
  { from = "2026-06-15", value = "1720 kg/m3" }]"""


def in_oslo(folder: Path, text: str) -> StreamPlan:
    path = folder / "plant.toml"
    path.write_text(f'{BASE}timezone = "Europe/Oslo"\n{SOURCE}[streams.s]\n{text}')
    return load_plant(path, {}).streams[0]


def problem(folder: Path, text: str) -> tuple[str, str, str, str]:
    found = only(folder, f"{BASE}{SOURCE}[streams.s]\n{text}")
    return found.key, found.found, found.accepted, found.hint


def test_days_are_those_of_the_plants_time_zone(tmp_path: Path) -> None:
    text = f'material = "10 09 03"\nmeter = {{ total = "belt.volume", density = {DATED} }}'
    assert in_oslo(tmp_path, text).meter.exchange == Course((NEW_YEAR, SUMMER), (1.8, 1.72))


def test_moisture_and_composition_are_stated_plainly_or_by_their_days(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """
material = "10 09 03"
meter = { total = "belt.total" }
moisture = "12.5 %"
basis = "dry"
analysis_age = "180 d"
composition = [{ from = "2026-01-01", of = "dry", shares = { CaO = "41 %", SiO2 = "33 %" } }]
""",
    )
    assert (found.basis, found.meter.moisture) == ("dry", always(0.125))
    assert found.analysis_age == 180 * DAY
    assert found.composition is not None
    assert found.composition.values == (Composition("dry", {"CaO": 0.41, "SiO2": 0.33}),)


@pytest.mark.parametrize(
    ("limit", "accepted"),
    [('max_rate = "60 t/h"', "m3/h"), ('modulus = "9 t"', "m3")],
)
def test_limits_of_a_counter_do_not_change_with_its_density(
    tmp_path: Path, limit: str, accepted: str
) -> None:
    text = f'material = "10 09 03"\nmeter = {{ total = "belt.volume", density = {DATED}, {limit} }}'
    _, _, wanted, hint = problem(tmp_path, text)
    assert accepted in wanted
    assert "density changes" in hint
    fitting = text.replace("60 t/h", "36 m3/h").replace("9 t", "9 m3")
    found = loaded(tmp_path, fitting).meter
    assert (found.max_rate or 0.01) == pytest.approx(0.01)
    assert (found.modulus or 9.0) == 9.0


MASS = 'material = "10 09 03"\nmeter = { total = "belt.total" }\n'


@pytest.mark.parametrize(
    ("text", "key", "found", "accepted"),
    [
        (MASS + 'basis = "dry"', "moisture", "missing", "share of water"),
        (MASS + 'moisture = "100 %"', "moisture", '"100 %"', "below 100 %"),
        (MASS + 'moisture = "a lot"', "moisture", '"a lot"', "0 % to 100 %"),
        (MASS + 'moisture = [{ from = "15.6.2026", value = "1 %" }]', "moisture[0].from",
         '"15.6.2026"', ""),
        (MASS + 'moisture = [{ from = "2026-02-30", value = "1 %" }]', "moisture[0].from",
         '"2026-02-30"', "day of the calendar"),
        (MASS + 'moisture = [{ from = "2026-02-01", value = "1 %" }, '
         '{ from = "2026-02-01", value = "2 %" }]', "moisture[1].from", '"2026-02-01"', "after"),
        (MASS + 'moisture = [{ form = "2026-02-01", from = "2026-02-01", value = "1 %" }]',
         "moisture[0].form", "unknown key", "from, value"),
        (MASS + "moisture = []", "moisture", "a list", "a list of them with their days"),
        (MASS + 'composition = { of = "dry", shares = { CaO = "1 %" } }', "composition.of",
         '"dry"', '"wet"'),
        (MASS + 'basis = "dry"\nmoisture = "1 %"\n'
         'composition = [{ from = "2026-01-01", of = "wet", shares = { CaO = "1 %" } }]',
         "composition[0].of", '"wet"', '"dry"'),
        (MASS + 'composition = { of = "wet", shares = { a = "60 %", b = "41 %" } }',
         "composition.shares", "", "at most 100 %"),
        ('material = "10 09 03"\nmeter = { total = "belt.volume" }\nmoisture = "1 %"', "moisture",
         "a stream in m3", "a mass"),
    ],
)  # fmt: skip
def test_an_attribute_that_does_not_fit_is_named(
    tmp_path: Path, text: str, key: str, found: str, accepted: str
) -> None:
    where, what, wanted, _ = problem(tmp_path, text)
    assert where == f"streams.s.{key}"
    assert found in what
    assert accepted in wanted


def test_a_density_in_the_wrong_unit_is_told_with_its_entry(tmp_path: Path) -> None:
    text = DATED.replace("1720 kg/m3", "1720 kg")
    whole = f'material = "10 09 03"\nmeter = {{ total = "belt.volume", density = {text} }}'
    assert problem(tmp_path, whole)[:2] == ("streams.s.meter.density[1].value", '"1720 kg"')


def test_a_plain_density_stays_as_it_was(tmp_path: Path) -> None:
    assert meter(tmp_path, 'total = "belt.volume", density = "1.8 t/m3"').exchange == always(1.8)


# What they count for.


def wet(index: int = 0, **change: object) -> Total:
    plain = Total("slag", T0 + index * MIN, T0 + (index + 1) * MIN, 10.0, "t", 1.0, 0.0, None,
                  (), {}, dry=8.0)  # fmt: skip
    return replace(plain, **change)  # type: ignore[arg-type]


def test_dry_is_what_a_total_is_without_its_water() -> None:
    found = counted(wet(uncertainty=0.5), "dry")
    assert (found.quantity, found.coverage, found.uncertainty) == (8.0, 1.0, 0.4)
    assert counted(wet(), "wet") == wet()


def test_where_the_dry_mass_is_not_known_it_is_missing_and_no_zero() -> None:
    found = counted(wet(dry=None, spread=0.5, uncertain=0.5), "dry")
    assert (found.quantity, found.coverage, found.uncertain, found.spread) == (0.0, 0.0, 0.0, 0.0)


def shared(kind: MeterPlan, **change: object) -> StreamPlan:
    found = StreamPlan("slag", "material", "t", kind, code="10 09 03", share="cluster")
    return replace(found, **change)  # type: ignore[arg-type]


def test_a_figure_counts_the_streams_basis() -> None:
    held = {"slag": [wet(index) for index in range(4)]}
    for basis, quantity in (("wet", 40.0), ("dry", 32.0)):
        (figure,) = disclose([shared(total_plan(), basis=basis)], held, 4).figures
        assert figure.quantity == quantity


def test_batches_that_wait_as_wet_mass_never_join_dry_ones() -> None:
    held = {"slag": [wet(index, tickets=1) for index in range(4)]}
    scale = shared(batch_plan(), min_tickets=3)
    before = {"slag": Carry(("material", "10 09 03", "", "surplus", "t"), 100.0, 2)}
    (joined,) = disclose([scale], held, 4, before).figures
    assert joined.quantity == 140.0
    (alone,) = disclose([replace(scale, basis="dry")], held, 4, before).figures
    assert alone.quantity == 32.0


@pytest.mark.parametrize("kind", ["total", "rate", "batch"])
def test_an_analysis_that_is_added_to_the_file_changes_nothing_that_was_counted(kind: str) -> None:
    """A density becomes dated over a restart: the old counts keep it, the meter goes on."""

    def meter_of(course: Course[float]) -> MeterPlan:
        plans = {"total": total_plan, "rate": rate_plan, "batch": batch_plan}
        return plans[kind](measures="m3", exchange=course, max_gap=400 * S)

    def shown(at: int) -> dict[str, Value]:
        if kind == "batch":
            return {"weight": 10.0, "ticket": 1 + at}
        return {kind: 10.0 * at if kind == "total" else 10.0}

    span = windows(15 * MIN)
    first = Pipeline([stream(meter_of(always(2.0)))], span)
    for at in range(4):
        first.take(block(T0 + at * MIN, shown(at)))
    dated = Course((0, T0 + 6 * MIN), (2.0, 1.0))
    state = json.loads(json.dumps(first.snapshot()))
    second = Pipeline([stream(meter_of(dated))], span, state)
    for at in range(3, 12):
        second.take(block(T0 + at * MIN, shown(at)))
    assert not [one for one in second.drain_events() if one.kind == "meter-changed"]
    whole = Pipeline([stream(meter_of(dated))], span)
    for at in range(12):
        whole.take(block(T0 + at * MIN, shown(at)))
    assert second.open_windows() == whole.open_windows()


def test_moisture_stated_in_the_middle_of_a_window_holds_for_the_whole_of_it() -> None:
    span = windows(15 * MIN)
    first = Pipeline([stream(total_plan(max_gap=400 * S))], span)
    first.take(block(T0, {"total": 0.0}))
    first.take(block(T0 + 5 * MIN, {"total": 60.0}))
    plan = stream(total_plan(max_gap=400 * S, moisture=always(0.25)))
    second = Pipeline([plan], span, first.snapshot())
    second.take(block(T0 + 10 * MIN, {"total": 100.0}))
    (held,) = second.open_windows()
    assert (held.quantity, held.dry) == (100.0, 75.0)


def test_a_rise_that_is_spread_over_a_change_of_density_says_so() -> None:
    density = Course((0, T0 + 5 * MIN), (1.0, 2.0))
    pipeline = Pipeline(
        [stream(total_plan(max_gap=MIN, measures="m3", exchange=density))], windows(15 * MIN)
    )
    pipeline.take(block(T0, {"total": 0.0}))
    pipeline.take(block(T0 + 10 * MIN, {"total": 10.0}))
    (held,) = pipeline.open_windows()
    assert (held.quantity, held.marks) == (15.0, ("spread",))


def test_a_cross_check_goes_through_the_same_density() -> None:
    density = Course((0, T0 + 5 * MIN), (1.0, 10.0))
    check = replace(total_plan().inputs["total"], role="check", point="rate")
    meter_plan = total_plan(max_gap=2 * MIN, measures="m3", exchange=density, more={"check": check})
    pipeline = Pipeline([stream(meter_plan)], windows(15 * MIN))
    for at in range(17):
        pipeline.take(block(T0 + at * MIN, {"total": 60.0 * at, "rate": 1.0}))
    (held,) = pipeline.close(T0 + 20 * MIN)
    assert held.quantity == pytest.approx(300 + 6000)
    assert held.marks == ()


# Report and check.


def analysed() -> PlantPlan:
    slag, dust = plan().streams
    course = Course(
        (NEW_YEAR, SUMMER),
        (Composition("dry", {"CaO": 0.5, "Fe": 0.1}), Composition("wet", {"CaO": 0.25})),
    )
    return replace(plan(), streams=(replace(slag, composition=course), dust))


def test_a_report_tells_dry_mass_and_components_by_the_analysis_of_each_window() -> None:
    held = [
        replace(wet(), start=at, end=at + MIN, stream="slag") for at in (NEW_YEAR, SUMMER, SUMMER)
    ]
    (line, other) = report(analysed(), year(2026, OSLO), held, SUMMER + DAY).lines
    assert (line.whole.quantity, line.whole.dry, line.what.basis) == (30.0, 24.0, "wet")
    assert {one.name: one.quantity for one in line.components} == pytest.approx(
        {"CaO": 0.5 * 8 + 0.25 * 20, "Fe": 0.8}
    )
    assert (other.components, other.whole.dry) == ((), None)


def test_a_report_never_adds_wet_and_dry_mass() -> None:
    slag, dust = plan().streams
    both = replace(
        plan(), streams=(replace(slag, status="waste", basis="dry"), replace(dust, status="waste"))
    )
    held = [wet(), wet(stream="dust")]
    found = report(both, year(2024, OSLO), held, T0 + DAY)
    assert [(one.basis, one.quantity) for one in found.groups if one.by == "status"] == [
        ("dry", 8.0), ("wet", 10.0),
    ]  # fmt: skip


def test_check_says_what_is_valid_now_and_what_is_old(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    dated = DATED.replace("2026-01-01", "2020-01-01").replace("2026-06-15", "2021-06-15")
    path.write_text(
        f'{BASE}{SOURCE}[streams.s]\nmaterial = "10 09 03"\nanalysis_age = "90 d"\n'
        f'meter = {{ total = "belt.volume", density = {dated} }}\nmoisture = "10 %"'
    )
    result = CliRunner().invoke(sidestream, ["check", str(path)])
    assert "1.72 t/m3" in result.output
    assert "old" in result.output
    result = CliRunner().invoke(sidestream, ["check", str(path), "--json"])
    (row,) = json.loads(result.output)["streams"]
    assert row["analyses"] == [
        {"what": "density", "value": "1.72 t/m3", "since": "2021-06-15", "until": None,
         "old": True},
        {"what": "moisture", "value": "10 %", "since": None, "until": None, "old": False},
    ]  # fmt: skip


def test_the_next_value_is_told_with_its_day_and_a_density_as_it_was_written() -> None:
    exchange = Course((NEW_YEAR, SUMMER), (0.5, 0.8))
    of_volume = replace(stream(total_plan(exchange=exchange)), unit="m3", analysis_age=DAY)
    (found,) = analyses(of_volume, OSLO, NEW_YEAR - 1)
    assert (found.value, found.since, found.until, found.old) == (
        "2 t/m3", "2026-01-01", "2026-06-15", False,
    )  # fmt: skip
