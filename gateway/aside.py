"""Damaged files: renamed so that a new one can be begun, and found again when that was interrupted.

The reason is written beside a damaged file when the new one has been begun, and so tells that too.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.errors import TransientError
from gateway.durable import sync_names
from gateway.wire import rfc3339

KEEP_DAMAGED = 3
"""Damaged files kept beside the new one; of more, the oldest are removed."""
_BESIDE = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Aside:
    """A damaged file under its new name, and in words where it went and why."""

    path: Path
    reason: str


def set_aside(path: Path, reason: str, now: int) -> Aside:
    """Rename a damaged file and what belongs to it; gives its new path, and why in words.

    Raises `TransientError` when the medium does not let it be renamed.
    """
    stamp = rfc3339(now).replace(":", "")
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 2
    while target.exists():
        target = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
        number += 1
    with _renaming(path):
        path.rename(target)
        _follow(path, target)
        for old in _damaged(path)[:-KEEP_DAMAGED]:
            remove(old)
    return Aside(target, f"{reason}; set aside as {target.name}")


@contextmanager
def _renaming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TransientError(
            f"a damaged file cannot be set aside ({error.strerror})",
            where=str(path),
            mend="look for errors of the disk in `journalctl -k`",
        ) from error


def _follow(path: Path, target: Path) -> None:
    """Let what lies beside a file go where the file went."""
    for suffix in _BESIDE:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(target.with_name(target.name + suffix))
    sync_names(path.parent)


def _damaged(path: Path) -> list[Path]:
    """Give the damaged files that are kept, oldest first."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*[0-9Z]"))


def interrupted(path: Path) -> Aside | None:
    """Find a damaged file that no new one has taken the place of yet: the program was stopped.

    One that was replaced has its reason beside it.
    """
    found = _damaged(path)[-1:]
    if not found or _reason(found[0]).exists():
        return None
    if not path.exists():
        with _renaming(path):
            _follow(path, found[0])
    return Aside(found[0], f"it was damaged; set aside as {found[0].name}")


def _reason(damaged: Path) -> Path:
    return damaged.with_name(damaged.name + ".reason")


def conclude(aside: Aside) -> None:
    """Write the reason beside a damaged file, unless the disk is full: it is told elsewhere too."""
    path = _reason(aside.path)
    try:
        path.write_text(aside.reason + "\n")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise TransientError(
                f"the reason cannot be written ({error.strerror})", where=str(path)
            ) from error


def remove(path: Path) -> None:
    """Remove a file and what lies beside it."""
    for suffix in ("", *_BESIDE, ".reason"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
