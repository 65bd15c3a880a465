"""Points as a spreadsheet's CSV: one point a row, one key a column, with errors by row and column.

Columns are `name` and the keys of the protocol's points, in any order, separated by `,` or `;`;
with `;` a decimal comma is understood. A list stands in one cell, its values apart by spaces; an
empty cell is a key that is not set.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from adapters.settings import PointSettings
from config.errors import ConfigError, Problem, meant, shown

NAME = "name"
Delimiter = Literal[",", ";"]
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_TRUTH = {"true": True, "false": False}
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LETTERS = 26
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Row:
    """One point: the line its row begins on, and its cells as values by key."""

    line: int
    keys: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PointList:
    """A file of points, by name, and where each of its columns stands (from 0)."""

    file: str
    rows: Mapping[str, Row]
    columns: Mapping[str, int]

    def problem(self, name: str, key: str, problem: Problem) -> Problem:
        """Give a problem of a point with its row, and the column of the key where it has one."""
        top = key.split(".", 1)[0].split("[", 1)[0]
        place = f"point {name}"
        if top in self.columns:
            place = f"column {letters(self.columns[top])} ({top}) of {place}"
        elif key:
            place = f"{key} of {place}"
        line = self.rows[name].line
        return Problem(self.file, line, place, problem.found, problem.accepted, problem.hint)


def letters(position: int) -> str:
    """Name a column as spreadsheets do: 0 is A, 25 Z, 26 AA."""
    text = ""
    position += 1
    while position:
        position, digit = divmod(position - 1, _LETTERS)
        text = chr(ord("A") + digit) + text
    return text


def read(path: Path, model: type[BaseModel]) -> PointList:
    """Read a file of points of a model; raises `ConfigError` with every problem found."""
    return parse(_text(path), str(path), model)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror or error})"
        hint = "give the path of the CSV file, and let this user read it"
    except UnicodeDecodeError:
        found, hint = "a byte that is not UTF-8", "save the file as CSV UTF-8"
    except ValueError:
        found, hint = "not the path of a file", ""
    raise ConfigError([Problem(str(path), 0, "", found, hint=hint)])


def parse(text: str, file: str, model: type[BaseModel]) -> PointList:
    """Parse the text of a file of points; raises `ConfigError` with every problem found."""
    reader = _Reader(file, model, text)
    found = PointList(file, reader.rows(), reader.columns)
    if reader.problems:
        raise ConfigError(reader.problems)
    return found


@dataclass(slots=True)
class _Reader:
    """One pass over a file; problems are collected."""

    file: str
    model: type[BaseModel]
    text: str
    problems: list[Problem] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)

    def note(self, line: int, place: str, found: str, accepted: str = "", hint: str = "") -> None:
        self.problems.append(Problem(self.file, line, place, found, accepted, hint))

    def rows(self) -> dict[str, Row]:
        delimiter = ";" if ";" in self.text.split("\n", 1)[0] else ","
        lines = list(self._lines(delimiter))
        if not lines:
            self.note(1, "", "an empty file", f"a row of column names: {NAME}, …")
            return {}
        self._header(*lines[0])
        found: dict[str, Row] = {}
        for line, cells in lines[1:]:
            self._row(line, cells, delimiter == ";", found)
        return found

    def _lines(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        rows = csv.reader(io.StringIO(self.text, newline=""), delimiter=delimiter, strict=True)
        line = 1
        try:
            for cells in rows:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    yield line, stripped
                line = rows.line_num + 1
        except csv.Error as error:
            self.note(line, "", f"not CSV: {error}", hint="check the quotation marks")

    def _header(self, line: int, cells: Sequence[str]) -> None:
        accepted = [NAME, *_kinds(self.model)]
        for position, key in enumerate(cells):
            place = f"column {letters(position)}"
            if key in self.columns:
                self.note(line, place, f"a second column {shown(key)}")
            elif key in accepted:
                self.columns[key] = position
            elif key:
                listed = ", ".join(accepted)
                self.note(line, place, f"unknown key {shown(key)}", listed, meant(key, accepted))
        if NAME not in self.columns:
            self.note(line, "", f"no column {NAME}", f"a first row with {NAME} and the keys used")

    def _row(self, line: int, cells: Sequence[str], comma: bool, found: dict[str, Row]) -> None:
        by_key = {key: cells[at] for key, at in self.columns.items() if at < len(cells)}
        headed = set(self.columns.values())
        for position, cell in enumerate(cells):
            if cell and position not in headed and not self.problems:
                self.note(line, f"column {letters(position)}", f"{shown(cell)} below no key")
        name = by_key.pop(NAME, "")
        if not name:
            if NAME in self.columns:
                self.note(line, f"column {letters(self.columns[NAME])} ({NAME})", "missing")
            return
        if name in found:
            hint = f"the first is on line {found[name].line}"
            self.note(line, f"column {letters(self.columns[NAME])} ({NAME})", shown(name), "", hint)
            return
        kinds = _kinds(self.model)
        found[name] = Row(line, {k: _value(c, kinds[k], comma) for k, c in by_key.items() if c})


@cache
def _kinds(model: type[BaseModel]) -> Mapping[str, frozenset[str]]:
    """Give the JSON types each key of a point may have, as they are written."""
    schema = model.model_json_schema(by_alias=True)
    return {key: _types(info) for key, info in schema["properties"].items()}


def _types(info: Mapping[str, Any]) -> frozenset[str]:
    choices = info.get("anyOf", [info])
    return frozenset(str(choice["type"]) for choice in choices if "type" in choice) - {"null"}


def _value(cell: str, kinds: frozenset[str], comma: bool) -> Any:
    """Turn a cell into what its key takes; what does not fit stays text, which models refuse."""
    if "array" in kinds:
        parts = cell.strip("[]").split() if comma else re.split(r"[\s,]+", cell.strip("[] "))
        return [_number(part, comma, whole=False) for part in parts if part]
    if "boolean" in kinds:
        return _TRUTH.get(cell.lower(), cell)
    if kinds & {"integer", "number"}:
        return _number(cell, comma, whole="number" not in kinds)
    return cell


def _number(text: str, comma: bool, *, whole: bool) -> Any:
    written = text.replace(",", ".", 1) if comma else text
    if not _NUMBER.fullmatch(written):
        return text
    try:
        return int(written)
    except ValueError:
        value = float(written)
    return int(value) if whole and value.is_integer() else value


def written(points: Mapping[str, PointSettings], delimiter: Delimiter = ",") -> str:
    """Write points as CSV: the keys that are set, in the order of the model."""
    rows = {name: keys(point) for name, point in points.items()}
    used = {key for row in rows.values() for key in row}
    first = next(iter(points.values()), None)
    order = [] if first is None else [key for key in _kinds(type(first)) if key in used]
    out = io.StringIO(newline="")
    table = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    table.writerow([NAME, *order])
    comma = delimiter == ";"
    for name, row in rows.items():
        table.writerow([name, *(_cell(row.get(key), comma) for key in order)])
    return out.getvalue()


def tables(points: Mapping[str, PointSettings], source: str) -> list[str]:
    """Write points as the lines of a source's table in a plant file."""
    lines = [f"[sources.{_key(source)}.points]"]
    for name, point in points.items():
        pairs = ", ".join(f"{_key(key)} = {_toml(value)}" for key, value in keys(point).items())
        lines.append(f"{_key(name)} = {{ {pairs} }}" if pairs else f"{_key(name)} = {{}}")
    return lines


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float) and value.is_integer():
        return repr(value) if abs(value) >= _EXACT else str(int(value))
    # JSON writes texts and numbers as TOML does, but for one character it leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def keys(point: PointSettings) -> dict[str, Any]:
    """Give the keys of a point that are set, as they are written."""
    found: dict[str, Any] = point.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {key: value for key, value in found.items() if value is not None}


def _cell(value: Any, comma: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(_cell(each, comma) for each in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = repr(value).removesuffix(".0")
        return text.replace(".", ",") if comma else text
    return str(value)
