"""The short forms of the fault campaigns, and what they judge by."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import clock, disk, meters, network
from tests.faults.campaign import Campaign, Run, Say, Tally
from tests.faults.netns import Network, run


def quiet(_: str) -> None:
    """Say nothing."""


def clean(tally: Tally) -> None:
    """Fail with what was found."""
    assert tally.clean, (tally.lost, tally.doubled, tally.wrong, tally.problems)


@pytest.mark.faults
@pytest.mark.integration
@pytest.mark.mosquitto
@pytest.mark.namespaces
@pytest.mark.timeout(300)
def test_links_that_fail_lose_nothing_and_no_write_leaves_for_the_plant(tmp_path: Path) -> None:
    tally = asyncio.run(network.block("1", 2, tmp_path, quiet, (1.0,)))
    clean(tally)
    assert tally.checked["packets to port 502"] > 0


ASKER = """
import socket, struct
link = socket.create_connection(("{address}", 502), 5)
for code in (1, 2, 3, 4, 43, 5, 6, 15, 16, 22, 23):
    link.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 1, code, 0, 1))
    link.recv(1)
"""
ANSWERER = """
import socket
link, _ = socket.create_server(("{address}", 502)).accept()
while link.recv(100):
    link.sendall(b"x")
"""


@pytest.mark.faults
@pytest.mark.namespaces
def test_a_write_to_a_device_would_be_counted_on_the_wire() -> None:
    with Network() as made:
        at = made.address("ot")
        command = [*made.wrap("plant"), sys.executable, "-c", ANSWERER.format(address=at)]
        with subprocess.Popen(command) as server:
            for _ in range(200):
                if f"{at}:502" in run(*made.wrap("plant"), "ss", "-tln"):
                    break
            run(*made.wrap("agent"), sys.executable, "-c", ASKER.format(address=at))
            server.wait(10)
        assert made.counted("requests") == 11
        assert made.counted("writes") == 6


@pytest.mark.faults
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_faulty_modbus_devices_give_no_wrong_value() -> None:
    tally = Tally()
    asyncio.run(meters.block("1", 8, tally, quiet, 300))
    clean(tally)


@pytest.mark.faults
@pytest.mark.integration
@pytest.mark.mosquitto
@pytest.mark.namespaces
@pytest.mark.strace
@pytest.mark.timeout(300)
def test_disks_that_fail_lose_nothing_but_what_is_told(tmp_path: Path) -> None:
    clean(asyncio.run(disk.block("6", 1, tmp_path, quiet)))


@pytest.mark.faults
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_clock_that_is_wrong_loses_nothing_of_a_count(tmp_path: Path) -> None:
    tally = asyncio.run(clock.block("3", 2, tmp_path, quiet))
    clean(tally)
    assert tally.checked["steps told"] > 0


@pytest.mark.parametrize(
    ("got", "kind"),
    [
        ({"a": [1], "b": [2]}, ""),
        ({"a": [1]}, "lost"),
        ({"a": [1], "b": []}, "lost"),
        ({"a": [1], "b": [2, 2]}, "doubled"),
        ({"a": [1], "b": [2], "c": [3]}, "doubled"),
        ({"a": [1], "b": [3]}, "wrong"),
    ],
)
def test_a_comparison_tells_what_is_lost_doubled_or_wrong(
    got: dict[str, list[int]], kind: str
) -> None:
    tally = Tally()
    tally.compare("things", {"a": 1, "b": 2}, got)
    assert tally.clean == (kind == "")
    assert {name for name in ("lost", "doubled", "wrong") if getattr(tally, name)} == {kind} - {""}


@pytest.mark.parametrize(("got", "kind"), [(1.0, ""), (0.9, "lost"), (1.1, "doubled")])
def test_a_quantity_that_is_less_is_lost_and_more_is_doubled(got: float, kind: str) -> None:
    tally = Tally()
    tally.within("tonnes", 1.0, got, 1e-9)
    assert (tally.lost, tally.doubled) == (int(kind == "lost"), int(kind == "doubled"))


def test_a_campaign_is_taken_up_where_it_stopped(tmp_path: Path) -> None:
    seen: list[int] = []

    def fails_at(stop: int) -> Callable[[str, int, int, Path, Say], Tally]:
        def block(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
            if number == stop:
                raise KeyboardInterrupt
            seen.append(number)
            tally = Tally(rounds=rounds, lost=number)
            tally.faults["kill"] += rounds
            return tally

        return block

    first = Run(tmp_path, 1, quiet)
    with pytest.raises(KeyboardInterrupt):
        first.go(Campaign("some", "", 25, 10, fails_at(2)), 25)
    again = Run(tmp_path, 1, quiet)
    again.resume()
    total = again.go(Campaign("some", "", 25, 10, fails_at(9)), 25)
    assert seen == [0, 1, 2]
    assert (total.rounds, total.faults["kill"], total.lost) == (25, 25, 3)
    other = Run(tmp_path, 2, quiet)
    other.resume()
    other.go(Campaign("some", "", 25, 10, fails_at(9)), 25)
    assert seen == [0, 1, 2, 0, 1, 2]
