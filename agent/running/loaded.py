"""Load a plant file in child processes, so that what loading takes ends with them.

To read, check and resolve a file of 10 000 points takes half a second of processor time and 13 MB
that would lie idle beside the plan for good. One child reads the file while another imports the
models; that one checks by them what was read, while this process imports the rest of the agent.
Both are copies of this process, made before there are threads.
"""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from config.plan import PlantPlan
    from config.toml import Document


def loading(path: Path) -> "Callable[[], PlantPlan]":
    """Begin to load a plant file; the function given waits for its plan, once.

    It raises `ConfigError` naming every problem with its line, and `PermanentError` for a medium
    without properties: whatever keeps a child from its end, its part is then done here.
    """
    reader = _begun(lambda: _read(path))
    import config.plan  # noqa: F401, PLC0415 # imported once for the other child and for here

    checker = _begun(lambda: _plan(path, reader))
    # Until then two processes work; a third would keep the longer way from a computer's second
    # processor.
    os.waitpid(reader.process, 0)

    def plan() -> "PlantPlan":
        try:
            return _made(checker) or _plan(path, reader)
        finally:
            # Only now: it goes while its plan is unpacked.
            os.waitpid(checker.process, 0)
            for one in (*reader[1:], *checker[1:]):
                os.close(one)

    return plan


def prepare(path: Path) -> None:
    """Import what will probably read the sources: a file's text is searched for its protocols."""
    from adapters.adapter import OURS, adapter  # noqa: PLC0415 # the first child does without

    try:
        text = path.read_bytes()
    except OSError:
        return  # it is told by who loads it
    for protocol, found in OURS.items():
        if f'"{protocol}"'.encode() in text:
            adapter(protocol, found).prepare()


def _read(path: Path) -> "Document":
    from config.toml import read  # noqa: PLC0415 # the children alone need it

    return read(path)


def _plan(path: Path, reader: "_Child") -> "PlantPlan":
    from dataclasses import replace  # noqa: PLC0415

    from config.load import planned  # noqa: PLC0415 # the children alone need it

    plan = planned(_made(reader) or _read(path), path, os.environ)
    if any(stream.meter.kind == "heat" for stream in plan.streams):
        from agent.measuring.sampling import equipped  # noqa: PLC0415

        plan = equipped(plan)
    return replace(plan, sources=tuple(source.resolved() for source in plan.sources))


class _Child(NamedTuple):
    """A child at work: its id, a pipe that ends with it, and the memory it writes to."""

    process: int
    ended: int
    memory: int


def _begun(work: Callable[[], object]) -> _Child:
    """Begin some work in a child. Its errors are not told: its parent finds the same ones again."""
    memory = os.memfd_create("sidestream")
    ended, alive = os.pipe()
    child = os.fork()
    if not child:
        _work(work, memory)
    os.close(alive)
    return _Child(child, ended, memory)


def _work(work: Callable[[], object], memory: int) -> NoReturn:
    try:
        with os.fdopen(memory, "wb") as file:
            pickle.dump(work(), file, pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)


def _made(child: _Child) -> Any:
    """Wait for what a child has made; None when it did not come to its end."""
    os.read(child.ended, 1)
    try:
        size = os.fstat(child.memory).st_size
        return pickle.loads(os.pread(child.memory, size, 0))  # noqa: S301 # a copy of this process
    except (EOFError, pickle.UnpicklingError):
        return None
