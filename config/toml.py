"""Read a TOML file and know the line of every key: tomllib gives the values, a scan the lines.

Long lists of points are taken out of what tomllib reads, see `config.rows`. The scan, in
`config.scan`, is made when a line is first asked for: a file without mistakes needs none.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from config.errors import ConfigError, Problem

Key = tuple[str | int, ...]
"""Way to a value: table keys, and positions in arrays (counted from 0)."""

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
        from config.scan import Scan  # noqa: PLC0415 # patterns to compile that few loads need

        try:
            return Scan(self.text).run()
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
    import tomllib  # noqa: PLC0415 # who is given a document does without

    from config import rows  # noqa: PLC0415

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
