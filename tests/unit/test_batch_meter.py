"""The batch meter: what counts as one batch, once, and when a scale counts as observed."""

import json

import pytest

from adapters.reading import Fault, Value
from agent.measuring.meters.batch import BatchMeter
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from tests.measuring import BAD, MIN, T0, ListBook, S, batch_plan, block, stream, windows

Row = tuple[float, dict[str, Value]]


def feed(meter: BatchMeter, book: ListBook, *rows: Row, fault: Fault | None = None) -> None:
    for seconds, values in rows:
        inputs = [(role, value, fault) for role, value in values.items()]
        meter.take(T0 + round(seconds * S), inputs, book)


def fed(*rows: Row, roles: tuple[str, ...] = ("ticket",), **settings: object) -> ListBook:
    meter, book = BatchMeter(batch_plan(*roles, **settings)), ListBook()
    feed(meter, book, *rows)
    return book


def ticket(seconds: float, number: int, weight: float, **more: Value) -> Row:
    return (seconds, {"weight": weight, "ticket": number, **more})


def loaded(seconds: float, weight: float, stable: bool, **more: Value) -> Row:
    return (seconds, {"weight": weight, "stable": stable, **more})


def put(book: ListBook) -> list[tuple[float, float, int]]:
    return [((one.time - T0) / S, one.quantity, one.tickets) for one in book.puts]


def test_each_ticket_number_counts_once_at_the_time_it_is_first_seen() -> None:
    rows = [ticket(0, 7, 10.0), ticket(1, 8, 11.5), ticket(2, 8, 11.5), ticket(3, 9, 11.5)]
    assert put(fed(*rows)) == [(1, 11.5, 1), (3, 11.5, 1)]


def test_the_ticket_shown_at_the_very_first_reading_does_not_count() -> None:
    book = fed(ticket(0, 7, 10.0), ticket(1, 7, 12.0), ticket(2, 7, 0.0))
    assert (book.puts, book.notes) == ([], [])


def test_no_ticket_at_first_lets_the_first_one_count() -> None:
    assert put(fed(ticket(0, 0, 0.0), ticket(1, 1, 5.0))) == [(1, 5.0, 1)]


def test_the_same_number_with_another_weight_is_a_correction() -> None:
    book = fed(ticket(0, 0, 0.0), ticket(1, 1, 5.0), ticket(2, 1, 4.5))
    assert put(book) == [(1, 5.0, 1), (1, -0.5, 0)]
    assert book.notes == [(T0 + S, "corrected")]


@pytest.mark.parametrize("after", [{"weight": 0.0, "void": False}, {"weight": 5.0, "void": True}])
def test_a_voided_ticket_takes_back_what_it_counted(after: dict[str, Value]) -> None:
    rows = [
        ticket(0, 0, 0.0, void=False),
        ticket(1, 1, 5.0, void=False),
        (2, {"ticket": 1} | after),
    ]
    assert put(fed(*rows, roles=("ticket", "void"))) == [(1, 5.0, 1), (1, -5.0, -1)]


def test_an_earlier_ticket_that_is_shown_again_is_known() -> None:
    rows = [ticket(0, 0, 0.0), *(ticket(n, n, n * 1.0) for n in (1, 2, 3)), ticket(4, 2, 2.0)]
    book = fed(*rows, ticket(5, 1, 0.0), ticket(6, 4, 4.0))
    assert put(book)[3:] == [(1, -1.0, -1), (6, 4.0, 1)]


def test_only_the_last_numbers_are_known_and_older_ones_are_new_again() -> None:
    rows = [ticket(n, n % 4, n % 4) for n in range(8)]
    assert len(fed(*rows, remember=2).puts) == 6
    assert len(fed(*rows, remember=3).puts) == 3


def test_values_read_one_after_the_other_count_when_they_belong_together() -> None:
    meter, book = BatchMeter(batch_plan()), ListBook()
    polls = [(0, 10.0, 6), (1, 12.0, 7), (2, 12.0, 7), (3, 12.0, 8), (4, 13.0, 8), (5, 13.0, 8)]
    for second, weight, number in polls:
        feed(meter, book, (second, {"weight": weight}), (second + 0.1, {"ticket": number}))
    assert put(book) == [(1.1, 12.0, 1), (3.1, 13.0, 1)]
    assert book.notes == []


def test_a_ticket_that_is_gone_before_its_weight_was_read_is_told() -> None:
    meter, book = BatchMeter(batch_plan()), ListBook()
    for second, weight, number in [(0, 1.0, 5), (1, 1.0, 5), (2, 2.0, 6), (3, 3.0, 7), (4, 3.0, 7)]:
        feed(meter, book, (second, {"weight": weight}), (second + 0.1, {"ticket": number}))
    assert put(book) == [(3.1, 3.0, 1)]
    assert book.notes == [(T0 + 2 * S + S // 10, "ticket-missed")]


def test_a_tare_is_taken_off_a_gross_weight() -> None:
    rows = [ticket(0, 0, 0.0, tare=0.0), ticket(1, 1, 40.0, tare=15.5)]
    assert put(fed(*rows, roles=("ticket", "tare"))) == [(1, 24.5, 1)]


def test_a_ticket_told_late_counts_at_its_own_time_and_only_once() -> None:
    rows = [ticket(0, 0, 0.0), ticket(5, 2, 2.0), ticket(3, 1, 1.0), ticket(4, 1, 1.0)]
    book = fed(*rows, max_gap=9 * S)
    assert put(book) == [(5, 2.0, 1), (3, 1.0, 1)]
    assert book.counts == {"late": 1}


def test_a_late_ticket_that_may_have_been_counted_and_forgotten_is_left_out() -> None:
    rows = [ticket(n, n, 1.0) for n in range(6)]
    book = fed(*rows, ticket(1.5, 9, 1.0), remember=2)
    assert len(book.puts) == 5
    assert book.counts == {"late": 1}


def test_a_ticket_made_in_a_long_gap_counts_without_a_known_time() -> None:
    book = fed(ticket(0, 1, 1.0), ticket(1, 1, 1.0), ticket(60, 2, 2.0))
    assert [one.spread for one in book.puts] == [True]
    assert [(one.start - T0, one.end - T0) for one in book.added] == [(0, S)]


def test_a_scale_that_is_read_and_silent_is_observed() -> None:
    book = fed(*(ticket(second, 4, 1.0) for second in range(5)))
    assert [(one.start - T0, one.end - T0, one.steady) for one in book.added] == [
        (n * S, (n + 1) * S, 0.0) for n in range(4)
    ]


def test_a_bad_reading_within_the_gap_leaves_doubt() -> None:
    meter, book = BatchMeter(batch_plan()), ListBook()
    feed(meter, book, ticket(0, 1, 1.0))
    feed(meter, book, (1, {"weight": None, "ticket": None}), fault=BAD)
    feed(meter, book, ticket(2, 1, 1.0), ticket(3, 1, 1.0))
    assert [one.doubt for one in book.added] == [True, False]
    assert book.counts == {"timeout": 2}


def test_a_negative_net_weight_is_no_batch() -> None:
    book = fed(ticket(0, 0, 0.0), ticket(1, 1, -3.0), ticket(2, 1, 3.0))
    assert put(book) == [(1, 3.0, 1)]
    assert book.counts == {"wild": 1}


def test_a_stable_load_counts_once_between_two_empty_scales() -> None:
    rows = [(0.0, True), (3.0, False), (9.7, False), (10.0, True), (10.0, True), (10.0, False)]
    rows += [(10.0, True), (0.1, True), (8.0, True)]
    loads = [loaded(second, weight, stable) for second, (weight, stable) in enumerate(rows)]
    assert put(fed(*loads, roles=("stable",), empty=0.2)) == [(3, 10.0, 1), (8, 8.0, 1)]


def test_a_load_that_grows_on_the_scale_counts_in_full() -> None:
    rows = [loaded(0, 0, True), loaded(1, 4, True), loaded(2, 10, True), loaded(3, 6, True)]
    assert put(fed(*rows, roles=("stable",), empty=0.2)) == [(1, 4.0, 1), (1, 6.0, 0)]


def test_what_lies_on_the_scale_at_the_first_reading_does_not_count() -> None:
    rows = [loaded(0, 9, True), loaded(1, 9, True), loaded(2, 0, True), loaded(3, 7, True)]
    assert put(fed(*rows, roles=("stable",), empty=0.2)) == [(3, 7.0, 1)]


def test_a_weight_counts_as_stable_when_the_flag_was_read_after_it() -> None:
    meter, book = BatchMeter(batch_plan("stable", empty=0.2)), ListBook()
    for second, weight, stable in [(0, 0.0, True), (1, 12.0, False), (2, 10.0, True)]:
        feed(meter, book, (second, {"weight": weight}), (second + 0.1, {"stable": stable}))
    assert put(book) == [(2.1, 10.0, 1)]


def piped(*rows: Row) -> tuple[Pipeline, list[Total]]:
    pipeline = Pipeline([stream(batch_plan(max_gap=2 * MIN))], windows(MIN))
    totals = pipeline.close(T0)
    for seconds, values in rows:
        pipeline.take(block(T0 + round(seconds * S), values))
        totals += pipeline.close(T0 + round(seconds * S))
    return pipeline, totals


def test_a_correction_of_a_closed_window_counts_in_the_first_open_one_with_a_mark() -> None:
    rows = [ticket(0, 0, 0.0), ticket(30, 1, 5.0), ticket(60, 1, 5.0), ticket(90, 1, 4.0)]
    pipeline, totals = piped(*rows)
    assert [(one.quantity, one.tickets, one.coverage) for one in totals] == [(5.0, 1, 1.0)]
    [open_] = pipeline.open_windows()
    assert (open_.quantity, open_.tickets) == (-1.0, 0)
    assert open_.marks == ("corrected", "spread")
    assert [one.kind for one in pipeline.drain_events()] == ["corrected"]


def test_a_window_waits_for_the_weight_of_a_ticket_that_was_seen_in_it() -> None:
    pipeline = Pipeline([stream(batch_plan(max_gap=2 * MIN))], windows(MIN))
    totals = []
    said = [(0, "weight", 1.0), (1, "ticket", 1), (58, "weight", 1.0), (59, "ticket", 2)]
    for seconds, point, value in [*said, (60, "weight", 2.0), (61, "ticket", 2)]:
        pipeline.take(block(T0 + seconds * S, {point: value}))
        totals += pipeline.close(T0 + seconds * S)
    assert [(one.quantity, one.marks) for one in totals] == [(2.0, ())]


def test_a_restart_forgets_no_ticket() -> None:
    plan = stream(batch_plan())
    pipeline = Pipeline([plan], windows(MIN))
    for seconds, values in [ticket(0, 0, 0.0), ticket(1, 1, 5.0)]:
        pipeline.take(block(T0 + round(seconds * S), values))
    pipeline = Pipeline([plan], windows(MIN), json.loads(json.dumps(pipeline.snapshot())))
    pipeline.take(block(T0 + 2 * S, {"weight": 5.0, "ticket": 1}))
    assert [one.quantity for one in pipeline.open_windows()] == [5.0]
