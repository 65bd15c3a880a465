"""The backfill command: which spans it fills, what it refuses, and that history never leaves."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adapters.reading import NANOSECONDS, Block
from agent.cli import backfill as command
from agent.cli.group import sidestream
from agent.keeping.outbox import Outbox
from agent.measuring.total import Total
from agent.running.assembly import memory
from agent.running.engine import Engine
from config.load import load_plant
from config.plan import PlantPlan
from gateway.claim import claimed
from tests.plants import sealer

QUARTER = 900 * NANOSECONDS
DAY = 86_400 * NANOSECONDS
START = 1_772_323_200 * NANOSECONDS
"""2026-03-01T00:00:00Z."""
PLANT = """
[plant]
name = "Kvina works"
owner = "Example Metals AS"
[sources.belt]
protocol = "modbus-tcp"
host = "127.0.0.1"
every = "60 s"
[sources.belt.points]
total = { register = 40001, type = "uint32", unit = "kg" }
[sources.other]
protocol = "modbus-tcp"
host = "127.0.0.2"
[sources.other.points]
rate = { register = 40001, type = "uint32", unit = "t/h" }
[streams.slag]
material = "10 09 03"
share = "cluster"
meter = { total = "belt.total" }
[streams.dust]
material = "10 09 10"
meter = { rate = "other.rate" }
[state]
directory = "state"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a live plant's file and a day of a historian's rows of 60 kg a minute."""
    (tmp_path / "plant.toml").write_text(PLANT)
    rows = [f"{START // NANOSECONDS + 60 * at},{60 * at}" for at in range(-5, 1446)]
    (tmp_path / "day.csv").write_text("\n".join(("time,Slag count", *rows)))
    return tmp_path


def called(folder: Path, *more: str, first: str = "2026-03-01", last: str = "2026-03-02") -> str:
    """Run the command; gives what it says, with its errors."""
    arguments = [
        "backfill", str(folder / "plant.toml"), str(folder / "day.csv"), "--source", "belt",
        "--from", first, "--to", last, "--column", "total=Slag count", *more,
    ]  # fmt: skip
    result = CliRunner().invoke(sidestream, arguments)
    return result.output + str(result.exception or "")


def plan(folder: Path) -> PlantPlan:
    return load_plant(folder / "plant.toml", {})


def totals(folder: Path) -> list[Total]:
    with Outbox.look_at(folder / "state") as outbox:
        return outbox.windows.totals(0, 2**63 - 1)


def live(folder: Path, first: int, minutes: int, sealed: bool = False) -> Any:
    """Run the agent's engine over minutes of readings from an instant on, and commit."""
    with Outbox.open(folder / "state", first) as outbox:
        engine = Engine(plan(folder), sealer() if sealed else None, lambda: 0, memory(outbox))
        for at in range(minutes):
            now = first + at * 60 * NANOSECONDS
            engine.take(Block("belt", now, ("total",), (60 * at,)))
            engine.take(Block("other", now, ("rate",), (1,)))
            engine.advance(now)
        change = engine.commit()
        outbox.commit(change, first)
        return change


def test_a_day_is_filled_with_the_totals_of_its_windows(folder: Path) -> None:
    assert "96 windows of slag are filled; no record was made." in called(folder)
    found = totals(folder)
    assert [one.start for one in found] == list(range(START, START + DAY, QUARTER))
    assert {(one.stream, round(one.quantity, 12), one.coverage) for one in found} == {
        ("slag", 0.9, 1.0)
    }
    with Outbox.look_at(folder / "state") as outbox:
        assert outbox.last_sequence() == 0


def test_closed_windows_are_never_changed(folder: Path) -> None:
    called(folder)
    before = totals(folder)
    said = called(folder)
    assert "96 windows of the span are closed already" in said
    assert "2026-03-01T00:00:00Z" in said
    assert totals(folder) == before


def test_two_spans_side_by_side_are_filled_one_after_the_other(folder: Path) -> None:
    called(folder, last="2026-03-01T12:00:00Z")
    assert "48 windows" in called(folder, first="2026-03-01T12:00:00Z")
    assert sum(one.quantity for one in totals(folder)) == pytest.approx(86.4, rel=1e-12)


def test_history_makes_no_record_when_the_agent_starts_later(folder: Path) -> None:
    called(folder)
    now = time.time_ns()
    change = live(folder, now - now % DAY + 2 * DAY, 200, sealed=True)
    assert change.records
    assert min(record.start for record, _ in change.records) > START + DAY


@pytest.mark.parametrize("minutes", [5, 20, 200])
def test_the_time_before_the_first_live_window_is_filled(folder: Path, minutes: int) -> None:
    first = START + DAY // 2
    live(folder, first, minutes)
    said = called(folder)
    assert ("where live windows begin" if minutes == 5 else "closed already") in said
    assert "48 windows" in called(folder, last="2026-03-01T12:00:00Z")
    change = live(folder, first + minutes * 60 * NANOSECONDS, 180, sealed=True)
    assert min(record.start for record, _ in change.records) >= first


def test_windows_that_are_open_in_the_agent_are_not_filled(folder: Path) -> None:
    called(folder, last="2026-03-01T06:00:00Z")
    live(folder, START + DAY // 2, 5)
    said = called(folder, first="2026-03-01T06:00:00Z")
    assert "the span ends after 2026-03-01T12:00:00Z, where live windows begin" in said
    live(folder, START + DAY // 2, 60)


def test_a_span_into_the_future_is_refused(folder: Path) -> None:
    assert "where live windows begin" in called(folder, last="2190-01-01")


def test_a_span_of_parts_of_windows_is_refused(folder: Path) -> None:
    said = called(folder, last="2026-03-01T12:01:00Z")
    assert "not whole measurement windows" in said
    assert not (folder / "state" / "state.sqlite").exists() or totals(folder) == []


def test_the_running_agent_is_not_disturbed(folder: Path) -> None:
    with claimed(folder / "state", "agent"):
        said = called(folder)
    assert f"another agent is running with this state (pid {os.getpid()})" in said
    assert "stop it first" in said


def test_recorded_plants_are_refused(folder: Path) -> None:
    recorded = PLANT.replace('protocol = "modbus-tcp"', 'protocol = "replay"\nfile = "day.csv"')
    for old in (
        'host = "127.0.0.1"\n',
        'host = "127.0.0.2"\n',
        'register = 40001, type = "uint32", ',
    ):
        recorded = recorded.replace(old, "")
    (folder / "plant.toml").write_text(recorded)
    assert "recorded sources, not live ones" in called(folder)


def test_a_stream_of_another_source_is_named(folder: Path) -> None:
    assert "of this one: slag" in called(folder, "--stream", "dust")


def test_a_column_that_the_file_does_not_have_is_named(folder: Path) -> None:
    said = called(folder, "--column", "total=Nothing")
    assert "no column Nothing" in said


def test_where_the_file_ends_before_the_span_the_rest_stays_open_to_another(folder: Path) -> None:
    assert "96 windows" in called(folder, last="2026-03-03")
    assert max(one.end for one in totals(folder)) == START + DAY


def test_rows_further_apart_than_the_agent_reads_are_bridged_on_request(folder: Path) -> None:
    rows = [f"{START // NANOSECONDS + 600 * at},{600 * at}" for at in range(-1, 146)]
    (folder / "day.csv").write_text("\n".join(("time,Slag count", *rows)))
    called(folder, "--every", "10 min")
    assert {(round(one.quantity, 12), one.coverage, one.marks) for one in totals(folder)} == {
        (0.9, 1.0, ())
    }


class _Cut(Exception):  # noqa: N818 - a stop, not an error
    """Somebody stops the program."""


def test_an_interrupted_backfill_goes_on_by_the_same_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_MOST_WAITING", 3)
    _interrupt(monkeypatch, after=700)
    called(folder)
    monkeypatch.undo()
    part = totals(folder)
    assert 0 < len(part) < 96
    said = called(folder, last="2026-03-01T18:00:00Z")
    assert "another backfill of source belt is unfinished" in said
    assert "--forget" in said
    assert "96 windows" in called(folder)
    assert {round(one.quantity, 12) for one in totals(folder)} == {0.9}
    assert len(totals(folder)) == 96


def test_an_unfinished_backfill_can_be_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_MOST_WAITING", 3)
    _interrupt(monkeypatch, after=700)
    called(folder)
    monkeypatch.undo()
    assert "windows" in called(folder, "--forget", first="2026-03-01T18:00:00Z")


def _interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    from adapters import replay  # noqa: PLC0415

    reads = replay.blocks

    def cut(*arguments: Any) -> Iterator[Block | None]:
        for count, block in enumerate(reads(*arguments)):
            if count == after:
                raise _Cut
            yield block

    monkeypatch.setattr(replay, "blocks", cut)
