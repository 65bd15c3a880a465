"""The tutorial is run as it stands, and what it claims is what comes out."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from openpyxl import load_workbook

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LEFT_OUT = "…"


@dataclass(frozen=True)
class Step:
    command: str
    output: str


def files(page: str) -> dict[str, str]:
    return {name: body for _, name, body in _BLOCK.findall(page) if name}


def steps(page: str) -> list[Step]:
    found = []
    for kind, _, body in _BLOCK.findall(page):
        if kind == "console":
            for one in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, _, output = re.sub(r"\\\n> ", "\\\n", one).partition("\n")
                while command.endswith("\\"):
                    more, _, output = output.partition("\n")
                    command += "\n" + more
                found.append(Step(command, output.rstrip()))
    return found


def run(command: str, folder: Path) -> str:
    environment = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "80", "NO_COLOR": "1",
    }  # fmt: skip
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.stdout.replace(str(folder) + "/", "").rstrip()


def fits(claimed: str, came: str) -> bool:
    """Compare line by line; a line of three dots stands for any lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line == _LEFT_OUT else re.escape(line) + r" *\n"
        for line in claimed.split("\n")
    )
    return re.fullmatch(pattern, came + "\n") is not None


def test_what_the_tutorial_claims_is_what_comes_out(tmp_path: Path) -> None:
    page = PAGE.read_text()
    for name, body in files(page).items():
        (tmp_path / name).write_text(body)
    every = steps(page)
    assert len(every) >= 10
    for step in every:
        came = run(step.command, tmp_path)
        assert fits(step.output, came), f"$ {step.command}\n{came}"
    book = load_workbook(tmp_path / "2025.xlsx")
    assert book["Streams"]["A2"].value == "slag"


def test_the_tutorial_does_not_pass_on_another_output() -> None:
    assert fits("a\n…\nb", "a\n1\n2\nb")
    assert not fits("a\n…\nb", "a\n1\nc")
    assert not fits("a", "a\nb")
    assert not fits("", "a")
