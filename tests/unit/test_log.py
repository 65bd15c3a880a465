"""What `run` commands log: one line an event, as text or as JSON."""

import json
import logging
import sys

import pytest

from agent.cli.log import JsonLine, OneLine


def line(message: str, **more: object) -> logging.LogRecord:
    record = logging.LogRecord("sidestream.agent", logging.WARNING, "", 0, message, None, None)
    record.created = 1_772_323_200.25
    record.__dict__.update(more)
    return record


@pytest.mark.parametrize("words", ["plain", "two\nlines\n<3>forged", 'a "quoted" name \u2028'])
def test_a_line_of_json_is_one_line_and_holds_the_message_as_it_is(words: str) -> None:
    written = JsonLine().format(line(words, source="belt"))
    assert "\n" not in written
    assert json.loads(written) == {
        "time": "2026-03-01T00:00:00.250+00:00",
        "level": "warning",
        "logger": "sidestream.agent",
        "message": words,
        "source": "belt",
    }


def test_a_line_of_json_about_no_source_names_none_and_a_failure_has_its_trace() -> None:
    assert "source" not in json.loads(JsonLine().format(line("stopped")))
    try:
        raise KeyError("x")  # noqa: TRY301
    except KeyError:
        failed = line("failed", exc_info=sys.exc_info())
    assert "KeyError" in json.loads(JsonLine().format(failed))["trace"]


def test_a_line_for_the_journal_has_its_priority_and_cannot_be_forged() -> None:
    written = OneLine(journal=True).format(line("two\n<3>lines"))
    assert written == "<4>WARNING sidestream.agent: two <3>lines"
