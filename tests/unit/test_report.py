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
from openpyxl.utils import get_column_letter

from adapters.errors import PermanentError
from agent.cli import sheetfile
from agent.cli.group import sidestream
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from agent.measuring.localtime import year
from agent.measuring.total import Total
from agent.reporting.explained import COLUMNS
from agent.reporting.groups import _combined, _whole
from agent.reporting.lines import Line, treatment_class
from agent.reporting.report import Report, report
from agent.reporting.sheets import Sheet, sheets
from config.plan import CodeList, PlantPlan, StreamPlan
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
        "Streams", "Waste", "Parts", "Periods", "Heat", "Stocks", "Groups", "Continuity",
        "Composition", "About", "Odd",
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


def refused(*arguments: str) -> PermanentError:
    result = CliRunner().invoke(sidestream, ["report", *arguments])
    assert isinstance(result.exception, PermanentError), result.output
    return result.exception


def test_a_year_without_totals_says_which_years_have_some(plant_file: Path) -> None:
    error = refused(str(plant_file), "--year", "2024")
    assert "no totals in 2024" in error.what
    assert error.mend.endswith("--year: 2026")


def test_a_month_without_totals_is_told_as_such(plant_file: Path) -> None:
    assert "no totals in 2026-07" in refused(str(plant_file), "--year", "2026", "--month", "7").what


def test_a_plant_that_has_measured_nothing_is_told_how_to_begin(plant_file: Path) -> None:
    with Outbox.open(plant_file.parent / "fresh", START):
        pass
    plant_file.write_text(PLANT.replace('"state"', '"fresh"'))
    mend = refused(str(plant_file), "--year", "2026").mend
    assert "sidestream run" in mend
    assert "sidestream backfill" in mend
    plant_file.write_text(PLANT.replace('"state"', '"never"'))
    assert "no state file yet" in refused(str(plant_file), "--year", "2026").what


def test_a_stream_that_is_not_known_is_told_with_those_that_are(plant_file: Path) -> None:
    error = refused(str(plant_file), "--year", "2026", "--stream", "slagg")
    assert (error.what, error.mend) == ("there is no stream slagg", "choose from: slag")


def test_one_stream_is_reported_alone_even_after_it_left_the_plant_file(plant_file: Path) -> None:
    with Outbox.open(plant_file.parent / "state", START) as outbox:
        outbox.commit(Commit(totals=[total(at, 1.0, "gone") for at in range(4)]), START)
    text = called(
        str(plant_file), "--year", "2026", "--stream", "gone", "--format", "csv",
        "--table", "streams",
    )  # fmt: skip
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["stream"], row["quantity"], row["method"]) == ("gone", "4.0", "not stated")


def test_any_local_days_can_be_reported(plant_file: Path) -> None:
    text = called(
        str(plant_file), "--from", "2026-03-02", "--to", "2026-03-03", "--format", "csv"
    )  # fmt: skip
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["period"], row["quantity"]) == ("2026-03-02", "0.5")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--year", "2026", "--from", "2026-01-01", "--to", "2026-02-01"],
        ["--from", "2026-01-01"],
        ["--from", "2026-01-02", "--to", "2026-01-02"],
        ["--from", "2026-01-01", "--to", "2026-02-01", "--month", "1"],
    ],
)
def test_a_period_that_is_none_is_a_mistake_of_use(plant_file: Path, arguments: list[str]) -> None:
    result = CliRunner().invoke(sidestream, ["report", str(plant_file), *arguments])
    assert result.exit_code == 2


def test_a_report_of_time_that_is_past_is_the_same_whenever_it_is_made() -> None:
    held = [total(at, 0.5) for at in range(9)]
    end = year(2026, OSLO).whole.end
    assert made(held, end) == made(held, end + 77 * HOUR)
    assert sheets(made(held, end))[-1].rows[5] == ("time counted up to", "2026-12-31T23:00:00Z")


def test_the_window_under_way_lowers_no_coverage() -> None:
    march = year(2026, OSLO).parts[2]
    first = replace(total(0, 1.0), start=march.start, end=march.start + QUARTER)
    part = line(made([first], march.start + QUARTER + 14 * MINUTE)).parts[2]
    assert (part.coverage, part.hours_missing) == (1.0, 0.0)


def test_totals_of_a_stream_that_come_in_two_goes_are_refused() -> None:
    with pytest.raises(ValueError, match="slag come in two goes"):
        made([total(0, 1.0), total(0, 1.0, "dust"), total(1, 1.0)])


def test_a_part_of_the_streams_with_an_uncertainty_is_no_uncertainty_of_all() -> None:
    found = made([total(0, 1.0, uncertainty=0.1), total(0, 2.0, "dust")])
    status = next(one for one in found.groups if one.by == "status")
    assert (status.uncertainty, status.measured, status.stating) == (None, 2, 1)
    assert line(found).whole.uncertainty == 0.1
    text = {row[0]: row for row in sheets(found)[0].rows}
    assert text["slag"][11:14] == (0.1, 0.1, "all")
    assert text["dust"][11:14] == (None, None, "none")


def test_windows_from_before_a_class_was_stated_leave_the_year_without_an_uncertainty() -> None:
    found = line(made([total(0, 1.0), total(1, 1.0, uncertainty=0.1)])).whole
    assert (found.stated, found.uncertainty) == ("some", None)


def test_waste_to_declare_has_no_by_products_and_keeps_apart_what_is_declared_apart() -> None:
    slag, dust = classified().streams
    streams = (
        replace(slag, name="slag", status="waste", treatment="D1"),
        replace(slag, name="more", status="waste", treatment="R5"),
        replace(slag, name="sold", status="by-product"),
        replace(slag, name="said nothing", status=None, treatment="R5"),
        replace(dust, name="dust", code="10 09 09*", status="waste", treatment="R5"),
    )
    held = [total(0, 1.0 + at, one.name) for at, one in enumerate(streams)]
    rows = sheets(made(held, of=replace(classified(), streams=streams)))[1].rows
    assert [(row[0], row[2], row[4], row[5], row[8], row[18]) for row in rows] == [
        ("10 09 03", "no", "not stated", "R5", 4.0, "said nothing"),
        ("10 09 03", "no", "waste", "D1", 1.0, "slag"),
        ("10 09 03", "no", "waste", "R5", 2.0, "more"),
        ("10 09 09*", "yes", "waste", "R5", 5.0, "dust"),
    ]
    assert [row[12] for row in rows] == ["totaliser", "totaliser", "totaliser", "rate over time"]


def test_a_stream_whose_unit_changed_does_not_say_how_the_old_one_was_measured() -> None:
    found = made([total(0, 1.0), total(1, 5.0, unit="m3")])
    slag = [one.what for one in found.lines if one.what.stream == "slag"]
    assert [(one.unit, one.method, one.points) for one in slag] == [
        ("t", "totaliser", ("belt.total",)), ("m3", "not stated", ()),
    ]  # fmt: skip


def test_every_column_and_mark_is_explained_and_documented() -> None:
    found = made([total(0, 1.0)])
    parts = {part.name for part in (found.whole, *found.parts)}
    columns = {name for one in sheets(found)[:-1] for name in one.columns} - parts
    assert columns == set(COLUMNS)
    page = (Path(__file__).parents[2] / "docs" / "plant.md").read_text()
    assert [name for name in columns if f"`{name}`" not in page] == []


def test_a_workbook_shows_numbers_as_numbers_with_their_units_beside_them() -> None:
    held = [total(0, 1234.5, uncertainty=12.0), total(1, 1.0, uncertainty=0.0)]
    book = load_workbook(io.BytesIO(sheetfile.workbook(sheets(made(held)))))
    page = book["Streams"]
    cells = {str(head.value): cell for head, cell in zip(page[1], page[2], strict=True)}
    assert (cells["quantity"].value, cells["quantity"].number_format) == (1235.5, "#,##0.000")
    assert (cells["unit"].value, cells["coverage"].number_format) == ("t", "0.0%")
    assert (cells["windows"].value, cells["windows"].number_format) == (2, "#,##0")
    for sheet in book.worksheets:
        assert sheet.freeze_panes == "B2"
        assert all(cell.font.bold for cell in sheet[1] if cell.value)
        widths = [
            sheet.column_dimensions[get_column_letter(at)].width
            for at in range(1, sheet.max_column + 1)
        ]
        assert all(8 <= width <= 60 for width in widths), sheet.title
    explained = {row[0].value: row[1].value for row in book["About"].iter_rows()}
    assert "JCGM 100:2008" in str(explained["Uncertainty of windows"])
    assert "reset" in explained


def test_a_report_beside_a_writing_agent_sees_all_streams_at_the_same_instant(
    tmp_path: Path,
) -> None:
    with Outbox.open(tmp_path, START) as agent, Outbox.look_at(tmp_path) as reader:
        agent.commit(Commit(totals=[total(0, 1.0), total(0, 2.0, "dust")]), START)
        seen = reader.windows.totals_by_stream(0, 2**62)
        first = next(seen)
        agent.commit(Commit(totals=[total(1, 1.0), total(1, 2.0, "dust")]), START)
        found = made([first, *seen])
        assert [one.whole.windows for one in found.lines] == [1, 1]
        assert len(list(reader.windows.totals_by_stream(0, 2**62))) == 4
        assert [one.stream for one in reader.windows.totals_by_stream(0, 2**62)] == [
            "dust", "dust", "slag", "slag",
        ]  # fmt: skip
        agent.commit(Commit(totals=[total(2, 1.0)]), START)


def combined(*streams: StreamPlan) -> float | None:
    """Give the uncertainty of slag and dust together, which are 3 t and 4 t uncertain."""
    held = [total(0, 9.0, "slag", uncertainty=3.0), total(0, 9.0, "dust", uncertainty=4.0)]
    found = made(held, of=replace(classified(), streams=streams))
    return _combined([_whole(one) for one in found.lines])


def test_uncertainties_add_as_squares_with_meters_of_their_own_and_as_they_are_otherwise() -> None:
    slag, dust = classified().streams
    assert combined(slag, dust) == 5.0
    assert combined(slag, replace(dust, meter=slag.meter)) == 7.0
    assert combined() == 7.0
