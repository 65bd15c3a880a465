"""How rows are laid out when they fit a terminal, nearly fit it, and do not fit it."""

from agent.cli.output import window_text
from agent.cli.table import table
from tests.plants import HOUR, MINUTE, START

COLUMNS = ("source", "link", "error")
ERROR = "192.0.2.10:502: device 1 did not answer within 1 s\n→ check the cabling"


def plain(_: str, padded: str) -> str:
    return padded


def test_a_long_last_cell_is_wrapped_beside_the_others_under_its_own_column() -> None:
    assert table(COLUMNS, [("belt", "down", ERROR)], 50, plain) == [
        "source  link  error",
        "──────  ────  " + "─" * 36,
        "belt    down  192.0.2.10:502: device 1 did not",
        "              answer within 1 s",
        "              → check the cabling",
    ]


def test_a_last_cell_without_room_goes_below_its_row() -> None:
    row = ("a_source_with_a_long_name", "down", ERROR)
    assert table(COLUMNS, [row], 40, plain)[2:] == [
        "a_source_with_a_long_name  down",
        "    192.0.2.10:502: device 1 did not",
        "    answer within 1 s",
        "    → check the cabling",
    ]


def test_rows_that_do_not_fit_at_all_become_names_and_values() -> None:
    row = ("a_source", "127.0.0.1:50200", "down")
    assert table(("source", "where", "link"), [row, row], 24, plain) == [
        "source  a_source",
        "where   127.0.0.1:50200",
        "link    down",
        "",
        "source  a_source",
        "where   127.0.0.1:50200",
        "link    down",
    ]


def test_a_column_without_entries_is_left_out() -> None:
    assert table(COLUMNS, [("belt", "up", None)], 80, plain)[0] == "source  link"


def test_floats_are_shortened_to_what_a_meter_shows() -> None:
    assert table(("value",), [(2.9036422370669297,)], 80, plain)[-1] == "2.903642237"


def test_a_window_is_written_as_short_as_its_bounds_allow() -> None:
    assert window_text(START, START + HOUR) == "2026-03-01 00:00-01:00"
    assert window_text(START, START + MINUTE // 6) == "2026-03-01 00:00:00-00:00:10"
    assert window_text(START + 23 * HOUR, START + 24 * HOUR) == "2026-03-01 23:00-24:00"
    assert window_text(START, START + 48 * HOUR) == "2026-03-01 00:00- 2026-03-03 00:00"
