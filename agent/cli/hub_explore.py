"""`sidestream hub explore`: what other limits, windows and partitions would have released."""

import itertools
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from agent.cli.options import hub_argument, instant_option, json_option
from agent.cli.output import print_json, print_table
from config.hub_plan import Calendar, HubPlan, Order, Rules
from config.plan import Kind

if TYPE_CHECKING:
    from gateway.hub.explore import Trial
    from gateway.hub.whatif import Explored

_NOTE = (
    "For this hub's operator only: withheld sums went into it. All figures count in their own "
    "window, as if none had come late."
)
_CALENDARS = ("hour", "day", "week", "month")
_WHOLE = 100


class Dominance(click.ParamType[tuple[int, float] | None]):
    """`none`, or owners and percent such as `1:50`."""

    name = "n:percent"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, float] | None:
        """Read the option."""
        if value == "none":
            return None
        try:
            owners, percent = value.split(":")
            limit = int(owners), float(percent)
        except ValueError:
            limit = 0, 0.0
        if limit[0] < 1 or not 0 < limit[1] < _WHOLE:
            self.fail(f'{value!r} is not "none" or owners and percent such as "1:50"', param, ctx)
        return limit


@click.command()
@hub_argument
@click.option("--k", "ks", type=click.IntRange(2, 100), multiple=True, help="Owners needed.")
@click.option("--p", "ps", type=click.FloatRange(0, 100), multiple=True, help="Of the p% rule.")
@click.option(
    "--q", "qs", type=click.FloatRange(0, 100, min_open=True), multiple=True,
    help="How near others know each contribution, in percent; at least p.",
)  # fmt: skip
@click.option("--dominance", "limits", type=Dominance(), multiple=True, help='"none" or "1:50".')
@click.option(
    "--calendar", "calendars", type=click.Choice(_CALENDARS), multiple=True,
    help="Windows to decide.",
)  # fmt: skip
@click.option(
    "--partition", "orders", type=click.Choice(get_args(Order)), multiple=True,
    help="How cells are chosen.",
)  # fmt: skip
@click.option(
    "--guard-rest", "guards", type=click.Choice(("yes", "no")), multiple=True,
    help="Whether windows guard one withheld before.",
)  # fmt: skip
@click.option("--kind", "kinds", type=click.Choice(get_args(Kind)), multiple=True, help="All.")
@instant_option("--from", "First day or instant (UTC) of windows to decide.")
@json_option
def explore(hub_file: str, as_json: bool, **options: Any) -> None:
    """Show what other rules would have released of all that HUB_FILE's ledger holds.

    Every combination of the options is tried, each of which may be given several times. Those not
    given are the file's own, save that windows are tried by the day, week and month, and partitions
    with the search and without. Shares are of the quantity reported. The ledger is only read, also
    beside a running hub. The result is for the operator alone.

    \b
    Example:
      sidestream hub explore hub.toml --k 3 --k 5
      sidestream hub explore hub.toml --dominance none --dominance 1:50
    """
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.hub.whatif import explored  # noqa: PLC0415

    plan = load_hub(Path(hub_file), for_operator(os.environ))
    trials = _trials(plan, options)
    kinds = options["kinds"] or get_args(Kind)
    numbers = itertools.count(1)

    def told(group: object, _: object) -> None:
        if sys.stderr.isatty():
            click.echo(f"trial {next(numbers)}: {' '.join(map(str, group))}", err=True)  # type: ignore[call-overload]

    found = list(explored(plan, trials, kinds, options["from"] or 0, told))
    if as_json:
        print_json({"note": _NOTE, "trials": [_document(one) for one in found]})
        return
    print_table(
        f"What {plan.cluster} would have released",
        (
            "what", "k", "p", "q", "dominance", "guard", "window", "partition", "released",
            "6 digits", "4 digits", "2 digits", "with band", "cells", "by place",
        ),
        [_row(one) for one in found],
        empty="the ledger holds no figures of these kinds",
    )  # fmt: skip
    click.echo(_NOTE)


def _trials(plan: HubPlan, options: dict[str, Any]) -> "list[Trial]":
    from gateway.hub.explore import Trial  # noqa: PLC0415

    own = plan.rules
    guards = [one == "yes" for one in options["guards"]] or [own.guard_rest]
    tried = [
        replace(own, k=k, p=p, q=max(q, p), dominance=limit, guard_rest=guard)
        for k, p, q, limit, guard in itertools.product(
            options["ks"] or (own.k,), options["ps"] or (own.p,), options["qs"] or (own.q,),
            options["limits"] or (own.dominance,), guards,
        )
    ]  # fmt: skip
    # A q below p is raised to it, so that two of the combinations may be one.
    rules: list[Rules] = list(dict.fromkeys(tried))
    calendars: tuple[Calendar, ...] = options["calendars"] or ("day", "week", "month")
    orders: tuple[Order, ...] = options["orders"] or ("search", "fixed")
    return [Trial(*one) for one in itertools.product(rules, calendars, orders)]


def _row(one: "Explored") -> tuple[object, ...]:
    told, rules = _document(one), one.trial.rules
    digits = told["share_by_digits"]
    places = (f"{name} {_percent(share)}" for name, share in told["share_by_place"].items())
    return (
        told["what"], told["k"], told["p"], told["q"], told["dominance"],
        "yes" if rules.guard_rest else "no", told["window"], told["partition"],
        _percent(told["share_released"]), *(_percent(digits[n]) for n in ("6", "4", "2")),
        _percent(told["share_with_band"]), told["cells"], ", ".join(places),
    )  # fmt: skip


def _percent(share: float) -> str:
    return f"{share:.0%}" if share else ""


def _document(one: "Explored") -> dict[str, Any]:
    rules, outcome = one.trial.rules, one.outcome
    names = {0: "all", 1: "1 part"}
    return {
        "what": " ".join(one.group),
        "k": rules.k,
        "p": rules.p,
        "q": rules.q,
        "dominance": "{}:{:g}".format(*rules.dominance) if rules.dominance else "none",
        "guard_rest": rules.guard_rest,
        "window": one.trial.calendar,
        "partition": one.trial.order,
        "windows": outcome.windows,
        "cells": outcome.cells,
        "share_released": outcome.share(outcome.released),
        "share_by_digits": {
            str(digits): outcome.share(outcome.digits.get(digits, 0.0)) for digits in (6, 4, 2, 0)
        },
        "share_with_band": outcome.share(outcome.banded),
        "share_by_place": {
            names.get(depth, f"{depth} parts"): outcome.share(size)
            for depth, size in sorted(outcome.places.items())
        },
    }
