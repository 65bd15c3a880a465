"""`sidestream hub broker-config`: the broker's configuration and access list, made or checked."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapters.errors import PermanentError
from agent.cli.options import hub_argument, json_option
from agent.cli.output import print_json, print_list

if TYPE_CHECKING:
    from config.hub_plan import HubPlan
    from gateway.hub.access import Account
    from gateway.roster import Ring

_MODES = {"mosquitto.conf": 0o644}
_PRIVATE = 0o640


@click.command("broker-config")
@hub_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the files."
)
@click.option("--check", is_flag=True, help="Write nothing; tell whether the files are current.")
@json_option
def broker_config(hub_file: str, output: Path, check: bool, as_json: bool) -> None:
    """Write what a mosquitto broker needs for HUB_FILE's cluster into a folder.

    mosquitto.conf is a whole configuration; access says what each account may
    do. Plants' names on the broker change by the quarter, and access has those
    of this quarter and the next: write it anew in each, and reload the broker.

    With --check the exit code is 0 when the files are current, 1 when they
    should be written anew, and 2 when members are shut out until they are.

    \b
    Example:
      sidestream hub broker-config hub.toml --output /etc/mosquitto/sidestream
    """
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    plan = load_hub(Path(hub_file), for_operator(os.environ))
    named, made = broker_files(plan, output, time.time_ns())
    if check:
        _check(plan, output, made, as_json)
    for name, text in made.items():
        write(output / name, text)
    if as_json:
        print_json({"files": [str(output / name) for name in made], "accounts": len(named)})
        return
    print_list("Written", [str(output / name) for name in made])
    _tell_accounts(named, plan.files.clients)


def broker_files(plan: "HubPlan", output: Path, now: int) -> "tuple[list[Account], dict[str, str]]":
    """Make the accounts, and the text of each file by its name; raises `PermanentError`."""
    from gateway.hub.access import (  # noqa: PLC0415
        Roll,
        accounts,
        former_keys,
        member_keys,
        patterns,
        periods,
    )
    from gateway.hub.mosquitto import files  # noqa: PLC0415
    from gateway.keys import HubPublic  # noqa: PLC0415

    plan, keys = _now(plan, now)
    own = plan.files
    try:
        roll = Roll(
            plan.cluster,
            own.account,
            member_keys(plan.members),
            own.readers,
            own.partners,
            former_keys(plan.members),
            tuple(HubPublic.parse(peer.key_text).fingerprint for peer in plan.peers),
        )
        named = accounts(roll, keys, periods(now, plan.limits.oldest))
    except ValueError as error:
        raise PermanentError(
            f"the accounts cannot be made: expected {error}", mend="correct it in the hub file"
        ) from error
    folder = own.directory or str(output.absolute())
    return named, files(own, named, folder, patterns(plan.cluster))


def _now(plan: "HubPlan", now: int) -> "tuple[HubPlan, Ring]":
    """Give the plan with those who are members in this quarter or the next, and the hub's keys."""
    from gateway.hub import membership, registry  # noqa: PLC0415
    from gateway.wire import quarter  # noqa: PLC0415

    known = registry.read(registry.path_of(plan))
    plan = membership.enrolled(plan, known)
    there = tuple(one for one in plan.members if not one.until or one.until > quarter(now))
    return replace(plan, members=there), membership.ring(plan, known)


def _tell_accounts(named: "list[Account]", clients: str) -> None:
    what = "common name of its certificate" if clients == "certificates" else "user name"
    print_list(f"Accounts ({what})", [f"{one.name}  {one.role}" for one in named])


def write(path: Path, text: str) -> None:
    """Replace a file at once; raises `PermanentError`."""
    draft = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        mode = _MODES.get(path.name, _PRIVATE)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, mode)
            if os.geteuid() == 0:
                # The broker drops its rights before it reads the file.
                folder = path.parent.stat()
                os.fchown(descriptor, folder.st_uid, folder.st_gid)
            file.write(text)
        draft.replace(path)
    except OSError as error:
        raise PermanentError(
            f"the file cannot be written ({error.strerror})",
            where=str(path),
            mend="give --output a folder you may write to, or run as root",
        ) from error


def _read(path: Path) -> str | None:
    """Read a file, None when there is none; raises `PermanentError`."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PermanentError(
            "the file cannot be read", where=str(path), mend="run as root"
        ) from error


def _check(plan: "HubPlan", output: Path, made: Mapping[str, str], as_json: bool) -> None:
    """Tell whether the files in a folder are what would be written now, and exit."""
    from gateway.hub.mosquitto import ACCESS  # noqa: PLC0415

    found = {name: _read(output / name) for name in made}
    stale = [str(output / name) for name, text in made.items() if found[name] != text]
    shut_out = _shut_out(plan, found[ACCESS] or "")
    code = 2 if shut_out else 1 if stale else 0
    if as_json:
        print_json({"stale": stale, "shut_out": shut_out})
        sys.exit(code)
    print_list("To be written anew", stale, empty="nothing, all files are current")
    if shut_out:
        print_list("Members the broker shuts out now", shut_out)
    sys.exit(code)


def _shut_out(plan: "HubPlan", access: str) -> list[str]:
    """Name the members that an access file does not let publish in this quarter."""
    from gateway.hub.access import member_keys  # noqa: PLC0415
    from gateway.wire import quarter, records_topic  # noqa: PLC0415

    plan, key = _now(plan, time.time_ns())
    lines = set(access.splitlines())
    now = [quarter(time.time_ns())]
    pairs = zip(plan.members, member_keys(plan.members), strict=True)
    return [
        member.name
        for member, public in pairs
        for name in key.pseudonyms(public, plan.cluster, now)
        if f"topic write {records_topic(plan.cluster, name)}" not in lines
    ]
