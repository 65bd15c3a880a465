"""What `sidestream status` shows of a status file. Needs no click."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.reading import NANOSECONDS
from agent.cli.output import (
    print_json,
    print_list,
    print_table,
    quantity,
    span,
    utc,
    window_text,
)
from agent.running.statusfile import read

_EXIT = {"ok": 0, "warning": 1, "critical": 2}


def look(where: Path, every_point: bool, as_json: bool) -> int:
    """Show the status file of a runtime directory; gives the exit code that its level has.

    Raises `NoStatusError` when there is none.
    """
    document = read(where, time.time_ns())
    if as_json:
        print_json(document)
    else:
        _show(document, every_point)
    return _EXIT[document["level"]]


def _show(document: Mapping[str, Any], every_point: bool) -> None:
    now = int(document["time"])
    title = f"{document['plant']}: {document['level']}"
    print_list(title, document["problems"], empty="no problems")
    sources = document["sources"].items()
    print_table(
        "Sources",
        ("source", "link", "since (UTC)", "points", "bad", "last value"),
        [(name, *_source_row(source)) for name, source in sources],
    )
    rows = [
        (name, point, row["value"], row["quality"], row["reason"], *_ages(row, now))
        for name, source in sources
        for point, row in source["points"].items()
        if every_point or row["quality"] != "good"
    ]
    print_table(
        "Points" if every_point else "Points that are not good",
        ("source", "point", "value", "quality", "reason", "not good for", "age"),
        rows,
    )
    print_table(
        "Open windows",
        ("stream", "window (UTC)", "so far", "covered", "doubtful", "marks"),
        [_window_row(window) for window in document["windows"]],
    )
    _show_outbox(document, now)


def _clock(clock: Mapping[str, Any] | None) -> str:
    if clock is None:
        return "that of the recorded data"
    said = {True: "synchronised", False: "not synchronised", None: "unknown"}
    need = "" if clock["required"] else " (not required)"
    return said[clock["synchronised"]] + need


def _roster_rows(roster: Mapping[str, Any] | None) -> list[tuple[str, object]]:
    if roster is None:
        return []
    since = roster["since"]
    told = f"this plant counts from {since} on" if since else "this plant is not on it"
    rows: list[tuple[str, object]] = [
        ("roster", f"{roster['period']}: {told}"),
        ("hub's key", roster["hub"]),
    ]
    if roster["next_key"]:
        rows.append(("hub's next key", f"{roster['next_key']} from {roster['next_from']} on"))
    return rows


def _source_row(source: Mapping[str, Any]) -> tuple[object, ...]:
    points = source["points"].values()
    bad = sum(row["quality"] == "bad" for row in points)
    newest = min((row["age_s"] for row in points), default=None)
    age = "" if newest is None else span(newest) + " ago"
    return source["link"], utc(source.get("since")), source.get("configured", len(points)), bad, age


def _ages(row: Mapping[str, Any], now: int) -> tuple[str, str]:
    since = row.get("since")
    return "" if since is None else span((now - since) / NANOSECONDS), span(row["age_s"])


def _window_row(window: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        window["stream"],
        window_text(window["start"], window["end"]),
        quantity(window["quantity"], window["unit"]),
        f"{window['coverage']:.0%}",
        f"{window['uncertain']:.0%}" if window["uncertain"] else "",
        ", ".join(window["marks"]),
    )


def _show_outbox(document: Mapping[str, Any], now: int) -> None:
    outbox, uplink = document["outbox"], document["uplink"]
    rows: list[tuple[str, object]] = [
        ("waiting records", f"{outbox['records']} ({outbox['bytes']} bytes)"),
        ("oldest waiting window", utc(outbox["oldest"])),
        ("records ever", ", ".join(f"{n} {name}" for name, n in outbox["by_status"].items())),
        ("last receipt", utc(outbox["last_receipt"])),
        ("waiting for partners", outbox.get("messages")),
    ]
    if uplink is None:
        rows.append(("hub", "none in the plant file: nothing leaves"))
    else:
        link = uplink["link"]
        rows.append(("broker", "connected" if link["connected"] else link["detail"]))
        rows += _roster_rows(uplink.get("roster"))
    gone = [f"{name} ({told})" for name, told in document.get("withdrawn", {}).items()]
    rows.append(("withdrawn", ", ".join(gone)))
    rows.append(("clock", _clock(document.get("clock"))))
    rows.append(("running for", span((now - document["started"]) / 1e9)))
    print_table("Outbox", ("", ""), [row for row in rows if row[1]])
