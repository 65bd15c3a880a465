"""The benchmarks, one a module, in the order of the table."""

from bench.figures import commands, intake, outbox, polling, rollup

BENCHES = (polling.BENCH, outbox.BENCH, commands.BENCH, intake.BENCH, rollup.BENCH)
