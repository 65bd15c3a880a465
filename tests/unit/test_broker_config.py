"""`sidestream hub broker-config`: the files it writes, and what it says of old ones."""

import json
import stat
import time
from pathlib import Path

import pytest

from gateway.hub.access import periods
from gateway.keys import HubKey, PlantKey, load
from gateway.wire import quarter, records_topic
from tests.clikit import Call
from tests.hubkit import _key

PLANT = PlantKey(_key(7))
HUB = f"""
[hub]
cluster = "ora"
broker = "mqtts://hub.example.org"
key_file = "hub.pem"
[[members]]
name = "m1"
key = "{PLANT.public}"
owner = "o1"
place = "ora"
"""
QUARTER = 92 * 86_400_000_000_000


@pytest.fixture
def folder(tmp_path: Path, call: Call) -> Path:
    (tmp_path / "hub.toml").write_text(HUB)
    assert call("hub", "key", tmp_path / "hub.toml", "--create").code == 0
    return tmp_path


def written(folder: Path) -> Path:
    return folder / "out"


def test_the_files_say_where_they_lie_and_hold_this_quarter_and_the_next(
    folder: Path, call: Call
) -> None:
    said = call("hub", "broker-config", folder / "hub.toml", "--output", written(folder), "--json")
    assert (said.code, json.loads(said.out)["accounts"]) == (0, 2)
    configuration = (written(folder) / "mosquitto.conf").read_text().splitlines()
    assert f"acl_file {written(folder) / 'access'}" in configuration
    assert {"listener 8883", "use_username_as_clientid true"} <= set(configuration)
    access = written(folder) / "access"
    assert stat.S_IMODE(access.stat().st_mode) == 0o640
    hub = HubKey(load(folder / "hub.pem"))
    for period in periods(time.time_ns(), 0):
        name = PLANT.pseudonym(hub.public, "ora", period)
        assert f"topic write {records_topic('ora', name)}" in access.read_text()


def test_settings_of_the_broker_are_taken(folder: Path, call: Call) -> None:
    table = '[broker]\nclients = "passwords"\ndirectory = "/b"\nport = 9999\nreaders = ["exchange"]'
    (folder / "hub.toml").write_text(HUB + table)
    assert call("hub", "broker-config", folder / "hub.toml", "-o", written(folder)).code == 0
    configuration = (written(folder) / "mosquitto.conf").read_text().splitlines()
    assert {"listener 9999", "acl_file /b/access", "require_certificate false"} <= set(
        configuration
    )
    assert "password_file /etc/mosquitto/sidestream/passwords" in configuration
    assert "user exchange" in (written(folder) / "access").read_text()


def test_old_files_are_told_from_ones_that_shut_members_out(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("hub", "broker-config", folder / "hub.toml", "-o", written(folder))
    assert call(*words, "--check").code == 2
    assert call(*words).code == 0
    assert call(*words, "--check").code == 0
    now = time.time_ns()
    for quarters, code in ((1, 1), (2, 2)):
        moment = now + quarters * QUARTER
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        said = call(*words, "--check", "--json")
        assert said.code == code, quarter(moment)
        assert json.loads(said.out)["shut_out"] == (["m1"] if code == 2 else [])
        assert [Path(name).name for name in json.loads(said.out)["stale"]] == ["access"]


def test_two_clients_of_one_name_are_refused_before_anything_is_written(
    folder: Path, call: Call
) -> None:
    (folder / "hub.toml").write_text(f'{HUB}[broker]\nreaders = ["hub"]\n')
    said = call("hub", "broker-config", folder / "hub.toml", "-o", written(folder))
    assert said.code != 0
    assert "given twice" in said.err
    assert not written(folder).exists()


def test_a_folder_that_cannot_be_written_is_named(folder: Path, call: Call) -> None:
    written(folder).write_text("a file")
    said = call("hub", "broker-config", folder / "hub.toml", "-o", written(folder))
    assert said.code != 0
    assert "cannot be written" in said.err
