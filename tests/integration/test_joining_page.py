"""The page on joining is run as it stands: what it shows is what comes out, to the first record."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import counted, ended, wait_for
from tests.joinkit import Cluster, Joiner

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
WAITS = "sent the request; waiting for the hub's operator to admit this plant\n"
PAGE = Path(__file__).parents[2] / "docs" / "joining.md"
_BLOCK = re.compile(r"^```console (hub|plant)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(page: str) -> list[tuple[str, str, str]]:
    """Give where each command is typed, the command, and what the page says it prints."""
    found = []
    for where, body in _BLOCK.findall(page):
        for one in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, output = one.partition("\n")
            found.append((where, command, output.rstrip()))
    return found


def fits(claimed: str, came: str) -> bool:
    """Compare line by line: three dots stand for any text, alone on a line for any lines.

    Columns of tables may be as wide as they need.
    """
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else f"{_line(line)} *\\n" for line in claimed.split("\n")
    )
    return re.fullmatch(pattern, came.rstrip() + "\n") is not None


def _line(line: str) -> str:
    return re.sub(r"(?:\\ ){2,}", " +", re.escape(line)).replace("…", ".*")


def run(command: str, folder: Path) -> str:
    environment = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "160", "NO_COLOR": "1",
        "SIDESTREAM_HUB": "hub.toml", "SIDESTREAM_PLANT": "plant.toml",
    }  # fmt: skip
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.stdout


def test_what_the_page_shows_is_what_comes_out(tmp_path: Path) -> None:
    made, plant = Cluster(tmp_path / "cluster"), Joiner(tmp_path / "plant", "slag")
    folders = {"hub": made.folder, "plant": plant.folder}
    every = steps(PAGE.read_text())
    assert len(every) == 13
    with ended(made.broker, made.hub):
        made.start()
        for where, command, output in every:
            fingerprint = "?"
            if (plant.folder / "state" / "plant.key").exists():
                fingerprint = plant.fingerprint
                wait_for(lambda own=fingerprint: known(made, own), "the request")  # type: ignore[misc]
            if command == "sidestream hub renew":
                wait_for(lambda own=fingerprint: made.waiting(own), "the renewal")  # type: ignore[misc]
            came = run(command.replace("FINGERPRINT", fingerprint), folders[where])
            # Said where the plant is there before the answer is: the hub sends it within a second.
            came = came.removeprefix(WAITS)
            came = came.replace(fingerprint, "FINGERPRINT")
            came = came.replace(f"localhost:{made.port}", "hub.example.org:8883")
            assert fits(output, came), f"$ {command}\n{came}"
            if "invite" in command and where == "hub":
                shutil.move(made.folder / "slag.invite", plant.folder)
        assert counted(made.hub) >= 1
    assert "Traceback" not in made.hub.log


def known(made: Cluster, fingerprint: str) -> bool:
    """Tell whether the hub has heard of a plant: it waits, or is a member."""
    members = made.told("hub", "roster", "hub.toml")["members"]
    return made.waiting(fingerprint) or any(one["fingerprint"] == fingerprint for one in members)


def test_the_page_does_not_pass_on_another_output() -> None:
    assert fits("a  … b\n…\nc", "a     x b\n1\n2\nc")
    assert not fits("a … b", "a x c")
    assert not fits("a", "a\nb")
    assert not fits("", "a")
