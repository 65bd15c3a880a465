"""The units: what the programs count on, no secret in them, and what systemd itself says."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.servers import program

FOLDER = Path(__file__).parents[2] / "systemd"
UNITS = sorted(path.name for path in FOLDER.glob("*.service"))


def service(name: str) -> dict[str, list[str]]:
    """Read the [Service] section: every value of each setting."""
    section = (FOLDER / name).read_text().split("[Service]")[1].split("\n[")[0]
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS)
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


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_not_root_and_holds_no_secret(unit: str) -> None:
    text = (FOLDER / unit).read_text()
    assert service(unit)["User"] != ["root"]
    assert not re.search(r"^(Set|Environment|Pass)\w*=", text, re.MULTILINE)
    assert not re.search(r"BEGIN|ss(plant|hub)1_", text)
    for line in re.findall(r"LoadCredential=(.*)", text):
        assert re.fullmatch(r"[a-z.-]+:/etc/sidestream/[a-z.-]+", line)


def test_the_users_of_the_units_are_made_by_sysusers() -> None:
    made = re.findall(r"^u (\S+) ", (FOLDER / "sidestream.sysusers").read_text(), re.MULTILINE)
    assert sorted(made) == sorted(service(unit)["User"][0] for unit in UNITS)


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, unit: str) -> None:
    # The program is installed elsewhere; systemd only checks that there is one.
    lines = (FOLDER / unit).read_text().splitlines(keepends=True)
    text = "".join(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", line) for line in lines)
    (tmp_path / unit).write_text(text)
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", str(tmp_path / unit)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
