"""The status file: replaced in one step by the service, read by whoever asks how it is doing.

A file in the runtime directory (memory, not flash) needs no port and no socket. Its shape is the
`--json` output of `sidestream status`, but for good values, which are columns there until they are
read. Reading it imports next to nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.errors import PermanentError, TransientError
from adapters.reading import NANOSECONDS
from agent.running.columns import unfolded
from gateway.shown import show

FILE = "status.json"
STALE_AFTER = 30 * NANOSECONDS
"""A status file older than this means that the agent is not running, or hangs."""
_START = "start it with `systemctl start sidestream-agent` or `sidestream run`"


_LOG = "see `journalctl -u sidestream-agent`"


class NoStatusError(PermanentError):
    """There is no status to tell: for monitoring that is as bad as a critical one."""

    exit_code = 2


def write(directory: Path, document: Mapping[str, Any]) -> None:
    """Replace the status file in one step, so that no reader sees half of it.

    Raises `TransientError` when its directory cannot be written.
    """
    try:
        show(directory / FILE, json.dumps(document))
    except OSError as error:
        raise TransientError(
            f"the status file cannot be written ({error.strerror})",
            where=str(directory / FILE),
            mend="let the service's user write there, or set [state] runtime",
        ) from error


def read(directory: Path, now: int) -> dict[str, Any]:
    """Read the status file; one that is stale or of a stopped agent is critical whatever it says.

    Raises `NoStatusError` when there is none, or none that can be read.
    """
    path = directory / FILE
    try:
        document = unfolded(json.loads(path.read_text()))
        age = now - int(document["time"])
        problems: list[str] = document["problems"]
    except FileNotFoundError:
        raise NoStatusError("no agent has run here", where=str(path), mend=_START) from None
    except OSError as error:
        mend = "run the command as root, or as a member of the service's group"
        what = f"the status file cannot be read ({error.strerror})"
        raise NoStatusError(what, where=str(path), mend=mend) from error
    except (ValueError, KeyError, TypeError) as error:
        what = "not a status file of this program"
        mend = "remove the file; a running agent writes it anew"
        raise NoStatusError(what, where=str(path), mend=mend) from error
    found = _not_running(document, age)
    if found:
        document["level"] = "critical"
        problems.insert(0, found)
    return document


def _not_running(document: Mapping[str, Any], age: int) -> str:
    seconds = age // NANOSECONDS
    if document.get("stopped"):
        return f"the agent was stopped {seconds} s ago: {_START}"
    if age > STALE_AFTER:
        text = f"the agent wrote its last status {seconds} s ago: it was killed or hangs"
        return f"{text}\n  → {_LOG}"
    if age < -STALE_AFTER:
        return "the last status is from the future: the clock was set back, and no agent runs"
    return ""
