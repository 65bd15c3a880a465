"""Fuzz what others write: `python -m tests.fuzz --help`."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from tests.fuzz.target import SPECIAL, Target, mutated

MODULES = ("tests.fuzz.wires", "tests.fuzz.members", "tests.fuzz.peers", "tests.fuzz.files")
GUIDED = ["adapters", "agent", "config", "gateway", "pymodbus", "asyncua.ua.ua_binary"]
"""Packages in which a fuzzer follows what an input makes the program do."""
MEMORY = 2_147_483_648
"""Bytes of address space a target may have."""
HANGS = 10
"""Seconds an input may take."""


@click.command()
@click.option("--only", default="", help="Names, or beginnings of names, separated by commas.")
@click.option("--time", "seconds", default=60, show_default=True, help="Seconds for each target.")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("fuzz-run"),
    show_default=True,
    help="Where inputs that found something new, and those that failed, are kept.",
)
@click.option("--target", hidden=True, help="Run one target in this process.")
def main(only: str, seconds: int, seed: int, folder: Path, target: str | None) -> None:
    """Feed each way in with changed and random inputs: no crash, no hang, bounded memory.

    Uses atheris where it is installed (`pip install atheris`), else plain seeded changes, where the
    last input is kept in NAME-last. Try it: python -m tests.fuzz --time 300 --only modbus,opcua
    """
    if target is not None:
        with _followed():
            known = targets()
        _run(known[target], seconds, seed, folder)
        return
    failed = []
    for name in targets():
        if not only or name.startswith(tuple(only.split(","))):
            asked = [sys.executable, "-m", "tests.fuzz", "--target", name, "--time", str(seconds)]
            asked += ["--seed", str(seed), "--dir", str(folder)]
            if subprocess.run(asked, check=False).returncode:
                failed.append(name)
    click.echo(f"failed: {', '.join(failed)}" if failed else "no target failed")
    sys.exit(1 if failed else 0)


def targets() -> dict[str, Target]:
    """Give every target by its name."""
    found = [one for name in MODULES for one in import_module(name).TARGETS]
    return {one.name: one for one in found}


def _followed() -> AbstractContextManager[object]:
    """Let what is imported within tell the fuzzer where it goes."""
    if find_spec("atheris") is None:
        return nullcontext()
    import atheris  # noqa: PLC0415 - an optional tool

    found: AbstractContextManager[object] = atheris.instrument_imports(include=GUIDED)
    return found


def _run(one: Target, seconds: int, seed: int, folder: Path) -> None:
    corpus = folder / one.name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(one.seeds()):
        (corpus / f"seed-{number}").write_bytes(data)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if find_spec("atheris") is None:
        _plainly(one, seconds, seed, folder)
    else:
        _guided(one, seconds, seed, folder)


def _plainly(one: Target, seconds: int, seed: int, folder: Path) -> None:
    draw, seeds, count = random.Random(seed), list(one.seeds()), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(draw, seeds, one.words)
        (folder / f"{one.name}-last").write_bytes(data)
        signal.alarm(HANGS)
        one.run(data)
        signal.alarm(0)
        count += 1
    click.echo(json.dumps({"target": one.name, "executions": count, "guided": False}))


def _guided(one: Target, seconds: int, seed: int, folder: Path) -> None:
    import atheris  # noqa: PLC0415 - an optional tool

    words = folder / f"{one.name}.words"
    listed = [*SPECIAL, *one.words]
    hexed = ["".join(rf"\x{byte:02x}" for byte in word) for word in listed]
    words.write_text("".join(f'"{word}"\n' for word in hexed))
    options = [
        sys.argv[0], str(folder / one.name), f"-max_total_time={seconds}", f"-seed={seed}",
        f"-timeout={HANGS}", "-rss_limit_mb=1024", "-max_len=16384", f"-dict={words}",
        f"-artifact_prefix={folder}/{one.name}-", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup(options, one.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
