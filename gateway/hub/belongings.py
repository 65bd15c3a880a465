"""What belongs to a copy of the ledger: the registry of members, and the keys where asked for.

Without the registry a restored hub does not know who its members are, and without its keys it opens
nothing they send. Both lie beside the copy: `NAME.roster.json`, and the folder `NAME.keys`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from adapters.errors import PermanentError
from config.hub_plan import HubPlan
from gateway import keys
from gateway.aside import conclude, set_aside
from gateway.durable import make_directory, replace_file, sync_names, write_once
from gateway.hub import registry
from gateway.hub.registry import Registry

FIRST = "hub.key"
OWNERS = "owners.key"
CREDENTIALS = "/run/credentials/"
_OURS = 0o600
_FOLDER = 0o700
State = Literal["put back", "as in the copy", "another stays", "not in the copy", "credential"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One file that belongs to the ledger, where it lies here, and what a restore did with it."""

    name: str
    path: str
    state: State


def registry_beside(copy: Path) -> Path:
    """Name the registry's copy beside a copy of the ledger."""
    return copy.with_name(f"{copy.name}.roster.json")


def keys_beside(copy: Path) -> Path:
    """Name the folder of the keys beside a copy of the ledger."""
    return copy.with_name(f"{copy.name}.keys")


def key_files(plan: HubPlan, known: Registry) -> dict[str, Path]:
    """Give the files of the hub's keys by the names they have in a copy.

    Raises `PermanentError` where the registry names a file elsewhere.
    """
    found = {FIRST: Path(plan.key_file)}
    for one in known.keys:
        if one.file != Path(one.file).name or one.file in (FIRST, OWNERS, ".."):
            raise PermanentError(f"not a file of a key: {one.file!r:.80}", where=registry.FILE)
        found[one.file] = Path(plan.state_dir) / one.file
    if plan.federation is not None:
        found[OWNERS] = Path(plan.federation.owner_key_file)
    return found


def backup(plan: HubPlan, copy: Path, *, with_keys: bool) -> list[Path]:
    """Copy what belongs to the ledger beside a copy of it; gives the files.

    The registry is read after the ledger was, so that it knows every member with a record there.
    Raises `PermanentError`, before anything is written where a file cannot be read.
    """
    path, target = registry.path_of(plan), registry_beside(copy)
    known = registry.read(path)
    content = path.read_bytes() if path.exists() else None
    secrets = (
        {name: _read(own) for name, own in key_files(plan, known).items()} if with_keys else {}
    )
    with _writing(target):
        if content is None:
            target.unlink(missing_ok=True)
        else:
            make_directory(target.parent)
            replace_file(target, content, _OURS)
    return [*([] if content is None else [target]), *_keep(keys_beside(copy), secrets)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        systemd = str(path).startswith(CREDENTIALS)
        raise PermanentError(
            f"the key cannot be read ({error.strerror})",
            where=str(path),
            mend="a credential of systemd: keep a copy of the file that LoadCredential names"
            if systemd
            else "run as the hub's user, or as root",
        ) from error


def _keep(folder: Path, secrets: dict[str, bytes]) -> list[Path]:
    if not secrets:
        return []
    with _writing(folder):
        make_directory(folder.parent)
        folder.mkdir(_FOLDER, exist_ok=True)
        folder.chmod(_FOLDER)
        for name, content in secrets.items():
            replace_file(folder / name, content, _OURS)
        sync_names(folder.parent)
    return [folder / name for name in secrets]


def restore(plan: HubPlan, copy: Path, now: int) -> list[Piece]:
    """Put back what is missing here of what lies beside a copy; what is there is never replaced.

    A damaged registry is set aside. All of the copy is read before anything is written. Raises
    `PermanentError`, and `TransientError` where the medium refuses.
    """
    copied = _registry(registry_beside(copy))
    there = _present(registry.path_of(plan))
    files = key_files(plan, there if there is not None else copied or Registry())
    secrets = _secrets(keys_beside(copy), files)
    pieces = [] if copied is None else [_put_registry(plan, copied, there, now)]
    if any(content is not None for content in secrets.values()):
        pieces += [_put(name, files[name], content) for name, content in secrets.items()]
    return pieces


def _registry(path: Path) -> Registry | None:
    try:
        return Registry.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise PermanentError(
            "the copy of the registry cannot be used", where=str(path), mend="use another copy"
        ) from error


def _present(path: Path) -> Registry | None:
    """Read the registry that is there; None for none, or one that is damaged."""
    try:
        return Registry.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    except OSError as error:
        raise PermanentError(
            f"the registry of members cannot be read ({error.strerror})",
            where=str(path),
            mend="run as the hub's user, or as root",
        ) from error


def _put_registry(plan: HubPlan, copied: Registry, there: Registry | None, now: int) -> Piece:
    path = registry.path_of(plan)
    if there is not None:
        state: State = "as in the copy" if there == copied else "another stays"
        return Piece(registry.FILE, str(path), state)
    aside = set_aside(path, "it is damaged", now) if path.exists() else None
    # What a command has written since then stays.
    registry.change(path, lambda before: copied if before == Registry() else before)
    if aside is not None:
        conclude(aside)
    return Piece(registry.FILE, str(path), "put back")


def _secrets(folder: Path, files: dict[str, Path]) -> dict[str, bytes | None]:
    """Read the keys of a copy, each that is an Ed25519 key as one; None where it has none."""
    found: dict[str, bytes | None] = {}
    for name in files:
        path = folder / name
        found[name] = _read(path) if path.exists() else None
        if found[name] is not None and name != OWNERS:
            keys.load(path)
    return found


def _put(name: str, path: Path, content: bytes | None) -> Piece:
    return Piece(name, str(path), _state(path, content))


def _state(path: Path, content: bytes | None) -> State:
    if content is None:
        return "not in the copy"
    if str(path).startswith(CREDENTIALS):
        return "credential"
    if path.exists():
        return "as in the copy" if _read(path) == content else "another stays"
    with _writing(path):
        make_directory(path.parent)
        write_once(path, content, _OURS)
    return "put back"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PermanentError(
            f"the file cannot be written ({error.strerror or os.strerror(error.errno or 0)})",
            where=str(path),
            mend="run as a user that may write there",
        ) from error
