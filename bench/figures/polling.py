"""The agent on Modbus devices: processor, requests, memory and start, beside a bare loop."""

from bench import polling
from bench.frame import Bench, Figure, Goal, Say


def run(full: bool, say: Say) -> list[Figure]:
    """Measure 1 000 points of ten devices, read every second."""
    say("the agent and the bare loop read 1 000 points")
    found = polling.measure(60 if full else 20, 6, with_broker=True)
    goals, agent = polling.GOALS, found.agent
    return [
        Figure(
            "agent's processor, 1 000 Modbus points",
            "% of a core",
            agent.processor,
            found.bare.processor,
            "bare loop",
            "times",
            Goal(goals["processor"]),
        ),
        Figure(
            "requests a cycle", "", agent.requests, found.minimum, "fewest", "times", Goal(1.001)
        ),
        Figure(
            "agent's memory, 1 000 Modbus points",
            "MB",
            agent.resident_mb,
            found.import_mb,
            "imports",
            "beyond",
            Goal(goals["memory"]),
        ),
        Figure(
            "start to first reading",
            "s",
            agent.first,
            found.import_seconds,
            "imports",
            "times",
            Goal(goals["start"]),
        ),
    ]


BENCH = Bench("polling", "the agent on 1 000 Modbus points, beside a bare loop", run)
