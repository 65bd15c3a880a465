"""A copy of a hub: with members and keys beside the ledger it opens records again elsewhere."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.errors import PermanentError
from config.hub_plan import HubPlan
from gateway.claim import claimed
from gateway.hub import belongings, membership, registry
from gateway.hub.intake import Accepted, Gate
from gateway.hub.proof import prove
from gateway.hub.registry import Admitted, LaterKey, Registry, Tenure
from gateway.keys import HubKey, load
from tests.clikit import Call
from tests.hubkit import CLUSTER, HUB, MONDAY, _key, hub_plan, plant
from tests.unit.test_ledger_copies import FAR, PLANTS, damage, store

ONE = plant(1)
OTHER = HubKey(_key(7))
LATER = "hub-key-2099Q1.pem"


def pem(key: HubKey) -> bytes:
    return key.sign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def members() -> Registry:
    """Give a registry that alone knows the plants, and a key of the hub that follows."""
    entries = tuple(
        Admitted(name=one.member.name, key=one.member.key_text, owner=one.member.owner, place="ora")
        for one in PLANTS
    )
    tenures = {one.name: Tenure(admitted=MONDAY - 1) for one in entries}
    keys = (LaterKey(since="2099Q1", file=LATER),)
    return Registry(admitted=entries, tenures=tenures, keys=keys)


@dataclass
class Place:
    """A hub with records of three plants, and where its copies go."""

    folder: Path
    plan: HubPlan
    call: Call

    @property
    def copy(self) -> Path:
        return self.folder / "copies" / "ledger.db"

    @property
    def roster(self) -> Path:
        return registry.path_of(self.plan)

    def run(self, *words: str | Path) -> Any:
        return self.call("hub", words[0], self.folder / "hub.toml", *words[1:])

    def told(self, *words: str | Path) -> Any:
        said = self.run(*words, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    def lose(self) -> None:
        """Lose the hub's computer: all but the hub file."""
        shutil.rmtree(self.plan.state_dir)
        Path(self.plan.key_file).unlink()

    def opens(self) -> bool:
        """Tell whether a new record of a plant would be taken."""
        known = registry.read(self.roster)
        plan = membership.enrolled(self.plan, known)
        (_, first), *others = membership.ring(plan, known).keys
        gate = Gate.of(CLUSTER, first, plan.members, plan.limits, *(key for _, key in others))
        return isinstance(gate.judge(ONE.topic, ONE.record(), FAR), Accepted)


@pytest.fixture
def hub(tmp_path: Path, call: Call) -> Place:
    plan = hub_plan(tmp_path)
    (tmp_path / "hub.toml").write_text(
        f'[hub]\ncluster = "ora"\nbroker = "mqtts://localhost"\nkey_file = "hub.pem"\n'
        f'[state]\ndirectory = "{plan.state_dir}"\nruntime = "run"\n'
    )
    Path(plan.key_file).write_bytes(pem(HUB))
    store(hub_plan(tmp_path, *PLANTS), range(3))
    registry.change(registry.path_of(plan), lambda _: members())
    (Path(plan.state_dir) / LATER).write_bytes(pem(OTHER))
    return Place(tmp_path, plan, call)


def test_a_lost_hub_is_put_back_from_its_copy_and_opens_records(hub: Place) -> None:
    told = hub.told("backup", "--output", hub.copy, "--with-keys")
    beside = [Path(one) for one in told["beside"]]
    keys = hub.copy.with_name("ledger.db.keys")
    assert beside == [
        hub.copy.with_name("ledger.db.roster.json"), keys / "hub.key", keys / LATER
    ]  # fmt: skip
    assert {one.stat().st_mode & 0o777 for one in (hub.copy, *beside)} == {0o600}
    assert keys.stat().st_mode & 0o777 == 0o700
    hub.lose()
    put = hub.told("restore", "--copy", hub.copy)["beside"]
    states = {one["name"]: one["state"] for one in put}
    assert states == dict.fromkeys(("roster.json", "hub.key", LATER), "put back")
    assert Path(hub.plan.key_file).stat().st_mode & 0o777 == 0o600
    assert registry.read(hub.roster) == members()
    assert hub.opens()
    proof = hub.told("check", "--keys")["proof"]
    assert proof == {"keys": 2, "opened": [one.member.name for one in PLANTS], "problems": []}


def test_keys_leave_the_hub_only_when_they_are_asked_for(hub: Place) -> None:
    assert hub.told("backup", "--output", hub.copy)["beside"] == [f"{hub.copy}.roster.json"]
    for path in hub.copy.parent.iterdir():
        assert b"PRIVATE KEY" not in path.read_bytes()
    assert "keep them elsewhere too" in hub.run("backup", "--output", hub.copy).out
    hub.lose()
    beside = hub.told("restore", "--copy", hub.copy)["beside"]
    assert [one["name"] for one in beside] == ["roster.json"]
    said = hub.run("check", "--keys")
    assert said.code == 1
    assert "no key file" in said.err


def test_what_is_there_is_never_replaced_and_told_of(
    hub: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # however long the path of this test's folder is
    hub.told("backup", "--output", hub.copy, "--with-keys")
    newer = members().model_copy(update={"tenures": {"later": Tenure(admitted=MONDAY)}})
    registry.change(hub.roster, lambda _: newer)
    Path(hub.plan.key_file).write_bytes(pem(OTHER))
    damage(hub.plan, whole=True)
    said = hub.run("restore", "--copy", hub.copy)
    assert said.code == 0
    lines = [line.split() for line in said.out.splitlines()]
    for name in ("roster.json", "hub.key"):
        (line,) = [line for line in lines if line[:1] == [name]]
        assert line[1:5] == ["stays:", "another", "than", "the"]
    assert registry.read(hub.roster) == newer
    assert Path(hub.plan.key_file).read_bytes() == pem(OTHER)


def test_members_alone_are_put_back_beside_a_sound_ledger(hub: Place) -> None:
    hub.told("backup", "--output", hub.copy)
    said = hub.run("restore", "--copy", hub.copy)
    assert said.code == 1
    assert "sound" in said.err
    hub.roster.unlink()
    said = hub.run("restore", "--copy", hub.copy)
    assert said.code == 0, said.err
    assert "The ledger is sound, and stays." in said.out
    assert registry.read(hub.roster) == members()


def test_a_damaged_registry_is_set_aside_for_the_copys(hub: Place) -> None:
    hub.told("backup", "--output", hub.copy)
    hub.roster.write_text('{"v": 1, "admitted": [{}]}')
    (piece,) = hub.told("restore", "--copy", hub.copy)["beside"]
    assert piece["state"] == "put back"
    assert registry.read(hub.roster) == members()
    assert len(list(hub.roster.parent.glob("roster.json.damaged-*Z"))) == 1


def test_a_copy_that_is_damaged_puts_nothing_back(hub: Place) -> None:
    hub.told("backup", "--output", hub.copy, "--with-keys")
    hub.roster.unlink()
    belongings.registry_beside(hub.copy).write_text("{")
    with pytest.raises(PermanentError, match="copy of the registry"):
        belongings.restore(hub.plan, hub.copy, FAR)
    hub.told("backup", "--output", hub.copy)
    (belongings.keys_beside(hub.copy) / "hub.key").write_text("no key")
    with pytest.raises(PermanentError, match="not an unencrypted private key"):
        belongings.restore(hub.plan, hub.copy, FAR)
    assert not hub.roster.exists()
    assert not belongings.registry_beside(hub.copy).exists(), "a hub without members has no copy"


@pytest.mark.parametrize("file", ["../hub.pem", "/etc/passwd", "hub.key", ".."])
def test_a_copy_names_no_file_elsewhere(hub: Place, file: str) -> None:
    bad = members().model_copy(update={"keys": (LaterKey(since="2099Q1", file=file),)})
    with pytest.raises(PermanentError, match="not a file of a key"):
        belongings.key_files(hub.plan, bad)


def test_a_hub_that_runs_is_not_restored(hub: Place) -> None:
    hub.told("backup", "--output", hub.copy)
    hub.roster.unlink()
    with claimed(Path(hub.plan.state_dir), "hub"):
        assert "running" in hub.run("restore", "--copy", hub.copy).err
    assert not hub.roster.exists()


# Whether it opens records.


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("key", "which this hub has not"),
        ("members", "no member has the key"),
        ("one member", "plant 1: no member has the key"),
        ("quarter", "plant 1: its name comes of another key"),
    ],
)
def test_a_hub_with_other_keys_or_members_is_told_that_records_would_not_be_taken(
    hub: Place, spoil: str, said: str
) -> None:
    match spoil:
        case "key":
            Path(hub.plan.key_file).write_bytes(pem(HubKey(_key(8))))
        case "members":
            hub.roster.unlink()
        case "quarter":
            early = (LaterKey(since="2026Q1", file=LATER),)
            registry.change(hub.roster, lambda _: members().model_copy(update={"keys": early}))
        case _:
            known = members()
            registry.change(
                hub.roster, lambda _: known.model_copy(update={"admitted": known.admitted[1:]})
            )
    found = prove(hub.plan)
    assert said in found.problems[0]
    assert len(found.problems) + len(found.opened) == 3
    shown = hub.run("check", "--keys")
    assert shown.code == 1
    assert found.problems[0] in shown.err
    assert hub.run("check", "--keys", "--json").code == 1
    assert hub.run("check").code == 0


def test_a_member_that_was_retired_proves_nothing(hub: Place) -> None:
    known = members()
    gone = known.admitted[0].name
    tenures = {**known.tenures, gone: Tenure(admitted=MONDAY, retired=MONDAY, at_once=True)}
    registry.change(hub.roster, lambda _: known.model_copy(update={"tenures": tenures}))
    found = prove(hub.plan)
    assert (len(found.opened), found.problems) == (2, ())


def test_a_hub_without_a_ledger_has_nothing_to_prove(hub: Place) -> None:
    (Path(hub.plan.state_dir) / "hub-ledger.db").unlink()
    assert prove(hub.plan).opened == ()


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lost=st.sets(st.sampled_from(["roster.json", "hub.key", LATER])), again=st.booleans())
def test_whatever_was_lost_is_put_back_as_it_was_and_nothing_else_is_touched(
    hub: Place, lost: set[str], again: bool
) -> None:
    belongings.backup(hub.plan, hub.copy, with_keys=True)
    files = {"roster.json": hub.roster, **belongings.key_files(hub.plan, members())}
    before = {name: path.read_bytes() for name, path in files.items()}
    for name in lost:
        files[name].unlink()
    for turn in range(1 + again):
        pieces = belongings.restore(hub.plan, hub.copy, FAR)
        put = {one.name for one in pieces if one.state == "put back"}
        assert put == (lost if turn == 0 else set())
    assert {name: path.read_bytes() for name, path in files.items()} == before
    assert HubKey(load(files["hub.key"])).public.fingerprint == HUB.public.fingerprint
