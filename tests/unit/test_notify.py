"""Word to systemd over real datagram sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify import ALIVE, READY, STOPPING, notify, status, watchdog_interval


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Give a service manager's address, as systemd writes it, and its socket."""
    path = str(tmp_path / "notify")
    name = path if request.param == "path" else f"@sidestream-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.settimeout(5)
        yield name, listening


def test_lines_arrive_in_one_datagram(manager: tuple[str, socket.socket]) -> None:
    name, listening = manager
    assert notify(READY, status("reading\n7 sources"), environment={"NOTIFY_SOCKET": name})
    assert listening.recv(4096) == b"READY=1\nSTATUS=reading 7 sources"
    assert notify(ALIVE, environment={"NOTIFY_SOCKET": name})
    assert notify(STOPPING, environment={"NOTIFY_SOCKET": name})
    assert [listening.recv(4096), listening.recv(4096)] == [b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("name", ["", "relative", "vsock:2:1234", "/nowhere/notify", "@nobody"])
def test_without_a_manager_nothing_happens(name: str) -> None:
    assert not notify(READY, environment={"NOTIFY_SOCKET": name})
    assert not notify(READY, environment={})


def test_a_manager_that_does_not_read_never_makes_the_service_wait(
    manager: tuple[str, socket.socket],
) -> None:
    environment = {"NOTIFY_SOCKET": manager[0]}
    sent = [notify(status("x" * 1000), environment=environment) for _ in range(2000)]
    assert sent[0]
    assert not sent[-1]


@given(st.text())
def test_a_status_is_always_one_line(text: str) -> None:
    line = status(text)
    assert line.startswith("STATUS=")
    assert len(line.splitlines()) == 1


@given(st.integers(2, 10**15))
def test_a_watchdog_is_served_twice_within_its_limit(limit: int) -> None:
    here = str(os.getpid())
    interval = watchdog_interval({"WATCHDOG_USEC": str(limit), "WATCHDOG_PID": here})
    assert interval == limit * 500
    assert watchdog_interval({"WATCHDOG_USEC": str(limit)}) == interval


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "²"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_watchdog_is_served_where_none_is_set_for_this_process(
    environment: dict[str, str],
) -> None:
    assert watchdog_interval(environment) is None
