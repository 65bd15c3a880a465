"""The frame of the benchmark: a figure, its floor of the same run, its goal, and the table of them.

A figure is compared with its floor, which is the least that any program for the same work would
take, measured in the same run on the same computer: ratios hold on a busy or a slow machine too.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from rich.table import Table

Compared = Literal["times", "beyond", "alone"]
"""How a figure is held against its floor: as a multiple of it, by how much it is beyond it, or not
at all."""
Say = Callable[[str], None]
"""Tells a person how far a long benchmark is."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What the comparison must not exceed, or must reach where `least` is set."""

    limit: float
    least: bool = False

    def met(self, compared: float) -> bool:
        """Tell whether a comparison is good enough; one that is not a number never is."""
        return compared >= self.limit if self.least else compared <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table; `value` and `floor` are in `unit`."""

    name: str
    unit: str
    value: float
    floor: float | None = None
    floor_name: str = ""
    compared: Compared = "alone"
    goal: Goal | None = None
    note: str = ""

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """Read what `told` wrote."""
        goal = content["goal"]
        known = {key: content[key] for key in _OWN}
        return cls(**known, goal=None if goal is None else Goal(**goal))

    @property
    def ratio(self) -> float:
        """Give what is held against the goal; not a number where a floor is missing or nothing."""
        if self.compared == "alone":
            return self.value
        if self.floor is None or (self.compared == "times" and not self.floor):
            return float("nan")
        return self.value / self.floor if self.compared == "times" else self.value - self.floor

    @property
    def met(self) -> bool | None:
        """Tell whether the goal is met; None where there is none."""
        return None if self.goal is None else self.goal.met(self.ratio)

    def told(self) -> dict[str, Any]:
        """Give the row as JSON."""
        ratio = self.ratio if math.isfinite(self.ratio) else None
        return {**asdict(self), "ratio": ratio, "met": self.met}


_OWN = ("name", "unit", "value", "floor", "floor_name", "compared", "note")


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark: its name for `--only`, what it measures, and what gives its figures."""

    key: str
    about: str
    run: Callable[[bool, Say], list[Figure]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one benchmark: its figures, or why there are none."""

    key: str
    figures: tuple[Figure, ...] = ()
    failure: str = ""

    @property
    def well(self) -> bool:
        """Tell whether it ran and met every goal."""
        return not self.failure and all(figure.met is not False for figure in self.figures)

    def told(self) -> dict[str, Any]:
        """Give it as JSON."""
        figures = [figure.told() for figure in self.figures]
        return {"benchmark": self.key, "failure": self.failure, "figures": figures}


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """Give 0 when every benchmark ran and met every goal, else 1."""
    return 0 if all(outcome.well for outcome in outcomes) else 1


def table(outcomes: Iterable[Outcome], title: str) -> Table:
    """Draw the table: a row each figure, and a row each benchmark that failed."""
    drawn = Table(title=title, title_justify="left", show_edge=False)
    for name in ("figure", "measured", "floor", "compared", "goal", ""):
        drawn.add_column(name, justify="left" if name in ("figure", "floor") else "right")
    for row in rows(outcomes):
        drawn.add_row(*row)
    return drawn


def markdown(outcomes: Iterable[Outcome]) -> str:
    """Write the table for a document."""
    head = ["figure", "measured", "floor", "compared", "goal", ""]
    lines = [head, ["---"] * len(head), *rows(outcomes)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rows(outcomes: Iterable[Outcome]) -> list[Sequence[str]]:
    """Give the cells of the table, as text."""
    found: list[Sequence[str]] = []
    for outcome in outcomes:
        found += [_row(figure) for figure in outcome.figures]
        if outcome.failure:
            last = outcome.failure.strip().splitlines()[-1]
            found.append((f"{outcome.key}: {last}", "", "", "", "", "failed"))
    return found


def _row(figure: Figure) -> Sequence[str]:
    floor = "" if figure.floor is None else f"{number(figure.floor)} {figure.floor_name}"
    name = f"{figure.name} ({figure.note})" if figure.note else figure.name
    met = {None: "", True: "met", False: "MISSED"}[figure.met]
    return (
        name,
        f"{number(figure.value)} {figure.unit}",
        floor,
        _compared(figure),
        _goal(figure),
        met,
    )


def _compared(figure: Figure) -> str:
    if figure.compared == "alone":
        return ""
    return _measure(figure, figure.ratio)


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{'>=' if figure.goal.least else '<='} {_measure(figure, figure.goal.limit)}"


def _measure(figure: Figure, amount: float) -> str:
    if figure.compared == "times":
        return f"{amount:.2f} x"
    sign = "+" if figure.compared == "beyond" and amount >= 0 else ""
    return f"{sign}{number(amount)} {figure.unit}"


def number(amount: float) -> str:
    """Write a number with three significant digits, without an exponent."""
    if not amount or not math.isfinite(amount):
        return f"{amount:g}"
    if abs(amount) >= 100:
        return f"{amount:,.0f}".replace(",", " ")
    return f"{amount:.3g}" if abs(amount) >= 0.001 else f"{amount:.1e}"
