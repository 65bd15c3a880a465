"""`sidestream preview`: what would leave the plant with a file, from the totals that there are."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.reading import NANOSECONDS
from agent.cli.options import instant_option, json_option, plant_argument
from agent.cli.output import print_json, print_table, window_text
from agent.cli.preview_partners import partner_documents, show_partners

if TYPE_CHECKING:
    from agent.disclosing.forecast import Difference, Forecast, Past
    from agent.disclosing.policy import Policy
    from agent.disclosing.record import Sealer
    from agent.keeping.outbox import Outbox
    from config.plan import PlantPlan

_DAY = 86_400 * NANOSECONDS
_WARM = 366 * _DAY
"""How far back batches are looked for that still wait."""


@click.command()
@plant_argument
@instant_option("--day", "The day (UTC); else the last day that there are totals of.")
@click.option("--days", type=click.IntRange(1, 366), default=1, show_default=True,
              help="How many days, up to that one.")  # fmt: skip
@click.option("--against", type=click.Path(dir_okay=False), help="Another plant file to compare.")
@click.option("--state", type=click.Path(file_okay=False), help="State directory with the totals.")
@click.option("--steps", is_flag=True, help="Show each step of the disclosure policy.")
@json_option
def preview(
    plant_file: str,
    day: int | None,
    days: int,
    against: str | None,
    state: str | None,
    steps: bool,
    as_json: bool,
) -> None:
    """Show what would leave with PLANT_FILE: its policy on the totals of the last day.

    Nothing is sent, and the agent may be running. A record is shown as it would be signed, but for
    its sequence. `--against` the file that is in force tells what a change would change; the totals
    are then those of that file's state.

    \b
    Example:
      sidestream preview plant.toml
      sidestream preview new.toml --against plant.toml --days 7
    """
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    env = for_operator(os.environ)
    plan = load_plant(Path(plant_file), env)
    other = None if against is None else load_plant(Path(against), env)
    directory = Path(state or (other or plan).state_dir)
    document = _document(plan, other, directory, day, days)
    if as_json:
        print_json(document)
    else:
        _show(document, steps)


def _document(
    plan: "PlantPlan", other: "PlantPlan | None", directory: Path, day: int | None, days: int
) -> dict[str, Any]:
    from agent.disclosing.forecast import differences  # noqa: PLC0415
    from agent.disclosing.policy import leaves, policy  # noqa: PLC0415
    from agent.disclosing.withdrawals import Withdrawals  # noqa: PLC0415

    withdrawn = Withdrawals(directory)()
    rules = policy(plan, withdrawn)
    hub = plan.uplink is not None
    document: dict[str, Any] = {
        "streams": [
            {
                "stream": one.name,
                "leaves": leaves(one, rules, hub=hub, partners=plan.partners_of(one.name)),
            }
            for one in plan.streams
        ],
        "withdrawn": dict(withdrawn),
        "totals": False,
        "key": False,
        "records": [],
        "partners": [],
    }
    with _state(directory) as outbox:
        found = None if outbox is None else _forecasts(plan, rules, outbox, day, days)
        if outbox is None or found is None:
            return document
        sealer, own = _sealer(plan, directory)
        document |= {"totals": True, "key": own}
        document["records"] = [_record(one, sealer, own, outbox.run()) for one in found]
        starts, known = [one.start for one in found], sealer if own else None
        past = past_of(plan, outbox)
        document["partners"] = partner_documents(plan, rules, past, outbox, starts, known)
        if other is not None:
            before = _forecasts(other, policy(other, withdrawn), outbox, day, days) or []
            document["differences"] = [_difference(one) for one in differences(before, found)]
    return document


def _state(directory: Path) -> Any:
    from contextlib import nullcontext  # noqa: PLC0415

    from agent.keeping.outbox import FILE, Outbox  # noqa: PLC0415

    return Outbox.look_at(directory) if (directory / FILE).exists() else nullcontext()


def _forecasts(
    plan: "PlantPlan", rules: "Policy", outbox: "Outbox", day: int | None, days: int
) -> "list[Forecast] | None":
    """Apply a file's policy; None when there is no total to apply it to."""
    from agent.disclosing.forecast import forecast  # noqa: PLC0415

    closed = [
        end
        for name, end in outbox.windows.closed_to().items()
        if name in {s.name for s in plan.streams}
    ]
    if not closed or plan.uplink is None:
        return None
    release = plan.windows.release
    whole = min(closed) - min(closed) % release
    last = whole if day is None else min(whole, day + _DAY - (day + _DAY) % release)
    first = (last if day is None else day + _DAY) - days * _DAY
    past = past_of(plan, outbox)
    held = outbox.windows.bounds([stream.name for stream in plan.streams])
    first = max(first - first % release, held[0] - held[0] % release if held else 0)
    return forecast(plan, rules, past, first, last, _WARM)


def past_of(plan: "PlantPlan", outbox: "Outbox") -> "Past":
    """Give what the state file knows of a plant's streams."""
    from agent.disclosing.forecast import Past  # noqa: PLC0415
    from agent.disclosing.magnitude import told_of  # noqa: PLC0415
    from agent.disclosing.yearly import TOLD, YEAR  # noqa: PLC0415
    from agent.keeping.recount import recount  # noqa: PLC0415
    from agent.measuring.series import histories  # noqa: PLC0415

    return Past(
        histories(plan.streams, outbox.series()),
        lambda until: recount(outbox, plan, until),
        told_of(outbox.state(YEAR).get(TOLD, ())),
        lambda name, start, end: outbox.windows.totals_by_stream(start, end, [name]),
    )


def _sealer(plan: "PlantPlan", directory: Path) -> "tuple[Sealer, bool]":
    """Give what would write records; with a key made up where the plant's own cannot be read."""
    from dataclasses import replace  # noqa: PLC0415

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    from adapters.errors import SidestreamError  # noqa: PLC0415
    from agent.disclosing.record import Sealer  # noqa: PLC0415
    from agent.running.assembly import plant_key  # noqa: PLC0415
    from gateway.keys import HubPublic, PlantKey  # noqa: PLC0415

    if plan.uplink is None:
        raise AssertionError  # nothing is forecast without a hub
    own = True
    try:
        key = plant_key(replace(plan, state_dir=str(directory)))
    except SidestreamError:
        key, own = PlantKey(Ed25519PrivateKey.generate()), False
    return Sealer(key, HubPublic.parse(plan.uplink.hub_key), plan.uplink), own


def _record(one: "Forecast", sealer: "Sealer", own: bool, run: int | None) -> dict[str, Any]:
    orders = None if one.year is None else one.year.items
    record = sealer.content(one.start, one.end, one.disclosure.figures, run, orders)
    if not own:
        record |= dict.fromkeys(("plant", "pseudonym", "id"))
    steps = [*one.disclosure.steps, *(one.year.steps if one.year else ())]
    return {
        "start": one.start,
        "end": one.end,
        "record": record,
        "steps": [
            {"step": s.name, "of": s.subject, "outcome": s.outcome, "stopped": s.stopped}
            for s in steps
        ],
    }


def _difference(one: "Difference") -> dict[str, Any]:
    return {
        "window": window_text(one.start, one.end),
        "before": list(one.before),
        "after": list(one.after),
    }


def _show(document: Mapping[str, Any], steps: bool) -> None:
    import rfc8785  # noqa: PLC0415

    rows = [(one["stream"], one["leaves"]) for one in document["streams"]]
    print_table("What may leave", ("stream", "leaves the plant"), rows)
    if not document["totals"]:
        click.echo("There are no totals to try it on: let the agent measure, then look again.")
        return
    _show_records(document["records"])
    told = document["records"] if steps else document["records"][-1:]
    print_table(
        "Steps" if steps else "Steps of the last record (all with --steps)",
        ("window (UTC)", "of", "step", "outcome"),
        [
            (window_text(one["start"], one["end"]), s["of"], s["step"], s["outcome"])
            for one in told
            for s in one["steps"]
        ],
    )
    if document["records"]:
        click.echo("The last record, as it would be signed, but for its sequence:")
        click.echo(rfc8785.dumps(document["records"][-1]["record"]).decode() + "\n")
    show_partners(document["partners"])
    if not document["key"]:
        click.echo("The plant's key cannot be read here: plant, pseudonym and id are left out.")
    if "differences" in document:
        _show_differences(document["differences"])


def _show_records(records: Sequence[Mapping[str, Any]]) -> None:
    print_table(
        "Records",
        ("window (UTC)", "what", "quantity", "covered", "marks"),
        [
            (window_text(one["start"], one["end"]), *cells)
            for one in records
            for cells in _content(one["record"])
        ],
        empty="no release window is whole yet",
    )


def _content(record: Mapping[str, Any]) -> list[tuple[object, ...]]:
    members = [*record["figures"], *record.get("magnitudes", ())]
    return [_cells(one) for one in members] or [("no figures", None, None, None)]


def _cells(one: Mapping[str, Any]) -> tuple[object, ...]:
    what = " ".join(filter(None, (one.get("code") or one["kind"], one.get("band"))))
    if one["direction"] == "need":
        what += " (need)"
    if "magnitude" in one:
        return what, f"{one['magnitude']} {one['unit']} a year", None, None
    quantity = f"{one['quantity']:g} {one['unit']}"
    return what, quantity, f"{one['coverage']:.0%}", ", ".join(one["marks"])


def _show_differences(found: Sequence[Mapping[str, Any]]) -> None:
    print_table(
        "What the change would change",
        ("window (UTC)", "", "what", "quantity", "covered", "marks"),
        [
            (one["window"], sign, *_cells(member))
            for one in found
            for sign, side in (("-", "before"), ("+", "after"))
            for member in one[side]
        ],
        empty="nothing",
    )
