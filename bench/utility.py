"""Run with `python -m bench.utility`, or `make utility`: how much of the truth ends in told cells.

Beside safety stands use: the share of the true quantity of cluster-years that is released, by how
many digits of the code and parts of the place are left and by window; for one cluster alone, for
three and four clusters in one hub, and federated, where each hub decides first and a pool sums what
they leave over, or where the pool sums all.
"""

import json
import math
import os
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import click
from rich.console import Console
from rich.table import Table as Screen

from bench.attacks.windows import windows
from bench.attacks.year import instant
from config.hub_plan import Calendar, Rules
from gateway.hub.calendar import Window, sampled
from gateway.hub.explore import Outcome, Trial, tried
from gateway.hub.federated import Plans, Terms, plan, settle
from gateway.hub.partition import HISTORY
from gateway.hub.rest import Rest, grown, guarded
from gateway.hub.rollup import Decision
from gateway.hub.table import Contribution, Group, Table, coarser_place
from gateway.wire import quarter
from simulation.clusteryear import World, tables

Rows = Sequence[tuple[Window, Table]]
SINCE = instant(2026, 1, 1)
SPANS: Mapping[Calendar, tuple[int, int]] = {
    "hour": (instant(2026, 1, 1), instant(2026, 2, 1)),
    "day": (instant(2025, 10, 1), instant(2027, 1, 1)),
    "week": (instant(2025, 7, 1), instant(2027, 1, 1)),
    "month": (instant(2025, 1, 1), instant(2027, 1, 1)),
}
"""What is made of each calendar: earlier windows to choose partitions from, and a year (of hours a
month) to decide."""
DECIDED: Mapping[Calendar, int] = {"hour": instant(2026, 1, 15)}
FEDERATED: Mapping[str, bool] = {"federated": True, "all pooled": False}
"""Ways to federate, and whether hubs have cells of their own then."""


@dataclass(frozen=True)
class Case:
    """One world under one calendar: `mode` is `alone`, `one hub` or one of `FEDERATED`."""

    kind: str
    calendar: Calendar
    clusters: int
    mode: str
    seed: int


@dataclass(frozen=True)
class Use:
    """Shares of the true quantity."""

    case: Case
    released: float
    digits: Mapping[str, float] = field(default_factory=dict)
    banded: float = 0.0
    places: Mapping[str, float] = field(default_factory=dict)
    cells: int = 0
    windows: int = 0

    @property
    def detailed(self) -> float:
        """The share at six digits; of heat, with its band."""
        return self.digits.get("6", 0.0) if self.case.kind == "material" else self.banded


def used(case: Case) -> Use:
    """Decide a case's windows, and see how much was told."""
    world = World(case.seed, case.clusters, 20, "heat" if case.kind == "heat" else "material")
    rows = tables(world, windows(case.calendar, *SPANS[case.calendar]))
    since = DECIDED.get(case.calendar, SINCE)
    group = Group(world.kind, "surplus", "MW.h" if case.kind == "heat" else "t")
    if case.mode in FEDERATED:
        own = FEDERATED[case.mode]
        outcome = _federated(group, rows, case.calendar, since, own_cells=own)
    else:
        outcome = tried(group, rows, Trial(Rules(), case.calendar, "search"), since)
    return _use(case, outcome)


def _use(case: Case, outcome: Outcome) -> Use:
    return Use(
        case,
        outcome.share(outcome.released),
        {str(n): outcome.share(outcome.digits.get(n, 0.0)) for n in (6, 4, 2, 0)},
        outcome.share(outcome.banded),
        {str(n): outcome.share(size) for n, size in sorted(outcome.places.items())},
        outcome.cells,
        outcome.windows,
    )


def _federated(
    group: Group, rows: Rows, calendar: Calendar, since: int, *, own_cells: bool
) -> Outcome:
    """Let each area's hub decide, and a pool what they leave over."""
    by_start = {window.start: _clusters(table) for window, table in rows}
    names = sorted({name for clusters in by_start.values() for name in clusters})
    terms = Terms({name: Rules() for name in names}, own_cells=own_cells)
    plans: dict[str, Plans] = {}
    rests: dict[tuple[str, str], dict[str, Rest]] = {}
    outcome = Outcome()
    for window, _ in rows:
        if window.start < since:
            continue
        period, present = quarter(window.start), by_start[window.start]
        if period not in plans:
            spans = sampled(calendar, window.start, rows[0][0].start, HISTORY)
            plans[period] = plan(group, [by_start[one.start] for one in spans], present, terms)
        settled = settle(plans[period], present, terms)
        for name, found in {**settled.local, "": settled.pooled}.items():
            rest = rests.get((period, name), {})
            decisions = guarded(found, rest, Rules() if name else terms.pooled)
            rests[period, name] = grown(rest, decisions if name else map(_by_hub, decisions))
            outcome.add(decisions)
    return outcome


def _by_hub(decision: Decision) -> Decision:
    """Write a pool's parts as its ledger tells them apart for the rest: owners by hub."""
    parts = (part._replace(owner=f"{part.member}|{part.owner}") for part in decision.parts)
    return replace(decision, parts=tuple(parts))


def _clusters(table: Table) -> dict[str, list[Contribution]]:
    found: dict[str, list[Contribution]] = {}
    for part in table:
        found.setdefault(coarser_place(part.atom.place, 1), []).append(part)
    return found


def cases(seeds: Sequence[int], kinds: Sequence[str], calendars: Sequence[Calendar]) -> list[Case]:
    """List what is tried: materials by day, week and month, heat by hour and day."""
    fitting: Mapping[str, Sequence[Calendar]] = {
        "material": ("day", "week", "month"), "heat": ("hour", "day"),
    }  # fmt: skip
    shapes = ((1, "alone"), *((n, mode) for n in (3, 4) for mode in ("one hub", *FEDERATED)))
    return [
        Case(kind, calendar, clusters, mode, seed)
        for kind in kinds
        for calendar in fitting[kind]
        if calendar in calendars
        for clusters, mode in shapes
        for seed in seeds
    ]


def _document(found: Sequence[Use]) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    for (kind, calendar, clusters, mode), each in _grouped(found).items():
        digits = {n: statistics.fmean(u.digits[n] for u in each) for n in ("6", "4", "2", "0")}
        documents.append(
            {
                "kind": kind, "window": calendar, "clusters": clusters, "mode": mode,
                "worlds": len(each),
                "released": statistics.fmean(u.released for u in each),
                "released_worst": min(u.released for u in each),
                "detailed": statistics.fmean(u.detailed for u in each),
                "detailed_worst": min(u.detailed for u in each),
                "by_digits": digits if kind == "material" else None,
                "by_place": _mean_places(each),
            }
        )  # fmt: skip
    return documents


def _mean_places(each: Sequence[Use]) -> dict[str, float]:
    depths = sorted({depth for use in each for depth in use.places})
    return {d: statistics.fmean(use.places.get(d, 0.0) for use in each) for d in depths}


def _grouped(found: Iterable[Use]) -> dict[tuple[str, Calendar, int, str], list[Use]]:
    groups: dict[tuple[str, Calendar, int, str], list[Use]] = {}
    for use in found:
        one = use.case
        groups.setdefault((one.kind, one.calendar, one.clusters, one.mode), []).append(use)
    return groups


def show(found: Sequence[Use]) -> None:
    """Print the table: means over the worlds, and the worst world."""
    screen = Screen(show_edge=False)
    for column in ("what", "window", "clusters", "released", "worst", "6 digits or band", "worst",
                   "4", "2", "none", "one area"):  # fmt: skip
        screen.add_column(column, justify="left" if column in {"what", "clusters"} else "right")
    for one in _document(found):
        digits, places = one["by_digits"], one["by_place"]
        cut = [_percent(digits[n]) if isinstance(digits, dict) else "" for n in ("4", "2", "0")]
        area = places.get("1", 0.0) if isinstance(places, dict) else 0.0
        screen.add_row(
            str(one["kind"]), str(one["window"]), f"{one['clusters']} {one['mode']}",
            *(_percent(one[name]) for name in
              ("released", "released_worst", "detailed", "detailed_worst")),
            *cut, _percent(area),
        )  # fmt: skip
    Console(highlight=False, width=130).print(screen)


def _percent(share: object) -> str:
    return f"{share:.0%}" if isinstance(share, float) and not math.isnan(share) else ""


@click.command()
@click.option("--seeds", default=3, show_default=True, help="Worlds of each kind.")
@click.option("--seed", default=1, show_default=True, help="Seed of the first world.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(["material", "heat"]))
@click.option("--calendar", "calendars", multiple=True, type=click.Choice(list(map(str, SPANS))))
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    seeds: int, seed: int, kinds: Sequence[str], calendars: Sequence[Calendar], jobs: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure how much of cluster-years is released, and in how much detail.

    \b
    Example:
      python -m bench.utility --kind material --calendar week --seeds 5
    """  # noqa: D301 click reads the \b
    wanted = cases(
        range(seed, seed + seeds), kinds or ("material", "heat"), calendars or list(SPANS)
    )
    found = []
    with ProcessPoolExecutor(jobs) as pool:
        for number, use in enumerate(pool.map(used, wanted), start=1):
            found.append(use)
            if number % 5 == 0 or sys.stderr.isatty():
                print(f"{number} of {len(wanted)} worlds", file=sys.stderr, flush=True)
    if as_json:
        print(json.dumps(_document(found), indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
