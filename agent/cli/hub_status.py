"""`sidestream hub status` and `cells`: who sends, what is decided, and why cells are withheld."""

import os
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from adapters.reading import NANOSECONDS
from agent.cli.options import hub_argument, instant_option, json_option
from agent.cli.output import print_json, print_list, print_table, quantity, utc, window_text
from agent.running.statusfile import NoStatusError

if TYPE_CHECKING:
    from gateway.hub.status import DecidedCell, HubStatus

STALE_AFTER = 30_000_000_000


@click.command()
@hub_argument
@json_option
def status(hub_file: str, as_json: bool) -> None:
    """Show how the hub of HUB_FILE is doing, and each of its members.

    Exit code 0: all is well; 1: something is not as it should be; 2: the hub is not running.

    \b
    Example:
      sidestream hub status hub.toml
    """
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.hub.membership import enrolled  # noqa: PLC0415
    from gateway.hub.status import hub_status  # noqa: PLC0415

    plan = load_hub(Path(hub_file), for_operator(os.environ))
    try:
        found = hub_status(enrolled(plan))
    except PermanentError as error:
        raise NoStatusError(error.what, where=error.where, mend=error.mend) from error
    running = found.live is not None and time.time_ns() - found.live.updated <= STALE_AFTER
    problems = _problems(found, running=running)
    if as_json:
        print_json({**asdict(found), "running": running, "problems": problems})
    else:
        _show(found, problems)
    sys.exit(2 if not running else bool(problems))


def _problems(found: "HubStatus", *, running: bool) -> list[str]:
    live = found.live
    problems = [] if running else ["the hub is not running, or hangs"]
    if live is not None:
        if not live.broker_up:
            problems.append(f"broker not connected: {live.broker}")
        if live.store_up is False:
            problems.append(f"store away: {live.store}")
        if live.pool_up is False:
            problems.append(f"pool not connected: {live.pool}")
        if live.problem:
            problems.append(live.problem)
        problems += [
            f"{name or 'somebody who is no member'} sends more than is taken ([limits])"
            for name in live.limited
        ]
        problems += live.upkeep
    if found.set_aside:
        problems.append(f"the ledger was damaged: {found.set_aside}")
    problems += [f"{one.name} has never sent a record" for one in found.members if not one.records]
    problems += [f"{one.name} is offline" for one in found.members if one.online is False]
    return problems


def _show(found: "HubStatus", problems: list[str]) -> None:
    print_list(f"Cluster {found.cluster}", problems, empty="no problems")
    print_table(
        "Members",
        ("name", "owner", "place", "online", "records", "last record", "up to", "missing"),
        [
            (
                one.name, one.owner, one.place,
                {True: "yes", False: "no", None: "?"}[one.online], one.records,
                utc(one.last_received), utc(one.last_window_end), one.gaps,
            )
            for one in found.members
        ],
    )  # fmt: skip
    counts: list[tuple[str, object]] = [
        ("records in the ledger", found.records),
        ("repeats recognised", found.duplicates),
        ("figures not yet in a cell", found.undecided_figures),
        ("cells decided", found.decided_cells),
        ("cells not yet in the store", found.unwritten_cells),
        ("cells not yet published", found.unpublished_cells),
    ]
    if found.restored:
        counts.append(("ledger restored", found.restored))
    counts += [
        (f"not taken, beyond limits: {name or 'no member'}", n)
        for name, n in sorted(found.limited.items())
    ]
    counts += [(f"quarantined: {reason}", n) for reason, n in sorted(found.quarantine.items())]
    print_table("Ledger", ("", ""), counts)


@click.command()
@hub_argument
@instant_option("--from", "First day or instant (UTC) of windows to show.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="How many, newest first.",
)
@json_option
def cells(hub_file: str, limit: int, as_json: bool, **span: int | None) -> None:
    """Show the cells that HUB_FILE's hub has decided: released, or withheld and why.

    The reasons and the sums of withheld cells are for the hub's operator alone; the public feed
    has neither.

    \b
    Example:
      sidestream hub cells hub.toml --from 2026-03-01
    """
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.hub.status import hub_cells  # noqa: PLC0415

    plan = load_hub(Path(hub_file), for_operator(os.environ))
    found = hub_cells(plan, since=span["from"] or 0, limit=limit)
    if as_json:
        print_json([_document(one) for one in found])
        return
    print_table(
        f"Cells of {plan.cluster}",
        ("window (UTC)", "what", "place", "status", "quantity", "owners", "reason"),
        [_row(one) for one in found],
        empty="no window has been decided yet",
    )


def _row(one: "DecidedCell") -> tuple[object, ...]:
    cell = one.cell
    every = "material, all codes" if cell.kind == "material" else cell.kind
    return (
        window_text(_instant(cell.window.start), _instant(cell.window.end)),
        " ".join(filter(None, (cell.code or every, cell.band))),
        cell.place, cell.status, _amount(one), cell.contributors, one.reason,
    )  # fmt: skip


def _amount(one: "DecidedCell") -> object:
    cell = one.cell
    if cell.magnitude is not None:
        return f"{cell.magnitude} {cell.unit} a year"
    return quantity(cell.quantity, cell.unit)


def _instant(written: str) -> int:
    return int(datetime.fromisoformat(written).timestamp()) * NANOSECONDS


def _document(one: "DecidedCell") -> dict[str, Any]:
    return {
        "cell": one.cell.model_dump(mode="json"),
        "listed": one.listed,
        "reason": one.reason,
        "operator_quantity": one.quantity,
        "owners": one.owners,
        "written": utc(one.written),
        "published": utc(one.published),
    }
