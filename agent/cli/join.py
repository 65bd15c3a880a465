"""`sidestream join`: a plant's way from an invitation to a member of its cluster."""

import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.options import json_option
from agent.cli.output import print_json

if TYPE_CHECKING:
    from agent.running.joining import Joining
    from gateway.joining import Admission, Invitation

_LARGEST = 262_144
_PRIVATE = 0o600


@dataclass
class _Said:
    """What is told at the end: lines for people, one document for programs."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, text: str, **facts: Any) -> None:
        self.rows.append((name, text))
        self.document |= facts

    def end(self, as_json: bool, code: int = 0) -> None:
        if as_json:
            print_json(self.document)
        else:
            for name, text in self.rows:
                click.echo(f"{name:<12} {text}")
        sys.exit(code)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--config", "plant_file", type=click.Path(path_type=Path), envvar="SIDESTREAM_PLANT",
    default="/etc/sidestream/plant.toml", help="The plant file.",
)  # fmt: skip
@click.option("--expect", metavar="FINGERPRINT", help="Refuse any other hub than this one.")
@click.option("--dry-run", is_flag=True, help="Print the [hub] table and change nothing.")
@click.option("--wait", is_flag=True, help="Wait until the hub's operator has admitted the plant.")
@click.option("--new-key", is_flag=True, help="Ask with a new key, to take the old one's place.")
@click.option("--offline", is_flag=True, help="Write the request to a file instead of sending it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="That file.")
@click.option("--admission", type=click.Path(path_type=Path), help="The hub's answer, as a file.")
@json_option
def join(
    *, file: Path, plant_file: Path, expect: str | None, dry_run: bool, wait: bool, new_key: bool,
    offline: bool, output: Path | None, admission: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Join a cluster by the invitation FILE, step by step; run it again to go on.

    It makes the plant's keys, writes [hub] into the plant file (the rest stays
    as it is), and sends a request that the hub alone can read. When the hub's
    operator has admitted the plant, running it again fetches the certificate.
    Exit code 1 means that with --wait no answer came while the invitation was good.

    \b
    Example:
      sidestream join slagworks.invite --config /etc/sidestream/plant.toml
    """
    from agent.running.asking import SOON  # noqa: PLC0415
    from agent.running.joining import Joining  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.joining import read_invitation  # noqa: PLC0415

    invitation = read_invitation(_bytes(file), str(file), time.time_ns())
    said = _Said()
    _introduce(invitation, expect, said)
    plan = load_plant(plant_file, for_operator(os.environ))
    if dry_run:
        _dry_run(invitation, plan.state_dir, as_json)
        return
    joining = Joining.begin(plan, invitation, new_key=new_key)
    done = joining.installed()
    if done is not None and not joining.fresh:
        _admitted(joining, done, said, as_json)
    joining.prepare()
    _write_table(plant_file, joining, said)
    said.add("fingerprint", f"{joining.account}  (of this plant: tell it to the hub's operator)",
             fingerprint=joining.account)  # fmt: skip
    if admission is not None:
        _admitted(joining, _installed(joining, _bytes(admission), str(admission)), said, as_json)
    broker = None if offline else joining.broker()
    if broker is None:
        _to_file(joining, file, output, said, as_json)
        return
    patience = _left(invitation) if wait else SOON
    answer = asyncio.run(joining.ask(broker, patience, lambda: _waits(wait, as_json)))
    if answer is not None:
        _admitted(joining, _installed(joining, answer, "the hub's answer"), said, as_json)
    said.add("request", f"sent to {invitation.broker}", state="requested")
    said.add("next", f"when the operator has admitted this plant: sidestream join {file}")
    said.end(as_json, 1 if wait else 0)


def _introduce(invitation: "Invitation", expect: str | None, said: _Said) -> None:
    from gateway.keys import HubPublic  # noqa: PLC0415

    fingerprint = HubPublic.parse(invitation.hub).fingerprint
    if expect is not None and "".join(expect.split()).lower() != fingerprint:
        raise PermanentError(
            f"the invitation is from the hub {fingerprint}, not from {expect}",
            mend="ask the hub's operator, by another way, for the invitation and the fingerprint",
        )
    said.add("invitation", f"to {invitation.cluster}, good until {invitation.expires}",
             cluster=invitation.cluster, expires=invitation.expires)  # fmt: skip
    said.add("hub", f"{fingerprint}  (compare it with the operator's, by another way)",
             hub=fingerprint)  # fmt: skip


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise PermanentError(
            f"the file cannot be read ({error.strerror})", where=str(path), mend="correct its path"
        ) from error


def _dry_run(invitation: "Invitation", state_dir: str, as_json: bool) -> None:
    from agent.running.hubtable import lines, table  # noqa: PLC0415
    from agent.running.joining import files_in  # noqa: PLC0415

    wanted = table(invitation, files_in(Path(state_dir)), "FINGERPRINT")
    if as_json:
        print_json({"hub": wanted})
        return
    click.echo(lines(wanted), nl=False)


def _write_table(plant_file: Path, joining: "Joining", said: _Said) -> None:
    from agent.running.hubtable import merged, table  # noqa: PLC0415
    from config import toml  # noqa: PLC0415

    before = toml.read(plant_file)
    text = plant_file.read_text("utf-8")
    wanted = table(joining.invitation, joining.where, joining.account)
    after = merged(text, wanted, str(plant_file), before.lines.get(("hub",)))
    if after != text:
        _checked(plant_file, after)
    said.add("plant file", f"[hub] {'is' if after == text else 'written'} in {plant_file}",
             plant_file=str(plant_file), written=after != text)  # fmt: skip


def _checked(path: Path, text: str) -> None:
    """Put a text in a plant file's place once it loads, with the file's own rights."""
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    draft, state = path.with_name(f".{path.name}.joining"), path.stat()
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), state.st_uid, state.st_gid)
            os.fchmod(file.fileno(), state.st_mode & 0o777)
            file.flush()
            os.fsync(file.fileno())
        load_plant(draft, for_operator(os.environ))
        draft.replace(path)
    except OSError as error:
        raise PermanentError(
            f"the plant file cannot be written ({error.strerror})",
            where=str(path),
            mend="run as root, or add what `--dry-run` prints by hand",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _to_file(
    joining: "Joining", file: Path, output: Path | None, said: _Said, as_json: bool
) -> None:
    from gateway.durable import replace_file  # noqa: PLC0415

    target = output or file.with_suffix(".request")
    try:
        replace_file(target, joining.request(), _PRIVATE)
    except OSError as error:
        raise PermanentError(
            f"the request cannot be written ({error.strerror})",
            where=str(target),
            mend="give -o another file",
        ) from error
    said.add("request", f"written to {target}: send it to the hub's operator, who runs",
             state="requested", request=str(target))  # fmt: skip
    admit = f"sidestream hub admit {joining.account} --request {target.name}"
    said.add("", f"{admit} --owner … --place … -o admission")
    said.add("next", f"with the operator's answer: sidestream join {file} --admission admission")
    said.end(as_json)


def _installed(joining: "Joining", payload: bytes, where: str) -> "Admission":
    from gateway.signing import RefusalError  # noqa: PLC0415

    try:
        return joining.install(payload)
    except RefusalError as error:
        raise PermanentError(
            f"not an admission for this plant and invitation ({error.detail})",
            where=where,
            mend="ask the hub's operator to admit the fingerprint that is shown here",
        ) from error


def _admitted(joining: "Joining", admission: "Admission", said: _Said, as_json: bool) -> None:
    said.add("admitted", f"to {admission.cluster}; counts in released cells from "
             f"{admission.since} on", state="admitted", since=admission.since)  # fmt: skip
    by_certificate = joining.invitation.clients == "certificates"
    if by_certificate and admission.certificate is None:
        said.add("certificate", f"comes from the operator: put it at {joining.where.certificate}")
    elif by_certificate:
        said.add("certificate", joining.where.certificate, certificate=joining.where.certificate)
    said.add("next", "sudo systemctl restart sidestream-agent && sudo sidestream status")
    said.end(as_json)


def _left(invitation: "Invitation") -> float:
    from gateway.wire import nanoseconds  # noqa: PLC0415

    return max(1.0, (nanoseconds(invitation.expires) - time.time_ns()) / 1e9)


def _waits(wait: bool, as_json: bool) -> None:
    if wait and not as_json:
        click.echo("sent the request; waiting for the hub's operator to admit this plant", err=True)
