"""Members of a message that must be of some form, for who reads messages without their models.

A running agent hears two kinds of message, receipts and rosters. The library that checks models
takes ten megabytes; these few lines check the same, which a property holds them to.
"""

import json
from collections.abc import Callable
from re import Pattern
from typing import Any, TypeVar

from gateway.signing import MAX_PAYLOAD, RefusalError, versioned

_T = TypeVar("_T")


def heard(payload: bytes) -> dict[str, Any]:
    """Read a JSON object of our version; raises `RefusalError` for anything else."""
    if len(payload) > MAX_PAYLOAD:
        raise RefusalError("oversized", f"{len(payload)} bytes, at most {MAX_PAYLOAD} are read")
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise RefusalError("malformed", f"not JSON: {error}") from error
    return versioned(content)


def text(content: dict[str, Any], name: str, form: Pattern[str] | None = None) -> str:
    """Give a member that is a text, of a form if one is given; raises `RefusalError`."""
    found = content.get(name)
    if isinstance(found, str) and (form is None or form.fullmatch(found)):
        return found
    raise _malformed(name)


def whole(content: dict[str, Any], name: str, least: int = 0) -> int:
    """Give a member that is a whole number from `least` on; raises `RefusalError`."""
    found = content.get(name)
    if isinstance(found, int) and not isinstance(found, bool) and found >= least:
        return found
    raise _malformed(name)


def items(
    content: dict[str, Any], name: str, read: Callable[[dict[str, Any], str], _T], most: int
) -> tuple[_T, ...]:
    """Give each item of a member that is a list of up to `most`; raises `RefusalError`."""
    found = content.get(name)
    if isinstance(found, list) and len(found) <= most:
        return tuple(read({name: one}, name) for one in found)
    raise _malformed(name)


def table(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Give a member that is an object; raises `RefusalError`."""
    found = content.get(name)
    if isinstance(found, dict):
        return found
    raise _malformed(name)


def _malformed(name: str) -> RefusalError:
    return RefusalError("malformed", f"{name}: missing, or not of the form the contract gives it")
