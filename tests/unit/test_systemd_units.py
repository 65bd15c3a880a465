"""The units: what the programs count on, no secret in them, and what systemd itself says."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.servers import program

FOLDER = Path(__file__).parents[2] / "systemd"
PROGRAMS = ("sidestream-agent.service", "sidestream-hub.service")
RENEW = "sidestream-hub-renew"
UNITS = sorted(path.name for path in FOLDER.glob("*.service"))
EXAMPLES = sorted(path.name for path in (FOLDER / "examples").glob("*.conf"))
EXPOSURE = 1.2
"""The most that `systemd-analyze security` may find; 10 is a unit without protection."""


def settings(text: str) -> dict[str, list[str]]:
    """Read a [Service] section: every value of each setting."""
    section = text.split("[Service]")[1].split("\n[", maxsplit=1)[0]
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def service(name: str) -> dict[str, list[str]]:
    return settings((FOLDER / name).read_text())


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_both_programs_and_the_clock_have_a_unit() -> None:
    assert sorted([*PROGRAMS, "sidestream-clock.service", f"{RENEW}.service"]) == UNITS


def test_what_signs_for_members_has_no_network_and_little_of_roots_power() -> None:
    found = service(f"{RENEW}.service")
    assert "User" not in found
    assert found["PrivateNetwork"] == ["yes"]
    assert found["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert found["CapabilityBoundingSet"] == ["CAP_CHOWN CAP_DAC_OVERRIDE"]
    state = service("sidestream-hub.service")["StateDirectory"]
    assert found["ReadWritePaths"] == [f"-/var/lib/{name}" for name in state]
    (timer,) = FOLDER.glob("*.timer")
    assert timer.stem == RENEW
    assert "OnCalendar=daily\n" in timer.read_text()


@pytest.mark.parametrize("unit", PROGRAMS)
def test_a_unit_sets_what_the_program_counts_on(unit: str) -> None:
    found = service(unit)
    assert found["Type"] == ["notify"]
    assert found["NotifyAccess"] == ["main"]
    assert found["RestartPreventExitStatus"] == ["78"]
    assert found["Restart"] == ["on-failure"]
    # Signs of life come each two seconds, and a disk may hold a commit up for ten.
    assert int(found["WatchdogSec"][0].removesuffix("s")) >= 30
    assert found["StateDirectory"] == found["RuntimeDirectory"] == found["User"] == found["Group"]
    assert found["StateDirectoryMode"] == ["0700"]
    assert found["UMask"] == ["0077"]


@pytest.mark.parametrize("unit", PROGRAMS)
def test_a_reload_is_a_signal_sent_from_outside_the_locks(unit: str) -> None:
    # Within the locks nothing but the program may be started (NoExecPaths).
    assert service(unit)["ExecReload"] == ["+/bin/sh -c 'kill -s HUP $MAINPID'"]
    assert service(unit)["NoExecPaths"] == ["/"]


@pytest.mark.parametrize("unit", PROGRAMS)
def test_a_unit_cannot_take_a_connection(unit: str) -> None:
    found = service(unit)
    allowed, *denied = found["SystemCallFilter"]
    assert allowed == "@system-service"
    assert all(line.startswith("~") for line in denied)
    refused = {word for line in denied for word in line.removeprefix("~").split()}
    # io_uring, which is in @aio, would take connections past the filter.
    assert {"listen", "accept", "accept4", "@aio", "@privileged", "@setuid"} <= refused
    assert found["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]


@pytest.mark.parametrize("unit", PROGRAMS)
def test_a_unit_keeps_secrets_out_of_core_dumps_and_swap(unit: str) -> None:
    found = service(unit)
    assert (found["LimitCORE"], found["MemorySwapMax"]) == (["0"], ["0"])


@pytest.mark.parametrize("unit", PROGRAMS)
def test_a_unit_is_not_root_and_holds_no_secret(unit: str) -> None:
    text = (FOLDER / unit).read_text()
    assert service(unit)["User"] != ["root"]
    assert not re.search(r"^(Set|Environment|Pass)\w*=", text, re.MULTILINE)
    assert not re.search(r"BEGIN|ss(plant|hub)1_", text)


@pytest.mark.parametrize("example", EXAMPLES)
def test_credentials_of_an_example_come_from_the_folder_of_the_configuration(example: str) -> None:
    text = (FOLDER / "examples" / example).read_text()
    for line in re.findall(r"LoadCredential=(.*)", text):
        assert re.fullmatch(r"([a-z.-]+):/etc/sidestream/\1", line)


def test_the_users_of_the_units_are_made_by_sysusers() -> None:
    made = re.findall(r"^u (\S+) ", (FOLDER / "sidestream.sysusers").read_text(), re.MULTILINE)
    assert sorted(made) == sorted(service(unit)["User"][0] for unit in PROGRAMS)


def test_the_agent_wants_the_flag_of_the_clock_and_does_not_wait_for_it() -> None:
    head = (FOLDER / PROGRAMS[0]).read_text().split("[Service]")[0]
    assert "sidestream-clock.service" in re.findall(r"^Wants=(.*)$", head, re.MULTILINE)[0]
    assert "sidestream-clock" not in re.findall(r"^After=(.*)$", head, re.MULTILINE)[0]
    assert service("sidestream-clock.service")["Type"] == ["exec"]


def checked(folder: Path, unit: str, extra: str = "") -> Path:
    """Write a unit for systemd to check; that the program is installed elsewhere is no fault."""
    text = re.sub(r"(?m)^ExecStart=/opt\S+", "ExecStart=/bin/true", (FOLDER / unit).read_text())
    (folder / unit).write_text(text)
    if extra:
        (folder / f"{unit}.d").mkdir()
        (folder / f"{unit}.d" / "extra.conf").write_text(extra)
    return folder / unit


@pytest.mark.systemd
def test_systemd_finds_nothing_wrong_with_the_timer(tmp_path: Path) -> None:
    checked(tmp_path, f"{RENEW}.service")
    timer = tmp_path / f"{RENEW}.timer"
    timer.write_text((FOLDER / timer.name).read_text())
    done = analyze("verify", "--man=no", str(timer))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, unit: str) -> None:
    done = analyze("verify", "--man=no", str(checked(tmp_path, unit)))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.systemd
@pytest.mark.parametrize("example", EXAMPLES)
def test_systemd_finds_nothing_wrong_with_an_example(tmp_path: Path, example: str) -> None:
    unit = PROGRAMS["hub" in example]
    text = re.sub(r"(?m)^# (\w+=)", r"\1", (FOLDER / "examples" / example).read_text())
    done = analyze("verify", "--man=no", str(checked(tmp_path, unit, text)))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_a_unit_little_exposed(tmp_path: Path, unit: str) -> None:
    path = checked(tmp_path, unit)
    limit = f"--threshold={EXPOSURE * 10:.0f}"
    done = analyze("security", "--offline=true", "--no-pager", limit, str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout
