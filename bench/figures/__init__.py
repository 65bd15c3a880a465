"""The benchmarks, one a module, in the order of the table."""

from bench.figures import catchup, commands, intake, outbox, polling, rollup

BENCHES = (polling.BENCH, outbox.BENCH, catchup.BENCH, commands.BENCH, intake.BENCH, rollup.BENCH)
