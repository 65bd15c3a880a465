"""Hub files: the plans they mean, and what is said of their mistakes."""

from pathlib import Path

import pytest

from config.errors import ConfigError, Problem
from config.hub import load_hub
from config.hub_plan import HubPlan, Member, Rules

KEYS = ["ssplant1_" + letter * 43 for letter in "ABC"]
BASE = '[hub]\ncluster = "ora"\nbroker = "mqtts://hub"\nkey_file = "hub.pem"\n'


def member(position: int, more: str = "") -> str:
    return (
        f'[[members]]\nname = "m{position}"\nkey = "{KEYS[position]}"\n'
        f'owner = "o{position}"\nplace = "ora/north"\n{more}\n'
    )


def plan(folder: Path, text: str) -> HubPlan:
    path = folder / "hub.toml"
    path.write_text(text, "utf-8")
    return load_hub(path, {})


def only(folder: Path, text: str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        plan(folder, text)
    assert len(caught.value.problems) == 1, caught.value.problems
    return caught.value.problems[0]


def test_defaults_are_those_of_the_reference(tmp_path: Path) -> None:
    found = plan(tmp_path, BASE)
    assert found.rules == Rules()
    assert found.calendars == {"heat": "hour", "material": "week", "water": "day", "gas": "day"}
    assert found.key_file == str(tmp_path / "hub.pem")
    assert found.state_dir == "/var/lib/sidestream-hub"
    assert found.store.kind == "sqlite"


def test_members_rules_and_calendars_are_taken(tmp_path: Path) -> None:
    text = (
        f"{BASE}[release]\nk = 4\np = 15\nq = 80\ndominance = {{ owners = 1, percent = 50 }}\n"
        'wait = "1 h"\n'
        f'calendars = {{ heat = "2 h", gas = "month" }}\n{member(0)}{member(1, "waives = true")}'
    )
    found = plan(tmp_path, text)
    assert found.rules == Rules(4, 15.0, (1, 50.0), q=80.0)
    assert found.calendars["heat"] == 7_200_000_000_000
    assert found.calendars["gas"] == "month"
    assert found.wait == 3_600_000_000_000
    assert found.members[1] == Member("m1", KEYS[1], "o1", "ora/north", waives=True)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        (member(0) + member(0).replace("m0", "m9"), "members[1].key", 13),
        (member(0) + member(1).replace("m1", "m0"), "members[1].name", 12),
        (member(0).replace("ora/north", "Ora North"), "members[0].place", 9),
        (member(0).replace("ora/north", "ora/all"), "members[0].place", 9),
        (member(0).replace(KEYS[0], "sshub1_x"), "members[0].key", 7),
        (member(0) + member(1, "wavies = true"), "members[1].wavies", 16),
        ("[members]\nname = 1", "members", 5),
        ('[release.calendars]\nheat = "7 h"', "release.calendars.heat", 6),
        ("[release]\nk = 1", "release.k", 6),
        ("[release]\np = 20\nq = 15", "release.q", 7),
        ("[release]\ndominance = { owners = 2 }", "release.dominance.percent", 6),
        ('[store]\nkind = "influxdb"', "store.url", 5),
        ('[store]\nurl = "http://localhost:8086"', "store.url", 6),
        ('[store]\nkind = "influxdb"\nurl = "http://db:8086"\ntoken_file = "t"', "store.url", 7),
        ('[store]\nkind = "influxdb"\nurl = "https://me:x@db"', "store.url", 7),
    ],
)
def test_a_mistake_is_named_by_line(tmp_path: Path, text: str, key: str, line: int) -> None:
    problem = only(tmp_path, BASE + text)
    assert (problem.key, problem.line) == (key, line)


def test_without_its_table_a_hub_is_nothing(tmp_path: Path) -> None:
    assert only(tmp_path, "").key == "hub"


def test_a_store_is_reached_by_its_url(tmp_path: Path) -> None:
    text = f'{BASE}[store]\nkind = "influxdb"\nurl = "https://db"\ntoken_file = "token"'
    found = plan(tmp_path, text).store
    assert (found.url, found.token_file) == ("https://db", str(tmp_path / "token"))


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:9464", "[::1]:1", "127.9.9.9:65535", "unix:/run/x/metrics.sock"]
)
def test_metrics_are_answered_on_this_computer(tmp_path: Path, listen: str) -> None:
    found = plan(tmp_path, f'{BASE}\n[metrics]\nlisten = "{listen}"').metrics
    assert (found.listen, found.file, found.names) == (listen, True, True)


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464", "localhost:9464", "127.0.0.1", "127.0.0.1:0",
     "127.0.0.1:65536", "unix:relative", "unix:/with space", ":9464", "127.0.0.1.evil:1"],
)  # fmt: skip
def test_metrics_are_answered_nowhere_else(tmp_path: Path, listen: str) -> None:
    assert only(tmp_path, f'{BASE}[metrics]\nlisten = "{listen}"').key == "metrics.listen"
