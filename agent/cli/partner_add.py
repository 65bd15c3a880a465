"""`sidestream partner add`: a partner's table at the end of a plant file, checked before."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from adapters.errors import PermanentError
from agent.cli.options import json_option, plant_argument
from agent.cli.output import print_json


@click.command()
@click.argument("name")
@plant_argument
@click.option("--key", "key_text", required=True, metavar="KEY", help="Its key, sspartner1_….")
@click.option("--contract", required=True, help="What both sides call the contract.")
@click.option("--stream", "streams", multiple=True, required=True, metavar="STREAM[=NAME]",
              help="A stream, and its name in the contract; else stream-1, stream-2 …")  # fmt: skip
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="First local day of which nothing is told any more.")  # fmt: skip
@click.option("--window", help="Length of the windows told; else the measurement window.")
@click.option("--dry-run", is_flag=True, help="Show what would be added, and change nothing.")
@json_option
def add(
    name: str,
    plant_file: str,
    streams: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Add partner NAME to PLANT_FILE, which keeps all that is in it.

    The streams' own share must be "partner" already: consent is given twice. The file is checked
    with the new table before it is changed; the agent goes by it from its next start.

    \b
    Example:
      sidestream partner add cement plant.toml --key sspartner1_… \\
          --contract 2026-17 --stream slag="slag 0-8" --until 2027-01-01
    """
    from config import toml  # noqa: PLC0415
    from config.load import planned  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.partner_keys import PartnerPublic  # noqa: PLC0415

    path = Path(plant_file)
    toml.read(path)  # what is wrong with the file as it is comes first, with its own lines
    table = _table(name, _labels(streams), given)
    before = path.read_bytes().decode()
    text = before + ("" if before.endswith("\n") or not before else "\n") + "\n" + table
    planned(toml.parse(text, str(path)), path, for_operator(os.environ))
    if not dry_run:
        _replace(path, text)
    fingerprint = PartnerPublic.parse(given["key_text"]).fingerprint
    if as_json:
        print_json({"added": not dry_run, "fingerprint": fingerprint, "table": table})
        return
    click.echo(table)
    click.echo(f"fingerprint  {fingerprint}   (compare it with the partner)")
    if dry_run:
        click.echo(f"{path} is good with it; nothing was changed.")
        return
    click.echo(f"Added to {path}. Give the partner what `sidestream key` prints, and the hub's")
    click.echo("operator the fingerprint for [broker] partners; then start the agent anew.")


def _labels(streams: Sequence[str]) -> dict[str, str]:
    """Read `STREAM=NAME`; without a name it is told by its number alone."""
    found: dict[str, str] = {}
    for number, text in enumerate(streams, start=1):
        stream, named, label = text.partition("=")
        found[stream] = label if named else f"stream-{number}"
    return found


def _table(name: str, labels: dict[str, str], given: dict[str, Any]) -> str:
    named = ", ".join(f"{_text(stream)} = {_text(label)}" for stream, label in labels.items())
    lines = [
        "[[partners]]",
        f"name = {_text(name)}",
        f"key = {_text(given['key_text'])}",
        f"contract = {_text(given['contract'])}",
        f"streams = {{ {named} }}",
        f"until = {_text(given['until'].strftime('%Y-%m-%d'))}",
    ]
    if given["window"] is not None:
        lines.append(f"window = {_text(given['window'])}")
    return "\n".join([*lines, ""])


def _text(text: str) -> str:
    """Write a TOML text; a JSON text is one, but for the character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _replace(path: Path, text: str) -> None:
    """Put a new text in the place of a file's, with its owner and mode; nobody sees half of it."""
    try:
        was = path.stat()
        number, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(number, "wb") as file:
                os.fchmod(file.fileno(), was.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), was.st_uid, was.st_gid)
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise PermanentError(
            f"the plant file cannot be written ({error.strerror})",
            where=str(path),
            mend="run this as root, or add what --dry-run shows by hand",
        ) from error
