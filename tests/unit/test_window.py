"""Windows and what they add up."""

import json

import pytest

from agent.measuring.total import Event, Total
from agent.measuring.window import Windows
from tests.measuring import DAY, MIN, T0, S


def made(length: int = MIN, *, carries: bool = False, banded: bool = False) -> Windows:
    windows = Windows("slag", "t", length, carries=carries, banded=banded, log=[])
    windows.begin(T0)
    return windows


def closed(windows: Windows, number: int) -> list[Total]:
    return [windows.close() for _ in range(number)]


def events(windows: Windows) -> list[Event]:
    return windows._log


@pytest.mark.parametrize("length", [MIN, 15 * MIN, 60 * MIN, DAY])
def test_windows_are_aligned_to_the_day(length: int) -> None:
    windows = Windows("slag", "t", length, carries=False, banded=False, log=[])
    windows.begin(T0 + 3 * S)
    assert windows.floor % DAY % length == 0
    assert windows.floor <= T0 + 3 * S < windows.next_end


def test_begin_moves_nothing_once_begun() -> None:
    windows = made()
    windows.begin(T0 + 10 * MIN)
    assert windows.floor == T0


def test_a_ramp_over_an_edge_is_divided_by_its_integral() -> None:
    windows = made()
    windows.add(T0 + 30 * S, T0 + 90 * S, 0.0, 60.0)
    first, second = closed(windows, 2)
    assert (first.quantity, second.quantity) == (15.0, 45.0)
    assert (first.coverage, second.coverage) == (0.5, 0.5)


def test_a_contribution_that_ends_on_an_edge_stays_in_its_window() -> None:
    windows = made()
    windows.add(T0, T0 + MIN, 1.0)
    assert [total.start for total in windows.provisional()] == [T0]


def test_what_comes_for_the_window_that_was_closed_last_goes_into_the_next_one() -> None:
    windows = made(carries=True)
    windows.add(T0, T0 + 10 * S, 1.0)
    (first,) = closed(windows, 1)
    windows.add(T0 + 10 * S, T0 + 20 * S, 2.0)
    (second,) = closed(windows, 1)
    assert (first.quantity, second.quantity, second.coverage) == (1.0, 2.0, 0.0)
    assert second.marks == ("spread",)


def test_a_spread_contribution_is_marked_and_in_doubt_in_each_window_it_spans() -> None:
    windows = made()
    windows.add(T0 + 30 * S, T0 + 150 * S, 12.0, spread=True)
    totals = closed(windows, 3)
    assert [total.quantity for total in totals] == [3.0, 6.0, 3.0]
    assert [total.coverage for total in totals] == [0.5, 1.0, 0.5]
    assert [total.uncertain for total in totals] == [0.5, 1.0, 0.5]
    assert all(total.marks == ("spread",) for total in totals)


def test_a_spread_within_one_window_is_no_doubt_about_that_window() -> None:
    windows = made()
    windows.add(T0, T0 + 30 * S, 12.0, spread=True)
    assert (windows.close().marks, windows.floor) == ((), T0 + MIN)


def test_what_a_totaliser_counted_in_closed_windows_goes_into_the_first_open_one() -> None:
    windows = made(carries=True)
    closed(windows, 2)
    windows.add(T0 + 30 * S, T0 + 150 * S, 12.0)
    total = windows.close()
    assert (total.quantity, total.coverage, total.marks) == (12.0, 0.5, ("spread",))


def test_what_lies_in_closed_windows_alone_adds_quantity_and_no_coverage() -> None:
    windows = made(carries=True)
    closed(windows, 2)
    windows.add(T0 + 30 * S, T0 + 40 * S, 12.0)
    total = windows.close()
    assert (total.quantity, total.coverage, total.marks) == (12.0, 0.0, ("spread",))


def test_a_rate_in_closed_windows_is_left_out_and_counted() -> None:
    windows = made()
    closed(windows, 2)
    windows.add(T0 + 90 * S, T0 + 150 * S, 12.0)
    total = windows.close()
    assert (total.quantity, total.coverage, total.reasons) == (6.0, 0.5, {"late": 1})
    assert [event.kind for event in events(windows)] == [
        "meter-silent",
        "late-samples",
        "meter-back",
    ]


def test_a_window_without_readings_is_a_total_without_coverage() -> None:
    total = made().close()
    assert total == Total("slag", T0, T0 + MIN, 0.0, "t", 0.0, 0.0, None, (), {})


def test_a_small_quantity_beside_a_large_one_is_not_lost() -> None:
    windows = made()
    windows.add(T0, T0 + S, 1e16)
    for step in range(1, 11):
        windows.add(T0 + step * S, T0 + (step + 1) * S, 0.1)
    windows.add(T0 + 20 * S, T0 + 21 * S, -1e16)
    assert windows.close().quantity == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("celsius", "band"),
    [(39.9, "<40"), (40.0, "40-60"), (89.0, "60-90"), (119.0, "90-120"), (350.0, ">200")],
)
def test_the_band_is_that_of_the_mean_supply_temperature(celsius: float, band: str) -> None:
    windows = made(banded=True)
    windows.add(T0, T0 + S, 1.0, warmth=(celsius - 1, celsius + 1))
    assert windows.close().band == band


def test_the_mean_supply_temperature_is_weighted_by_energy() -> None:
    windows = made(banded=True)
    windows.add(T0, T0 + S, 9.0, warmth=(95.0, 95.0))
    windows.add(T0 + S, T0 + 50 * S, 1.0, warmth=(50.0, 50.0))
    assert windows.close().band == "90-120"


def test_without_energy_the_mean_supply_temperature_is_weighted_by_time() -> None:
    windows = made(banded=True)
    windows.add(T0, T0 + S, 0.0, warmth=(95.0, 95.0))
    windows.add(T0 + S, T0 + 50 * S, 0.0, warmth=(50.0, 50.0))
    assert windows.close().band == "40-60"
    assert windows.close().band is None


def test_each_part_of_a_divided_contribution_has_its_own_temperature() -> None:
    windows = made(banded=True)
    windows.add(T0 + 30 * S, T0 + 90 * S, 2.0, warmth=(30.0, 50.0))
    assert [total.band for total in closed(windows, 2)] == ["<40", "40-60"]


def test_reasons_and_marks_land_in_the_window_of_their_instant_or_the_first_open_one() -> None:
    windows = made()
    closed(windows, 1)
    windows.count(T0, "timeout")
    windows.count(T0 + 2 * MIN, "timeout")
    windows.note(T0 + 2 * MIN, "reset", "")
    one, two = closed(windows, 2)
    assert (one.reasons, two.reasons) == ({"timeout": 1}, {"timeout": 1})
    assert (one.marks, two.marks) == ((), ("reset",))


def test_silence_is_an_event_once_with_what_was_bad_and_so_is_its_end() -> None:
    windows = made()
    windows.add(T0, T0 + S, 1.0)
    windows.count(T0 + MIN, "timeout")
    windows.add(T0 + 3 * MIN, T0 + 3 * MIN + S, 1.0)
    closed(windows, 4)
    told = [(event.time - T0, event.kind, event.detail) for event in events(windows)]
    assert told == [
        (2 * MIN, "meter-silent", "nothing was observed: 1 x timeout"),
        (4 * MIN, "meter-back", "the meter's readings count again"),
    ]


def through_json(windows: Windows, length: int) -> Windows:
    other = Windows("slag", "t", length, carries=True, banded=True, log=[])
    other.restore(json.loads(json.dumps(windows.snapshot())))
    return other


def test_a_snapshot_goes_through_json_to_the_bit() -> None:
    windows = made(carries=True, banded=True)
    windows.add(T0, T0 + 7 * S, 0.1, 0.2, warmth=(71.3, 71.7))
    windows.add(T0 + 7 * S, T0 + 200 * S, 1 / 3, spread=True, warmth=(71.7, 30.0))
    windows.count(T0, "timeout")
    windows.note(T0, "reset", "")
    other = through_json(windows, MIN)
    assert other.provisional() == windows.provisional()
    assert closed(other, 5) == closed(windows, 5)


def test_longer_windows_take_over_what_shorter_ones_held() -> None:
    windows = made(carries=True)
    windows.close()
    windows.add(T0 + MIN, T0 + 3 * MIN, 4.0)
    windows.add(T0 + 15 * MIN, T0 + 16 * MIN, 2.0)
    other = through_json(windows, 15 * MIN)
    total = other.close()
    assert (total.start, total.quantity) == (T0 + 15 * MIN, 6.0)
    assert total.coverage == pytest.approx(1 / 15)
    assert total.marks == ("spread",)


def test_shorter_windows_take_over_what_a_longer_one_held() -> None:
    windows = made(15 * MIN, carries=True)
    windows.add(T0 + MIN, T0 + 3 * MIN, 4.0)
    total = through_json(windows, MIN).close()
    assert (total.start, total.quantity, total.coverage) == (T0, 4.0, 0.0)
    assert total.marks == ("spread",)
