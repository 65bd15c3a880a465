"""The benchmark's OPC UA server sends what the library would; a run that lost values is none."""

from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from bench.subscribed import LostError, check
from bench.variables import Change, Plant, Told, body

CHANGES = [
    Change(number, 7.0 + number, 0.5 * number, datetime(2026, 3, 1, 12, 0, number, 250, UTC))
    for number in range(1, 4)
]


def _item(handle: int, value: Any) -> Any:
    return ua.MonitoredItemNotification(ClientHandle=handle, Value=value)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_prepared_notification_has_the_bytes_the_library_would_send(count: int) -> None:
    items = [(201, 7), (202, 0), (7, 9_999)]
    wanted = ua.DataChangeNotification()
    wanted.MonitoredItems = [
        _item(handle, change.data(variable))
        for change in CHANGES[:count]
        for handle, variable in items
    ]
    assert body(CHANGES[:count], items) == struct_to_binary(wanted)


def test_a_late_subscription_is_told_all_changes_it_missed_until_they_are_too_many() -> None:
    plant = Plant(1)
    plant.changes.extend(CHANGES)
    assert [change.number for change in plant.since(1)] == [2, 3]
    plant.changes.extend(Change(n, 0.0, 0.0, CHANGES[0].instant) for n in range(4, 20))
    assert [change.number for change in plant.since(1)] == list(range(10, 20))


@pytest.mark.parametrize(
    ("told", "failure"),
    [
        (Told(1000, 1000, 1000), ""),
        (Told(1000, 1100, 1100), ""),
        (Told(1000, 1000, 900), ""),
        (Told(1000, 1000, 899), "899 arrived"),
        (Told(1000, 700, 700), "700 were sent"),
        (Told(899, 1000, 1000), "899 changes"),
    ],
)
def test_a_run_in_which_changes_were_not_made_or_did_not_arrive_is_refused(
    told: Told, failure: str
) -> None:
    if not failure:
        check("agent", told, points=100, seconds=10)
        return
    with pytest.raises(LostError, match=failure):
        check("agent", told, points=100, seconds=10)
