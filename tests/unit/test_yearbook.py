"""Orders of magnitude in the ledger: decided once a month, never beside a plant's quantities."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.hub.book import Numbered
from gateway.hub.calendar import DAY
from gateway.stores.sqlite import SqliteStore
from gateway.wire import nanoseconds
from tests.hubkit import HOUR, figure, gate, plant
from tests.unit.test_release import Hub

PLANTS = tuple(plant(number) for number in range(1, 6))
GATE = gate(*PLANTS)
MAY = nanoseconds("2026-05-01T00:00:00Z")
LAST = MAY - HOUR
"""The window in which April ends."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    opened = Hub(tmp_path, PLANTS)
    yield opened
    opened.database.close()


def order(magnitude: str, code: str = "10 09 03") -> dict[str, Any]:
    return {
        "kind": "material",
        "code": code,
        "direction": "surplus",
        "unit": "t",
        "magnitude": magnitude,
    }


def tell(hub: Hub, start: int, *told: str | None, received: int | None = None, **more: Any) -> None:
    """Let plants tell their orders in the record that starts at an instant."""
    for one, magnitude in zip(hub.plants, told, strict=False):
        if magnitude is not None:
            hub.sequence += 1
            now = received or start + HOUR
            content = {"magnitudes": [order(magnitude)], "sequence": hub.sequence, **more}
            payload = one.record(start, **content)
            assert hub.ledger.store([GATE.judge(one.topic, payload, now)], now)


COLUMNS = "start, name, status, magnitude, owners, reason"


def test_a_month_is_decided_once_its_wait_is_over_and_told_as_a_decade(hub: Hub) -> None:
    tell(hub, LAST, "10-100", "100-1000", "10-100", "0-1")
    assert hub.release(MAY + HOUR - 1) == 0
    assert hub.release(MAY + HOUR) == 1
    assert hub.release(MAY + 20 * DAY) == 0
    april = nanoseconds("2026-04-01T00:00:00Z")
    name = "year-material-10-09-03-ora-north-surplus-t"
    assert hub.rows(COLUMNS) == [(april, name, "released", "100-1000", 4, "")]


def test_the_feed_and_the_store_get_a_decade_and_nothing_else(hub: Hub, tmp_path: Path) -> None:
    tell(hub, LAST, "10-100", "100-1000", "10-100", "0-1")
    hub.release(MAY + HOUR)
    ((number, cell),) = hub.book.unpublished(10)
    assert cell.model_dump(exclude_none=True, exclude={"v", "cluster", "released"}) == {
        "cell": "year-material-10-09-03-ora-north-surplus-t",
        "kind": "material",
        "code": "10 09 03",
        "place": "ora/north",
        "direction": "surplus",
        "unit": "t",
        "window": {"start": "2026-04-01T00:00:00Z", "end": "2026-05-01T00:00:00Z"},
        "status": "released",
        "magnitude": "100-1000",
        "contributors": "3-5",
        "marks": (),
    }
    assert hub.book.unwritten(10) == [Numbered(number, cell)]
    store = SqliteStore(tmp_path / "cells.db")
    store.write([cell])
    assert store.read(MAY - 31 * DAY, MAY) == [cell]
    store.close()


def test_a_month_with_too_few_is_withheld_without_an_order(hub: Hub) -> None:
    tell(hub, LAST, "10-100", "100-1000", "10-100", "10-100")
    hub.release(MAY + HOUR)
    tell(hub, LAST + 31 * DAY, "10-100", "100-1000", "10-100")
    assert hub.release(MAY + 32 * DAY) == 1
    assert hub.rows("status, magnitude, reason")[1] == ("withheld", "", "3 owners, 4 needed")
    withheld = hub.book.unpublished(10)[1].cell
    assert (withheld.magnitude, withheld.contributors, withheld.quantity) == (None, None, None)


def test_an_order_that_comes_late_is_never_told(hub: Hub) -> None:
    tell(hub, LAST, "10-100", "100-1000", "10-100", "10-100")
    hub.release(MAY + HOUR)
    late = hub.plants[4]
    payload = late.record(LAST, magnitudes=[order("10000-100000")], sequence=1)
    assert hub.ledger.store([GATE.judge(late.topic, payload, MAY + 2 * HOUR)], MAY + 2 * HOUR)
    tell(hub, LAST + 31 * DAY, "10-100", "100-1000", "10-100", "10-100")
    assert hub.release(MAY + 40 * DAY) == 1
    assert hub.rows("magnitude, owners") == [("100-1000", 4), ("100-1000", 4)]


def test_a_plant_with_figures_of_the_same_is_in_no_order_of_it(hub: Hub) -> None:
    """Else a released quantity taken from the order would leave the order of the others."""
    hub.take(hub.plants[4], LAST - 200 * DAY, figure(1.0, "10 09 03"), at=GATE)
    hub.take(hub.plants[3], LAST - 200 * DAY, figure(1.0, "10 09 06"), at=GATE)
    tell(hub, LAST, "1-10", "1-10", "1-10", "1-10", "10000-100000")
    hub.release(MAY + HOUR)
    assert hub.rows("magnitude, owners")[-1] == ("0-100", 4)


def test_a_partition_holds_for_a_quarter_and_is_chosen_from_earlier_months(hub: Hub) -> None:
    tell(hub, LAST, *["10-100"] * 4)
    hub.release(MAY + HOUR)
    tell(hub, LAST + 31 * DAY, *["10-100"] * 5)
    hub.release(MAY + 40 * DAY)
    tell(hub, LAST + 61 * DAY, *["10-100"] * 5)
    hub.release(MAY + 70 * DAY)
    with hub.database.look() as cursor:
        periods = [row[0] for row in cursor.execute("SELECT period FROM partitions")]
    assert periods == ["2026Q2/year"]
    assert hub.rows("magnitude, owners") == [("100-1000", 4), ("100-1000", 5), ("100-1000", 5)]


def test_the_higher_revision_of_a_record_counts(hub: Hub) -> None:
    tell(hub, LAST, *["10-100"] * 4)
    tell(hub, LAST, "10000-100000", revision=1)
    hub.release(MAY + HOUR)
    assert hub.rows("magnitude, owners") == [("10000-100000", 4)]
