"""What `run` commands log: one line an event, as text or as JSON."""

import json
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import log
from agent.cli.log import JsonLine, OneLine, ToJournal, entry
from gateway import changes, journal
from gateway.journal import LONGEST, Journal, encode, ours

PAGE = Path(__file__).parents[2] / "docs" / "plant.md"
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True)


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


def decoded(datagram: bytes) -> dict[str, str]:
    """Read an entry as the journal does (its native protocol)."""
    found: dict[str, str] = {}
    while datagram:
        head, _, datagram = datagram.partition(b"\n")
        name, sign, value = head.partition(b"=")
        if not sign:
            size = int.from_bytes(datagram[:8], "little")
            value, datagram = datagram[8 : 8 + size], datagram[8 + size :]
            assert datagram[:1] == b"\n"
            datagram = datagram[1:]
        assert name.decode() not in found
        found[name.decode()] = value.decode()
    return found


@given(st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"))))
def test_whatever_a_value_holds_the_journal_reads_the_fields_that_were_written(
    fields: dict[str, str],
) -> None:
    assert decoded(encode(fields)) == fields


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), st.integers(0, 9000))
def test_a_value_is_bounded_and_says_so(text: str, times: int) -> None:
    value = decoded(encode({"MESSAGE": text * times}))["MESSAGE"]
    assert len(value.encode()) <= LONGEST
    assert value == text * times or value.endswith(" [cut]")


@pytest.mark.parametrize("name", ["", "message", "_PID", "A=B", "A\nB", "A" * 65])
def test_a_name_the_journal_keeps_for_itself_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="field"):
        encode({name: "x"})


def test_an_entry_has_priority_place_and_what_it_is_about() -> None:
    said = line("down:\n refused", source="belt", change=changes.SOURCE, stream=None)
    found = entry(said)
    assert found["MESSAGE"] == "down: refused"
    assert (found["PRIORITY"], found["MESSAGE_ID"]) == ("4", changes.SOURCE)
    assert found["SIDESTREAM_SOURCE"] == "belt"
    assert "SIDESTREAM_STREAM" not in found
    assert {"CODE_FILE", "CODE_LINE", "CODE_FUNC", "SIDESTREAM_LOGGER"} <= set(found)
    assert json.loads(JsonLine().format(said))["change"] == "source"
    assert "MESSAGE_ID" not in entry(line("no change"))


def test_each_change_has_an_identifier_of_its_own_that_the_page_lists() -> None:
    listed = re.findall(r"(?m)^\| `(\w+)`[^|]* \| `([0-9a-f]{32})` \|$", PAGE.read_text())
    assert dict(listed) == changes.CHANGES
    assert len(set(changes.CHANGES.values())) == len(changes.CHANGES)


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "socket"))
        heard.settimeout(10)
        yield heard


def handler(path: Path) -> tuple[ToJournal, list[str]]:
    beside: list[str] = []

    class Beside(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            beside.append(record.getMessage())

    return ToJournal(Journal(str(path)), Beside()), beside


def test_a_message_arrives_at_the_journals_socket_with_its_fields(
    journald: socket.socket, tmp_path: Path
) -> None:
    to, beside = handler(tmp_path / "socket")
    to.handle(line("a\nb", source="belt", stream="slag"))
    found = decoded(journald.recv(65_536))
    assert (found["MESSAGE"], found["SIDESTREAM_STREAM"]) == ("a b", "slag")
    assert not beside
    to.close()


def test_a_journal_that_is_away_or_does_not_read_costs_no_message_and_no_time(
    journald: socket.socket, tmp_path: Path
) -> None:
    to, beside = handler(tmp_path / "socket")
    sent = 0
    while not beside:
        to.handle(line(f"{sent} {'x' * 1000}"))
        sent += 1
    heard = len(beside)
    journald.close()
    (tmp_path / "socket").unlink()
    to.handle(line("journald is started again"))
    assert beside[heard:] == ["journald is started again"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(str(tmp_path / "socket"))
        again.settimeout(10)
        to.handle(line("here"))
        assert decoded(again.recv(65_536))["MESSAGE"] == "here"
    to.close()


def test_only_a_stream_that_is_the_journals_own_counts(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream, (tmp_path / "other").open("w") as other:
        found = os.fstat(stream.fileno())
        environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert ours(environment, stream.fileno())
        assert not ours(environment, other.fileno())
        assert not ours({}, stream.fileno())


def test_without_the_journals_socket_lines_have_priorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "ours", lambda _: True)
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "none"))
    chosen = log._handler("text", {"JOURNAL_STREAM": "1:2"})
    assert chosen.format(line("x")).startswith("<4>")
