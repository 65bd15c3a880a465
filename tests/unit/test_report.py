"""The report: what is summed with what, how it is told, and what it says of what is missing."""

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from adapters.errors import PermanentError
from agent.cli import sheetfile, sidestream
from agent.lines import Line, treatment_class
from agent.localtime import year
from agent.outbox import Outbox
from agent.report import Report, report
from agent.sheets import Sheet, sheets
from agent.tables import Commit
from agent.total import Total
from config.plan import CodeList, PlantPlan
from tests.plants import HOUR, MINUTE, START, plan

QUARTER = 15 * MINUTE
OSLO = ZoneInfo("Europe/Oslo")
PLANT = """
[plant]
name = "Kvina works"
owner = "Example Metals AS"
timezone = "Europe/Oslo"
[sources.belt]
protocol = "modbus-tcp"
host = "127.0.0.1"
[sources.belt.points]
total = { register = 40001, type = "uint32", unit = "kg" }
[streams.slag]
material = "10 09 03"
ns9431 = "1605"
status = "by-product"
treatment = "R5"
firm = "2 t/h"
meter = { total = "belt.total" }
[state]
directory = "state"
"""


def total(
    at: int, quantity: float, stream: str = "slag", coverage: float = 1.0, **more: object
) -> Total:
    start = START + at * QUARTER
    found = Total(stream, start, start + QUARTER, quantity, "t", coverage, 0.0, None, (), {})
    return replace(found, **more)  # type: ignore[arg-type]


def classified() -> PlantPlan:
    """Give a plant whose two streams have something in common."""
    slag, dust = plan().streams
    return replace(
        plan(),
        streams=(
            replace(slag, treatment="R5", status="by-product", ns9431="1605"),
            replace(dust, treatment="R1", status="by-product"),
        ),
    )


def made(held: list[Total], until: int = 2**62, of: PlantPlan | None = None) -> Report:
    return report(of or classified(), year(2026, OSLO), held, until)


def line(found: Report, stream: str = "slag") -> Line:
    return next(one for one in found.lines if one.what.stream == stream)


def test_what_was_not_measured_is_no_zero() -> None:
    found = line(made([total(0, 0.0, coverage=0.0)], START + HOUR))
    assert found.whole.quantity is None
    assert found.whole.windows == 1
    assert found.parts[2].coverage == 0.0
    assert found.parts[3].coverage is None


def test_small_quantities_are_not_lost_among_large_ones() -> None:
    held = [total(at, quantity) for at, quantity in enumerate((1e16, 1.0, -1e16))]
    assert line(made(held)).whole.quantity == 1.0


def test_a_measured_standstill_is_a_zero() -> None:
    assert line(made([total(0, 0.0)])).whole.quantity == 0.0


def test_coverage_is_the_share_of_the_period_so_far() -> None:
    march = year(2026, OSLO).parts[2]
    until = march.start + 10 * HOUR
    held = [
        replace(total(0, 1.0, uncertain=0.5), start=start, end=start + QUARTER)
        for start in range(march.start, march.start + 5 * HOUR, QUARTER)
    ]
    part = line(made(held, until)).parts[2]
    assert (part.coverage, part.uncertain, part.quantity) == (0.5, 0.25, 20.0)


def test_marks_are_told_with_the_windows_that_carry_them() -> None:
    held = [
        total(0, 1.0, marks=("reset", "spread")), total(1, 1.0, marks=("spread",)), total(2, 1.0),
    ]  # fmt: skip
    assert line(made(held)).whole.marks == {"reset": 1, "spread": 2}


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        (["R1"], "energy recovery"),
        ([f"R{n}" for n in range(2, 12)], "material recovery"),
        (["R12", "R13", *(f"D{n}" for n in range(1, 16))], "other"),
        ([None], None),
    ],
)
def test_a_treatment_has_the_class_of_the_waste_framework_directive(
    codes: list[str | None], wanted: str | None
) -> None:
    assert {treatment_class(code) for code in codes} == {wanted}


def test_streams_are_added_up_by_what_they_have_in_common() -> None:
    found = made([total(0, 1.0), total(0, 2.0, "dust", 0.5)], START + QUARTER)
    sums = {(group.by, group.value): group.quantity for group in found.groups}
    assert sums["status", "by-product"] == 3.0
    assert sums["treatment class", "material recovery"] == 1.0
    assert sums["treatment class", "energy recovery"] == 2.0
    assert sums["ns9431", "1605"] == 1.0
    assert sums["ns9431", "not stated"] == 2.0
    assert sums["code", "10 09 10"] == 2.0
    status = next(group for group in found.groups if group.by == "status")
    assert status.coverage == line(found, "dust").whole.coverage


def test_surplus_and_need_are_never_added() -> None:
    slag, dust = classified().streams
    both = replace(classified(), streams=(slag, replace(dust, direction="need")))
    found = made([total(0, 1.0), total(0, 2.0, "dust")], of=both)
    held = [(one.direction, one.quantity) for one in found.groups if one.by == "status"]
    assert held == [("need", 2.0), ("surplus", 1.0)]


def test_units_of_one_stream_are_never_added() -> None:
    found = made([total(0, 1.0), total(1, 5.0, unit="m3")])
    slag = [one for one in found.lines if one.what.stream == "slag"]
    assert [(one.what.unit, one.whole.quantity) for one in slag] == [("t", 1.0), ("m3", 5.0)]


def test_a_stream_that_left_the_plant_file_is_reported_by_its_name() -> None:
    found = line(made([total(0, 4.0, "gone")]), "gone")
    assert (found.whole.quantity, found.what.code, found.what.kind) == (4.0, None, "not stated")


def test_continuity_tells_the_share_of_hours_at_the_firm_level() -> None:
    slag, dust = classified().streams
    firm = replace(classified(), streams=(replace(slag, firm=2 / 3600), dust))
    held = [total(at, [0.25, 0.5, 1.0, 2.0][at // 4]) for at in range(16)]
    (month,) = line(made(held, of=firm)).continuity
    assert (month.name, month.hours, month.firm) == ("2026-03", 4, 2.0)
    assert (month.firm_share, month.p50) == (0.75, 3.0)
    assert [month.p10, month.p90] == pytest.approx([1.3, 6.8])


def test_without_a_firm_level_it_is_what_nine_hours_in_ten_of_the_report_reached() -> None:
    held = [total(at, float(at // 4)) for at in range(44)]
    (month,) = line(made(held)).continuity
    assert (month.firm, month.firm_share) == (4.0, 10 / 11)


def test_an_hour_counts_when_half_of_it_was_observed_and_as_a_whole_hour() -> None:
    held = [total(0, 1.0), total(1, 1.0), total(4, 1.0), *(total(at, 1.0) for at in range(8, 12))]
    (month,) = line(made(held)).continuity
    assert (month.hours, month.p10, month.p90) == (2, 4.0, 4.0)


def test_windows_longer_than_an_hour_say_nothing_of_hours() -> None:
    assert line(made([total(0, 1.0, end=START + 2 * HOUR)])).continuity == ()


def test_a_code_has_its_title_from_the_plants_list_whose_version_is_told() -> None:
    codes = CodeList("low.csv", "7", {"10 09 03": "Furnace slag"})
    found = made([], of=replace(classified(), codes=codes))
    assert (line(found).what.title, line(found, "dust").what.title) == ("Furnace slag", None)
    assert ("code list", "low.csv, version 7") in sheets(found)[-1].rows


def test_a_workbook_has_every_table_and_texts_are_no_formulas() -> None:
    tables = (*sheets(made([total(0, 1.5)])), Sheet("Odd", ("a",), (("=1+1",),)))
    book = load_workbook(io.BytesIO(sheetfile.workbook(tables)))
    assert book.sheetnames == [
        "Streams", "Waste", "Parts", "Periods", "Heat", "Stocks", "Groups", "Continuity", "About",
        "Odd",
    ]  # fmt: skip
    assert book["Streams"]["J2"].value == 1.5
    assert book["Parts"]["E2"].value == 1.5
    assert (book["Odd"]["A2"].value, book["Odd"]["A2"].data_type) == ("=1+1", "s")


def test_a_workbook_without_its_library_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(PermanentError) as caught:
        sheetfile.workbook(())
    assert "sidestream[report]" in caught.value.mend


@pytest.fixture
def plant_file(tmp_path: Path) -> Path:
    path = tmp_path / "plant.toml"
    path.write_text(PLANT)
    with Outbox.open(tmp_path / "state", START) as outbox:
        held = [total(at, 0.125) for at in range(96)]
        outbox.commit(Commit(totals=held), START)
    return path


def called(*arguments: str) -> str:
    result = CliRunner().invoke(sidestream, ["report", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_table_tells_streams_periods_groups_and_continuity(plant_file: Path) -> None:
    text = called(str(plant_file), "--year", "2026")
    for words in ("Kvina works: 2026", "12 t", "material recovery", "2 t/h", "2026-03"):
        assert words in text


def test_csv_has_a_row_for_each_stream_and_day_with_exact_numbers(plant_file: Path) -> None:
    rows = list(
        csv.DictReader(io.StringIO(called(
            str(plant_file), "--year", "2026", "--month", "3", "--format", "csv"
        )))
    )  # fmt: skip
    assert len(rows) == 31
    assert [row["quantity"] for row in rows[:3]] == ["11.5", "0.5", ""]
    assert rows[0]["treatment class"] == "material recovery"
    assert rows[0]["windows"] == "92"


def test_json_names_the_spans_in_utc(plant_file: Path) -> None:
    document = json.loads(called(str(plant_file), "--year", "2026", "--format", "json"))
    assert document["whole"]["start"] == "2025-12-31T23:00:00Z"
    assert document["lines"][0]["whole"]["quantity"] == 12.0
    assert document["lines"][0]["ns9431"] == "1605"


def test_a_report_file_can_be_read_by_its_owner_alone(plant_file: Path) -> None:
    output = plant_file.parent / "2026.xlsx"
    called(str(plant_file), "--year", "2026", "--format", "xlsx", "--output", str(output))
    assert output.stat().st_mode & 0o777 == 0o600
    assert load_workbook(output)["Streams"]["A2"].value == "slag"


def test_a_workbook_is_not_written_to_the_screen(plant_file: Path) -> None:
    arguments = ["report", str(plant_file), "--year", "2026", "--format", "xlsx"]
    result = CliRunner().invoke(sidestream, arguments)
    assert result.exit_code == 2
    assert "--output" in result.output
