"""`sidestream status`: is it all right, which meter is bad and since when, what waits to leave."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agent.cli.output import json_option, print_json, print_table, quantity, span, utc
from agent.cli.places import runtime_directory

_EXIT = {"ok": 0, "warning": 1, "critical": 2}


@click.command()
@click.argument("plant_file", type=click.Path(dir_okay=False), required=False)
@click.option("--dir", "directory", type=click.Path(file_okay=False), help="Runtime directory.")
@click.option("--watch", is_flag=True, help="Show it anew every two seconds until Ctrl-C.")
@click.option("--points", is_flag=True, help="Show every point, not only those that are not good.")
@json_option
def status(
    plant_file: str | None, directory: str | None, watch: bool, points: bool, as_json: bool
) -> None:
    """Show how the agent of PLANT_FILE is doing.

    Exit code 0: all is well; 1: something is not as it should be; 2: the agent is not running, or
    measures or stores nothing.

    \b
    Example:
      sidestream status
      sidestream status --json | jq .problems
    """
    from agent.status import read  # noqa: PLC0415

    where = Path(directory) if directory else runtime_directory(plant_file)
    while True:
        document = read(where, time.time_ns())
        if as_json:
            print_json(document)
        else:
            if watch:
                click.clear()
            _show(document, points)
        if not watch:
            sys.exit(_EXIT[document["level"]])
        time.sleep(2)


def _show(document: Mapping[str, Any], every_point: bool) -> None:
    now = int(document["time"])
    print_table(
        f"{document['plant']}: {document['level']}",
        ("problem",),
        [(problem,) for problem in document["problems"]],
        empty="no problems",
    )
    sources = document["sources"].items()
    print_table(
        "Sources",
        ("source", "link", "points", "bad", "oldest value", "requests", "failures", "error"),
        [(name, *_source_row(source)) for name, source in sources],
    )
    rows = [
        (name, point, row["value"], span(row["age_s"]), row["quality"], row["reason"])
        for name, source in sources
        for point, row in source["points"].items()
        if every_point or row["quality"] != "good"
    ]
    print_table(
        "Points" if every_point else "Points that are not good",
        ("source", "point", "value", "age", "quality", "reason"),
        rows,
    )
    print_table(
        "Open windows",
        ("stream", "since", "so far", "covered", "doubtful", "marks"),
        [_window_row(window) for window in document["windows"]],
    )
    _show_outbox(document, now)


def _source_row(source: Mapping[str, Any]) -> tuple[object, ...]:
    points = source["points"].values()
    bad = sum(row["quality"] == "bad" for row in points)
    oldest = max((row["age_s"] for row in points), default=None)
    age = "" if oldest is None else span(oldest)
    return (
        source["link"], len(points), bad, age, source["requests"], source["failures"],
        source["error"],
    )  # fmt: skip


def _window_row(window: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        window["stream"],
        utc(window["start"]),
        quantity(window["quantity"], window["unit"]),
        f"{window['coverage']:.0%}",
        f"{window['uncertain']:.0%}",
        ", ".join(window["marks"]),
    )


def _show_outbox(document: Mapping[str, Any], now: int) -> None:
    outbox, uplink = document["outbox"], document["uplink"]
    rows: list[tuple[str, object]] = [
        ("waiting records", f"{outbox['records']} ({outbox['bytes']} bytes)"),
        ("oldest waiting window", utc(outbox["oldest"])),
        ("records so far", ", ".join(f"{n} {name}" for name, n in outbox["by_status"].items())),
        ("last receipt", utc(outbox["last_receipt"])),
    ]
    if uplink is None:
        rows.append(("hub", "none in the plant file: nothing leaves"))
    else:
        link = uplink["link"]
        rows.append(("broker", "connected" if link["connected"] else link["detail"]))
    rows.append(("running for", span((now - document["started"]) / 1e9)))
    print_table("Outbox", ("", ""), rows)
