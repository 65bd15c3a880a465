"""What golden scenarios share: a plant's folder, the real program on it, and its report."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.measuring.total import Total
from tests.cluster import COMMAND

HERE = Path(__file__).parent
PATIENCE = 110
"""Seconds a program may take on a busy computer."""


def rows(path: Path, header: str, lines: Iterable[Sequence[object]]) -> None:
    """Write a recording."""
    with path.open("w") as file:
        file.write(f"{header}\n")
        file.writelines(",".join(map(str, line)) + "\n" for line in lines)


@dataclass(frozen=True)
class Scene:
    """A scenario's plant in a folder of its own, with the input that was made for it."""

    folder: Path

    @classmethod
    def of(cls, name: str, folder: Path, plant: str = "plant.toml") -> "Scene":
        """Copy a scenario's plant file."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / name / plant, folder / "plant.toml")
        return cls(folder)

    def run(self) -> str:
        """Run the agent over the whole recording; gives its log."""
        return self._program("run", "plant.toml").stderr

    def report(self, year: int) -> dict[str, Any]:
        """Give the year's report as the program tells it."""
        said = self._program("report", "plant.toml", "--year", str(year), "--format", "json")
        found: dict[str, Any] = json.loads(said.stdout)
        return found

    def _program(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *words], cwd=self.folder, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    def totals(self, stream: str) -> list[Total]:
        """Give the closed windows of a stream."""
        from agent.keeping.outbox import Outbox  # noqa: PLC0415 - imported where it is used

        with Outbox.look_at(self.folder / "state") as outbox:
            return [one for one in outbox.windows.each_total(0, 2**63 - 1) if one.stream == stream]

    def events(self) -> list[tuple[str, str]]:
        """Give the kind and the detail of each event, in order."""
        path = self.folder / "state" / "state.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return [tuple(row) for row in db.execute("SELECT kind, detail FROM events ORDER BY id")]
