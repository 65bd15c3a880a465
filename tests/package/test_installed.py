"""The package under a real systemd: installed, set up, locked in, hung, upgraded and purged."""

import json
from typing import Any

import pytest

from tests.package.conftest import PYTHON, Packages, confirmed, install
from tests.package.container import Container, wait_for

pytestmark = [pytest.mark.container, pytest.mark.timeout(600)]
AGENT, HUB = "sidestream-agent.service", "sidestream-hub.service"
STATE, SETTINGS = "/var/lib/sidestream/state.sqlite", "/etc/sidestream/plant.toml"
REFUSED = {
    "listen": "EPERM",
    "listen unix": "EPERM",
    "accept": "EPERM",
    "raw socket": "EPERM",
    "packet socket": "EAFNOSUPPORT",
    "io_uring": "EPERM",
    "keyring": "EPERM",
    "touch the clock": "EPERM",
    "executable memory": "EPERM",
    "shell": "EACCES",
    "become root": "EPERM",
    "write to /etc": "EROFS",
    "write to /opt": "EACCES",
    "read a home": "EACCES",
    "see processes": "ENOENT",
    "namespace": "EPERM",
}
ALLOWED = {"python", "sign", "store", "lock", "resolve", "modbus"}


def exists(container: Container, path: str) -> bool:
    return container.run("test", "-e", path).returncode == 0


def hub_says(container: Container) -> Any:
    """Give the hub's word on its only member."""
    return json.loads(container.said("sidestream", "hub", "status", "--json"))["members"][0]


def test_installing_starts_nothing_and_leaves_room_for_keys(fresh: Container) -> None:
    for unit in (AGENT, HUB, "sidestream-clock.service"):
        assert fresh.unit(unit, "ActiveState") == "inactive"
    listed = fresh.did("stat", "-c", "%a %U %n", "/var/lib/sidestream", "/var/lib/sidestream-hub")
    assert listed.split() == [
        "700", "sidestream", "/var/lib/sidestream",
        "700", "sidestream-hub", "/var/lib/sidestream-hub",
    ]  # fmt: skip
    assert fresh.did("stat", "-c", "%a %U", "/etc/sidestream") == "755 root"
    assert fresh.said("dpkg", "--verify", "sidestream") == ""
    assert fresh.did("sidestream", "--version").startswith("sidestream, version")


def test_a_missing_plant_file_ends_the_agent_for_good(fresh: Container) -> None:
    fresh.run("systemctl", "start", AGENT)
    wait_for(lambda: fresh.unit(AGENT, "ActiveState") == "failed", "the refusal")
    assert fresh.unit(AGENT, "ExecMainStatus") == "78"
    assert fresh.unit(AGENT, "NRestarts") == "0"
    assert "/etc/sidestream/plant.toml" in fresh.journal(AGENT)
    fresh.did("systemctl", "reset-failed", AGENT)


def test_the_locked_in_agent_and_hub_do_all_their_work(running: Container) -> None:
    status = json.loads(running.said("sidestream", "status", "--json"))
    assert status["problems"] == []
    assert {name: one["link"] for name, one in status["sources"].items()} == {
        "belt": "up",
        "filter": "up",
    }
    wait_for(lambda: hub_says(running)["records"] >= 2, "records in the ledger")
    assert hub_says(running)["gaps"] == 0
    assert running.unit(AGENT, "StatusText") == "ok"
    assert exists(running, "/run/sidestream-clock/synchronised")
    assert exists(running, "/var/lib/sidestream-hub/cells.db")
    for unit in (AGENT, HUB):
        words = running.journal(unit)
        assert "Traceback" not in words, words
        assert "EPERM" not in words, words


def test_neither_program_listens(running: Container) -> None:
    pids = {running.unit(unit, "MainPID") for unit in (AGENT, HUB)}
    sockets = running.did(
        "ss", "--listening", "--tcp", "--udp", "--unix", "--processes", "--no-header"
    )
    assert "mosquitto" in sockets
    assert not [line for line in sockets.splitlines() if any(f"pid={pid}," in line for pid in pids)]


def tried(container: Container, unit: str) -> dict[str, str]:
    """Run the trials in place of a unit's program, under everything else the unit says."""
    probe = f"{unit.removesuffix('.service')}-trial"
    text = container.did("cat", f"/lib/systemd/system/{unit}")
    changed = {
        "Type=notify": "Type=exec",
        "Restart=on-failure": "Restart=no",
        "WatchdogSec=60s": "",
    }
    for line, other in changed.items():
        assert line in text
        text = text.replace(line, other)
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    text = text.replace(start, f"ExecStart={PYTHON} /usr/local/lib/inside.py")
    text = text.replace("Directory=sidestream", "Directory=sidestream-trial")
    container.write(f"/etc/systemd/system/{probe}.service", text)
    container.did("systemctl", "daemon-reload")
    before = len(results(container, probe))
    container.run("systemctl", "start", f"{probe}.service")
    wait_for(lambda: len(results(container, probe)) > before, "the trials' result")
    (container.root / f"etc/systemd/system/{probe}.service").unlink()
    return results(container, probe)[-1]


def results(container: Container, unit: str) -> list[dict[str, str]]:
    """Give what the trials found, run by run."""
    lines = container.journal(unit).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize("unit", [AGENT, HUB])
def test_in_the_sandbox_nothing_can_listen_and_everything_needed_works(
    running: Container, unit: str
) -> None:
    free = json.loads(
        running.did("env", "STATE_DIRECTORY=/root", PYTHON, "/usr/local/lib/inside.py")
    )
    # Without the sandbox each of them works: it is the unit that refuses.
    assert {name for name in REFUSED if free[name]} == set()
    found = tried(running, unit)
    assert {name: found[name] for name in REFUSED} == REFUSED
    assert {name: found[name] for name in ALLOWED} == dict.fromkeys(ALLOWED, "")


def test_a_confined_agent_reaches_what_its_file_names_and_nothing_else(running: Container) -> None:
    folder = "/etc/systemd/system/sidestream-agent{}.service.d/confine.conf"
    written = running.did("sidestream", "confine")
    assert tried(running, AGENT)["other address"] == "ECONNREFUSED"
    for unit in ("", "-trial"):
        running.write(folder.format(unit), written + "\n")
    found = tried(running, AGENT)
    # Kernels differ in whether they tell the program that its packet was dropped.
    assert found["other address"] in {"TimeoutError", "EPERM"}
    assert {name: found[name] for name in ALLOWED} == dict.fromkeys(ALLOWED, "")
    before = confirmed(running)
    running.did("systemctl", "restart", AGENT)
    wait_for(lambda: confirmed(running) > before, "records of the confined agent")


def test_a_hung_agent_is_started_again_and_nothing_is_lost(running: Container) -> None:
    before = confirmed(running)
    pid = running.unit(AGENT, "MainPID")
    running.did("kill", "-STOP", pid)
    wait_for(lambda: running.unit(AGENT, "NRestarts") == "1", "a restart by the watchdog", 90)
    assert "Watchdog timeout" in running.journal(AGENT)
    wait_for(lambda: confirmed(running) > before + 2, "records after the restart")
    measured_all(running)


def test_a_hung_hub_is_started_again_and_no_record_is_missing(running: Container) -> None:
    running.did("kill", "-STOP", running.unit(HUB, "MainPID"))
    wait_for(lambda: running.unit(HUB, "NRestarts") == "1", "a restart by the watchdog", 90)
    before = confirmed(running)
    wait_for(lambda: confirmed(running) > before + 2, "records after the restart")
    assert hub_says(running)["gaps"] == 0


def measured_all(container: Container) -> None:
    """Let the scale stand, stop the agent, and hold what it measured against the scale.

    An agent that is stopped does not wait for an answer that is on its way: the scale must stand
    until it was read. The agent is started again in any case, for the tests that follow.
    """
    container.did("touch", "/run/field/stand")
    try:
        wait_for(lambda: shown(container) == scale(container)["last"], "the scale's last value")
        container.did("systemctl", "stop", AGENT)
        told = scale(container)
        measured = float(container.did(PYTHON, "/usr/local/lib/measured.py", "slag"))
        assert measured == pytest.approx((told["last"] - told["first"]) / 1000, rel=1e-9)
        assert measured > 0
    finally:
        container.did("rm", "/run/field/stand")
        container.did("systemctl", "start", AGENT)


def scale(container: Container) -> Any:
    """Give the first and the last value that the scale was read at, in kg."""
    return json.loads(container.did("cat", "/run/field/field.json"))


def shown(container: Container) -> Any:
    """Give the scale's value as the agent's status shows it; None before it shows one."""
    told = container.said("sidestream", "status", "--json")
    points = json.loads(told)["sources"].get("belt", {}).get("points", {}) if told else {}
    return points.get("total", {}).get("value")


def test_a_mistake_in_the_plant_file_stops_the_agent_until_it_is_mended(running: Container) -> None:
    text = running.did("cat", SETTINGS)
    running.write(SETTINGS, text + "\n[windows]\n")
    running.run("systemctl", "restart", AGENT)
    wait_for(lambda: running.unit(AGENT, "ActiveState") == "failed", "the refusal")
    assert running.unit(AGENT, "ExecMainStatus") == "78"
    running.write(SETTINGS, text)
    running.did("systemctl", "start", AGENT)
    assert running.unit(AGENT, "ActiveState") == "active"


def test_an_upgrade_keeps_state_and_settings_and_starts_what_ran(
    running: Container, packages: Packages
) -> None:
    pid, before = running.unit(AGENT, "MainPID"), confirmed(running)
    settings = running.did("cat", SETTINGS)
    install(running, packages.second)
    assert running.said("dpkg-query", "-W", "-f", "${Version}", "sidestream").endswith("+later")
    for unit in (AGENT, HUB):
        assert running.unit(unit, "ActiveState") == "active"
    assert running.unit(AGENT, "MainPID") != pid
    assert running.did("cat", SETTINGS) == settings
    wait_for(lambda: confirmed(running) > before, "records after the upgrade")
    measured_all(running)
    running.did("systemctl", "stop", HUB)
    install(running, packages.first)
    assert running.unit(AGENT, "ActiveState") == "active"
    assert running.unit(HUB, "ActiveState") == "inactive"
    running.did("systemctl", "start", HUB)


def test_what_is_removed_comes_back_and_what_is_purged_is_gone(
    running: Container, packages: Packages
) -> None:
    running.did("dpkg", "--remove", "sidestream")
    assert running.unit(AGENT, "ActiveState") == "inactive"
    assert not exists(running, "/opt/sidestream")
    assert exists(running, STATE)
    assert exists(running, SETTINGS)
    install(running, packages.first)
    assert running.unit(AGENT, "ActiveState") == "active"
    measured_all(running)
    running.did("dpkg", "--purge", "sidestream")
    for path in ("/var/lib/sidestream", "/var/lib/sidestream-hub", "/etc/sidestream"):
        assert not exists(running, path)
    left = running.said("find", "/etc", "/lib/systemd", "/opt", "/usr", "-name", "*sidestream*")
    assert [path for path in left.splitlines() if "trial" not in path] == []
