"""Names that outlast a power cut: a directory is synced after something in it was made or renamed.

POSIX promises for a synced file only what is in it, not that it is found again under its name.
"""

import errno
import os
from pathlib import Path

_CANNOT = (errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP)
"""What file systems say that sync no directory, and directories we may write to but not read."""


def make_directory(directory: Path) -> None:
    """Make a directory and those above it, durably; raises `OSError`."""
    missing = [one for one in (directory, *directory.parents) if not one.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_names(one.parent)


def sync_names(directory: Path) -> None:
    """Make the names in a directory durable, where its file system can; raises `OSError`."""
    try:
        found = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _CANNOT:
            return
        raise
    try:
        os.fsync(found)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(found)


def write_once(path: Path, content: bytes, mode: int) -> None:
    """Write a file that must not exist yet, durably and in one step: nobody finds half of it.

    Made by root for a service, it belongs to the owner of its directory. Raises `OSError`.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(number, "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask takes away
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
    sync_names(path.parent)


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Put a file in place of what may be there, durably and in one step.

    Made by root for a service, it belongs to the owner of its directory. Raises `OSError`.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    write_once(fresh, content, mode)
    fresh.replace(path)
    sync_names(path.parent)
