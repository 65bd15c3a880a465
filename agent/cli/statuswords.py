"""The words after `sidestream status`, read without click where they are as usual."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_FLAGS = ("--json", "--points")


class Asked(NamedTuple):
    """What is asked for, as click gives it to `agent.cli.status`."""

    plant_file: str | None
    directory: Path | None
    points: bool
    as_json: bool


def asked(words: Sequence[str], env: Mapping[str, str]) -> Asked | None:
    """Read the words; None says that they are not as usual, or that click would refuse them."""
    rest, files, flags = list(words), list[str](), set[str]()
    directory: str | None = None
    while rest:
        word = rest.pop(0)
        if word in _FLAGS:
            flags.add(word)
        elif word == "--dir" and rest:
            directory = rest.pop(0)
        elif word.startswith("-") or files:
            return None
        else:
            files.append(word)
    plant_file = files[0] if files else env.get("SIDESTREAM_PLANT") or None
    if not (_passes(plant_file) and _passes(directory, folder=True)):
        return None
    where = Path(directory) if directory else None
    return Asked(plant_file, where, "--points" in flags, "--json" in flags)


def _passes(path: str | None, *, folder: bool = False) -> bool:
    """Tell whether click lets a path through: what is there must be fit to be read."""
    if path is None or not Path(path).exists():
        return True
    return os.access(path, os.R_OK) and not (folder and Path(path).is_file())
