"""Read a TOML file and know the line of every key: tomllib gives the values, a scan the lines.

Long lists of points are taken out of what tomllib reads, see `config.rows`.

The scan runs over text that tomllib has accepted, so it need not judge syntax; the standard
library keeps no positions, and a second parser would be a second opinion. It takes longer than
tomllib does, so it is made when a line is first asked for: a file without mistakes needs none.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from config import rows
from config.errors import ConfigError, Problem

Key = tuple[str | int, ...]
"""Way to a value: table keys, and positions in arrays (counted from 0)."""

_BLANK = re.compile(r"(?:[ \t\n,]|#[^\n]*)*")
_NAME = re.compile(r'\s*(?:([A-Za-z0-9_-]+)|("(?:[^"\\\n]|\\.)*")|(\'[^\'\n]*\'))\s*')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]+")
_SPACE = re.compile(r"[ \t]*")
_PLACE = re.compile(r"^(.*?) \((?:at line (\d+), column \d+|at end of document)\)$", re.DOTALL)


@dataclass(frozen=True)
class Document:
    """A parsed file: its values, and the text they were read from, with ends of lines as LF."""

    file: str
    data: Mapping[str, Any]
    text: str = ""

    @cached_property
    def lines(self) -> Mapping[Key, int]:
        """The line (from 1) each key was written on; raises `ConfigError` when nested too deep."""
        try:
            return _Scan(self.text).run()
        except RecursionError as error:
            raise _too_deep(self.file) from error

    def line(self, key: Key) -> int:
        """Give the line of a key, or of the nearest table around it that is written down."""
        for length in range(len(key), 0, -1):
            found = self.lines.get(key[:length])
            if found is not None:
                return found
        return 1


def read(path: Path) -> Document:
    """Read a file; raises `ConfigError` when it cannot be read or is not TOML."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror or error})"
        hint = "give the path of the file, and let this user read it"
        raise ConfigError([Problem(str(path), 0, "", found, hint=hint)]) from error
    except ValueError as error:
        raise ConfigError([Problem(str(path), 0, "", "not the path of a file")]) from error
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        hint = "save the file as UTF-8"
        problem = Problem(str(path), line, "", "a byte that is not UTF-8", hint=hint)
        raise ConfigError([problem]) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Document:
    """Parse TOML text; raises `ConfigError` with the line of a syntax error."""
    text = text.replace("\r\n", "\n")
    try:
        data = _values(text)
    except RecursionError as error:
        raise _too_deep(file) from error
    except ValueError as error:
        raise ConfigError([_syntax(error, text, file)]) from error
    return Document(file, data, text)


def _values(text: str) -> dict[str, Any]:
    """Read the values; every error is tomllib's, about the whole text."""
    with suppress(ValueError, RecursionError):
        data = rows.read(text)
        if data is not None:
            return data
    return tomllib.loads(text)


def _too_deep(file: str) -> ConfigError:
    return ConfigError([Problem(file, 1, "", "tables nested too deeply to be meant")])


def _syntax(error: ValueError, text: str, file: str) -> Problem:
    found = _PLACE.match(str(error))
    if found is None:
        return Problem(file, 1, "", f"not TOML: {error}")
    line = int(found[2]) if found[2] else text.rstrip().count("\n") + 1
    hint = "texts need quotation marks, and a key may stand once in its table"
    return Problem(file, line, "", f"not TOML: {found[1]}", hint=hint)


class _Scan:
    """One pass over valid TOML that notes where each key begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Key, int] = {}
        self.arrays: dict[Key, int] = {}
        self.starts = [found.end() for found in re.finditer("\n", text)]

    def run(self) -> dict[Key, int]:
        table: Key = ()
        while self._skip():
            if self.text.startswith("[[", self.at):
                table = self._header(2)
            elif self.text[self.at] == "[":
                table = self._header(1)
            else:
                self._pair(table)
        return self.lines

    def _skip(self) -> bool:
        self.at = self._match(_BLANK).end()
        return self.at < len(self.text)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if found is None:  # only where tomllib and this scan disagree, which the tests rule out
            raise ValueError(f"cannot be read (at line {self._line()}, column 1)")
        return found

    def _line(self) -> int:
        return bisect_right(self.starts, self.at) + 1

    def _names(self) -> list[str]:
        names = [self._name()]
        while self.text[self.at] == ".":
            self.at += 1
            names.append(self._name())
        return names

    def _name(self) -> str:
        found = self._match(_NAME)
        self.at = found.end()
        if found[2]:
            return str(tomllib.loads(f"key = {found[2]}")["key"])
        return found[1] or found[3][1:-1]

    def _header(self, brackets: int) -> Key:
        line = self._line()
        self.at += brackets
        key: Key = ()
        names = self._names()
        for name in names[:-1]:
            key = self._last((*key, name))
            self.lines.setdefault(key, line)
        key = (*key, names[-1])
        self.lines.setdefault(key, line)
        if brackets == 2:  # noqa: PLR2004 - [[name]] begins the next element
            self.arrays[key] = self.arrays.get(key, -1) + 1
            key = self._last(key)
        self.lines[key] = line
        self.at += brackets
        return key

    def _last(self, key: Key) -> Key:
        return (*key, self.arrays[key]) if key in self.arrays else key

    def _pair(self, table: Key) -> None:
        line = self._line()
        key = table
        for name in self._names():
            key = (*key, name)
            self.lines.setdefault(key, line)
        self.at += 1
        self.at = self._match(_SPACE).end()
        self._value(key)

    def _value(self, key: Key) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self._array(key)
        elif opening == "{":
            self._inline(key)
        else:
            pattern = _STRING if opening in "\"'" else _BARE
            self.at = self._match(pattern).end()

    def _array(self, key: Key) -> None:
        self.at += 1
        position = 0
        while self._skip() and self.text[self.at] != "]":
            element = (*key, position)
            self.lines[element] = self._line()
            self._value(element)
            position += 1
        self.at += 1

    def _inline(self, key: Key) -> None:
        self.at += 1
        while self._skip() and self.text[self.at] != "}":
            self._pair(key)
        self.at += 1
