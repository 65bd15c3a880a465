"""The benchmarks, one a module, in the order of the table."""

from bench.figures import (
    catchup,
    commands,
    intake,
    outbox,
    polling,
    replay,
    rollup,
    soak,
    subscribed,
)

BENCHES = (
    polling.BENCH,
    subscribed.BENCH,
    replay.BENCH,
    outbox.BENCH,
    catchup.BENCH,
    commands.BENCH,
    intake.BENCH,
    rollup.BENCH,
    soak.BENCH,
)
