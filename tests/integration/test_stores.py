"""Every store keeps the same promises: one suite over all of them."""

import contextlib
import http.server
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import PermanentError, TransientError
from config.hub_plan import StorePlan
from gateway.contract import Cell
from gateway.stores import line
from gateway.stores.contract import Store, open_store
from gateway.stores.influx import InfluxStore
from gateway.wire import nanoseconds, rfc3339, slug
from tests.hubkit import HOUR, MONDAY
from tests.servers import VictoriaMetrics, free_port

Opener = Callable[[], Store]
OPTIONS = (
    "-retentionPeriod=100y",
    "-search.latencyOffset=0s",
    "-search.disableCache",
    "-dedup.minScrapeInterval=1ms",
)


def cell(name: str = "heat-all", hour: int = 0, quantity: float = 12.5, **changes: object) -> Cell:
    start = MONDAY + hour * HOUR
    content = {
        "v": 1,
        "cluster": "ora",
        "cell": name,
        "kind": "heat",
        "place": "ora/north",
        "band": "60-90",
        "direction": "surplus",
        "window": {"start": rfc3339(start), "end": rfc3339(start + HOUR)},
        "unit": "MW.h",
        "status": "released",
        "quantity": quantity,
        "contributors": "3-5",
        "coverage": 0.75,
        "marks": ["late", "spread"],
        "released": rfc3339(start + 3 * HOUR),
        **changes,
    }
    return Cell.model_validate(content)


@pytest.fixture(scope="module")
def victoria_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaMetrics]:
    server = VictoriaMetrics(tmp_path_factory.mktemp("victoria"), *OPTIONS)
    server.start()
    yield server
    server.kill()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("victoria", marks=[pytest.mark.victoria, pytest.mark.integration]),
    ]
)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    if request.param == "sqlite":
        return lambda: open_store(StorePlan(), str(tmp_path))
    server: VictoriaMetrics = request.getfixturevalue("victoria_server")
    # A measurement a test, since all of them share one server.
    measurement = slug("cell", request.node.name).replace("-", "_")
    plan = StorePlan(kind="influxdb", url=server.url, measurement=measurement)
    return lambda: open_store(plan, str(tmp_path))


@pytest.fixture
def store(opener: Opener) -> Iterator[Store]:
    opened = opener()
    yield opened
    opened.close()


def read(store: Store, count: int) -> list[Cell]:
    """Read what was just written; a store may take a moment to show what it has confirmed."""
    deadline = time.monotonic() + 20
    if isinstance(store, InfluxStore):
        with urllib.request.urlopen(store.url + "/internal/force_flush", timeout=10):  # noqa: S310
            pass
    while len(found := store.read(MONDAY, MONDAY + 1000 * HOUR)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_cells_are_read_back_as_they_were_written(store: Store) -> None:
    cells = [
        cell(),
        cell("material-rest", 1, -0.1, kind="material", code="10 09", band=None, unit="t"),
        cell("odd", 1, place="a, b=c\\d"),
        cell("many", 2, 1e15 / 4, contributors=">20", marks=[], coverage=1.0, place="all"),
        cell("noisy", 3, noise=7.5),
        order("year-0", 4, "0-100"),
        order("year-9", 4, ">1000000000"),
    ]
    store.write(cells)
    assert read(store, 7) == cells
    assert store.missing(cells) == []


def order(name: str, hour: int, magnitude: str) -> Cell:
    """Make a cell that tells an order of magnitude, and nothing of a window's sum."""
    content = cell(name, hour).model_dump(exclude={"quantity", "coverage", "marks", "noise"})
    return Cell.model_validate({**content, "magnitude": magnitude})


def test_a_table_of_an_older_version_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    old = open_store(StorePlan(), str(tmp_path))
    old.write([cell()])
    old.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "cells.db")) as database:
        for column in ("noise", "magnitude"):
            database.execute(f"ALTER TABLE sidestream_cell DROP COLUMN {column}")
    opened = open_store(StorePlan(), str(tmp_path))
    opened.write([cell("noisy", 1, noise=7.5)])
    assert opened.read(MONDAY, MONDAY + 2 * HOUR) == [cell(), cell("noisy", 1, noise=7.5)]
    opened.close()


def test_writing_again_changes_nothing(store: Store) -> None:
    cells = [cell(hour=hour) for hour in range(3)]
    store.write(cells)
    store.write(cells)
    store.write(cells[:1])
    assert read(store, 3) == cells


def test_a_range_is_half_open(store: Store) -> None:
    cells = [cell(hour=hour) for hour in range(4)]
    store.write(cells)
    assert read(store, 4) == cells
    assert store.read(MONDAY + HOUR, MONDAY + 3 * HOUR) == cells[1:3]


def test_what_was_written_is_there_after_it_is_opened_again(opener: Opener) -> None:
    first = opener()
    first.write([cell()])
    first.close()
    again = opener()
    assert read(again, 1) == [cell()]
    again.close()


def test_what_is_not_there_is_told(store: Store) -> None:
    cells = [cell(hour=hour) for hour in range(4)]
    others = [cell("heat-rest", hour=2), cell(hour=7)]
    store.write(cells)
    assert read(store, 4) == cells
    # A store whose commits stay has nothing to tell.
    assert store.missing([*cells, *others]) == (others if store.settling else [])
    assert store.missing([]) == []


@pytest.mark.integration
def test_a_server_that_cannot_be_asked_is_believed(tmp_path: Path) -> None:
    with refusing() as port:
        plan = StorePlan(kind="influxdb", url=f"http://127.0.0.1:{port}")
        store = open_store(plan, str(tmp_path))
        assert store.missing([cell()]) == []
        store.close()


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """Serve 404 to everything; gives the port."""

    class Refusal(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_writing_nothing_is_allowed(store: Store) -> None:
    store.write([])
    assert store.read(MONDAY, MONDAY + HOUR) == []


def test_a_store_that_is_away_is_worth_trying_again(tmp_path: Path) -> None:
    away = StorePlan(kind="influxdb", url=f"http://127.0.0.1:{free_port()}")
    store = open_store(away, str(tmp_path))
    with pytest.raises(TransientError, match="away"):
        store.write([cell()])
    with pytest.raises(TransientError, match="away"):
        store.read(0, 1)
    store.close()


@pytest.mark.integration
@pytest.mark.victoria
def test_an_address_that_takes_no_writes_needs_a_person(
    victoria_server: VictoriaMetrics, tmp_path: Path
) -> None:
    plan = StorePlan(kind="influxdb", url=victoria_server.url + "/nowhere")
    store = open_store(plan, str(tmp_path))
    with pytest.raises(PermanentError, match="store answered 4"):
        store.write([cell()])
    store.close()


def test_a_file_in_the_way_of_the_embedded_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "cells.db").write_bytes(b"no database" * 1000)
    with pytest.raises(TransientError, match="not a database"):
        open_store(StorePlan(), str(tmp_path))


def test_settings_that_cannot_work_are_told(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="address"):
        open_store(StorePlan(kind="influxdb"), str(tmp_path))
    with pytest.raises(PermanentError, match="cannot name a table"):
        open_store(StorePlan(measurement="x; drop"), str(tmp_path))
    missing = StorePlan(kind="influxdb", url="http://127.0.0.1:1", token_file="/nowhere/token")
    with pytest.raises(PermanentError, match="token"):
        open_store(missing, str(tmp_path))


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 1),
    st.sampled_from(["1-2", "3-5", "6-10", "11-20", ">20"]),
    st.lists(st.sampled_from(["spread", "late", "clock-step"]), unique=True),
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1),
)
def test_a_point_holds_all_of_a_cell(
    quantity: float, coverage: float, contributors: str, marks: list[str], place: str
) -> None:
    made = cell(quantity=quantity, contributors=contributors, coverage=coverage, place=place)
    made = made.model_copy(update={"marks": tuple(sorted(marks))})
    labels = {name: getattr(made, name) for name in line.LABELS if getattr(made, name)}
    fields = line.to_fields(made)
    assert line.from_point(labels, fields, nanoseconds(made.window.start)) == made
    assert "\n" not in line.to_line(made, "m")
