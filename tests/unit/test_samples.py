"""The last readings of a meter with several inputs: spoiled, forgotten, and kept over a restart."""

import json

from agent.measuring.meters.samples import Sample, Samples
from agent.measuring.window import LATE, NEVER
from tests.measuring import ListBook


def read(**times: int) -> Samples:
    samples = Samples(times)
    samples.update({role: Sample(time, 1.0, doubt=False) for role, time in times.items()})
    return samples


def test_a_bad_reading_takes_the_value_away_unless_it_is_older() -> None:
    samples = read(flow=10, supply=10, back=10)
    for role, time in (("flow", 10), ("supply", 11), ("back", 9)):
        samples.spoil(time, role)
    assert {role: one.value for role, one in samples.items()} == {
        "flow": None,
        "supply": None,
        "back": 1.0,
    }
    assert {one.time for one in samples.values()} == {10}
    assert (samples.bad, samples.newest()) == (11, 11)


def test_what_came_after_the_instant_a_clock_was_set_back_to_is_forgotten() -> None:
    samples, book = read(flow=10, supply=11), ListBook()
    samples.spoil(12, "flow")
    samples.orders["flow"].behind(9, 10, book)
    samples.set_back(10)
    assert samples == {"flow": Sample(10, None, doubt=False), "supply": Sample(NEVER, None, False)}
    assert (samples.bad, samples.newest()) == (10, 10)
    assert (samples.orders["flow"].run, book.counts) == (0, {LATE: 1})


def test_a_snapshot_holds_all_of_it() -> None:
    samples, again = read(flow=10, supply=11), Samples(("flow", "supply"))
    samples.spoil(12, "flow")
    samples.orders["supply"].behind(9, 11, ListBook())
    again.restore(json.loads(json.dumps(samples.snapshot())))
    assert again == samples
    assert again.bad == samples.bad
    assert {role: one.snapshot() for role, one in again.orders.items()} == {
        "flow": [NEVER, 0],
        "supply": [9, 1],
    }
