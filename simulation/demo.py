"""`sidestream demo`: plants, broker, agents and hub on this computer, checked against the truth."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapters.errors import SidestreamError
from agent.cli.options import json_option
from agent.cli.output import print_json

if TYPE_CHECKING:
    from simulation.stage import Outcome, Progress, Stage, Tell


@click.command()
@click.option(
    "--windows",
    type=click.IntRange(6, 600),
    default=8,
    show_default=True,
    help="Release windows to measure.",
)
@click.option("--quick", is_flag=True, help="Windows of 4 s instead of 6 s.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep files, logs and databases here; a temporary directory otherwise.",
)
@json_option
def demo(windows: int, quick: bool, directory: Path | None, as_json: bool) -> None:
    """Run five simulated plants, a broker, their agents and a hub, and check what comes out.

    The meters are Modbus TCP and OPC UA servers on 127.0.0.1. While they are read, a counter rolls
    over, an agent is killed and started again, and a meter dies. Nothing needs root or the network.
    Exit code 0: every check against the simulated truth has passed; 1: one has not.

    \b
    Example:
      sidestream demo
      sidestream demo --windows 20 --dir demo-run
    """
    from simulation.files import Timing  # noqa: PLC0415 - the rest is heavy
    from simulation.report import document, show  # noqa: PLC0415
    from simulation.stage import Script, Stage  # noqa: PLC0415

    timing = Timing(measure=2, release=4, material=4, heat=8) if quick else Timing()
    script = Script.over(windows, timing.release)
    folder = _folder(directory)
    passed = None
    try:
        with _shown(script.length) as (tell, progress):
            told = document(_run(Stage(folder, script, timing, tell, progress)))
        passed = bool(told["passed"])
    except SidestreamError:
        passed = False
        raise
    finally:
        # What went wrong can be looked into; what went well, or was interrupted, leaves nothing.
        if directory is None and passed is not False:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print_json(told)
    else:
        show(told)
    sys.exit(0 if passed else 1)


def _folder(wanted: Path | None) -> Path:
    """Give the run's folder, a new one."""
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="sidestream-demo-"))
    if wanted.exists() and any(wanted.iterdir()):
        raise click.UsageError(f"{wanted} is not empty: name a new directory")
    return wanted.resolve()


def _run(stage: "Stage") -> "Outcome":
    async def main() -> "Outcome":
        task = asyncio.ensure_future(stage.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)


@contextmanager
def _shown(length: int) -> Iterator[tuple["Tell", "Progress"]]:
    """Show progress on standard error: a bar on a terminal, lines elsewhere."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("measured", total=length)

        def tell(text: str) -> None:
            console.print(text, style="dim", markup=False)

        def progress(done: float, _whole: float) -> None:
            bar.update(task, completed=done)

        yield tell, progress
