"""Rows: a file's long lists of one-line tables, read by one pattern instead of by the parser.

Nearly all of a large plant file is its points, a line each: `flow = { register = 1, unit = "1" }`.
tomllib takes thirty microseconds for such a line, a pattern four. The parser still decides: it
reads the text with each list replaced by two marks, so that it says which table the list stands in
and that statements may stand there at all. Whatever is not as expected gives nothing, and the
caller asks the parser for the whole text, so a file means what it always meant.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

Table = dict[str, Any]

_SPACE = r"[ \t]*+"
_KEY = r"[A-Za-z0-9_-]++"
_INTEGER = r"[+-]?(?:0|[1-9][0-9]{0,17})"
_VALUE = rf'(?>"[^"\\\x00-\x1f\x7f]*+"|true|false|{_INTEGER}(?:\.[0-9]{{1,17}})?)'
_PAIR = rf"{_KEY}{_SPACE}={_SPACE}{_VALUE}{_SPACE}"
_TABLE = rf"\{{{_SPACE}{_PAIR}(?>,{_SPACE}{_PAIR})*+\}}"
_COMMENT = r"(?:#[^\x00-\x08\x0a-\x1f\x7f]*+)?"
_ROW = rf"{_SPACE}{_KEY}{_SPACE}={_SPACE}{_TABLE}{_SPACE}{_COMMENT}\n"
_LIST = re.compile(rf"^(?>{_ROW}){{8,}}+", re.MULTILINE)
"""A shorter list is not worth its marks."""
_NAMED = re.compile(rf"^{_SPACE}({_KEY}){_SPACE}={_SPACE}({_TABLE})", re.MULTILINE)
_PAIRS = re.compile(rf"({_KEY}){_SPACE}={_SPACE}({_VALUE})")


class _Values(dict[str, Any]):
    """Values by how they are written: most are written many times."""

    def __missing__(self, text: str) -> Any:
        if text[0] == '"':
            value: Any = text[1:-1]
        elif text in ("true", "false"):
            value = text == "true"
        else:
            value = float(text) if "." in text else int(text)
        self[text] = value
        return value


def read(text: str) -> Table | None:
    """Read TOML with ends of lines as LF; None where the parser must read the whole text.

    Raises what tomllib raises, about a text that is not the one given.
    """
    mark = "rows-"
    while mark in text:
        mark += "-"
    lists: dict[str, Table] = {}
    values = _Values()
    whole = True

    def marked(found: re.Match[str]) -> str:
        nonlocal whole
        table = _table(found[0], values)
        whole = whole and table is not None
        first, last = f"{mark}{len(lists)}", f"{mark}{len(lists) + 1}"
        lists.update({first: table or {}, last: {}})
        return f"{first} = 0\n{last} = 0\n"

    rest = _LIST.sub(marked, text)
    if not lists or not whole:
        return None
    data = tomllib.loads(rest)
    return data if _fill(data, lists) else None


def _table(text: str, values: _Values) -> Table | None:
    """Read a list; None when a key stands twice."""
    rows = _NAMED.findall(text)
    table: Table = {}
    for name, row in rows:
        pairs = _PAIRS.findall(row)
        table[name] = keys = {key: values[value] for key, value in pairs}
        if len(keys) != len(pairs):
            return None
    return table if len(table) == len(rows) else None


def _fill(data: Table, lists: Mapping[str, Table]) -> bool:
    """Put each list where its marks stand; tells whether all are in, and no key stands twice."""
    left = len(lists)
    waiting: list[Any] = [data]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            marks = each.keys() & lists.keys()
            waiting += each.values()
            left -= len(marks)
            if marks and not _put(each, marks, lists):
                return False
    return left == 0


def _put(table: Table, marks: set[str], lists: Mapping[str, Table]) -> bool:
    wanted = len(table) - len(marks) + sum(len(lists[mark]) for mark in marks)
    filled: Table = {}
    for key, value in table.items():
        filled.update(lists[key] if key in marks else {key: value})
    table.clear()
    table.update(filled)
    return len(filled) == wanted
