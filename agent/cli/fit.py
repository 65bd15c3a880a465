"""`sidestream probe --profile`: how a device at hand is to be read, found by plausibility."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.output import print_json, print_list, print_table

if TYPE_CHECKING:
    from adapters.modbus.fit import Answers, Candidate, Verdict
    from adapters.modbus.settings import ModbusSource
    from config.profile import Profile

_SHOWN = 4
"""Other ways to read a device, and reasons, that a person is told."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where the device is, as a source's table says it, and how often to read it."""

    table: Mapping[str, Any]
    reads: int
    pause: float
    base: Path = field(default_factory=Path.cwd)
    """Folder whose `profiles` are looked at first."""


def fitted(name: str, device: Device, as_json: bool) -> bool:
    """Find out how a device is to be read, and print it; tells whether that is sure."""
    document = asyncio.run(found_out(name, device))
    if as_json:
        print_json(document)
    else:
        _show(document)
    return bool(document["certainty"] == "sure")


async def found_out(name: str, device: Device) -> dict[str, Any]:
    """Find out how a device is to be read; gives the `--json` document.

    Raises `TransientError` when the device does not answer, and `PermanentError` when there is no
    such profile, or the device says to be another one.
    """
    from adapters.modbus.fit import judged, said  # noqa: PLC0415
    from config.profile import folders, profile  # noqa: PLC0415

    found = profile(name, folders(device.base))
    settings = _settings(found, device)
    answers = await _read(settings, device)
    verdict = judged(settings, answers)
    if not verdict.best.same_device:
        raise PermanentError(
            f"another device: {'; '.join(said(settings, answers))}",
            where=found.file.title,
            mend="check the address and device_id, or choose another profile",
        )
    return described(found, settings, device, verdict)


def _settings(found: "Profile", device: Device) -> "ModbusSource":
    from adapters.adapter import adapter  # noqa: PLC0415
    from adapters.modbus.settings import ModbusSource  # noqa: PLC0415

    protocol = str(device.table["protocol"])
    if protocol not in found.file.protocols:
        raise PermanentError(
            f"{found.name} is not for {protocol} but for {', '.join(found.file.protocols)}",
            mend="a probe by profile reads Modbus devices; for others write a plant file",
        )
    table = {**found.file.settings, **device.table, "points": found.probed()}
    settings = adapter(protocol).settings.model_validate(table)
    if not isinstance(settings, ModbusSource):
        raise PermanentError(f"{protocol} has neither byte order nor registers to find")
    return settings


async def _read(settings: "ModbusSource", device: Device) -> "Answers":
    """Read every point several times at every shift; words by shift and point."""
    from adapters.modbus.fit import SHIFTS  # noqa: PLC0415

    answers: dict[int, dict[str, list[list[int]]]] = {shift: {} for shift in SHIFTS}
    for turn in range(device.reads):
        await asyncio.sleep(device.pause if turn else 0)
        for shift, words in answers.items():
            for point, raw in (await _once(settings, shift)).items():
                words.setdefault(point, []).append(raw)
    return answers


async def _once(settings: "ModbusSource", shift: int) -> dict[str, list[int]]:
    from adapters.adapter import Source, adapter  # noqa: PLC0415

    points = {**settings.points, **{one.what: one.point for one in settings.identity}}
    shifted = settings.model_copy(update={"shift": shift, "identity": ()})
    placed = {name: point for name, point in points.items() if _has_place(shifted, point)}
    source = Source("device", shifted.model_copy(update={"points": placed}))
    found = await adapter(settings.protocol).probe(source)
    return {one.point: [int(word, 16) for word in one.raw.split()] for one in found}


def _has_place(settings: "ModbusSource", point: Any) -> bool:
    try:
        settings.place(point.number, point.table)
    except ValueError:
        return False
    return True


def described(
    found: "Profile", settings: "ModbusSource", device: Device, verdict: "Verdict"
) -> dict[str, Any]:
    """Say what was found out, as the `--json` document."""
    best = verdict.best
    return {
        "profile": found.name,
        "title": found.file.title,
        "certainty": verdict.certainty,
        "probability": best.probability,
        "order": best.order,
        "shift": best.shift,
        "identified": verdict.identified,
        "points": [
            {
                "point": name,
                "value": read[-1] if read else None,
                "unit": settings.points[name].unit if not found.file.points[name].needs else "?",
                "telling": name in verdict.telling,
            }
            for name, read in best.values.items()
        ],
        "why": _why(verdict),
        "notes": list(found.file.notes),
        "toml": _toml(found, settings, device, best),
    }


def _why(verdict: "Verdict") -> list[str]:
    best = verdict.best
    why = ["the device says that it is the one meant"] if verdict.identified else []
    if not verdict.telling:
        return [*why, "every value is zero or absent, or the same in every order"]
    for name in verdict.telling[:_SHOWN]:
        others = dict.fromkeys(
            f"{value:.6g}" if isinstance(value, float) else str(value)
            for other in verdict.others
            if other.shift == best.shift and (value := _last(other, name)) != _last(best, name)
        )
        why.append(f"{name} is {_short(_last(best, name))}; in other orders {', '.join(others)}")
    near = verdict.others[0]
    why.append(f"the next best is order {near.order}, shift {near.shift} ({near.probability:.2%})")
    return why


def _last(candidate: "Candidate", name: str) -> Any:
    read = candidate.values[name]
    return read[-1] if read else None


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _toml(
    found: "Profile", settings: "ModbusSource", device: Device, best: "Candidate"
) -> list[str]:
    """Write the lines of the source for a plant file; what the user must add is a comment."""
    lines = ["[sources.meter]", f'profile = "{found.name}"']
    for key, value in device.table.items():
        lines.append(f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}")
    if best.order != settings.order:
        lines.append(f'order = "{best.order}"')
    if best.shift:
        lines.append(f"shift = {best.shift}")
    needy = {name: point for name, point in found.file.points.items() if point.needs}
    if needy:
        lines += ["[sources.meter.points]", "# As the device is set up:"]
    for name, point in needy.items():
        keys = ", ".join(f"{key} = …" for key in point.needs)
        lines.append(f"# {name} = {{ {keys} }}" + (f"  # {point.about}" if point.about else ""))
    return lines


def _show(document: Mapping[str, Any]) -> None:
    click.echo(
        f"{document['certainty']} ({document['probability']:.1%}): order {document['order']}, "
        f"shift {document['shift']}\n"
    )
    rows = [(row["point"], row["value"], row["unit"]) for row in document["points"]]
    print_table(document["title"], ("point", "value", "unit"), rows)
    print_list("Why", document["why"])
    print_list("Know that", document["notes"])
    click.echo("For plant.toml, once the values agree with the display:\n")
    click.echo("\n".join(document["toml"]))
