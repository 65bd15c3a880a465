"""Growth: how agent and hub grow with points, devices and members; draws docs/growth.svg.

Run with `make curves`, or `python -m bench.curves --json`. Processor time counts; the bare loop of
each size runs over the same seconds.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from bench import polling, subscribed
from bench.chart import Line, Panel, drawn
from bench.figures import rollup
from bench.polling import Result

POINTS = (10, 100, 1_000, 10_000)
DEVICES = (1, 3, 10, 30, 100)
EACH = 10
"""Points of each device, where devices grow."""
MEMBERS = (1, 3, 10, 30, 100, 200)
STREAMS = 50
WINDOWS = 8
PICTURE = Path("docs/growth.svg")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _polled(points: int, devices: int, seconds: int) -> Result:
    _say(f"{points} points of {devices} devices")
    return polling.measure(points, seconds, 8 if points > POINTS[-2] else 5, True, devices, 1)


def _heard(seconds: int) -> dict[int, subscribed.Result]:
    """Give what each number of OPC UA values takes, as far as the computer is not too busy."""
    found = {}
    for size in POINTS:
        _say(f"{size} OPC UA values")
        try:
            found[size] = subscribed.measure(size, seconds, 8 if size > POINTS[-2] else 5)
        except subscribed.LostError as lost:
            _say(f"left out: {lost}")
    return found


def _decided(members: int) -> float:
    """Give the milliseconds of processor time in which a hub decides a window."""
    _, others, _ = rollup.measure(members, STREAMS, WINDOWS, _say)
    return 1000 * others / (WINDOWS - 1)


def _sides(
    found: Mapping[int, Result] | Mapping[int, subscribed.Result], bare: str = "bare loop"
) -> list[Line]:
    return [
        Line("agent", [(size, one.agent.processor) for size, one in found.items()]),
        Line(bare, [(size, one.bare.processor) for size, one in found.items()]),
    ]


def measure(seconds: int) -> list[Panel]:
    """Measure all sizes."""
    points = {size: _polled(size, 10, seconds) for size in POINTS}
    devices = {size: _polled(size * EACH, size, seconds) for size in DEVICES}
    memory = [
        Line("agent", [(size, one.agent.resident_mb) for size, one in points.items()]),
        Line("libraries", [(size, one.starts.import_mb) for size, one in points.items()]),
    ]
    values = _sides(_heard(seconds), "bare subscription")
    hub = [Line("hub", [(size, _decided(size)) for size in MEMBERS])]
    return [
        Panel("processor, % of a core", "points of 10 devices, at 1 s", _sides(points)),
        Panel("resident memory, MB", "points of 10 devices", memory),
        Panel("processor, % of a core", f"devices of {EACH} points, at 1 s", _sides(devices)),
        Panel("processor, % of a core", "OPC UA values that change each second", values),
        Panel("a window decided, ms", f"members of {STREAMS} streams", hub),
    ]


@click.command()
@click.option("--seconds", default=15, show_default=True, help="How long to measure each size.")
@click.option("--json", "as_json", is_flag=True, help="Print the points, and draw nothing.")
@click.option("--to", default=PICTURE, type=Path, show_default=True, help="The picture.")
def main(seconds: int, as_json: bool, to: Path) -> None:
    """Measure how agent and hub grow, and draw it.

    Example: python -m bench.curves --seconds 30
    """
    panels = measure(seconds)
    if as_json:
        told = [
            {
                "figure": p.title,
                "over": p.across,
                "lines": {x.name: list(x.points) for x in p.lines},
            }
            for p in panels
        ]
        click.echo(json.dumps(told, indent=2))
        return
    to.write_text(drawn(panels))
    click.echo(to)


if __name__ == "__main__":
    main()
