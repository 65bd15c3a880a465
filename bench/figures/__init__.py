"""The benchmarks, one a module, in the order of the table."""

from bench.figures import commands, intake, polling, rollup

BENCHES = (polling.BENCH, commands.BENCH, intake.BENCH, rollup.BENCH)
