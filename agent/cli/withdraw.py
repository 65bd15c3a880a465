"""`sidestream withdraw`: take a stream back before the next record, whatever the file says."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.options import json_option, some_plant_argument
from agent.cli.output import print_json, window_text
from agent.cli.places import plant_path, state_directory

if TYPE_CHECKING:
    from agent.keeping.outbox import Outbox
    from agent.keeping.withhold import Withheld


@click.command()
@click.argument("stream")
@some_plant_argument
@click.option("--undo", is_flag=True, help="Let it go as far as the plant file says again.")
@json_option
def withdraw(stream: str, plant_file: str | None, undo: bool, as_json: bool) -> None:
    """Take STREAM of PLANT_FILE's plant back: from now on nothing of it leaves.

    It holds at once, also while the agent runs, and wins over the plant file. Records that wait and
    were never sent are made again without it. When this returns, nothing of it is on its way any
    more. What has left before cannot be taken back.

    \b
    Example:
      sidestream withdraw slag plant.toml
      sidestream withdraw slag plant.toml --undo
    """
    directory = state_directory(plant_file)
    _known(stream, plant_file, directory)
    document = _undone(stream, directory) if undo else _withdrawn(stream, directory)
    if as_json:
        print_json(document)
    else:
        click.echo(_told(document))


def _known(stream: str, plant_file: str | None, directory: Path) -> None:
    """Refuse a name that neither the plant file nor the state knows: a typing error."""
    from agent.disclosing.withdrawals import Withdrawals  # noqa: PLC0415
    from config import toml  # noqa: PLC0415
    from config.errors import meant  # noqa: PLC0415

    path = plant_path(plant_file)
    named = toml.read(path).data.get("streams", {}) if path.exists() else {}
    names = [*(named if isinstance(named, Mapping) else ()), *Withdrawals(directory)()]
    if stream not in names and stream not in (names := [*names, *_measured(directory)]):
        hint = meant(stream, names)
        raise PermanentError(
            f"there is no stream {stream}",
            where=str(path),
            mend=hint or f"choose one of: {', '.join(sorted(set(names))) or 'none'}",
        )


def _measured(directory: Path) -> list[str]:
    from agent.keeping.outbox import FILE, Outbox  # noqa: PLC0415

    if not (directory / FILE).exists():
        return []
    with Outbox.look_at(directory) as outbox:
        return outbox.windows.streams()


def _withdrawn(stream: str, directory: Path) -> dict[str, Any]:
    from agent.disclosing.withdrawals import Withdrawals, leaving  # noqa: PLC0415
    from agent.keeping.outbox import FILE, Outbox  # noqa: PLC0415

    now = time.time_ns()
    Withdrawals(directory).take_back(stream, now)
    document: dict[str, Any] = {"stream": stream, "withdrawn": True}
    if (directory / FILE).exists():
        with Outbox.join(directory) as outbox:
            document |= _held(stream, outbox, now)
    # Whatever was read to be sent before the lines above is on its way, or never will be.
    with leaving(directory, alone=True):
        return document


def _held(stream: str, outbox: "Outbox", now: int) -> dict[str, Any]:
    from agent.measuring.total import Event  # noqa: PLC0415

    held: Withheld
    held, _ = outbox.withhold(now)
    outbox.note(Event(now, stream, "withdrawn", "nothing of it leaves from now on"))
    left = outbox.left(stream)
    return {
        **asdict(held),
        "left": len(left),
        "first": window_text(*left[0]) if left else None,
        "last": window_text(*left[-1]) if left else None,
    }


def _undone(stream: str, directory: Path) -> dict[str, Any]:
    from agent.disclosing.withdrawals import Withdrawals  # noqa: PLC0415
    from agent.keeping.outbox import FILE, Outbox  # noqa: PLC0415
    from agent.measuring.total import Event  # noqa: PLC0415

    was = Withdrawals(directory).undo(stream)
    if was and (directory / FILE).exists():
        now = time.time_ns()
        with Outbox.join(directory) as outbox:
            outbox.note(Event(now, stream, "restored", "it goes as far as the plant file says"))
    return {"stream": stream, "withdrawn": False, "was_withdrawn": was}


def _told(document: Mapping[str, Any]) -> str:
    stream = document["stream"]
    if not document["withdrawn"]:
        was = "" if document["was_withdrawn"] else " It was not withdrawn."
        return f"{stream} goes as far as the plant file says, from the next record on.{was}"
    lines = [f"{stream} is withdrawn: nothing of it leaves from now on."]
    if document.get("remade"):
        lines.append(f"{document['remade']} waiting records are made again without it.")
    if document.get("ended"):
        lines.append(
            f"{document['ended']} records that were sent and not confirmed are not sent again."
        )
    if document.get("left"):
        lines.append(
            f"It is in {document['left']} records that have left ({document['first']} to "
            f"{document['last']}); they cannot be taken back."
        )
    return "\n".join([*lines, f"`sidestream withdraw {stream} --undo` undoes it."])
