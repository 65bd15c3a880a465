"""Joining: messages that only their reader opens, requests that are bounded, steps that go on."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import PermanentError
from agent.running.hubtable import Where, merged, table
from gateway import authority, passwords
from gateway.canonical import canonical
from gateway.hub import registry, requests
from gateway.hub.desk import Desk
from gateway.hub.intake import Refused
from gateway.hub.registry import Answer, Invited, Registry
from gateway.hub.requests import Pending
from gateway.joining import (
    Invitation,
    open_admission,
    read_invitation,
    seal_admission,
    seal_invitation,
    seal_request,
)
from gateway.keys import HubKey
from gateway.roster import Ring
from gateway.signing import RefusalError
from gateway.wire import request_topic, rfc3339
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY, Plant, _key, hub_plan, plant
from tests.joinkit import Joiner, here

NAME = "invite-" + "0123456789abcdef" * 2
ONE, TWO = plant(1), plant(2)
THIEF = HubKey(_key(4))
INVITED = Registry(
    invitations=(Invited(name=NAME, note="for one", issued=MONDAY, expires=MONDAY + HOUR),)
)


def invitation(signer: HubKey = HUB, **changes: Any) -> bytes:
    content = {
        "v": 1,
        "invitation": NAME,
        "cluster": CLUSTER,
        "broker": "mqtts://hub.example.org:8883",
        "clients": "certificates",
        "hub": str(HUB.public),
        "record_size": 4096,
        "calendars": {"heat": "hour"},
        "issued": rfc3339(MONDAY),
        "expires": rfc3339(MONDAY + HOUR),
        **changes,
    }
    return seal_invitation(content, signer)


def request(one: Plant = ONE, hub: HubKey = HUB, **changes: Any) -> bytes:
    content = {
        "v": 1,
        "cluster": CLUSTER,
        "sender": NAME,
        "plant": str(one.key.public),
        "owner": "Owner",
        "made": rfc3339(MONDAY),
        **changes,
    }
    return seal_request(content, one.key, hub.public)


def judged(
    payload: bytes,
    known: Registry = INVITED,
    waiting: tuple[Pending, ...] = (),
    now: int = MONDAY,
    sender: str = NAME,
) -> Pending | Refused:
    topic = request_topic(CLUSTER, sender)
    members = (TWO.member,)
    return requests.judged(topic, payload, now, CLUSTER, Ring.of(HUB), known, members, waiting)


def reason(found: Pending | Refused) -> str:
    assert isinstance(found, Refused)
    return found.reason


def pending(payload: bytes, **options: Any) -> Pending:
    found = judged(payload, **options)
    assert isinstance(found, Pending), found
    return found


def test_an_invitation_is_read_as_it_was_written_until_it_ends() -> None:
    found = read_invitation(invitation(), "file", MONDAY)
    assert (found.cluster, found.hub) == (CLUSTER, str(HUB.public))
    with pytest.raises(PermanentError, match="ended on 2026-03-02T01:00:00Z"):
        read_invitation(invitation(), "file", MONDAY + HOUR)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (invitation(THIEF), "changed after the hub signed it"),
        (canonical({**json.loads(invitation()), "broker": "mqtts://thief"}), "changed"),
        (canonical({**json.loads(invitation()), "hub": str(THIEF.public)}), "changed"),
        (invitation(broker="http://x"), "broker"),
        (invitation(v=2), "version 2"),
        (b"\x00", "not JSON"),
        (b"{}", "version"),
    ],
)
def test_an_invitation_that_is_not_the_hubs_is_refused(payload: bytes, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        read_invitation(payload, "file", MONDAY)


def test_a_request_says_who_asks_and_is_sealed_to_the_hub() -> None:
    payload = request(owner="Slag\x1b[31m works")
    found = pending(payload)
    assert (found.kind, found.note, found.owner) == ("join", "for one", "Slag[31m works")
    assert found.fingerprint == ONE.key.public.fingerprint
    for secret in (found.fingerprint, "Slag", str(ONE.key.public)):
        assert secret.encode() not in payload


def test_requests_of_different_content_have_one_size() -> None:
    assert len(request(owner="")) == len(request(owner="x" * 200))


@pytest.mark.parametrize(
    ("payload", "options", "wanted"),
    [
        (request(), {"now": MONDAY + HOUR}, "unknown-plant"),
        (request(), {"known": Registry()}, "unknown-plant"),
        (request(hub=THIEF), {}, "unsealable"),
        (request(cluster="other"), {}, "unsealable"),
        (request(), {"sender": "invite-" + "f" * 32}, "unsealable"),
        (request(), {"sender": "+"}, "misaddressed"),
        (request(plant=str(TWO.key.public)), {}, "bad-signature"),
        (request(csr="-----BEGIN CERTIFICATE REQUEST-----"), {}, "malformed"),
        (request(password="$7$101$short"), {}, "malformed"),
        (b"\xff" * 100, {}, "malformed"),
        (b"[" * 100_000, {}, "malformed"),
        (b"x" * 300_000, {}, "oversized"),
    ],
)
def test_what_cannot_be_a_request_is_refused_with_its_reason(
    payload: bytes, options: dict[str, Any], wanted: str
) -> None:
    assert reason(judged(payload, **options)) == wanted


@given(st.binary(max_size=300) | st.text(max_size=80).map(str.encode))
def test_no_bytes_make_the_hub_stumble(payload: bytes) -> None:
    assert isinstance(judged(payload), Refused)


def test_one_invitation_is_good_for_one_key() -> None:
    first = pending(request())
    assert reason(judged(request(TWO), waiting=(first,))) == "conflict"
    assert pending(request(), waiting=(first,)).fingerprint == first.fingerprint
    used = Answer(sender=NAME, plant=first.fingerprint, payload="", issued=MONDAY)
    known = INVITED.model_copy(update={"answers": (used,)})
    assert reason(judged(request(TWO), known=known)) == "conflict"
    assert pending(request(), known=known).kind == "join"


def test_no_more_wait_than_a_hundred() -> None:
    first = pending(request())
    many = tuple(
        first.model_copy(update={"sender": f"invite-{number:032x}"})
        for number in range(requests.MOST)
    )
    assert reason(judged(request(), waiting=many)) == "conflict"
    assert judged(request(), waiting=(*many[1:], first)) == first


def test_a_member_asks_for_a_certificate_or_a_new_key_from_its_own_account() -> None:
    account = TWO.key.public.fingerprint
    own = request(TWO, sender=account)
    assert pending(own, sender=account).kind == "renewal"
    new = request(ONE, sender=account)
    assert pending(new, sender=account).kind == "new key"
    assert pending(new, sender=account).note == TWO.member.name
    stranger = ONE.key.public.fingerprint
    assert reason(judged(request(sender=stranger), sender=stranger)) == "unknown-plant"


def test_requests_that_wait_too_long_or_are_of_no_member_any_more_are_dropped() -> None:
    account = TWO.key.public.fingerprint
    both = (pending(request()), pending(request(TWO, sender=account), sender=account))
    assert requests.kept(both, MONDAY + HOUR, [TWO.member]) == both
    assert requests.kept(both, MONDAY + HOUR, []) == both[:1]
    assert requests.kept(both, MONDAY + requests.KEPT, [TWO.member]) == ()


def admission(signer: HubKey = HUB, one: Plant = ONE, **changes: Any) -> bytes:
    content = {
        "v": 1,
        "cluster": CLUSTER,
        "plant": one.key.public.fingerprint,
        "since": "2026Q1",
        "issued": rfc3339(MONDAY),
        **changes,
    }
    return seal_admission(content, NAME, signer, one.key.public)


def test_an_admission_is_read_by_its_plant_alone() -> None:
    found = open_admission(admission(), CLUSTER, NAME, ONE.key, HUB.public)
    assert found.since == "2026Q1"
    wrong: list[tuple[bytes, Plant, str, str]] = [
        (admission(), TWO, NAME, "misaddressed"),
        (admission(THIEF), ONE, NAME, "bad-signature"),
        (admission(cluster="other"), ONE, NAME, "unsealable"),
        (admission(plant="0" * 32), ONE, NAME, "misaddressed"),
        (admission(), ONE, NAME.replace("0", "1"), "unsealable"),
    ]
    for payload, reader, name, why in wrong:
        with pytest.raises(RefusalError) as refused:
            open_admission(payload, CLUSTER, name, reader.key, HUB.public)
        assert refused.value.reason == why


# The certificate.


def test_a_request_for_a_certificate_is_only_good_for_its_own_name_and_key() -> None:
    good = authority.request_for(authority.client_key(), "me")
    assert authority.checked(good, "me").is_signature_valid
    with pytest.raises(ValueError, match="not CN=you"):
        authority.checked(good, "you")
    weak: Any = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
    with pytest.raises(ValueError, match="weak"):
        authority.checked(authority.request_for(weak, "me"), "me")
    with pytest.raises(ValueError, match="cannot be read"):
        authority.checked("nonsense", "me")


def test_a_password_is_hashed_as_mosquitto_keeps_it() -> None:
    one, two = passwords.hashed("secret"), passwords.hashed("secret")
    assert one.startswith("$7$101$")
    assert one != two
    assert len({passwords.made() for _ in range(50)}) == 50


# The plant file.

WHERE = Where("/s/ca.crt", "/s/client.crt", "/s/client.key", "/s/password")
PLANT = '# mine\n[plant]\nname = "x" # here\n[state]\ndirectory = "state"'


def wanted(**changes: Any) -> dict[str, Any]:
    found = read_invitation(invitation(ca="PEM", **changes), "file", MONDAY)
    return table(found, WHERE, "f" * 32)


def test_the_table_is_added_and_all_else_stays_as_it_is() -> None:
    text = merged(PLANT, wanted(), "plant.toml", None)
    assert text.startswith(PLANT + "\n")
    told = tomllib.loads(text)
    assert told["hub"] == wanted()
    assert set(told["hub"]["tls"].values()) == {WHERE.ca, WHERE.certificate, WHERE.key}
    assert told["state"] == {"directory": "state"}
    assert merged(text, wanted(), "plant.toml", 6) == text


def test_passwords_take_a_user_name_and_plain_links_no_certificates() -> None:
    own = wanted(clients="passwords")
    assert (own["username"], own["password_file"]) == ("f" * 32, "/s/password")
    plain = read_invitation(invitation(clients="open", broker="mqtt://localhost"), "file", MONDAY)
    assert "tls" not in table(plain, WHERE, "f" * 32)


def test_another_hub_is_never_written_over() -> None:
    there = merged(PLANT, wanted(), "plant.toml", None)
    with pytest.raises(PermanentError, match=r"another \[hub\]: cluster, broker differ") as refused:
        merged(there, wanted(cluster="other", broker="mqtts://there"), "plant.toml", 6)
    assert refused.value.where == "plant.toml:6"
    assert "--dry-run" in refused.value.mend


@given(st.text("ab\"\\ é[]#'", max_size=20))
def test_any_name_of_a_file_is_written_so_that_it_is_read_the_same(name: str) -> None:
    where = replace(WHERE, ca=f"/s/{name}")
    found = read_invitation(invitation(ca="PEM"), "file", MONDAY)
    text = merged("", table(found, where, ""), "plant.toml", None)
    assert tomllib.loads(text)["hub"]["tls"]["ca"] == f"/s/{name}"


# The whole way, by files.

HUB_FILE = """
[hub]
cluster = "ora"
broker = "mqtts://hub.example.org"
key_file = "hub.key"
[hub.tls]
ca = "pki/ca.crt"
[broker]
ca = "/nowhere/ca.crt"
{more}
[state]
directory = "state"
runtime = "run"
"""


@pytest.fixture
def hub(tmp_path: Path) -> Callable[..., Path]:
    def make(more: str = 'ca_key = "pki/ca.key"') -> Path:
        from tests.pki import Authority  # noqa: PLC0415 - slow to import

        folder = tmp_path / "hub"
        folder.mkdir()
        Authority(folder / "pki")
        (folder / "hub.toml").write_text(HUB_FILE.format(more=more))
        here("hub", "key", "hub.toml", "--create", cwd=folder)
        return folder

    return make


def invite(hub: Path, name: str) -> Path:
    here("hub", "invite", "hub.toml", "-o", f"{name}.invite", cwd=hub)
    return hub / f"{name}.invite"


def by_file(hub: Path, one: Joiner, invited: Path, *terms: str, more: tuple[str, ...] = ()) -> Any:
    """Join by a request and an admission that go as files; gives what the plant is told."""
    one.join(invited, "--offline", "-o", "request", *more)
    own = one.join(invited, "--offline", "-o", "request", *more)["fingerprint"]
    answer = hub / f"{invited.name}.admission"
    terms = terms or ("--owner", "O", "--place", f"ora/{one.name}", "--name", one.name)
    request = str(one.folder / "request")
    here("hub", "admit", own, "hub.toml", "--request", request, "-o", answer.name, *terms, cwd=hub)
    return one.join(invited, "--admission", str(answer), *more)


def roster(hub: Path) -> list[dict[str, Any]]:
    told = json.loads(here("hub", "roster", "hub.toml", "--json", cwd=hub))
    return list(told["members"])


def test_a_plant_joins_without_a_broker(hub: Callable[..., Path], tmp_path: Path) -> None:
    folder, one = hub(), Joiner(tmp_path / "one", "one")
    before = (one.folder / "plant.toml").read_text()
    invited = invite(folder, "one")
    assert (invited.stat().st_mode & 0o777) == 0o600
    told = by_file(folder, one, invited)
    assert told["state"] == "admitted"
    after = (one.folder / "plant.toml").read_text()
    assert after.startswith(before)
    state = one.folder / "state"
    for name in ("plant.key", "hub-client.key"):
        assert (state / name).stat().st_mode & 0o077 == 0, name
    found = authority.belongs(
        (state / "hub-client.crt").read_text(),
        _loaded(state / "hub-client.key"),
        one.fingerprint,
    )
    assert found
    assert [member["fingerprint"] for member in roster(folder)] == [one.fingerprint]
    # Once more changes nothing.
    files = {path: path.read_bytes() for path in one.folder.rglob("*") if path.is_file()}
    assert one.join(invited)["state"] == "admitted"
    assert {path: path.read_bytes() for path in files} == files


def _loaded(path: Path) -> Any:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    return serialization.load_pem_private_key(path.read_bytes(), password=None)


@pytest.mark.parametrize("lost", ["hub-client.crt", "hub-ca.crt", "hub-admission.json"])
def test_a_plant_that_was_cut_short_goes_on(
    hub: Callable[..., Path], tmp_path: Path, lost: str
) -> None:
    folder, one = hub(), Joiner(tmp_path / "one", "one")
    invited = invite(folder, "one")
    by_file(folder, one, invited)
    state = one.folder / "state"
    before = (state / lost).read_bytes()
    (state / "hub-admission.json").unlink()
    (state / lost).unlink(missing_ok=True)
    told = one.join(invited, "--admission", str(folder / f"{invited.name}.admission"))
    assert told["state"] == "admitted"
    assert (state / lost).read_bytes() == before


def test_a_new_key_takes_the_old_ones_place(hub: Callable[..., Path], tmp_path: Path) -> None:
    folder, one = hub(), Joiner(tmp_path / "one", "one")
    by_file(folder, one, invite(folder, "first"))
    old = one.fingerprint
    told = by_file(folder, one, invite(folder, "second"), "--replaces", "one", more=("--new-key",))
    assert told["state"] == "admitted"
    assert one.fingerprint == told["fingerprint"] != old
    (member,) = roster(folder)
    assert (member["name"], member["fingerprint"]) == ("one", one.fingerprint)
    kept = one.folder / "state" / f"plant.key.{old[:16]}"
    assert kept.exists()
    known = json.loads((folder / "state" / "roster.json").read_text())
    assert len(known["admitted"][0]["former"]) == 1


def test_a_certificate_is_renewed_by_a_new_invitation(
    hub: Callable[..., Path], tmp_path: Path
) -> None:
    folder, one = hub(), Joiner(tmp_path / "one", "one")
    by_file(folder, one, invite(folder, "first"))
    path = one.folder / "state" / "hub-client.crt"
    before = path.read_bytes()
    told = by_file(folder, one, invite(folder, "second"), "--waives")
    assert told["state"] == "admitted"
    assert path.read_bytes() != before
    assert [member["name"] for member in roster(folder)] == ["one"]


def test_a_lost_key_is_refused_at_once(hub: Callable[..., Path], tmp_path: Path) -> None:
    folder, one = hub(), Joiner(tmp_path / "one", "one")
    by_file(folder, one, invite(folder, "first"))
    new = Joiner(tmp_path / "new", "one")
    by_file(folder, new, invite(folder, "second"), "--replaces", "one", "--lost")
    (member,) = roster(folder)
    assert (member["name"], member["fingerprint"]) == ("one", new.fingerprint)
    known = json.loads((folder / "state" / "roster.json").read_text())
    assert known["admitted"][0]["former"] == []


def test_without_the_authoritys_key_the_invitation_says_that_files_are_exchanged(
    hub: Callable[..., Path], tmp_path: Path
) -> None:
    folder, one = hub(more=""), Joiner(tmp_path / "one", "one")
    said = here("hub", "invite", "hub.toml", "-o", "one.invite", cwd=folder)
    assert "It has no credential" in said
    found = Invitation.model_validate_json((folder / "one.invite").read_bytes())
    assert found.credential is None
    told = one.join(folder / "one.invite")
    assert told["request"].endswith("one.request")
    assert by_file(folder, one, folder / "one.invite")["state"] == "admitted"


def test_a_name_is_one_plants_for_good(hub: Callable[..., Path], tmp_path: Path) -> None:
    folder = hub()
    by_file(folder, Joiner(tmp_path / "one", "one"), invite(folder, "first"))
    said = here("hub", "retire", "one", "hub.toml", cwd=folder)
    assert "it counts to the end before" in said
    other = Joiner(tmp_path / "two", "two")
    with pytest.raises(AssertionError, match='there is or was a member "one"'):
        by_file(
            folder, other, invite(folder, "second"), "--owner", "O", "--place", "p", "--name", "one"
        )
    here("hub", "retire", "one", "hub.toml", "--now", cwd=folder)
    assert roster(folder) == []


def test_the_hub_that_is_expected_is_the_only_one_that_is_joined(
    hub: Callable[..., Path], tmp_path: Path
) -> None:
    folder, one = hub(), Joiner(tmp_path / "one", "one")
    invited = invite(folder, "one")
    with pytest.raises(AssertionError, match="not from 0000"):
        one.join(invited, "--expect", "0000")
    assert not (one.folder / "state").exists()
    assert "[hub]" in here(
        "join", str(invited), "--config", "plant.toml", "--dry-run", cwd=one.folder
    )
    assert not (one.folder / "state").exists()


def test_a_request_by_an_invitation_made_a_moment_ago_is_kept(tmp_path: Path) -> None:
    plan = hub_plan(tmp_path)
    key = HUB.sign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "hub.pem").write_bytes(key)
    desk = Desk(plan)
    registry.change(registry.path_of(plan), lambda _: INVITED)
    topic = request_topic(CLUSTER, NAME)
    assert desk.take(topic, request(), MONDAY) is None
    (kept,) = requests.read(Path(plan.state_dir))
    assert kept.fingerprint == ONE.key.public.fingerprint
    assert isinstance(desk.take(topic, request(TWO), MONDAY), Refused)
