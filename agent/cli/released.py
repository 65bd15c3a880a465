"""`sidestream released`: the release log, in plain text."""

from typing import TYPE_CHECKING, Any

import click

from agent.cli.output import (
    instant_option,
    json_option,
    print_json,
    print_table,
    some_plant_argument,
    utc,
    window_text,
)
from agent.cli.places import state_directory

if TYPE_CHECKING:
    from agent.tables import Released


@click.command()
@some_plant_argument
@instant_option("--from", "First day or instant (UTC), such as 2026-03-01.")
@instant_option("--to", "Day or instant (UTC) to stop before.")
@click.option("--steps", is_flag=True, help="Show each step of the disclosure policy.")
@json_option
def released(plant_file: str | None, steps: bool, as_json: bool, **span: int | None) -> None:
    """Show what left the plant of PLANT_FILE, or waits to leave, record by record.

    What is shown is the record's content as it was signed; nothing else leaves.

    \b
    Example:
      sidestream released plant.toml --from 2026-03-01 --json
    """
    from agent.outbox import Outbox  # noqa: PLC0415

    with Outbox.look_at(state_directory(plant_file)) as outbox:
        log = outbox.released(span["from"] or 0, span["to"] or 2**63 - 1)
    if as_json:
        print_json([_document(line) for line in log])
        return
    print_table(
        "Records",
        ("window (UTC)", "status", "what", "quantity", "covered", "marks"),
        [row for line in log for row in _rows(line)],
        empty="no release window has closed yet",
    )
    if steps:
        print_table(
            "Steps",
            ("window (UTC)", "of", "step", "outcome"),
            [
                (window_text(line.start, line.end), step.subject, step.name, step.outcome)
                for line in log
                for step in line.steps
            ],
        )


def _rows(line: "Released") -> list[tuple[object, ...]]:
    window = (window_text(line.start, line.end), line.status)
    if not line.plain:
        return [(*window, "detail dropped: the disk was full", None, None, None)]
    figures = line.plain["figures"]
    if not figures:
        return [(*window, "no figures", None, None, None)]
    return [
        (
            *window,
            figure.get("code") or " ".join((figure["kind"], figure.get("band") or "")).strip(),
            f"{figure['quantity']:g} {figure['unit']}",
            f"{figure['coverage']:.0%}",
            ", ".join(figure["marks"]),
        )
        for figure in figures
    ]


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
