"""Replay of recorded readings."""

import asyncio
from pathlib import Path

import pytest

from adapters.adapter import Health, Link, Source
from adapters.errors import PermanentError
from adapters.reading import Block, Quality
from adapters.replay import REPLAY, ReplayPoint, ReplaySettings

START = 1_772_323_200  # 2026-03-01T00:00:00Z
SECOND = 1_000_000_000


class Sink:
    """An outlet that keeps what it is given."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.healths: list[Health] = []

    async def deliver(self, block: Block) -> None:
        self.blocks.append(block)

    def report(self, _: str, health: Health) -> None:
        self.healths.append(health)


def source(folder: Path, text: str, **points: ReplayPoint) -> Source:
    path = folder / "readings.csv"
    path.write_text(text, "utf-8")
    named = points or {"a": ReplayPoint(), "b": ReplayPoint()}
    return Source("belt", ReplaySettings(protocol="replay", file=str(path), points=named))


async def replay(made: Source, cursor: str | None = None) -> Sink:
    sink = Sink()
    await REPLAY.run([made], sink, {} if cursor is None else {"belt": cursor})
    return sink


async def test_one_column_a_point_gives_one_block_a_row(tmp_path: Path) -> None:
    text = "time,a,other,b\n2026-03-01T00:00:00Z,1.5,x,2\n2026-03-01T01:00:01.5+01:00,3,x,4\n"
    first, second = (await replay(source(tmp_path, text))).blocks
    assert (first.time, first.points, first.values) == (START * SECOND, ("a", "b"), (1.5, 2.0))
    assert second.time == START * SECOND + 1_500_000_000
    assert second.points is first.points


async def test_one_reading_a_row_gives_one_block_a_time(tmp_path: Path) -> None:
    text = (
        f"Time,Point,Value,Quality\n{START},a,1,good\n{START},b,2,uncertain\n"
        f"{START},unused,9,\n{START + 1}.25,a,3,bad\n{START + 1}.25,b,,good\n"
    )
    sink = await replay(source(tmp_path, text))
    readings = [tuple(reading[1:]) for block in sink.blocks for reading in block.readings()]
    later = START * SECOND + 1_250_000_000
    assert readings == [
        ("a", START * SECOND, 1.0, Quality.GOOD, ""),
        ("b", START * SECOND, 2.0, Quality.UNCERTAIN, "reported"),
        ("a", later, None, Quality.BAD, "reported"),
        ("b", later, None, Quality.BAD, "missing"),
    ]
    assert len(sink.blocks) == 2


async def test_decimal_commas_are_read_between_semicolons(tmp_path: Path) -> None:
    text = f'time;a;b\n{START},5;1,25;"-2,5"\n'
    (block,) = (await replay(source(tmp_path, text))).blocks
    assert (block.time, block.values) == (START * SECOND + 500_000_000, (1.25, -2.5))


async def test_a_spreadsheets_byte_order_mark_and_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = f"\ufefftime,a,b\r\n{START},1,2\r\n\r\n{START + 1},3,4"
    sink = await replay(source(tmp_path, text))
    assert [block.values for block in sink.blocks] == [(1.0, 2.0), (3.0, 4.0)]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("", "missing"), ("abc", "not-a-number"), ("nan", "not-a-number"), ("inf", "not-a-number"),
     ("1_0", "not-a-number"), ("81", "implausible"), ("-32768", "sentinel")],
)  # fmt: skip
async def test_a_bad_cell_gives_no_value_and_a_reason(
    tmp_path: Path, cell: str, reason: str
) -> None:
    point = ReplayPoint(plausible=(0, 80), sentinels=(-32768,))
    made = source(tmp_path, f"time,a,b\n{START},{cell},7\n", a=point, b=ReplayPoint())
    (block,) = (await replay(made)).blocks
    assert block.values == (None, 7.0)
    assert block.faults == {0: (Quality.BAD, reason)}


async def test_a_counter_past_what_a_float_holds_stays_whole(tmp_path: Path) -> None:
    (block,) = (await replay(source(tmp_path, f"time,a,b\n{START},9007199254740993,true\n"))).blocks
    assert block.values == (9007199254740993, True)


async def test_malformed_rows_are_counted_and_named_and_the_others_read(tmp_path: Path) -> None:
    text = (
        f"time,a,b\nyesterday,1,2\n{START},1\n2026-03-01T00:00:00,1,2\n{START},1,2,3\n"
        f'{START + 1},"1,2\n{START + 2},5,6,\n'
    )
    sink = await replay(source(tmp_path, text))
    assert [block.values for block in sink.blocks] == [(5.0, 6.0)]
    done = sink.healths[-1]
    assert (done.link, done.failures, done.requests) == (Link.DONE, 5, 6)
    assert [note.split(":")[0] for note in done.notes] == [f"line {n}" for n in range(2, 7)]


async def test_only_the_first_malformed_rows_are_named(tmp_path: Path) -> None:
    sink = await replay(source(tmp_path, "time,a,b\n" + "x,1,2\n" * 1000))
    assert len(sink.healths[-1].notes) == 21
    assert sink.healths[-1].notes[-1] == "980 more malformed rows"


async def test_a_row_without_end_is_passed_by_in_constant_memory(tmp_path: Path) -> None:
    text = f"time,a,b\n{'9' * 5_000_000}\n{START},1,2\n"
    sink = await replay(source(tmp_path, text))
    assert [block.values for block in sink.blocks] == [(1.0, 2.0)]
    assert sink.healths[-1].notes[0].startswith("line 2: longer than")


async def test_a_resumed_run_goes_on_after_any_cursor(tmp_path: Path) -> None:
    rows = [f"{START + n // 3},{'ab'[n % 2]},{n}" for n in range(30)]
    rows.insert(10, "malformed")
    made = source(tmp_path, "time,point,value\n" + "\n".join(rows) + "\n")
    whole = (await replay(made)).blocks
    for position, block in enumerate(whole):
        again = await replay(made, block.cursor)
        assert again.blocks == whole[position + 1 :]
        assert again.healths[-1].link is Link.DONE


async def test_rows_added_later_are_read_from_the_last_cursor(tmp_path: Path) -> None:
    made = source(tmp_path, f"time,a,b\n{START},1,2")
    (first,) = (await replay(made)).blocks
    with (tmp_path / "readings.csv").open("a") as file:
        file.write(f"\n{START + 1},3,4\n")
    (second,) = (await replay(made, first.cursor)).blocks
    assert second.values == (3.0, 4.0)


@pytest.mark.parametrize("cursor", ["", "12", "a:b", "-1:2", "99999:3"])
async def test_a_cursor_that_is_not_in_the_file_is_a_persons_business(
    tmp_path: Path, cursor: str
) -> None:
    made = source(tmp_path, f"time,a,b\n{START},1,2\n")
    with pytest.raises(PermanentError, match="saved position"):
        await replay(made, cursor)


async def test_a_missing_column_or_file_is_named(tmp_path: Path) -> None:
    made = source(tmp_path, "time,a\n")
    with pytest.raises(PermanentError, match="no column b in the header"):
        await replay(made)
    (tmp_path / "readings.csv").unlink()
    with pytest.raises(PermanentError, match="cannot be read"):
        await replay(made)


async def test_a_point_may_have_a_column_of_another_name(tmp_path: Path) -> None:
    text = f"time,Flow rate\n{START},5\n"
    made = source(tmp_path, text, flow=ReplayPoint(column="Flow rate", unit="m3/h"))
    (block,) = (await replay(made)).blocks
    assert (block.points, block.values) == (("flow",), (5.0,))
    (probe,) = await REPLAY.probe(made)
    assert (probe.point, probe.address, probe.value, probe.unit) == (
        "flow", "Flow rate", 5.0, "m3/h",
    )  # fmt: skip


@pytest.mark.parametrize("row", [f"{START},1,2\n", "malformed\n", f"{START},unused,1\n"])
async def test_a_long_file_lets_others_have_their_turn(tmp_path: Path, row: str) -> None:
    header = "time,point,value\n" if "unused" in row else "time,a,b\n"
    made = source(tmp_path, header + row * 2000)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await replay(made)
    task.cancel()
    assert turns >= 5
