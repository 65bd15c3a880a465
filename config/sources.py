"""A source's table as it is written, filled in from its device profile and its file of points."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from adapters.adapter import adapter
from adapters.errors import PermanentError
from adapters.fields import Place
from adapters.settings import PointSettings
from config.errors import ConfigError, Problem, shown
from config.locate import Findings, validated, written
from config.profile import Profile, folders, point_model, profile
from config.toml import Document, Key

if TYPE_CHECKING:
    from config.pointlist import PointList

Lacking = Mapping[str, tuple[str, ...]]
"""Points of a profile that are left out, and the keys each still needs."""


@dataclass(slots=True)
class SourceTable:
    """One source: its table, and where problems of it are noted."""

    model: type[BaseModel]
    table: Mapping[str, Any]
    at: Key
    findings: Findings
    place: Place
    lacking: Lacking = field(default_factory=dict)

    def settings(self) -> Any:
        """Give the validated settings, or None when problems were noted."""
        try:
            chosen = self._profile()
            listed = self._listed()
        except ConfigError as error:
            self.findings.problems += error.problems
            return None
        except PermanentError as error:
            self.findings.add((*self.at, "profile"), error.what, hint=error.mend)
            return None
        points = self.table.get("points", {})
        if listed is not None:
            points = {name: dict(row.keys) for name, row in listed.rows.items()}
        base: Mapping[str, Any] = {}
        if chosen is not None:
            base = chosen.file.settings
            if isinstance(points, Mapping):
                points, self.lacking = chosen.merged(points)
        data = {**base, **self.table}
        if points or "points" in self.table:
            data["points"] = points
        return self._validated(data, listed)

    def _profile(self) -> Profile | None:
        name = self.table.get("profile")
        if not isinstance(name, str):
            return None  # the source's model says what is wrong with it
        found = profile(name, folders(self.place.base))
        protocol = str(self.table.get("protocol"))
        if protocol not in found.file.protocols:
            accepted = ", ".join(found.file.protocols)
            self.findings.add((*self.at, "protocol"), f"{shown(protocol)} for {name}", accepted)
        return found

    def _listed(self) -> "PointList | None":
        file = self.table.get("points")
        if not isinstance(file, str):
            return None
        model = point_model(self.model)
        if not file:
            self.findings.add((*self.at, "points"), "no name", "the name of a CSV file")
            return None
        from config.pointlist import read  # noqa: PLC0415 # most plant files hold their points

        return read(self.place.base / Path(file), model)

    def _validated(self, data: dict[str, Any], listed: "PointList | None") -> Any:
        scratch = Findings(self.findings.document)
        found = validated(self.model, data, self.at, scratch, self.place)
        if listed is not None and found is None and self._rows(data, listed):
            start = written((*self.at, "points"))
            scratch.problems = [
                problem
                for problem in scratch.problems
                if not problem.key.startswith(start) and problem.key != written(self.at)
            ]
        self.findings.problems += scratch.problems
        return found

    def _rows(self, data: Mapping[str, Any], listed: "PointList") -> bool:
        """Note the problems of a file of points by row; tells whether there were any."""
        point = point_model(self.model)
        before = len(self.findings.problems)
        for name in listed.rows:
            if name not in data["points"]:
                continue
            keys = data["points"][name]
            sound, problems = _checked(listed, name, point, keys)
            if sound is not None:
                # Alone in its source: what a row has wrong by the source's settings, if anything.
                scratch = Findings(Document(listed.file, {}))
                validated(self.model, {**data, "points": {name: keys}}, (), scratch, self.place)
                problems = [
                    listed.problem(name, "", one) for one in scratch.problems if not one.key
                ]
            self.findings.problems += problems
        return len(self.findings.problems) > before


def _checked(
    listed: "PointList", name: str, model: type[BaseModel], keys: Any
) -> tuple[Any, list[Problem]]:
    """Validate one point of a file by itself; gives it, or what is wrong by row and column."""
    scratch = Findings(Document(listed.file, {}))
    found = validated(model, keys, ("point",), scratch, Place(Path()))
    wrong = [(one.key.removeprefix("point").removeprefix("."), one) for one in scratch.problems]
    return found, [listed.problem(name, key, one) for key, one in wrong]


def listed_points(path: Path, protocol: str) -> dict[str, PointSettings]:
    """Read a file of points by itself, without a source.

    Raises `ConfigError` with every problem found, and `PermanentError` without such a protocol.
    """
    from config.pointlist import read  # noqa: PLC0415 # see `_listed`

    model = point_model(adapter(protocol).settings)
    listed = read(path, model)
    checked = {name: _checked(listed, name, model, row.keys) for name, row in listed.rows.items()}
    problems = [problem for _, wrong in checked.values() for problem in wrong]
    if problems:
        raise ConfigError(problems)
    return {name: found for name, (found, _) in checked.items()}
