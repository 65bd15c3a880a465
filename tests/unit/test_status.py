"""The status document: what is told about sources and points, how it is graded, and its file."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from adapters.adapter import Health, Link, Source
from adapters.errors import TransientError
from adapters.reading import NANOSECONDS, Block, Fault, Quality
from adapters.settings import PointSettings, SourceSettings
from agent.keeping.tables import Depth
from agent.running import statusfile
from agent.running.status import Board, Snapshot, describe
from agent.running.uplink import UplinkState
from gateway.mqtt import LinkState
from tests import plants

START = plants.START
SECOND = NANOSECONDS
POINTS = ("total", "rate")
UP = Health(Link.UP)


def snapshot(board: Board, now: int = START, **more: Any) -> Snapshot:
    names = dict.fromkeys(POINTS, PointSettings())
    settings = SourceSettings(protocol="modbus-tcp", points=names)
    depth = Depth(0, 0, None, {}, None)
    plan = plants.plan()
    object.__setattr__(plan, "sources", (Source("belt", settings), Source("mill", settings)))
    made = {"windows": [], "depth": depth, "uplink": None, "troubles": {}, **more}
    return Snapshot(plan, now, START, board, **made)


def board(**links: Health) -> Board:
    made = Board()
    for source, health in {"belt": UP, "mill": UP, **links}.items():
        made.hear(source, health, START)
    return made


def block(second: int, *faults: int, reason: str = "timeout") -> Block:
    wrong = dict.fromkeys(faults, Fault(Quality.BAD, reason))
    values = tuple(None if at in wrong else 1.5 for at in range(2))
    return Block("belt", START + second * SECOND, POINTS, values, wrong)


def problems(one: Snapshot) -> list[str]:
    found: list[str] = describe(one)["problems"]
    return found


def test_a_source_that_is_down_is_told_with_the_reason_and_since_when() -> None:
    made = board()
    down = Health(Link.DOWN, "device 1 did not answer", failures=1)
    made.hear("belt", down, START + 5 * SECOND)
    made.hear("belt", Health(Link.DOWN, "connection refused", failures=9), START + 60 * SECOND)
    assert problems(snapshot(made, START + 90 * SECOND)) == [
        "source belt is down since 2026-03-01 00:00:05 UTC: connection refused"
    ]


def test_a_source_that_came_back_is_up_since_then() -> None:
    made = board(belt=Health(Link.DOWN, "away"))
    made.hear("belt", UP, START + 7 * SECOND)
    document = describe(snapshot(made, START + 9 * SECOND))
    assert document["sources"]["belt"]["since"] == START + 7 * SECOND
    assert document["problems"] == []


def test_bad_points_are_told_with_the_reason_and_since_when() -> None:
    made = board()
    for second, faults in ((0, ()), (1, (1,)), (2, (1,)), (3, (1,))):
        made.note(block(second, *faults))
        told = problems(snapshot(made, START + second * SECOND))
    assert told == ["source belt: bad values since 2026-03-01 00:00:01 UTC at rate: timeout"]


@pytest.mark.parametrize("between", [(), (1,)], ids=["all good", "another bad"])
def test_a_point_that_was_good_in_between_is_bad_since_its_last_fall(
    between: tuple[int, ...],
) -> None:
    made = board()
    for second, faults in ((1, (0,)), (2, between), (3, (0,))):
        made.note(block(second, *faults))
        points = made.points(START + second * SECOND)["belt"]
    assert points["total"]["since"] == START + 3 * SECOND
    assert points["rate"]["since"] is None


def test_of_many_bad_points_five_are_named() -> None:
    names = tuple(f"p{number}" for number in range(9))
    wrong = dict.fromkeys(range(9), Fault(Quality.BAD, "implausible"))
    made = board()
    made.note(Block("belt", START, names, (None,) * 9, wrong))
    assert problems(snapshot(made))[0].endswith("at p0, p1, p2, p3, p4 and 4 more: implausible")


def test_one_source_down_is_a_warning_and_all_of_them_critical() -> None:
    down = Health(Link.DOWN, "away")
    assert describe(snapshot(board()))["level"] == "ok"
    assert describe(snapshot(board(belt=down)))["level"] == "warning"
    assert describe(snapshot(board(belt=down, mill=down)))["level"] == "critical"


def test_a_state_file_that_cannot_be_written_is_critical_and_a_lone_source_a_warning() -> None:
    disk = snapshot(board(), troubles={"state file": "disk full"})
    lane = snapshot(board(), troubles={"source modbus-tcp 192.0.2.1:502": "no such library"})
    assert describe(disk)["level"] == "critical"
    assert describe(lane)["level"] == "warning"


def test_a_broker_that_is_away_is_told_with_the_reason_and_since_when() -> None:
    link = LinkState(connected=False, detail="connection refused", since=START + 3 * SECOND)
    told = problems(snapshot(board(), uplink=UplinkState(link)))
    assert told == ["hub's broker not connected since 2026-03-01 00:00:03 UTC: connection refused"]


def written(folder: Path, **more: Any) -> Path:
    statusfile.write(folder, describe(snapshot(board(), **more)))
    return folder


def test_a_status_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    folder = written(tmp_path / "run")
    told = json.dumps(describe(snapshot(board())))
    assert statusfile.read(folder, START + SECOND) == json.loads(told)
    assert [path.name for path in folder.iterdir()] == [statusfile.FILE]


def test_the_services_group_may_read_the_status_and_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        path = written(tmp_path) / statusfile.FILE
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("later", "stopped", "said"),
    [
        (31, False, "31 s ago: it was killed or hangs"),
        (1, True, "the agent was stopped 1 s ago"),
        (-31, False, "the clock was set back"),
    ],
)
def test_a_status_nobody_keeps_up_is_critical(
    tmp_path: Path, later: int, stopped: bool, said: str
) -> None:
    found = statusfile.read(written(tmp_path, stopped=stopped), START + later * SECOND)
    assert found["level"] == "critical"
    assert said in found["problems"][0]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"time": "x"}', "null", '"\\ud800"'])
def test_a_file_that_is_no_status_is_told_in_words(tmp_path: Path, content: str) -> None:
    (tmp_path / statusfile.FILE).write_text(content)
    with pytest.raises(statusfile.NoStatusError, match="not a status file"):
        statusfile.read(tmp_path, START)


def test_a_status_that_is_not_there_or_cannot_be_read_exits_2(tmp_path: Path) -> None:
    with pytest.raises(statusfile.NoStatusError, match="no agent has run here") as absent:
        statusfile.read(tmp_path, START)
    (tmp_path / statusfile.FILE).mkdir()
    with pytest.raises(statusfile.NoStatusError, match="cannot be read") as unreadable:
        statusfile.read(tmp_path, START)
    assert absent.value.exit_code == unreadable.value.exit_code == 2


def test_a_runtime_directory_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransientError, match="cannot be written") as error:
        statusfile.write(tmp_path / "file" / "run", json.loads("{}"))
    assert "[state] runtime" in error.value.mend


@pytest.mark.parametrize(
    ("waiting", "minutes", "told"), [(3, 16, True), (3, 14, False), (0, 16, False)]
)
def test_a_hub_that_confirms_nothing_although_its_broker_takes_records_is_told(
    waiting: int, minutes: int, told: bool
) -> None:
    state = UplinkState(LinkState(True, "", START), sent=3, unanswered=START)
    depth = Depth(waiting, 0, START, {}, None)
    now = START + minutes * 60 * SECOND
    found = problems(snapshot(board(), now, uplink=state, depth=depth))
    said = "the hub has confirmed nothing since 2026-03-01 00:00:00 UTC"
    assert [one.startswith(said) for one in found] == [True] * told
