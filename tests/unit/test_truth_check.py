"""The demo's truth check passes a good run and fails every kind of bad one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from simulation.evidence import Evidence
from simulation.plants import LONE_CODE, SILENCED
from simulation.report import checks
from simulation.truth import SECOND
from simulation.witness import Passed
from tests.demokit import LINE, good_evidence, outcome, with_hub, with_plant

GOOD = good_evidence()
Break = Callable[[Evidence], Evidence]


def failed(evidence: Evidence) -> set[str]:
    return {check.name for check in checks(outcome(evidence)) if not check.passed}


def test_a_run_in_which_all_went_well_passes_every_check() -> None:
    found = checks(outcome(GOOD))
    assert [check for check in found if not check.passed] == []
    assert {check.name for check in found} == {
        "conserved", "measured", "observed", "figures", "released", "owners", "overlap",
        "delivered", "stored", "secret", "consent", "marked",
    }  # fmt: skip


def lost_total(good: Evidence) -> Evidence:
    rows = good.plants["m1"].totals
    kept = tuple(
        row for row in rows if (row.start, row.stream) != (LINE.start + 6 * SECOND, rows[0].stream)
    )
    return with_plant(good, "m1", totals=kept)


def counter_reset_instead_of_rolled_over(good: Evidence) -> Evidence:
    rows = good.plants["m4"].totals
    bad = tuple(
        replace(row, quantity=0.0, marks=("reset",)) if "rollover" in row.marks else row
        for row in rows
    )
    return with_plant(good, "m4", totals=bad)


def outage_lost_instead_of_spread(good: Evidence) -> Evidence:
    rows = good.plants["m3"].totals
    bad = tuple(
        replace(row, quantity=0.0, coverage=0.0, marks=()) if "spread" in row.marks else row
        for row in rows
    )
    return with_plant(good, "m3", totals=bad)


def total_half_a_percent_high(good: Evidence) -> Evidence:
    rows = good.plants["m2"].totals
    return with_plant(
        good, "m2", totals=tuple(replace(row, quantity=row.quantity * 1.005) for row in rows)
    )


def flow_sensor_in_the_wrong_place(good: Evidence) -> Evidence:
    rows = good.plants["m5"].totals
    bad = tuple(
        replace(row, quantity=row.quantity * 0.981) if row.unit == "MW.h" else row for row in rows
    )
    return with_plant(good, "m5", totals=bad)


def old_value_carried_on(good: Evidence) -> Evidence:
    rows = good.plants[SILENCED].totals
    return with_plant(good, SILENCED, totals=tuple(replace(row, coverage=0.9) for row in rows))


def figure_of_a_wrong_unit(good: Evidence) -> Evidence:
    first, *rest = good.hub.figures
    return with_hub(good, figures=(replace(first, quantity=first.quantity * 1000), *rest))


def figure_three_percent_off(good: Evidence) -> Evidence:
    first, *rest = good.hub.figures
    return with_hub(good, figures=(replace(first, quantity=first.quantity * 1.03), *rest))


def cell_that_counts_a_member_twice(good: Evidence) -> Evidence:
    first, *rest = good.hub.cells
    more = first.quantity + first.parts[0].quantity
    return with_hub(good, cells=(replace(first, quantity=more), *rest))


def late_figure_without_its_mark(good: Evidence) -> Evidence:
    later = LINE.start + LINE.release
    kind, code = "material", "10 09 03"
    figures = tuple(
        replace(row, counted=later)
        if (row.member, row.kind, row.code, row.start) == ("m1", kind, code, LINE.start)
        else row
        for row in good.hub.figures
    )
    return with_hub(good, figures=figures)


def cell_of_two_owners(good: Evidence) -> Evidence:
    cells = tuple(
        replace(cell, parts=cell.parts[:3]) if cell.code == "10 09 03" else cell
        for cell in good.hub.cells
    )
    return with_hub(good, cells=cells)  # m1 and m2 are sites of one owner


def lone_cell_released(good: Evidence) -> Evidence:
    cells = tuple(
        replace(cell, released=True) if cell.code == LONE_CODE else cell for cell in good.hub.cells
    )
    return with_hub(good, cells=cells)


def overlapping_cells(good: Evidence) -> Evidence:
    first = good.hub.cells[0]
    return with_hub(good, cells=(*good.hub.cells, replace(first, name="again")))


def lost_record(good: Evidence) -> Evidence:
    return with_hub(good, records=good.hub.records[1:])


def lost_record_at_the_end(good: Evidence) -> Evidence:
    return with_hub(good, records=good.hub.records[:-1])


def doubled_record(good: Evidence) -> Evidence:
    again = replace(good.hub.records[0], id="another")
    return with_hub(good, records=(*good.hub.records, again))


def record_from_nowhere(good: Evidence) -> Evidence:
    first, *rest = good.hub.records
    return with_hub(good, records=(replace(first, id="unknown"), *rest))


def doubled_cell_in_the_store(good: Evidence) -> Evidence:
    return with_hub(good, store=(*good.hub.store, good.hub.store[0]))


def withheld_cell_in_the_store(good: Evidence) -> Evidence:
    row = replace(good.hub.store[0], cell="material-16-11-01")
    return with_hub(good, store=(*good.hub.store, row))


def cell_missing_in_the_store(good: Evidence) -> Evidence:
    return with_hub(good, store=good.hub.store[1:])


def name_in_a_topic(good: Evidence) -> Evidence:
    leak = Passed(LINE.start, "sidestream/v1/demo/records/birch_silicon_plant", b"{}")
    return replace(good, passed=(*good.passed, leak))


def point_in_a_payload(good: Evidence) -> Evidence:
    leak = Passed(LINE.start, "sidestream/v1/demo/cells/x", b'{"note": "WQT301_total"}')
    return replace(good, passed=(*good.passed, leak))


def stream_in_a_sealed_record(good: Evidence) -> Evidence:
    return replace(good, opened=(*good.opened, '{"stream": "furnace_slag_1"}'))


def held_back_code_in_a_sealed_record(good: Evidence) -> Evidence:
    return replace(good, opened=(*good.opened, '{"code": "06 10 99"}'))


def node_in_the_hubs_files(good: Evidence) -> Evidence:
    return with_hub(good, content={"cells.db": b"\0ns=2;s=Filter1.FT41\0"})


def nothing_was_recorded(good: Evidence) -> Evidence:
    return replace(good, passed=())


def stream_that_is_off_in_the_ledger(good: Evidence) -> Evidence:
    first = replace(good.hub.figures[0], kind="water", start=LINE.end, end=LINE.end + LINE.release)
    return with_hub(good, figures=(*good.hub.figures, first))


def rollover_not_marked(good: Evidence) -> Evidence:
    rows = good.plants["m4"].totals
    return with_plant(good, "m4", totals=tuple(replace(row, marks=()) for row in rows))


def dead_meter_not_told(good: Evidence) -> Evidence:
    return with_plant(good, SILENCED, events=())


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (lost_total, "conserved"),
        (lost_total, "observed"),
        (counter_reset_instead_of_rolled_over, "conserved"),
        (counter_reset_instead_of_rolled_over, "marked"),
        (outage_lost_instead_of_spread, "observed"),
        (outage_lost_instead_of_spread, "marked"),
        (total_half_a_percent_high, "conserved"),
        (flow_sensor_in_the_wrong_place, "measured"),
        (old_value_carried_on, "observed"),
        (figure_of_a_wrong_unit, "figures"),
        (figure_three_percent_off, "figures"),
        (cell_that_counts_a_member_twice, "released"),
        (late_figure_without_its_mark, "released"),
        (cell_of_two_owners, "owners"),
        (lone_cell_released, "owners"),
        (overlapping_cells, "overlap"),
        (lost_record, "delivered"),
        (lost_record_at_the_end, "delivered"),
        (doubled_record, "delivered"),
        (record_from_nowhere, "delivered"),
        (doubled_cell_in_the_store, "stored"),
        (withheld_cell_in_the_store, "stored"),
        (cell_missing_in_the_store, "stored"),
        (name_in_a_topic, "secret"),
        (point_in_a_payload, "secret"),
        (stream_in_a_sealed_record, "secret"),
        (held_back_code_in_a_sealed_record, "secret"),
        (node_in_the_hubs_files, "secret"),
        (nothing_was_recorded, "secret"),
        (stream_that_is_off_in_the_ledger, "consent"),
        (rollover_not_marked, "marked"),
        (dead_meter_not_told, "marked"),
    ],
)
def test_a_run_that_went_wrong_fails_the_check_for_it(broken: Break, name: str) -> None:
    assert name in failed(broken(GOOD))
