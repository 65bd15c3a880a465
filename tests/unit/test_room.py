"""A full disk: what goes, in which order, and that it leaves room within the file."""

from pathlib import Path

import pytest

from adapters.errors import TransientError
from agent.keeping.outbox import Outbox
from agent.keeping.room import FULL
from agent.keeping.tables import Commit
from agent.measuring.total import Total
from gateway import reserve as reserves
from gateway.reserve import Reserve
from tests.unit.test_outbox import record

TOTAL = Total("slag", 0, 900, 1.5, "t", 0.9, 0.1, None, (), {})
STATE = {"stream:slag": {"base": 0.1}}


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path, 0)


def filled(outbox: Outbox, settled: int, waiting: int, size: int) -> None:
    records = [(record(n, size=size), 0) for n in range(1, settled + waiting + 1)]
    outbox.commit(Commit(STATE, [TOTAL], records), 0)
    outbox.settle([one.id for one, _ in records[:settled]], [], 5)


@pytest.mark.parametrize("size", [1_400, 5_700])
def test_the_detail_of_settled_records_goes_first_and_only_as_much_as_is_needed(
    outbox: Outbox, size: int
) -> None:
    filled(outbox, settled=200, waiting=50, size=size)
    before = outbox._database.room()
    events = outbox.give_way(before + 20_000, 9)
    assert outbox._database.room() >= before + 20_000
    assert [event.kind for event in events] == ["detail-dropped"]
    log = outbox.released(0, 10**9)
    bare = [line for line in log if not line.plain]
    assert [line.sequence for line in bare] == list(range(1, len(bare) + 1))
    assert len(bare) < 200
    assert outbox.storage(Reserve(outbox._database.path.parent, 0)).details_dropped == len(bare)
    assert outbox.depth().records == 50


def test_waiting_records_go_last_and_totals_and_state_never(outbox: Outbox) -> None:
    filled(outbox, settled=20, waiting=50, size=5_700)
    events = outbox.give_way(10**9, 9)
    assert {event.kind for event in events} == {"detail-dropped", "record-dropped"}
    assert outbox.depth().by_status == {"receipted": 20, "dropped": 50}
    assert {line.reason for line in outbox.released(0, 10**9)} == {"", FULL}
    assert outbox.windows.totals(0, 900) == [TOTAL]
    assert outbox.state("stream:") == {"slag": {"base": 0.1}}
    assert outbox.last_sequence() == 70
    assert outbox.give_way(10**9, 10) == []


def test_what_made_room_lets_totals_be_added_to_a_file_that_cannot_grow(outbox: Outbox) -> None:
    filled(outbox, settled=0, waiting=400, size=5_700)
    with outbox._database.look() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
    many = [
        Total("slag", at * 900, at * 900 + 900, 1.5, "t", 1, 0, None, (), {})
        for at in range(1, 9_000)
    ]
    with pytest.raises(TransientError, match="no room"):
        outbox.commit(Commit(totals=many), 0)
    outbox.give_way(1_500_000, 9)
    outbox.commit(Commit(totals=many), 0)
    assert len(outbox.windows.totals(0, 10**9)) == 9_000


def test_the_reserve_takes_real_room_and_gives_it_up_in_quarters(tmp_path: Path) -> None:
    one = Reserve(tmp_path, 1_000_000)
    assert one.held() == 0
    assert one.fill()
    assert one.path.stat().st_blocks * 512 >= 1_000_000
    given = [one.held() for _ in range(5) if one.give()]
    assert given == [750_000, 500_000, 250_000, 0]
    assert one.fill()
    assert one.whole()


def test_the_reserve_is_not_made_where_it_would_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserves, "disk_space", lambda _: 1_400_000)
    assert not Reserve(tmp_path, 1_000_000).fill()
    assert list(tmp_path.iterdir()) == []
    assert Reserve(tmp_path, 900_000).fill()
