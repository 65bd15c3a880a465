"""The [hub] table of a plant file, written from an invitation: added, left as it is, or refused."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.errors import PermanentError
from gateway.joining import Invitation

_LINE = "[hub]"


@dataclass(frozen=True, slots=True)
class Where:
    """Files beside the plant's state by which its agent reaches the broker."""

    ca: str
    certificate: str
    key: str
    password: str


def table(invitation: Invitation, where: Where, account: str) -> dict[str, Any]:
    """Give what [hub] must say; `account` is the fingerprint of the plant's key."""
    found: dict[str, Any] = {
        "cluster": invitation.cluster,
        "broker": invitation.broker,
        "key": invitation.hub,
        "record_size": invitation.record_size,
    }
    tls: dict[str, str] = {} if invitation.ca is None else {"ca": where.ca}
    if invitation.clients == "certificates":
        tls |= {"certificate": where.certificate, "key": where.key}
    if invitation.clients == "passwords":
        found |= {"username": account, "password_file": where.password}
    return {**found, "tls": tls} if tls else found


def lines(wanted: Mapping[str, Any]) -> str:
    """Write the table as TOML."""
    own = [f"{key} = {_value(value)}" for key, value in wanted.items() if key != "tls"]
    tls = [f"{key} = {_value(value)}" for key, value in wanted.get("tls", {}).items()]
    return "\n".join([_LINE, *own, *(["[hub.tls]", *tls] if tls else []), ""])


def _value(value: object) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def merged(text: str, wanted: Mapping[str, Any], where: str, line: int | None) -> str:
    """Add the table at the end of a plant file's text, which is otherwise left as it is.

    A file that says the same already is given back unchanged. Raises `PermanentError` when it has
    another [hub], at `line`.
    """
    there = tomllib.loads(text).get("hub")
    if there is None:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}\n{lines(wanted)}"
    known = {"record_size": 4096, **there}
    other = [key for key, value in wanted.items() if not _says(known.get(key), value)]
    if other:
        at = f"{where}:{line}" if line else where
        raise PermanentError(
            f"the plant file has another [hub]: {', '.join(other)} differ from the invitation",
            where=at,
            mend="take its tables [hub] and [hub.tls] out and run this again "
            "(`--dry-run` prints the new ones), or ask for an invitation to that hub",
        )
    return text


def _says(there: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(there.get(key) == value for key, value in wanted.items())
    return there == wanted
