"""Release: each window decided once, after its wait, from everything that came in time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.hub_plan import HubLimits, Rules
from gateway.hub.book import Book
from gateway.hub.calendar import DAY
from gateway.hub.database import Database
from gateway.hub.intake import Gate
from gateway.hub.ledger import Ledger
from gateway.hub.release import Calendars, release_due
from gateway.wire import quarter_start
from tests.hubkit import CLUSTER, HOUR, MONDAY, Plant, figure, gate, heat, plant

PLANTS = tuple(plant(number) for number in range(1, 7))
GATE = gate(*PLANTS)


class Hub:
    """A ledger and what is decided from it, at times the test sets."""

    def __init__(self, folder: Path, plants: tuple[Plant, ...] = PLANTS[:4]) -> None:
        self.database = Database.open(folder / "ledger.db", MONDAY)
        self.ledger = Ledger(self.database, HubLimits())
        self.book = Book(self.database, CLUSTER)
        self.plants = plants
        self.sequence = 0

    def take(
        self,
        one: Plant,
        start: int,
        *figures: dict[str, Any],
        at: Gate = GATE,
        received: int | None = None,
    ) -> None:
        self.sequence += 1
        payload = one.record(start, figures=figures, sequence=self.sequence)
        now = received or start + HOUR
        assert self.ledger.store([at.judge(one.topic, payload, now)], now)[one.pseudonym].stored

    def all_send(self, start: int, *quantities: float) -> None:
        for one, quantity in zip(self.plants, quantities, strict=False):
            self.take(one, start, heat(quantity))

    def release(self, now: int, up_since: int | None = 0, **changes: Any) -> int:
        members = tuple(one.member for one in self.plants)
        options = {"heat": "hour", "material": "day"} | changes.pop("calendars", {})
        plan = Calendars(options, HOUR, changes.pop("rules", Rules()), members)
        return release_due(self.book, plan, up_since, now)

    def rows(self, columns: str = "start, status, quantity, marks") -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM cells ORDER BY number"  # noqa: S608 fixed here
        with self.database.look() as cursor:
            return [tuple(row) for row in cursor.execute(query)]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    opened = Hub(tmp_path)
    yield opened
    opened.database.close()


def test_a_window_is_decided_once_its_wait_is_over_and_never_again(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    assert hub.release(MONDAY + 2 * HOUR - 1) == 0
    assert hub.release(MONDAY + 2 * HOUR) == 1
    assert hub.release(MONDAY + 50 * HOUR) == 0
    assert hub.rows() == [(MONDAY, "released", 33.0, "[]")]


def test_a_late_record_counts_in_the_next_window_and_is_marked(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.release(MONDAY + 2 * HOUR)
    hub.take(hub.plants[3], MONDAY, heat(5), received=MONDAY + 2 * HOUR)
    hub.all_send(MONDAY + HOUR, 20, 21, 22, 23)
    hub.release(MONDAY + 50 * HOUR)
    assert hub.rows("start, status, quantity, marks") == [
        (MONDAY, "released", 33.0, "[]"),
        (MONDAY + HOUR, "released", 91.0, '["late"]'),
    ]


def test_a_late_record_alone_makes_the_next_window_decided(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.release(MONDAY + 2 * HOUR)
    hub.take(hub.plants[3], MONDAY, heat(5), received=MONDAY + 2 * HOUR)
    assert hub.release(MONDAY + 3 * HOUR - 1) == 0
    assert hub.release(MONDAY + 3 * HOUR) == 1
    assert hub.rows()[1] == (MONDAY + HOUR, "withheld", 5.0, '["late"]')


def test_what_is_late_after_several_windows_counts_after_the_last_of_them(hub: Hub) -> None:
    for hour in range(3):
        hub.all_send(MONDAY + hour * HOUR, 10, 11, 12)
    hub.release(MONDAY + 4 * HOUR)
    hub.take(hub.plants[3], MONDAY, heat(5), received=MONDAY + 4 * HOUR)
    hub.release(MONDAY + 9 * HOUR)
    assert [row[0] for row in hub.rows()] == [MONDAY + hour * HOUR for hour in range(4)]


def test_after_an_outage_all_windows_are_decided_in_order_and_empty_ones_passed_over(
    hub: Hub,
) -> None:
    for hour in (0, 1, 5):
        hub.all_send(MONDAY + hour * HOUR, 10, 11, 12)
    assert hub.release(MONDAY + 500 * HOUR) == 3
    assert [row[0] for row in hub.rows()] == [MONDAY + hour * HOUR for hour in (0, 1, 5)]


def test_nothing_is_decided_while_the_broker_is_away_or_has_just_come_back(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    now = MONDAY + 500 * HOUR
    assert hub.release(now, up_since=None) == 0
    assert hub.release(now, up_since=now - HOUR // 6 + 1) == 0
    assert hub.release(now, up_since=now - HOUR // 6) == 1


def test_nothing_is_decided_before_there_is_a_record(hub: Hub) -> None:
    assert hub.release(MONDAY + 500 * HOUR) == 0
    assert hub.rows() == []


def test_one_or_two_owners_are_withheld_with_a_reason_only_the_operator_sees(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.all_send(MONDAY + HOUR, 10, 11, 0)
    hub.release(MONDAY + 50 * HOUR)
    assert hub.rows("status, reason")[1] == ("withheld", "2 owners, 3 needed")
    cell = hub.book.unpublished(10)[1].cell
    assert cell.model_dump(exclude_none=True, exclude={"window", "released"}) == {
        "v": 1,
        "cluster": "ora",
        "cell": "heat-60-90-ora-north-surplus-mw-h",
        "kind": "heat",
        "place": "ora/north",
        "band": "60-90",
        "direction": "surplus",
        "unit": "MW.h",
        "status": "withheld",
        "marks": (),
    }


def test_the_window_after_a_withheld_one_guards_it_within_the_quarter(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.all_send(MONDAY + HOUR, 10, 11, 0)
    april = MONDAY + 40 * 24 * HOUR
    for start in (MONDAY + 2 * HOUR, MONDAY + 3 * HOUR, april):
        hub.all_send(start, 10, 11, 12)
    hub.release(april + 50 * HOUR)
    assert hub.rows("status, reason") == [
        ("released", ""),
        ("withheld", "2 owners, 3 needed"),
        ("withheld", "guards a window withheld before"),
        ("released", ""),
        ("released", ""),
    ]


def test_what_was_withheld_is_summed_on_as_if_it_were_summed_anew(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    first = quarter_start(MONDAY)
    starts = [MONDAY + number * HOUR for number in range(1, 7)]
    for start in starts:
        hub.all_send(start, 10, 11, 0)
        hub.release(start + 3 * HOUR)
        [(group, found)] = [
            (group, hub.book.rests.of(group, first, start + HOUR)) for group in hub.book.groups()
        ]
        assert found == Book(hub.database, CLUSTER).rests.of(group, first, start + HOUR)
    [owned] = found.values()
    assert sorted(owned.values()) == [0, 60, 66]
    # Asked for less than before, or for another period, it begins anew.
    [owned] = hub.book.rests.of(group, first, starts[2]).values()
    assert sorted(owned.values()) == [0, 20, 22]
    [owned] = hub.book.rests.of(group, starts[2], starts[4]).values()
    assert sorted(owned.values()) == [0, 20, 22]


def test_a_windows_sums_read_only_what_was_decided_since_the_last(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.all_send(MONDAY + HOUR, 10, 11, 0)
    hub.release(MONDAY + 50 * HOUR)
    [group], first = hub.book.groups(), quarter_start(MONDAY)
    [owned] = hub.book.rests.of(group, first, MONDAY + 2 * HOUR).values()
    with hub.database.change() as cursor:
        cursor.execute("UPDATE cells SET parts = '[]'")
    assert list(hub.book.rests.of(group, first, MONDAY + 3 * HOUR).values()) == [owned]


def test_a_hub_may_leave_what_was_withheld_open(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.all_send(MONDAY + HOUR, 10, 11, 0)
    hub.all_send(MONDAY + 2 * HOUR, 10, 11, 12)
    hub.release(MONDAY + 50 * HOUR, rules=Rules(guard_rest=False))
    assert hub.rows("status") == [("released",), ("withheld",), ("released",)]


def test_only_released_cells_go_to_the_store_and_only_planned_ones_to_the_feed(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.all_send(MONDAY + HOUR, 10)
    hub.take(hub.plants[0], MONDAY + 2 * HOUR, heat(9, band="<40"))
    hub.release(MONDAY + 50 * HOUR)
    assert [cell.status for _, cell in hub.book.unwritten(10)] == ["released"]
    feed = hub.book.unpublished(10)
    assert [cell.status for _, cell in feed] == ["released", "withheld", "withheld"]
    assert {cell.band for _, cell in feed} == {"60-90"}
    hub.book.mark_written([feed[0].number], MONDAY)
    hub.book.mark_published([numbered.number for numbered in feed], MONDAY)
    assert (hub.book.unwritten(10), hub.book.unpublished(10)) == ([], [])


def test_an_atom_the_partition_does_not_hold_is_withheld_until_the_next_quarter(
    hub: Hub,
) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    for one in hub.plants:
        hub.take(one, MONDAY + HOUR, heat(7, band="<40"))
    hub.release(MONDAY + 50 * HOUR)
    reasons = {row[1] for row in hub.rows("band, reason") if row[0] == "<40"}
    assert reasons == {"not in partition"}
    april = MONDAY + 40 * 24 * HOUR
    for one in hub.plants:
        hub.take(one, april, heat(7, band="<40"))
    hub.release(april + 50 * HOUR)
    assert ("<40", "released", 28.0) in hub.rows("band, status, quantity")


def test_a_member_that_joins_counts_from_the_next_quarter(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.release(MONDAY + 2 * HOUR)
    hub.plants = PLANTS
    april = MONDAY + 40 * 24 * HOUR
    for start in (MONDAY + HOUR, april):
        hub.all_send(start, 10, 11, 12, 13, 14, 15)
    hub.release(april + 50 * HOUR)
    released = [row[2] for row in hub.rows() if row[1] == "released"]
    assert released == [33.0, 46.0, 75.0]


def test_a_partition_that_releases_nothing_does_not_bind_the_quarter(hub: Hub) -> None:
    hub.all_send(MONDAY, 10)
    hub.all_send(MONDAY + HOUR, 10, 11, 12)
    hub.release(MONDAY + 50 * HOUR)
    assert [row[1] for row in hub.rows()] == ["withheld", "released"]


def test_hours_of_a_day_are_summed_and_missing_ones_lower_coverage(hub: Hub) -> None:
    for hour in range(12):
        for one in hub.plants:
            hub.take(one, MONDAY + hour * HOUR, figure(1.0, "10 09 03", coverage=0.5))
    hub.release(MONDAY + 50 * HOUR)
    assert hub.rows("quantity, coverage, owners") == [(48.0, 0.25, 4)]


def test_a_calendar_made_finer_or_coarser_never_makes_windows_overlap(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    hub.release(MONDAY + 2 * HOUR)
    hub.all_send(MONDAY + 3 * HOUR, 10, 11, 12)
    hub.all_send(MONDAY + 24 * HOUR, 10, 11, 12)
    hub.release(MONDAY + 90 * HOUR, calendars={"heat": "day"})
    assert hub.rows('start, "end", quantity') == [
        (MONDAY, MONDAY + HOUR, 33.0),
        (MONDAY + 24 * HOUR, MONDAY + 48 * HOUR, 66.0),
    ]


def test_a_week_that_spans_two_quarters_keeps_the_roster_and_cells_of_its_monday(hub: Hub) -> None:
    weekly = {"material": "week"}
    last, first = MONDAY + 28 * DAY, MONDAY + 35 * DAY
    for start in (MONDAY, last + 3 * DAY):
        for one in hub.plants:
            hub.take(one, start, figure(10.0, "10 09 03"))
    hub.release(MONDAY + 8 * DAY, calendars=weekly)
    hub.plants = PLANTS
    # On the Thursday, in the new quarter already, six report; two of them joined since.
    for one in PLANTS[4:]:
        hub.take(one, last + 3 * DAY, figure(10.0, "10 09 03"))
    for one in PLANTS:
        hub.take(one, first, figure(10.0, "10 09 03"))
    hub.release(first + 8 * DAY, calendars=weekly)
    assert hub.rows("start, quantity, owners, reason") == [
        (MONDAY, 40.0, 4, ""),
        (last, 40.0, 4, ""),
        (last, 20.0, 2, "joined after the period began"),
        (first, 60.0, 6, ""),
    ]
    with hub.database.look() as cursor:
        periods = cursor.execute("SELECT period FROM partitions ORDER BY period").fetchall()
    assert [row[0] for row in periods] == ["2026Q1", "2026Q2"]


def test_coverage_is_told_in_steps_and_marks_of_one_meter_not_at_all(hub: Hub) -> None:
    hub.all_send(MONDAY, 10, 11, 12)
    marks = ["reset", "spread", "clock-step"]
    for one, share in zip(hub.plants, (1.0, 1.0, 0.0), strict=False):
        made = heat(10.0, coverage=share, marks=marks)
        hub.take(one, MONDAY + HOUR, made)
    hub.release(MONDAY + 50 * HOUR)
    told = [cell for _, cell in hub.book.unpublished(10)]
    assert [(cell.coverage, cell.marks) for cell in told] == [(0.95, ()), (0.5, ("spread",))]
    assert hub.rows("coverage, marks")[1] == (0.67, '["clock-step", "reset", "spread"]')


def test_codes_are_pooled_only_where_places_do_not_help(hub: Hub) -> None:
    hub.plants = tuple(plant(n, place=f"ora/{'ns'[n % 2]}") for n in range(1, 7))
    at = gate(*hub.plants)
    for one in hub.plants:
        hub.take(one, MONDAY, figure(10, "10 09 03"), at=at)
    for one in hub.plants[:2]:
        hub.take(one, MONDAY + HOUR, figure(10, "10 09 06"), figure(20, "10 09 08"), at=at)
    hub.take(hub.plants[2], MONDAY + 2 * HOUR, figure(20, "10 09 08"), at=at)
    hub.release(MONDAY + 50 * HOUR)
    # 10 09 06 of two owners is taken in by the smallest safe cell of its chapter.
    assert sorted(hub.rows("code, place, quantity, status")) == [
        ("10 09", "ora", 50.0, "released"),
        ("10 09 03", "ora/s", 30.0, "released"),
        ("10 09 08", "ora", 60.0, "released"),
    ]
