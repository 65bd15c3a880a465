"""Errors in what people write: each names the file, the line, the key and what is accepted."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters.errors import PermanentError

_LOGIN = re.compile(r"//[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend in a file; `line` counts from 1, 0 is the file as a whole."""

    file: str
    line: int
    key: str
    found: str
    accepted: str = ""
    hint: str = ""

    @property
    def place(self) -> str:
        """File and line, as editors and terminals link them."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.place, self.key, self.found) if part)
        text += f"; accepted: {self.accepted}" if self.accepted else ""
        return f"{text}\n  → {self.hint}" if self.hint else text


class ConfigError(PermanentError):
    """A file that cannot be used as it is: every problem found in it, by line."""

    exit_code = 78
    """EX_CONFIG of sysexits.h: the service is not started again until somebody has acted."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(
            sorted(set(problems), key=lambda problem: (problem.line, problem.key, problem.found))
        )
        count = len(self.problems)
        what = f"{count} problem{'s' if count != 1 else ''} in the configuration"
        where = self.problems[0].file if self.problems else ""
        super().__init__(what, where=where, mend="mend the lines named")

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def meant(word: str, accepted: Sequence[str]) -> str:
    """Suggest the accepted word most like the one found; empty when none is near."""
    import difflib  # noqa: PLC0415 # a file without mistakes needs none

    lower = {choice.lower(): choice for choice in accepted}
    near = difflib.get_close_matches(word.lower()[:100], list(lower), n=1, cutoff=0.6)
    return f"did you mean `{lower[near[0]]}`?" if near else ""


def shown(value: object) -> str:
    """Write a value as an error shows it: short, on one line, and without a login in a URL."""
    if isinstance(value, str):
        value = _LOGIN.sub("//…@", value)
        text = value if value.isprintable() else repr(value)[1:-1]
        return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"'  # noqa: PLR2004 - a line's room
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    try:
        return str(value)[:60]
    except ValueError:  # an integer of more digits than Python writes
        return "a number out of all proportion"
