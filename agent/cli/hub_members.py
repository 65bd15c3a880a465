"""`sidestream hub invite`, `requests`, `admit`, `retire` and `roster`: who belongs to a cluster."""

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.hub_refresh import refresh
from agent.cli.options import hub_argument, json_option, within
from agent.cli.output import print_json, print_table, utc

if TYPE_CHECKING:
    from config.hub_plan import HubPlan
    from gateway.hub.requests import Pending

_PRIVATE = 0o600
_ENOUGH = 16
"""Digits of a fingerprint that are taken for the whole, where they are one request's alone."""


def _plan(hub_file: str) -> "HubPlan":
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    return load_hub(Path(hub_file), for_operator(os.environ))


def _save(path: Path, content: bytes) -> None:
    from gateway.durable import write_once  # noqa: PLC0415

    try:
        write_once(path, content, _PRIVATE)
    except FileExistsError as error:
        raise PermanentError(
            "there is a file of this name", where=str(path), mend="give another name to --output"
        ) from error
    except OSError as error:
        raise PermanentError(
            f"the file cannot be written ({error.strerror})",
            where=str(path),
            mend="give --output a place you may write to",
        ) from error


@click.command()
@hub_argument
@click.option("--for", "note", default="", help="Whom it is for; shown in `hub requests`.")
@click.option("--valid", default="7d", callback=within(90), help="How long it is good for (7d).")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The file.")
@json_option
def invite(hub_file: str, note: str, valid: float, output: Path, as_json: bool) -> None:
    """Write an invitation: one file with all a plant needs to ask to join.

    It holds a credential of its own, with which one request can be sent and
    nothing else be done, until it ends: hand it over as you would a password.

    \b
    Example:
      sidestream hub invite hub.toml --for "Slag works" -o slagworks.invite
    """
    from gateway.hub import admitting  # noqa: PLC0415
    from gateway.joining import read_invitation  # noqa: PLC0415
    from gateway.keys import HubPublic  # noqa: PLC0415

    plan, now = _plan(hub_file), time.time_ns()
    made = admitting.invite(plan, note, round(valid * 1e9), now)
    _save(output, made.content)
    content = read_invitation(made.content, str(output), now)
    fingerprint = HubPublic.parse(content.hub).fingerprint
    told = refresh(plan, now, made.password_line, members=False)
    if as_json:
        print_json(
            {
                "file": str(output), "invitation": made.name, "expires": content.expires,
                "hub": fingerprint, "broker": content.broker, "without": made.without, **told.json,
            }
        )  # fmt: skip
        return
    click.echo(f"written      {output}")
    click.echo(f"good until   {content.expires}")
    click.echo(f"broker       {content.broker}")
    click.echo(f"fingerprint  {fingerprint}  (of the hub: tell it by another way)\n")
    if made.without:
        click.echo(f"It has no credential, for {made.without}.")
        click.echo("The plant's request and your admission are then sent as files.\n")
    told.show()
    click.echo(f"next, at the plant:  sidestream join {output.name}")


@click.command()
@hub_argument
@json_option
def requests(hub_file: str, as_json: bool) -> None:
    """Show the plants that ask to join, and members that ask for a new key or certificate.

    \b
    Example:
      sidestream hub requests hub.toml
    """
    waiting = _waiting(_plan(hub_file))
    if as_json:
        print_json([one.model_dump(exclude={"csr", "password"}) for one in waiting])
        return
    print_table(
        "Requests",
        ("fingerprint", "asks for", "received (UTC)", "says it is of", "invited as"),
        [(o.fingerprint, o.kind, utc(o.received), o.owner, o.note or o.sender) for o in waiting],
    )
    renewals = [one for one in waiting if one.kind == "renewal"]
    if len(renewals) < len(waiting):
        click.echo("Compare the fingerprint with the plant's operator by another way, then")
        click.echo("  sidestream hub admit FINGERPRINT --owner … --place …")
    if renewals:
        click.echo("Renewals are signed by keys that you have admitted; this grants them:")
        click.echo("  sidestream hub renew")


def _waiting(plan: "HubPlan") -> "list[Pending]":
    from gateway.hub import registry, renewals, requests  # noqa: PLC0415

    known = registry.read(registry.path_of(plan))
    return renewals.unanswered(requests.read(Path(plan.state_dir)), known)


def _place(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    from config.hub import place_path  # noqa: PLC0415

    try:
        return None if text is None else place_path(text)
    except ValueError as error:
        raise click.BadParameter(f"give {error}") from error


@click.command()
@click.argument("fingerprint")
@hub_argument
@click.option("--owner", help="The company: sites of one owner count as one contributor.")
@click.option("--place", callback=_place, help='Where it is, from coarse to fine: "ora/north".')
@click.option("--name", help="Its name on your screens; else made of the fingerprint.")
@click.option("--waives", is_flag=True, help="Its owner lets cells show it alone.")
@click.option("--replaces", metavar="NAME", help="It is the new key of this member.")
@click.option("--lost", is_flag=True, help="With --replaces: refuse the old key at once.")
@click.option("--request", type=click.Path(path_type=Path), help="A request sent as a file.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the admission to a file too."
)
@json_option
def admit(
    fingerprint: str, hub_file: str, request: Path | None, output: Path | None, as_json: bool,
    **terms: Any,
) -> None:  # fmt: skip
    """Admit the plant whose request has FINGERPRINT, as its operator reads it to you.

    The running hub takes it up within seconds. A member that asks for a new
    certificate gets one (`hub renew`, too); a new key needs --replaces NAME.

    \b
    Example:
      sidestream hub admit 2f6e… --owner "Slag AS" --place ora/north --name slag
    """
    from gateway.hub import admitting  # noqa: PLC0415

    plan, now = _plan(hub_file), time.time_ns()
    if request is None and (known := _member(plan, fingerprint)):
        _already(plan, known, now, as_json)
        return
    pending = _pending(plan, fingerprint, request, now)
    made = admitting.admit(plan, pending, admitting.Terms(**terms), now)
    if output is not None:
        _save(output, made.payload)
    told = refresh(plan, now, made.password_line)
    member = made.member
    if as_json:
        print_json(
            {
                "name": member.name, "owner": member.owner, "place": member.place,
                "waives": member.waives, "fingerprint": pending.fingerprint, "since": made.since,
                "certificate": made.certificate is not None, **told.json,
            }
        )  # fmt: skip
        return
    click.echo(f"admitted     {member.name} ({member.owner}, {member.place})")
    click.echo(f"fingerprint  {pending.fingerprint}")
    click.echo(f"counts       in released cells from {made.since} on")
    if made.certificate is None and pending.csr is not None:
        click.echo("certificate  none: sign its request by hand ([broker] ca_key signs here)")
        click.echo(f"\n{pending.csr.strip()}\n")
    told.show()
    how = "sidestream renew" if pending.kind == "renewal" else "sidestream join …"
    wait = "" if pending.kind == "renewal" else " --wait"
    how += f" --admission {output}" if output else wait
    click.echo(f"next, at the plant:  {how}")


def _digits(text: str) -> str:
    return re.sub(r"[\s:-]", "", text.lower())


def _member(plan: "HubPlan", text: str) -> str | None:
    """Give the name of the member that has a fingerprint, where no request of it waits."""
    from gateway.hub.membership import enrolled  # noqa: PLC0415
    from gateway.keys import PlantPublic  # noqa: PLC0415

    wanted = _digits(text)
    if any(one.fingerprint.startswith(wanted) for one in _waiting(plan)):
        return None
    members = enrolled(plan).members
    return next(
        (one.name for one in members if PlantPublic.parse(one.key_text).fingerprint == wanted), None
    )


def _already(plan: "HubPlan", name: str, now: int, as_json: bool) -> None:
    """Tell that a plant is a member, and do again what may have failed: the broker's files."""
    told = refresh(plan, now, None)
    if as_json:
        print_json({"name": name, "already": True, **told.json})
        return
    click.echo(f"{name} is a member already, and nothing of it waits.")
    told.show()


def _pending(plan: "HubPlan", text: str, file: Path | None, now: int) -> "Pending":
    wanted = _digits(text)
    found = [_of_file(plan, file, now)] if file is not None else _waiting(plan)
    fits = [one for one in found if one.fingerprint.startswith(wanted)]
    if len(wanted) < _ENOUGH or len(fits) != 1:
        raise PermanentError(
            f"no request has the fingerprint {text}",
            mend="compare it, whole, with those of `sidestream hub requests`",
        )
    return fits[0]


def _of_file(plan: "HubPlan", file: Path, now: int) -> "Pending":
    from gateway.hub import membership, registry, requests  # noqa: PLC0415
    from gateway.joining import parcel_of  # noqa: PLC0415
    from gateway.signing import RefusalError  # noqa: PLC0415

    known = registry.read(registry.path_of(plan))
    members, ring = membership.enrolled(plan, known).members, membership.ring(plan, known)
    try:
        payload = file.read_bytes()
        sender = parcel_of(payload).sender
        return requests.opened(payload, now, plan.cluster, sender, ring, known, members)
    except OSError as error:
        raise PermanentError("the request cannot be read", where=str(file)) from error
    except RefusalError as error:
        raise PermanentError(
            f"not a request that can be taken ({error.detail})",
            where=str(file),
            mend="let the plant make it anew, with `--offline`",
        ) from error


@click.command()
@click.argument("name")
@hub_argument
@click.option("--now", "at_once", is_flag=True, help="Refuse its key at once, as when it is lost.")
@json_option
def retire(name: str, hub_file: str, at_once: bool, as_json: bool) -> None:
    """Let the member NAME leave: it counts until this quarter ends, and no longer.

    \b
    Example:
      sidestream hub retire slagworks hub.toml
    """
    from gateway.hub import admitting  # noqa: PLC0415

    plan, now = _plan(hub_file), time.time_ns()
    until = admitting.retire(plan, name, now, at_once=at_once)
    told = refresh(plan, now, None)
    if as_json:
        print_json({"name": name, "until": until, "at_once": at_once, **told.json})
        return
    when = "its key is refused from now on" if at_once else f"it counts to the end before {until}"
    click.echo(f"retired      {name}: {when}")
    if any(one.name == name for one in plan.members):
        click.echo(f"Its table stays in the hub file until {until or 'you take it out'}.")
    told.show()


@click.command()
@hub_argument
@click.option("--period", help="The quarter to show, 2026Q1; else this one.")
@json_option
def roster(hub_file: str, period: str | None, as_json: bool) -> None:
    """Show the members, and in which quarters they count in released cells.

    \b
    Example:
      sidestream hub roster hub.toml --period 2027Q1
    """
    from gateway.hub.membership import enrolled  # noqa: PLC0415
    from gateway.keys import PlantPublic  # noqa: PLC0415
    from gateway.wire import quarter  # noqa: PLC0415

    if period is not None and not re.fullmatch(r"\d{4}Q[1-4]", period):
        raise click.BadParameter("give a quarter, such as 2026Q1", param_hint="--period")
    plan = _plan(hub_file)
    written = {one.name for one in plan.members}
    of = period or quarter(time.time_ns())
    rows = [
        {
            "name": one.name, "owner": one.owner, "place": one.place, "waives": one.waives,
            "counts": one.counts(of), "since": one.since, "until": one.until,
            "fingerprint": PlantPublic.parse(one.key_text).fingerprint,
            "from": "hub file" if one.name in written else "admitted",
        }
        for one in enrolled(plan).members
    ]  # fmt: skip
    if as_json:
        print_json({"cluster": plan.cluster, "period": of, "members": rows})
        return
    print_table(
        f"Roster of {plan.cluster}, {of}",
        ("name", "owner", "place", "counts", "from", "until", "fingerprint"),
        [
            (
                row["name"], row["owner"], row["place"], "yes" if row["counts"] else "no",
                row["since"], row["until"], row["fingerprint"],
            )
            for row in rows
        ],
    )  # fmt: skip
