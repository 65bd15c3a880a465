"""A list of waste codes as a file that its user supplies: read whole, and every mistake by line.

A comment at its top says its version, `# version: 2026-11-09`; a header names the columns `code`,
`title` and `hazardous`, of which the last two may be left out and others are passed over. Columns
are separated by `,` or `;`.
"""

import csv
import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.errors import ConfigError, Problem, shown
from config.plan import CodeList

_CODE = re.compile(r"(\d{2}) ?(\d{2}) ?(\d{2}) ?(\*?)")
_VERSION = re.compile(r"#\s*version\s*[:=]?\s*(\S.*?)\s*", re.IGNORECASE)
_HAZARDOUS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LARGEST = 10_000_000
_NAMED = 20
_SIBLINGS = 8


def read_codes(path: Path) -> CodeList:
    """Read a code list; raises `ConfigError` naming the lines to mend."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError([Problem(str(path), 0, "", "a file too large for a list of codes")])
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        hint = "give the path of a CSV file in UTF-8, and let this user read it"
        raise ConfigError(
            [Problem(str(path), 0, "", f"a file that cannot be read ({error})", hint=hint)]
        ) from error
    return parse_codes(text, str(path))


def parse_codes(text: str, file: str) -> CodeList:
    """Parse a code list; raises `ConfigError` naming the lines to mend, at most twenty."""
    lines = text.splitlines()
    problems: list[Problem] = []
    versions = [found[1] for line in lines if (found := _VERSION.fullmatch(line.strip()))]
    if not versions:
        hint = "write its version above the header: # version: 2026-11-09"
        problems.append(Problem(file, 1, "", "no version", hint=hint))
    titles: dict[str, str] = {}
    for number, row in _rows(lines, file):
        try:
            code = _code(row)
        except ValueError as error:
            problems.append(Problem(file, number, "code", shown(row["code"]), str(error)))
            continue
        if code in titles:
            problems.append(Problem(file, number, "code", f'"{code}" for the second time'))
        titles[code] = (row.get("title") or "").strip()
    if not titles and not problems:
        problems.append(Problem(file, 0, "", "a list without a code"))
    if problems:
        raise ConfigError(problems[:_NAMED])
    return CodeList(Path(file).name, versions[0], titles)


def _rows(lines: list[str], file: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Give the rows below the header by their line, leaving out comments and empty lines."""
    held = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    header = held[0][1] if held else ""
    separator = ";" if ";" in header else ","
    names = [name.strip().lower() for name in header.split(separator)]
    if "code" not in names:
        at = held[0][0] if held else 0
        accepted = "a header with the columns code, title, hazardous"
        raise ConfigError([Problem(file, at, "", shown(header), accepted)])
    for number, line in held[1:]:
        cells = next(csv.reader([line], delimiter=separator), [])
        yield number, dict(zip(names, cells + [""] * len(names), strict=False))


def _code(row: Mapping[str, str]) -> str:
    """Give a row's code as plant files write it; a hazardous one has an asterisk."""
    found = _CODE.fullmatch(row["code"].strip())
    if found is None:
        raise ValueError('a code, "10 09 03" or "10 09 09*"')
    word = row.get("hazardous", "").strip().lower()
    if word and word not in _HAZARDOUS:
        raise ValueError("true or false in the column hazardous")
    hazardous = _HAZARDOUS.get(word, bool(found[4]))
    if found[4] and not hazardous:
        raise ValueError("no asterisk, as the column hazardous says false")
    return f"{found[1]} {found[2]} {found[3]}{'*' if hazardous else ''}"


def siblings(code: str, titles: Mapping[str, str]) -> str:
    """Name the codes of a list that share a code's first four digits, as far as there is room."""
    near = [each for each in titles if each[:5] == code[:5]]
    more = ", …" if len(near) > _SIBLINGS else ""
    return ", ".join(near[:_SIBLINGS]) + more


def likely(code: str, titles: Mapping[str, str]) -> str:
    """Suggest the code meant: the same with or without its asterisk, else the one most like it."""
    other = code.rstrip("*") if code.endswith("*") else f"{code}*"
    near = [other] if other in titles else difflib.get_close_matches(code, titles, n=5)
    # The first digits are the source of a waste: what differs later is nearer.
    near.sort(key=lambda each: [own != meant for own, meant in zip(each, code, strict=False)])
    return f"did you mean `{near[0]}` ({titles[near[0]] or 'no title'})?" if near else ""
