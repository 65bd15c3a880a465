"""What the status tells of points is the same whichever way it lies in the file."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading import NANOSECONDS, Block, Fault, Quality
from agent.running import status
from agent.running.columns import unfolded
from agent.running.status import Board

NOW = 10_000 * NANOSECONDS
NAMES = ("a", "b", "c", "d")
SOURCES = ("belt", "mill")


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    points = tuple(draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)))
    count = len(points)
    faults = draw(st.dictionaries(st.integers(0, count - 1), st.just(FAULT), max_size=2))
    values = tuple(None if at in faults else draw(st.integers(0, 9)) for at in range(count))
    instants = st.integers(0, 9).map(lambda second: second * NANOSECONDS)
    each = draw(st.none() | st.lists(instants, min_size=count, max_size=count).map(tuple))
    return Block(draw(st.sampled_from(SOURCES)), draw(instants), points, values, faults, each)


FAULT = Fault(Quality.BAD, "timeout")


def later(block: Block, by: int) -> Block:
    times = block.times and tuple(time + by for time in block.times)
    return block._replace(time=block.time + by, times=times)


def expected(noted: list[Block]) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Of the last block of each tuple of points, the newest value of each point."""
    last = {(block.source, block.points): block for block in noted}
    newest: dict[tuple[str, str], int] = {}
    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    for block in last.values():
        for one in block.readings():
            key = (one.source, one.point)
            if newest.get(key, -1) <= one.time:
                newest[key] = one.time
                age = (NOW - one.time) / NANOSECONDS
                row = (one.value, age, one.quality.name.lower(), one.reason)
                found.setdefault(one.source, {})[one.point] = row
    return found


def told(board: Board) -> dict[str, dict[str, tuple[Any, ...]]]:
    points, good = board.points(NOW), board.columns()
    sources: dict[str, dict[str, Any]] = {name: {"points": rows} for name, rows in points.items()}
    for name, columns in good.items():
        sources[name]["columns"] = columns
    document = unfolded(json.loads(json.dumps({"time": NOW, "sources": sources})))
    return {
        name: {
            point: (row["value"], row["age_s"], row["quality"], row["reason"])
            for point, row in source["points"].items()
        }
        for name, source in document["sources"].items()
    }


@settings(deadline=None)
@given(st.lists(blocks(), max_size=12))
def test_each_point_is_told_with_its_newest_value_also_when_looked_at_twice(
    noted: list[Block],
) -> None:
    board = Board()
    for block in noted:
        board.note(block)
    assert told(board) == expected(noted)
    assert told(board) == expected(noted)


@settings(deadline=None)
@given(st.lists(blocks(), min_size=1, max_size=12))
def test_blocks_made_one_tell_the_same(drawn: list[Block]) -> None:
    noted = [later(block, 10 * number * NANOSECONDS) for number, block in enumerate(drawn)]
    board = Board()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(status, "_FEW", 1)
        patch.setattr(status, "_OFTEN", 1)
        for block in noted:
            board.note(block)
    assert told(board) == expected(noted)
    assert all(len(one) <= 2 for one in board._latest.values())


def test_groups_of_points_that_never_come_again_are_not_all_kept() -> None:
    board = Board({"belt": 600})
    held: list[int] = []
    for number in range(400):
        points = tuple(str(at) for at in range(600) if (at * 7 + number) % 13)
        board.note(Block("belt", NOW + number, points, (1.0,) * len(points)))
        held.append(sum(map(len, board._latest["belt"])))
    assert max(held) <= 4 * 600
    assert max(held[200:]) > 3 * 600


def test_groups_that_share_the_points_of_a_source_stay_as_they_are() -> None:
    board = Board({"belt": 3000})
    for number in range(600):
        points = tuple(str(at) for at in range(number % 100, 3000, 100))
        board.note(Block("belt", NOW + number, points, (1.0,) * len(points)))
    assert sorted(len(points) for points in board._latest["belt"]) == [30] * 100


def test_good_sources_lie_in_the_file_as_columns_and_others_as_rows() -> None:
    board = Board()
    board.note(Block("belt", NOW, ("a", "b"), (1, 2)))
    board.note(Block("mill", NOW, ("a", "b"), (1, None), {1: FAULT}))
    assert board.columns() == {"belt": [(NOW, ("a", "b"), (1, 2))]}
    assert {name: len(rows) for name, rows in board.points(NOW).items()} == {"belt": 0, "mill": 2}
