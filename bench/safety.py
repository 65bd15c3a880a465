"""Run with `python -m bench.safety`, or `make safety`: random tables against the oracle."""

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from operator import add

import click

from tests.campaign import Tally, judged, ordered, pooled

_BATCH = 250
_TURN = 10
_POOLED = (3, 7)
_TELL_EVERY = 4


def _batch(seeds: range) -> Tally:
    return reduce(add, (_one(seed) for seed in seeds), Tally())


def _one(seed: int) -> Tally:
    """Judge a table: most of one cluster, some of several with a pool, some of orders."""
    turn = seed % _TURN
    return pooled(seed) if turn in _POOLED else ordered(seed) if turn == 0 else judged(seed)


@click.command()
@click.option("--tables", default=100_000, show_default=True, help="How many random tables.")
@click.option("--seed", default=1, show_default=True, help="Seed of the first table.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(tables: int, seed: int, jobs: int, as_json: bool) -> None:
    """Count released cells the oracle calls unsafe, or that overlap; exit code 1 if there are any.

    \b
    Example:
      python -m bench.safety --tables 2000 --seed 7
    """  # noqa: D301 click reads the \b
    begun, total = time.monotonic(), Tally()
    last = seed + tables
    batches = [range(at, min(at + _BATCH, last)) for at in range(seed, last, _BATCH)]
    with ProcessPoolExecutor(jobs) as pool:
        for number, tally in enumerate(pool.map(_batch, batches), start=1):
            total += tally
            if number % _TELL_EVERY == 0:
                so_far = f"{total.tables} of {tables} tables, {len(total.wrong)} wrong"
                print(so_far, file=sys.stderr, flush=True)
    seconds = time.monotonic() - begun
    told = {
        "tables": total.tables,
        "released_cells": total.released,
        "pooled_cells": total.pooled,
        "told_orders": total.orders,
        "withheld_cells": total.withheld,
        "withheld_though_safe": total.needless,
        "unsafe_or_overlapping": len(total.wrong),
        "seeds": total.wrong[:20],
        "seconds": round(seconds),
    }
    print(json.dumps(told, indent=2) if as_json else _text(told))
    sys.exit(bool(total.wrong))


def _text(told: dict[str, object]) -> str:
    return "\n".join(f"{name.replace('_', ' '):24}{value}" for name, value in told.items())


if __name__ == "__main__":
    main()
