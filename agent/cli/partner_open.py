"""`sidestream partner open`: verify and open what came for a partner, from files or a pipe."""

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.options import instant_option, json_option
from agent.cli.output import print_json

if TYPE_CHECKING:
    from gateway.partner_inbox import Inbox
    from gateway.partner_opening import Terms


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options by which a partner says what it takes."""
    for option in (
        instant_option("--until", "End of the contract (UTC): later windows are refused."),
        click.option("--contract", help="The contract: what is of another one is refused."),
        click.option(
            "--from", "senders", multiple=True, required=True, metavar="KEY",
            help="Public key of the plant, ssplant1_…; again for each plant.",
        ),
        click.option(
            "--key", "key_file", type=click.Path(path_type=Path), default="partner.key",
            show_default=True, help="The partner's key file.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command("open")
@click.argument("files", nargs=-1, type=click.Path(allow_dash=True))
@terms_options
@json_option
def open_(
    files: tuple[str, ...],
    key_file: Path,
    senders: tuple[str, ...],
    contract: str | None,
    until: int | None,
    as_json: bool,
) -> None:
    """Verify and open detail in FILES, or in what comes on standard input.

    Each line is a message: a payload alone, or a topic and the payload, as mosquitto_sub -v prints
    it. What opens is printed as CSV; what is refused is told with its reason, and the exit code is
    then 1. A detail that comes twice counts once.

    \b
    Example:
      sidestream partner open messages.txt --from ssplant1_… --contract 2026-17
      mosquitto_sub … -v | sidestream partner open --from ssplant1_… --json
    """
    from gateway.partner_inbox import COLUMNS, Inbox, cells, rows  # noqa: PLC0415
    from gateway.partner_keys import load  # noqa: PLC0415

    inbox = Inbox(load(key_file), terms(senders, contract, until))
    details: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    out = csv.writer(sys.stdout, lineterminator="\n")
    if not as_json:
        out.writerow(COLUMNS)
    for told in _opened(inbox, files or ("-",)):
        if "reason" in told:
            refused.append(told)
            click.echo(f"{told['where']}: refused, {told['reason']}: {told['detail']}", err=True)
        elif as_json:
            details.append(told["content"])
        else:
            out.writerows(cells(row) for row in rows(told["model"]))
    if as_json:
        print_json({"details": details, "refused": refused})
    if refused:
        sys.exit(1)


def terms(senders: Sequence[str], contract: str | None, until: int | None) -> "Terms":
    """Read what a partner goes by; raises `PermanentError` for what is no plant's key."""
    from gateway.keys import PlantPublic  # noqa: PLC0415
    from gateway.partner_opening import Terms  # noqa: PLC0415

    try:
        plants = tuple(PlantPublic.parse(text) for text in senders)
    except ValueError as error:
        raise PermanentError(
            "--from is not a plant's public key",
            mend="ask the plant for what `sidestream key` prints, ssplant1_…",
        ) from error
    return Terms(plants, contract, until)


def _opened(inbox: "Inbox", files: Sequence[str]) -> Iterator[dict[str, Any]]:
    from gateway.partner_inbox import messages  # noqa: PLC0415
    from gateway.partner_opening import DetailRefusedError  # noqa: PLC0415

    for name in files:
        for number, line in enumerate(_lines(name), start=1):
            for topic, payload in messages(line):
                try:
                    model, content = inbox.take(payload, topic)
                except DetailRefusedError as error:
                    where = f"{name}:{number}"
                    yield {"where": where, "reason": error.reason, "detail": error.detail}
                else:
                    yield {"model": model, "content": content}


def _lines(name: str) -> Iterator[bytes]:
    """Give the lines of a file, those of a pipe as they come; raises `PermanentError`."""
    if name == "-":
        yield from sys.stdin.buffer
        return
    try:
        with Path(name).open("rb") as file:
            yield from file
    except OSError as error:
        raise PermanentError(
            f"the file cannot be read ({error.strerror})", where=name, mend="correct its path"
        ) from error
