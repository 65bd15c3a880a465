"""`sidestream backfill`: a historian's file through a live plant's meters."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.options import instant_option
from agent.cli.output import print_list

if TYPE_CHECKING:
    from adapters.adapter import Source
    from adapters.reading import Block
    from agent.keeping.outbox import Outbox
    from agent.running.backfill import Backfill, Known, Task
    from config.plan import PlantPlan, StreamPlan

_AT_ONCE = 256
_COMMIT_AFTER = 1.0
_MOST_WAITING = 5_000


@click.command()
@click.argument("plant_file", type=click.Path())
@click.argument("historian", type=click.Path())
@click.option("--source", required=True, help="Source whose readings the file has.")
@instant_option("--from", "First day or instant (UTC), such as 2026-03-01.")
@instant_option("--to", "Day or instant (UTC) to stop before.")
@click.option("--stream", "wanted", multiple=True, help="Stream to fill; else all of the source.")
@click.option(
    "--column", "columns", multiple=True, metavar="POINT=COLUMN",
    help="Column of a point, where it is not the point's own name.",
)  # fmt: skip
@click.option("--every", help='Time between two rows, such as "1 min", where it is longer.')
@click.option("--forget", is_flag=True, help="Leave an unfinished backfill of the source.")
def backfill(
    plant_file: str, historian: str, source: str, wanted: Sequence[str], columns: Sequence[str],
    every: str | None, forget: bool, **span: int | None,
) -> None:  # fmt: skip
    """Fill totals of PLANT_FILE's streams from HISTORIAN, a CSV as `replay` sources read it.

    Only for a span without totals, before the agent's first or in a hole; the agent must be
    stopped meanwhile. Totals are those that the agent would have made; no record is made of them.
    It can be interrupted: the same command goes on where it stopped.

    \b
    Example:
      sidestream backfill plant.toml 2025.csv --source belt \\
        --from 2025-01-01 --to 2026-01-01
    """
    from agent.keeping.outbox import Outbox  # noqa: PLC0415
    from agent.measuring.sampling import equipped  # noqa: PLC0415
    from agent.running.backfill import Task, chosen  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.claim import claimed  # noqa: PLC0415

    start, end = span["from"], span["to"]
    if start is None or end is None:
        raise click.UsageError("give the span: --from DATE --to DATE")
    os.umask(0o077)
    plan = equipped(load_plant(Path(plant_file), for_operator(os.environ)))
    _live_only(plan)
    streams = chosen(plan, source, wanted)
    task = Task(
        source, str(Path(historian).resolve()), start, end,
        tuple(one.name for one in streams), _nanoseconds(every),
    )  # fmt: skip
    reads = recorded(plan, task, streams, _pairs(columns))
    directory = Path(plan.state_dir)
    with claimed(directory, "agent"), Outbox.open(directory, time.time_ns()) as outbox:
        _fill(outbox, begun(plan, task, streams, outbox, forget=forget), reads)


def _live_only(plan: "PlantPlan") -> None:
    from agent.running.assembly import is_replay  # noqa: PLC0415

    if is_replay(plan):
        raise PermanentError(
            "this plant file has recorded sources, not live ones",
            where="backfill",
            mend="run it: `sidestream run` takes recorded data as it is",
        )


def _nanoseconds(text: str | None) -> int:
    from adapters.fields import seconds  # noqa: PLC0415

    try:
        return 0 if text is None else round(seconds(text) * 1e9)
    except ValueError as error:
        raise click.UsageError(f"--every takes {error}") from error


def _pairs(columns: Sequence[str]) -> Mapping[str, str]:
    pairs = [each.partition("=") for each in columns]
    if any(not (point and column) for point, _, column in pairs):
        raise click.UsageError("--column takes POINT=COLUMN")
    return {point: column for point, _, column in pairs}


def recorded(
    plan: "PlantPlan", task: "Task", streams: Sequence["StreamPlan"], columns: Mapping[str, str]
) -> "Source":
    """Make the source that reads the file: the live one's points, as far as the streams use them.

    Sentinels are left out, for they stand for raw values, and a historian has scaled ones.
    """
    from adapters.adapter import Source  # noqa: PLC0415
    from adapters.replay import ReplayPoint, ReplaySettings  # noqa: PLC0415
    from config.plan import RECORDED  # noqa: PLC0415

    live = next(each.settings.points for each in plan.sources if each.name == task.source)
    used = dict.fromkeys(one.point for each in streams for one in each.meter.inputs.values())
    unknown = [point for point in columns if point not in used]
    if unknown:
        named = ", ".join(used)
        raise click.UsageError(f"--column: no stream uses point {unknown[0]}; there are: {named}")
    points = {
        name: ReplayPoint(
            unit=live[name].unit, plausible=live[name].plausible, column=columns.get(name)
        )
        for name in used
    }
    settings = ReplaySettings(protocol=RECORDED, file=task.file, points=points)
    return Source(task.source, settings)


def begun(
    plan: "PlantPlan",
    task: "Task",
    streams: Sequence["StreamPlan"],
    outbox: "Outbox",
    *,
    forget: bool = False,
) -> "Backfill":
    """Begin a task, or go on with it; raises `PermanentError` when it cannot be filled."""
    from agent.running.backfill import BACKFILL, Backfill, admit  # noqa: PLC0415

    state: Mapping[str, Any] | None = outbox.state(BACKFILL).get(task.source)
    if state is not None and not state["done"] and not forget:
        return Backfill(task, streams, plan.windows, None, state)
    released_to = admit(plan, task, _known(outbox, task), time.time_ns())
    return Backfill(task, streams, plan.windows, released_to)


def _known(outbox: "Outbox", task: "Task") -> "Known":
    from agent.running.backfill import Known  # noqa: PLC0415
    from agent.running.engine import STREAM  # noqa: PLC0415

    released = outbox.meta("released_to")
    first = next((total.start for total in outbox.windows.each_total(0, 2**63 - 1)), None)
    overlap = [
        total
        for total in outbox.windows.each_total(task.start, task.end)
        if total.stream in task.streams
    ]
    return Known(outbox.state(STREAM), first, int(released) if released else None, overlap)


def _fill(outbox: "Outbox", run: "Backfill", source: "Source") -> None:
    """Read the file to the span's end or its own, committing about once a second."""
    from adapters.adapter import Link  # noqa: PLC0415
    from adapters.replay import Progress, blocks  # noqa: PLC0415

    progress = Progress()
    committed = time.monotonic()
    outbox.commit(run.commit(), time.time_ns())
    with _bar(run) as told:
        for some in _in_hundreds(blocks(source, run.cursor, progress)):
            run.take_all(some)
            late = time.monotonic() - committed > _COMMIT_AFTER
            if run.done:
                break
            if late or run.waiting >= _MOST_WAITING:
                outbox.commit(run.commit(), time.time_ns())
                committed = time.monotonic()
                told(_offset(run))
        if not run.done:
            run.finish()
    outbox.commit(run.commit(), time.time_ns())
    print_list("Rows that say nothing", progress.health(Link.DONE).notes, empty="none")
    click.echo(_summary(run))


def _in_hundreds(found: Iterable["Block | None"]) -> Iterator[list["Block"]]:
    """Give blocks some hundred at a time, which a pipeline takes faster than one by one."""
    remaining = iter(found)
    while some := list(islice(remaining, _AT_ONCE)):
        yield [block for block in some if block is not None]


def _offset(run: "Backfill") -> int:
    return int((run.cursor or "0").partition(":")[0])


def _summary(run: "Backfill") -> str:
    return f"{run.written} windows of {', '.join(run.task.streams)} are filled; no record was made."


def _bar(run: "Backfill") -> AbstractContextManager[Callable[[int], None]]:
    """Show how much of the file is read, where standard error is a terminal."""
    import sys  # noqa: PLC0415

    if not sys.stderr.isatty():
        return nullcontext(lambda _: None)
    return _RichBar(Path(run.task.file).stat().st_size)


class _RichBar(AbstractContextManager[Callable[[int], None]]):
    """A progress bar over the bytes of a file."""

    def __init__(self, size: int) -> None:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import Progress  # noqa: PLC0415

        self._progress = Progress(console=Console(stderr=True))
        self._task = self._progress.add_task("backfill", total=size)

    def __enter__(self) -> Callable[[int], None]:
        self._progress.start()
        return lambda offset: self._progress.update(self._task, completed=offset)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
