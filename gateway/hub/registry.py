"""The registry: whom the hub has invited, admitted and retired, in one file beside the ledger.

It is written by the operator's commands and read anew by the running hub. It is a file and not a
part of the ledger so that membership outlives a damaged ledger, and can be read by eye and backed
up with the key.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.errors import PermanentError, TransientError
from config.hub_plan import HubPlan, Member
from gateway.durable import make_directory, replace_file
from gateway.roster import following
from gateway.wire import quarter

FILE = "roster.json"
_OURS = 0o600


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Invited(_Part):
    """An invitation that was given out: its name, for whom, and its bounds in nanoseconds."""

    name: str
    note: str = ""
    issued: int
    expires: int


class Admitted(_Part):
    """A member that was admitted by command, or the new key of one of the hub file."""

    name: str
    key: str
    owner: str
    place: str
    waives: bool = False
    former: tuple[tuple[str, int], ...] = ()
    """Keys it has replaced, and up to when windows may begin that they still sign for (ns)."""


class Tenure(_Part):
    """When a member came and went (nanoseconds); `at_once` when it was not waited for."""

    admitted: int
    retired: int | None = None
    at_once: bool = False


class Answer(_Part):
    """An admission as it is published: the account it answers, for which key, sealed."""

    sender: str
    plant: str
    payload: str
    asked: str = ""
    """Digest of what was asked for: the same request again is answered already."""
    issued: int


class LaterKey(_Part):
    """A key of the hub that follows the one of the hub file, from a quarter on."""

    since: str
    file: str


class Registry(_Part):
    """All of it."""

    v: int = 1
    invitations: tuple[Invited, ...] = ()
    admitted: tuple[Admitted, ...] = ()
    tenures: dict[str, Tenure] = Field(default_factory=dict)
    """By member's name, for those of the hub file too."""
    answers: tuple[Answer, ...] = ()
    keys: tuple[LaterKey, ...] = ()

    def invitation(self, name: str) -> Invited | None:
        """Give an invitation by its name."""
        return next((one for one in self.invitations if one.name == name), None)


def path_of(plan: HubPlan) -> Path:
    """Give the registry's file."""
    return Path(plan.state_dir) / FILE


def read(path: Path) -> Registry:
    """Read the registry, an empty one where there is no file; raises `PermanentError`."""
    try:
        return Registry.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Registry()
    except OSError as error:
        raise PermanentError(
            f"the registry of members cannot be read ({error.strerror})",
            where=str(path),
            mend="run as the hub's user, or as root",
        ) from error
    except ValidationError as error:
        raise PermanentError(
            "the registry of members is damaged",
            where=str(path),
            mend="put its copy in its place, or mend the JSON by hand",
        ) from error


def change(path: Path, work: Callable[[Registry], Registry]) -> Registry:
    """Read, change and write the registry while nobody else does; gives what it is now.

    Raises `PermanentError` when it cannot be read, `TransientError` when it cannot be written.
    """
    try:
        make_directory(path.parent)
        with _locked(path.with_suffix(".lock")):
            before = read(path)
            after = work(before)
            if after != before:
                replace_file(path, after.model_dump_json(indent=1).encode(), _OURS)
            return after
    except OSError as error:
        raise TransientError(
            f"the registry of members cannot be written ({error.strerror})",
            where=str(path),
            mend="run as the hub's user, or as root",
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OURS)
    try:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(held, owner.st_uid, owner.st_gid)
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def seen(
    registry: Registry, members: Sequence[Member], first: Mapping[str, int], now: int
) -> Registry:
    """Note when members of the hub file were first there: by their first record, else now."""
    new = {
        member.name: Tenure(admitted=first.get(member.name, now))
        for member in members
        if member.name not in registry.tenures
    }
    return registry.model_copy(update={"tenures": {**registry.tenures, **new}}) if new else registry


def enrolled(
    members: Sequence[Member], registry: Registry, released: int | None
) -> tuple[Member, ...]:
    """Merge the hub file's members with those admitted, each with the quarters it counts in.

    `released` is when the cluster's first cell was released, None before. Who was there by then
    counts from the beginning, whoever came later from the next quarter on.
    """
    later = {one.name: one for one in registry.admitted}
    merged = [_rekeyed(member, later.pop(member.name, None)) for member in members]
    merged += [
        Member(one.name, one.key, one.owner, one.place, one.waives, former=one.former)
        for one in later.values()
    ]
    found = (_bounded(member, registry.tenures.get(member.name), released) for member in merged)
    return tuple(member for member in found if member is not None)


def _rekeyed(member: Member, later: Admitted | None) -> Member:
    if later is None:
        return member
    return replace(member, key_text=later.key, former=later.former)


def _bounded(member: Member, tenure: Tenure | None, released: int | None) -> Member | None:
    if tenure is None:
        return member
    if tenure.at_once:
        return None
    joined = released is not None and tenure.admitted > released
    since = following(quarter(tenure.admitted)) if joined else ""
    until = "" if tenure.retired is None else following(quarter(tenure.retired))
    return replace(member, since=since, until=until)
