"""A short, seeded run of every fuzz target: no crash, no hang, bounded memory."""

import random
import signal
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from gateway.federation import read_pooled
from gateway.hub.intake import Accepted
from gateway.hub.pool import Taken
from gateway.joining import open_admission, open_request, read_invitation
from gateway.partner_inbox import Inbox
from gateway.partner_opening import Terms
from gateway.roster import Line, read_roster
from tests import partnerkit
from tests.fuzz import files, members, peers, wires
from tests.fuzz.target import Target, mutated
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY
from tests.plants import plant_key

INPUTS = 30
SECONDS = 5.0
MEMORY = 64 * 1024 * 1024
ALL = [*wires.TARGETS, *members.TARGETS, *peers.TARGETS, *files.TARGETS]


class HangError(BaseException):
    """An input took too long."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("target", ALL, ids=[one.name for one in ALL])
def test_nothing_that_others_write_crashes_hangs_or_fills_the_memory(target: Target) -> None:
    draw, seeds = random.Random(zlib.crc32(target.name.encode())), list(target.seeds())
    target.run(seeds[0])
    tracemalloc.start()
    try:
        for data in [*seeds, *(mutated(draw, seeds, target.words) for _ in range(INPUTS))]:
            with within(SECONDS):
                target.run(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


def test_the_first_seeds_of_hub_and_plant_are_good_ones() -> None:
    good = {one.name: one.seeds()[0] for one in wires.TARGETS}
    found = wires._GATE.judge(wires._PLANT.topic, good["record"], MONDAY + HOUR)
    assert isinstance(found, Accepted)


def test_the_first_seeds_of_members_and_partners_are_good_ones() -> None:
    good = {one.name: one.seeds()[1] for one in members.TARGETS}
    read_invitation(good["invitation"], "", MONDAY)
    assert open_request(good["join-request"], CLUSTER, members._ACCOUNT, HUB).csr
    key = members._PLANT
    admission = open_admission(good["admission"], CLUSTER, members._ACCOUNT, key, HUB.public)
    assert admission.since == "2026Q2"
    assert read_roster(good["roster"], CLUSTER, Line.of(HUB.public))
    terms = Terms([plant_key().public], partnerkit.CONTRACT)
    assert Inbox(partnerkit.partner_key(), terms).take(good["partner-detail"])


def test_the_first_seeds_of_federated_hubs_are_good_ones() -> None:
    good = {one.name: one.seeds()[1] for one in peers.TARGETS}
    assert isinstance(peers._DOOR.judge(peers._TOPIC, good["remainder"], MONDAY + HOUR), Taken)
    hub = HUB.public
    told = read_pooled(good["pooled"], peers.FEDERATION, hub.fingerprint, hub)
    assert [one.number for one in told.cells] == [1]
