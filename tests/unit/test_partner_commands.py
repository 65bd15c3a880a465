"""`sidestream partner`: the key, the table in the plant file, and opening what came."""

import csv
import io
import json
from pathlib import Path

import pytest

from gateway.partner_keys import PartnerKey, PartnerPublic, load
from gateway.wire import partner_topic
from tests.clikit import Call, program
from tests.partnerkit import content, message, partner_key
from tests.plants import plant_key
from tests.unit.test_load_partners import HUB, SHARED, TABLE

FROM = ("--from", str(plant_key().public))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Write the partner's key file."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    path = tmp_path / "partner.key"
    path.write_bytes(
        partner_key().open.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )
    )
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a plant file whose slag may go to partners, and that names none."""
    path = tmp_path / "plant.toml"
    path.write_text(SHARED + HUB + "# the end, as its author left it")
    path.chmod(0o640)
    return path


def add(call: Call, file: Path, *more: str) -> tuple[int, str, str]:
    given = ("--key", str(partner_key().public), "--contract", "2026-17", "--until", "2027-01-01")
    return call("partner", "add", "cement", file, *given, *more)


def test_a_key_is_made_once_for_its_owner_alone(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "my.key"
    said = call("partner", "key", path)
    assert (said.code, path.exists()) == (1, False)
    assert f"sidestream partner key {path} --create" in said.err
    made = json.loads(call("partner", "key", path, "--create", "--json").out)
    assert path.stat().st_mode & 0o777 == 0o600
    assert PartnerPublic.parse(made["key"]).fingerprint == made["fingerprint"]
    again = call("partner", "key", path, "--create").out
    assert made["key"] in again
    assert made["fingerprint"] in again
    assert isinstance(load(path), PartnerKey)


def test_the_key_of_a_plant_is_no_partners(call: Call, file: Path) -> None:
    call("key", file, "--create")
    said = call("partner", "key", file.parent / "state" / "plant.key")
    assert said.code == 1
    assert "not an X25519 key" in said.err


def test_a_partner_is_added_to_what_is_in_the_file(call: Call, file: Path) -> None:
    before = file.read_text()
    code, out, err = add(call, file, "--stream", "slag=slag 0-8", "--window", "30 min")
    assert (code, err) == (0, "")
    after = file.read_text()
    assert after.startswith(before)
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in file.parent.iterdir()] == ["plant.toml"]
    assert partner_key().public.fingerprint in out
    [one] = json.loads(call("partner", "list", file, "--json").out)
    assert (one["name"], one["state"], one["streams"], one["window_s"]) == (
        "cement", "in force", {"slag": "slag 0-8"}, 1800,
    )  # fmt: skip
    assert "slag as slag 0-8" in call("partner", "list", file).out
    assert (
        "detail to cement" in json.loads(call("check", file, "--json").out)["streams"][0]["leaves"]
    )


def test_without_a_name_for_it_a_stream_is_a_number_to_the_partner(call: Call, file: Path) -> None:
    assert 'streams = { "slag" = "stream-1" }' in add(call, file, "--stream", "slag")[1]


def test_a_dry_run_changes_nothing(call: Call, file: Path) -> None:
    before = file.read_bytes()
    code, out, _ = add(call, file, "--stream", "slag", "--dry-run")
    assert code == 0
    assert 'contract = "2026-17"' in out
    assert file.read_bytes() == before
    shown = json.loads(add(call, file, "--stream", "slag", "--dry-run", "--json")[1])
    assert (shown["added"], "[[partners]]" in shown["table"]) == (False, True)


@pytest.mark.parametrize(
    ("stream", "more", "words"),
    [
        ("slog", (), "did you mean `slag`?"),
        ("slag", ("--window", "7 min"), "a whole number of `measure` windows"),
        ("slag=", (), "a text of at most 64 characters"),
        ("slag", ("--key", "sshub1_x"), "sidestream partner key"),
    ],
)
def test_what_contradicts_the_file_is_refused_with_its_line_and_nothing_is_changed(
    call: Call, file: Path, stream: str, more: tuple[str, ...], words: str
) -> None:
    before = file.read_bytes()
    code, out, err = add(call, file, "--stream", stream, *more)
    assert (code, out) == (78, "")
    assert words in err
    place, line, _ = err.removeprefix("sidestream: ").split(":", 2)
    assert place == str(file)
    assert int(line) > len(before.splitlines())
    assert file.read_bytes() == before


def test_consent_is_given_by_the_stream_too(call: Call, file: Path) -> None:
    file.write_text(file.read_text().replace('share = "partner"', 'share = "cluster"'))
    code, _, err = add(call, file, "--stream", "slag")
    assert code == 78
    assert 'share = "partner" in [streams.slag]' in err


def test_a_partner_that_is_over_is_listed_as_such(call: Call, file: Path) -> None:
    file.write_text(file.read_text() + "\n" + TABLE.replace("2027", "2020"))
    assert json.loads(call("partner", "list", file, "--json").out)[0]["state"] == "over"


def test_what_came_is_opened_as_csv_and_json(call: Call, key: Path, tmp_path: Path) -> None:
    topic = partner_topic("ora", partner_key().public.fingerprint)
    path = tmp_path / "came"
    path.write_bytes(topic.encode() + b" " + message() + b"\n")
    said = call("partner", "open", path, "--key", key, *FROM)
    [row] = csv.DictReader(io.StringIO(said.out))
    assert (said.code, row["stream"], row["quantity"], row["start"]) == (
        0, "stream-1", "1.25", "2026-03-01T00:00:00Z",
    )  # fmt: skip
    told = json.loads(call("partner", "open", path, "--key", key, *FROM, "--json").out)
    assert told["refused"] == []
    assert told["details"][0]["streams"] == content()["streams"]


def test_what_is_refused_is_told_by_line_and_the_rest_is_opened(
    call: Call, key: Path, tmp_path: Path
) -> None:
    path = tmp_path / "came"
    other = message(partner=partner_key(8).public)
    path.write_bytes(b"\n".join([message(), message(), other, message(plant=plant_key(2)), b"?"]))
    said = call("partner", "open", path, "--key", key, *FROM)
    assert said.code == 1
    assert len(said.out.splitlines()) == 2
    reasons = [line.split(": ")[:2] for line in said.err.splitlines()]
    assert reasons == [
        [f"{path}:2", "refused, replayed"],
        [f"{path}:3", "refused, wrong-key"],
        [f"{path}:4", "refused, wrong-sender"],
        [f"{path}:5", "refused, malformed"],
    ]
    told = json.loads(call("partner", "open", path, "--key", key, *FROM, "--json").out)
    assert [one["reason"] for one in told["refused"]] == [
        "replayed", "wrong-key", "wrong-sender", "malformed",
    ]  # fmt: skip


def test_it_is_opened_as_it_comes_through_a_pipe(key: Path) -> None:
    said = program("partner", "open", "--key", key, *FROM, input=message().decode())
    assert (said.code, len(said.out.splitlines())) == (0, 2)


def test_a_sender_that_is_no_plants_key_and_a_missing_file_are_told(
    call: Call, key: Path, tmp_path: Path
) -> None:
    said = call("partner", "open", "--key", key, "--from", "sspartner1_x")
    assert (said.code, "what `sidestream key` prints" in said.err) == (1, True)
    said = call("partner", "open", tmp_path / "none", "--key", key, *FROM)
    assert (said.code, "cannot be read" in said.err) == (1, True)


LISTEN = ("partner", "listen", "--cluster", "ora", *FROM)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--broker", "http://x"), "mqtts://host"),
        (("--broker", "mqtt://192.0.2.1"), "in plain text"),
        (("--broker", "mqtts://x", "--certificate", "a"), "half a pair"),
    ],
)
def test_a_broker_that_cannot_be_meant_is_refused_in_words(
    call: Call, key: Path, more: tuple[str, ...], words: str
) -> None:
    said = call(*LISTEN, *more, "--key", key)
    assert said.code == 78
    assert said.err.startswith("sidestream: the command line")
    assert words in said.err


def test_a_file_of_what_was_had_that_cannot_be_used_is_told(call: Call, key: Path) -> None:
    said = call(*LISTEN, "--broker", "mqtt://127.0.0.1:1", "--key", key, "--seen", key.parent)
    assert (said.code, "give --seen a file" in said.err) == (1, True)
