"""Find the line of every key of a TOML text.

The scan runs over text that tomllib has accepted, so it need not judge syntax; the standard
library keeps no positions, and a second parser would be a second opinion. It takes longer than
tomllib does.
"""

import re
import tomllib
from bisect import bisect_right

from config.toml import Key

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


class Scan:
    """One pass over valid TOML that notes where each key begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Key, int] = {}
        self.arrays: dict[Key, int] = {}
        self.starts = [found.end() for found in re.finditer("\n", text)]

    def run(self) -> dict[Key, int]:
        """Give the line (from 1) each key was written on; nesting may raise RecursionError."""
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
