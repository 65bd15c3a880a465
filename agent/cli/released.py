"""`sidestream released`: the release log, in plain text."""

import csv
import io
from typing import TYPE_CHECKING, Any

import click

from adapters.reading import NANOSECONDS
from agent.cli.options import instant_option, json_option, some_plant_argument
from agent.cli.output import print_json, print_table, utc, window_text
from agent.cli.places import state_directory
from gateway.wire import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.keeping.tables import Released


@click.command()
@some_plant_argument
@instant_option("--from", "First day or instant (UTC), such as 2026-03-01.")
@instant_option("--to", "Day or instant (UTC) to stop before.")
@instant_option("--day", "One day (UTC), in place of --from and --to.")
@click.option("--stream", help="Only records that this stream is in.")
@click.option("--partner", help="Only messages to this partner (name, or key's fingerprint).")
@click.option("--plain", is_flag=True, help="Print each record as it was signed, on one line.")
@click.option("--csv", "as_csv", is_flag=True, help="Print one line for each figure, as CSV.")
@click.option("--steps", is_flag=True, help="Show each step of the disclosure policy.")
@json_option
def released(
    plant_file: str | None,
    stream: str | None,
    partner: str | None,
    plain: bool,
    as_csv: bool,
    steps: bool,
    as_json: bool,
    **span: int | None,
) -> None:
    """Show what left the plant of PLANT_FILE, or waits to leave, record by record.

    What is shown is the content as it was signed; nothing else leaves. After the records come the
    messages to contract partners. A record names no stream: `--stream` goes by what the plant has
    kept beside it.

    \b
    Example:
      sidestream released plant.toml --from 2026-03-01 --json
      sidestream released plant.toml --day 2026-03-01 --stream slag --plain
      sidestream released plant.toml --partner cement --plain
    """
    from agent.cli.released_detail import (  # noqa: PLC0415
        detail_document,
        detail_rows,
        detail_step_rows,
        of_partner,
    )
    from agent.keeping.outbox import Outbox  # noqa: PLC0415

    start, end = span["from"] or 0, span["to"] or 2**63 - 1
    if span["day"] is not None:
        start, end = span["day"], span["day"] + 86_400 * NANOSECONDS
    with Outbox.look_at(state_directory(plant_file)) as outbox:
        log = [] if partner is not None else outbox.released(start, end)
        told = of_partner(outbox.details.released(start, end), partner, plant_file)
        if stream is not None:
            known = set(outbox.holding(stream))
            log = [line for line in log if line.sequence in known]
            told = [line for line in told if stream in line.labels]
    if plain:
        for text in [*(line.text for line in log), *(line.text for line in told)]:
            click.echo(text)
        return
    if as_csv:
        click.echo(_csv(log), nl=False)
        return
    if as_json:
        print_json([*map(_document, log), *map(detail_document, told)])
        return
    if partner is None:
        print_table(
            "Records",
            ("window (UTC)", "status", "what", "quantity", "covered", "marks"),
            [row for line in log for row in _rows(line)],
            empty="no release window has closed yet",
        )
    if told or partner is not None:
        columns = ("window (UTC)", "status", "contract", "stream, as told", "quantity", "covered")
        print_table("Messages to partners", columns, detail_rows(told))
    if steps:
        print_table(
            "Steps",
            ("window (UTC)", "of", "step", "outcome"),
            [
                *(
                    (window_text(line.start, line.end), step.subject, step.name, step.outcome)
                    for line in log
                    for step in line.steps
                ),
                *detail_step_rows(told),
            ],
        )


_COLUMNS = ("start", "end", "status", "kind", "code", "band", "direction", "quantity", "unit",
            "coverage", "uncertain", "marks", "magnitude")  # fmt: skip


def _csv(log: "Sequence[Released]") -> str:
    """Write a line for each figure and order of magnitude; a record without any has one too."""
    text = io.StringIO()
    rows = csv.DictWriter(text, _COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    for line in log:
        about = {
            "start": rfc3339(line.start),
            "end": rfc3339(line.end),
            "status": line.status,
        }
        members = [*line.plain.get("figures", ()), *line.plain.get("magnitudes", ())]
        for one in members or [{}]:
            rows.writerow({**about, **one, "marks": " ".join(one.get("marks", ()))})
    return text.getvalue()


def _rows(line: "Released") -> list[tuple[object, ...]]:
    window = (window_text(line.start, line.end), line.status)
    if not line.plain:
        return [(*window, "detail dropped: the disk was full", None, None, None)]
    figures = line.plain["figures"]
    orders: list[tuple[object, ...]] = [
        (
            *window,
            one.get("code") or one["kind"],
            f"{one['magnitude']} {one['unit']} a year",
            None,
            None,
        )
        for one in line.plain.get("magnitudes", ())
    ]
    if not figures:
        return orders or [(*window, "no figures", None, None, None)]
    told: list[tuple[object, ...]] = [
        (
            *window,
            figure.get("code") or " ".join((figure["kind"], figure.get("band") or "")).strip(),
            f"{figure['quantity']:g} {figure['unit']}",
            f"{figure['coverage']:.0%}",
            ", ".join(figure["marks"]),
        )
        for figure in figures
    ]
    return told + orders


def _document(line: "Released") -> dict[str, Any]:
    return {
        "status": line.status,
        "reason": line.reason,
        "settled": utc(line.settled),
        "record": line.plain,
        "steps": [
            {
                "step": step.name,
                "of": step.subject,
                "outcome": step.outcome,
                "stopped": step.stopped,
            }
            for step in line.steps
        ],
    }
