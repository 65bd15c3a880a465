"""What `sidestream preview` shows of contracts: what partners would be told."""

from typing import TYPE_CHECKING, Any

import click

from adapters.reading import NANOSECONDS
from agent.cli.output import print_table, window_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.disclosing.forecast import Past
    from agent.disclosing.outlook import Outlook
    from agent.disclosing.policy import Policy
    from agent.disclosing.record import Sealer
    from agent.keeping.outbox import Outbox
    from config.plan import PlantPlan

_WARM = 366 * 86_400 * NANOSECONDS
"""How far back batches are looked for that still wait."""


def partner_documents(
    plan: "PlantPlan",
    rules: "Policy",
    past: "Past",
    outbox: "Outbox",
    starts: "Sequence[int]",
    sealer: "Sealer | None",
) -> list[dict[str, Any]]:
    """Give what each contract's message of each release window would say, and the steps to it.

    Without the plant's own key (`sealer` is None) what comes of it is left out.
    """
    from agent.disclosing.contracts import DETAIL  # noqa: PLC0415
    from agent.disclosing.outlook import Remembered, outlook  # noqa: PLC0415

    remembered = Remembered(outbox.state(DETAIL), outbox.ended())
    found = outlook(plan, rules, past, remembered, starts, _WARM)
    return [_document(one, sealer) for one in found]


def _document(one: "Outlook", sealer: "Sealer | None") -> dict[str, Any]:
    from agent.disclosing.sealed_detail import DetailSealer  # noqa: PLC0415

    streams = list(one.told.streams)
    detail: dict[str, Any] = {"contract": one.partner.contract, "streams": streams}
    if sealer is not None:
        sealing = DetailSealer(sealer.plant, sealer.uplink)
        detail = sealing.content(one.partner, one.span.start, one.span.end, streams)
    return {
        "partner": one.partner.name,
        "start": one.span.start,
        "end": one.span.end,
        "detail": detail,
        "steps": [
            {"step": s.name, "of": s.subject, "outcome": s.outcome, "stopped": s.stopped}
            for s in one.told.steps
        ],
    }


def show_partners(found: "Sequence[Mapping[str, Any]]") -> None:
    """Show what partners would be told, and the last message of each as it would be signed."""
    import rfc8785  # noqa: PLC0415

    if not found:
        return
    rows = [
        (window_text(one["start"], one["end"]), one["partner"], stream["label"], _quantity(stream))
        for one in found
        for stream in one["detail"]["streams"] or [{"label": "nothing", "windows": None}]
    ]
    print_table("To partners", ("window (UTC)", "partner", "stream, as told", "what"), rows)
    click.echo("The last message to each, as it would be signed, but for its nonce:")
    for one in {each["partner"]: each for each in found}.values():
        click.echo(rfc8785.dumps(one["detail"]).decode() + "\n")


def _quantity(stream: "Mapping[str, Any]") -> str:
    if not stream["windows"]:
        return "" if stream["windows"] is None else "too few batches yet"
    total = sum(window.get("quantity", 0.0) for window in stream["windows"])
    return f"{total:g} {stream['unit']} in {len(stream['windows'])} windows"
