"""`sidestream check`: what a plant file means, before anything runs."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from agent.cli.options import json_option, plant_argument
from agent.cli.output import print_json, print_table

if TYPE_CHECKING:
    from config.plan import PlantPlan, StreamPlan


@click.command()
@plant_argument
@json_option
def check(plant_file: str, as_json: bool) -> None:
    """Check PLANT_FILE and show its sources, its streams and what may leave.

    Exit code 78 when the file must be mended; every problem is told with its line.

    \b
    Example:
      sidestream check plant.toml
    """
    from agent.measuring.sampling import equipped  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    plan = equipped(load_plant(Path(plant_file), for_operator(os.environ)))
    document = describe(plan, time.time_ns())
    if as_json:
        print_json(document)
        return
    click.echo(f"{plant_file} is good.\n")
    print_table(
        f"{document['plant']}: sources",
        ("source", "protocol", "every", "points", "connection"),
        [
            (
                row["name"], row["protocol"], f"{row['every_s']:g} s", row["points"],
                row["connection"],
            )
            for row in document["sources"]
        ],
    )  # fmt: skip
    print_table(
        "Streams",
        ("stream", "what", "unit", "leaves the plant", "meter"),
        [
            (
                row["name"], row["code"] or row["kind"], row["unit"],
                row["leaves"], _meter(row),
            )
            for row in document["streams"]
        ],
    )  # fmt: skip
    _show_analyses(document["streams"])
    _show_series(document["streams"])
    hub = document["hub"]
    click.echo(
        "No [hub]: nothing leaves this plant."
        if hub is None
        else f"Records go to cluster {hub['cluster']} at {hub['broker']}, one every "
        f"{document['release_s']:g} s."
    )


def _show_analyses(streams: Sequence[Mapping[str, Any]]) -> None:
    """Show which density, moisture and composition hold now, where any stream states one."""
    rows = [
        (
            row["name"], one["what"], one["value"], one["since"] or "always", one["until"] or "",
            "old" if one["old"] else "",
        )
        for row in streams
        for one in row["analyses"]
    ]  # fmt: skip
    if rows:
        columns = ("stream", "what", "valid now", "since", "until", "analysis")
        print_table("Analyses", columns, rows)


def _show_series(streams: Sequence[Mapping[str, Any]]) -> None:
    """Show what streams were before, where the file declares that any was reclassified."""
    rows = [
        (
            row["name"], one["since"] or "always", one["code"] or "", one["status"] or "",
            one["treatment"] or "", one["ns9431"] or "", one["direction"],
        )
        for row in streams
        for one in row["series"]
    ]  # fmt: skip
    if rows:
        columns = ("stream", "since", "code", "status", "treatment", "NS 9431", "direction")
        print_table("Reclassified", columns, rows)


def describe(plan: "PlantPlan", now: int) -> dict[str, Any]:
    """Say what a plan means at an instant, as the `--json` document."""
    from adapters.adapter import adapter  # noqa: PLC0415
    from agent.disclosing.policy import leaves, policy  # noqa: PLC0415
    from agent.disclosing.withdrawals import Withdrawals  # noqa: PLC0415

    rules = policy(plan, Withdrawals(Path(plan.state_dir))())
    uplink, zone, named = plan.uplink, ZoneInfo(plan.timezone), plan.partners_of
    hub = uplink is not None
    return {
        "plant": plan.name,
        "sources": [
            {
                "name": source.name,
                "protocol": source.settings.protocol,
                "connection": adapter(source.settings.protocol).lane(source),
                "every_s": source.settings.every,
                "points": len(source.settings.points),
            }
            for source in plan.sources
        ],
        "streams": [
            _stream(stream, zone, now, leaves(stream, rules, hub=hub, partners=named(stream.name)))
            for stream in plan.streams
        ],
        "measure_s": plan.windows.measure / 1e9,
        "release_s": plan.windows.release / 1e9,
        "state": plan.state_dir,
        "runtime": plan.runtime_dir,
        "hub": None
        if uplink is None
        else {
            "cluster": uplink.cluster,
            "broker": f"{uplink.broker.host}:{uplink.broker.port}",
            "encrypted": uplink.broker.tls is not None,
        },
    }


def _stream(stream: "StreamPlan", zone: ZoneInfo, now: int, leaving: str) -> Mapping[str, Any]:
    from agent.measuring.analyses import analyses  # noqa: PLC0415
    from config.medium_names import medium_name  # noqa: PLC0415

    heat = stream.meter.kind == "heat"
    return {
        "name": stream.name,
        "kind": stream.kind,
        "code": stream.code,
        "unit": stream.unit,
        "meter": stream.meter.kind,
        "medium": medium_name(stream.meter.medium) if heat else None,
        "points": [
            f"{given.source}.{given.point}"
            for role, given in stream.meter.inputs.items()
            if role not in stream.meter.gates
        ],
        "only_while": [
            {
                "point": f"{stream.meter.inputs[role].source}.{stream.meter.inputs[role].point}",
                "good": list(good),
            }
            for role, good in stream.meter.gates.items()
        ],
        "basis": stream.basis,
        "analyses": [asdict(one) for one in analyses(stream, zone, now)],
        "series": _series(stream, zone),
        "share": stream.share,
        "leaves": leaving,
    }


def _series(stream: "StreamPlan", zone: ZoneInfo) -> list[dict[str, Any]]:
    """Give the classifications the file declares, by the local day each holds from."""
    from agent.measuring.localtime import local_day  # noqa: PLC0415

    course = stream.series
    if course is None:
        return []
    return [
        {"since": str(local_day(edge, zone)) if edge else None, **asdict(one)}
        for edge, one in zip(course.since, course.values, strict=True)
    ]


def _meter(row: Mapping[str, Any]) -> str:
    medium = f" in {row['medium']}" if row["medium"] not in (None, "water") else ""
    text = f"{row['meter']}{medium} of {', '.join(row['points'])}"
    gates = [
        f"{one['point']} is {' or '.join(f'{value:g}' for value in one['good'])}"
        for one in row["only_while"]
    ]
    return f"{text}; only while {' and '.join(gates)}" if gates else text
