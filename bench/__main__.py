"""Measure everything that has a goal: one table, each figure beside its floor of the same run.

Run with `make bench`, or `python -m bench --full` for the long form. Each benchmark runs in a
process of its own, so that none sees another's memory and a failing one leaves the others alone.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import click
from rich.console import Console

from bench.figures import BENCHES
from bench.frame import Figure, Outcome, exit_code, markdown, table
from bench.process import python

PATIENCE = {False: 600.0, True: 1200.0}
"""Seconds a benchmark may take in its quick and in its full form."""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def outcome(key: str, full: bool) -> Outcome:
    """Run one benchmark in a process of its own; never raises for what goes wrong in it."""
    words = ["bench", "--alone", key, *(["--full"] if full else [])]
    began = time.monotonic()
    with subprocess.Popen(python(*words), stdout=subprocess.PIPE, text=True) as running:
        try:
            printed, _ = running.communicate(timeout=PATIENCE[full])
            code = running.returncode
            failure = f"ended with exit code {code}" if code else ""
        except subprocess.TimeoutExpired:
            failure = f"took more than {PATIENCE[full]:g} s"
        finally:
            _end(running)
    if failure:
        return Outcome(key, failure=failure)
    _say(f"{key}: {time.monotonic() - began:.0f} s")
    return Outcome(key, tuple(Figure.read(row) for row in json.loads(printed)))


def _end(running: subprocess.Popen[str]) -> None:
    """End a benchmark that still runs: politely, so that it ends what it has started."""
    if running.poll() is None:
        running.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(20)
        running.kill()


def _alone(key: str, full: bool) -> None:
    [bench] = [one for one in BENCHES if one.key == key]
    figures = bench.run(full, lambda text: _say(f"{key}: {text}"))
    print(json.dumps([figure.told() for figure in figures]))


def _title(full: bool) -> str:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    form = "full form" if full else "quick form"
    return f"{form}, {os.cpu_count()} processors, load before {load}"


@click.command()
@click.option("--full", is_flag=True, help="The long form: 25 minutes instead of 10.")
@click.option("--only", multiple=True, help="Run these benchmarks only (may be repeated).")
@click.option("--list", "as_list", is_flag=True, help="Tell what there is, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table for a document.")
@click.option("--alone", hidden=True, help="Run one benchmark in this process.")
def main(
    full: bool,
    only: Sequence[str],
    as_list: bool,
    as_json: bool,
    as_markdown: bool,
    alone: str | None,
) -> None:
    """Measure each figure beside its floor; exit code 1 when a goal is missed.

    Example: python -m bench --only intake --only rollup
    """
    if alone is not None:
        _alone(alone, full)
        return
    if as_list:
        for bench in BENCHES:
            click.echo(f"{bench.key:10} {bench.about}")
        return
    known = [bench.key for bench in BENCHES]
    for key in only:
        if key not in known:
            raise click.BadParameter(f"{key}: there are {', '.join(known)}", param_hint="--only")
    title, outcomes = _title(full), []
    for key in (key for key in known if not only or key in only):
        _say(f"{key}: begins")
        outcomes.append(outcome(key, full))
    if as_json:
        told = {"run": title, "benchmarks": [one.told() for one in outcomes]}
        click.echo(json.dumps(told, indent=2))
    elif as_markdown:
        click.echo(f"{title}\n\n{markdown(outcomes)}", nl=False)
    else:
        Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(
            table(outcomes, title)
        )
    sys.exit(exit_code(outcomes))


if __name__ == "__main__":
    main()
