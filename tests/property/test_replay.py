"""Replay: times, and nothing lost or doubled wherever a run is cut."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.adapter import Source
from adapters.errors import SidestreamError
from adapters.replay import Progress, ReplayPoint, ReplaySettings, blocks
from adapters.rows import instant
from tests.unit.test_replay import replay

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(
    datetime(1970, 1, 3), datetime(2262, 1, 1), timezones=ZONES  # noqa: DTZ001 - timezones= adds it
)  # fmt: skip
POINTS = {"a": ReplayPoint(), "b": ReplayPoint(plausible=(0, 9))}


def made(folder: str, text: str) -> Source:
    path = Path(folder, "readings.csv")
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return Source("belt", ReplaySettings(protocol="replay", file=str(path), points=POINTS))


@given(MOMENTS)
def test_a_time_with_its_zone_is_exact_to_the_microsecond(moment: datetime) -> None:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert instant(moment.isoformat()) == (since // timedelta(microseconds=1)) * 1000


@given(st.integers(0, 2**63 - 1))
def test_a_time_in_seconds_is_exact_to_the_nanosecond(time: int) -> None:
    assert instant(f"{time // 10**9}.{time % 10**9:09d}") == time
    written = datetime.fromtimestamp(time // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert instant(f"{written}.{time % 10**9:09d}Z") == time


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    refusal = ""
    time = 0
    try:
        time = instant(text)
    except ValueError as error:
        refusal = str(error)
    assert 0 <= time < 2**63
    assert not refusal or "a time such as" in refusal


ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "other", ""]), st.text('0129.,;" ')),
    max_size=30,
)


@given(ROWS, st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans())
def test_cut_anywhere_a_replay_gives_the_same_readings(
    rows: list[tuple[int, str, str]], end: str, ended: bool
) -> None:
    text = end.join(["time,point,value", *(f"{time},{p},{value}" for time, p, value in rows)])
    with TemporaryDirectory() as folder:
        source = made(folder, text + (end if ended else ""))
        whole = asyncio.run(replay(source)).blocks
        for position, block in enumerate(whole):
            assert asyncio.run(replay(source, block.cursor)).blocks == whole[position + 1 :]
    assert all(first.time != second.time for first, second in pairwise(whole))


@given(st.text(max_size=200), st.sampled_from(["", "time,a,b\n", "time;point;value;quality\n"]))
def test_any_file_is_read_or_refused_in_words(text: str, header: str) -> None:
    with TemporaryDirectory() as folder:
        source = made(folder, header + text)
        progress = Progress()
        refusal = ""
        try:
            for block in blocks(source, None, progress):
                assert block is None or len(block.points) == len(block.values)
        except SidestreamError as error:
            refusal = error.what
    assert not refusal or ("no column" in refusal and not header)


@pytest.mark.parametrize("digits", [0, 1, 6, 7, 9, 12])
def test_decimals_of_a_second_past_nanoseconds_are_cut(digits: int) -> None:
    fraction = "123456789987"[:digits]
    text = f"1970-01-01T00:00:00{'.' if digits else ''}{fraction}+00:00"
    assert instant(text) == int(fraction[:9].ljust(9, "0"))
