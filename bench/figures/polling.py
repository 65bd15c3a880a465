"""The agent on Modbus devices: processor, requests, memory and start, beside a bare loop."""

from bench import polling
from bench.frame import Bench, Figure, Goal, Say

_WARM_UP = {1_000: 6, 10_000: 12}


def run(full: bool, say: Say) -> list[Figure]:
    """Measure 1 000 and 10 000 points of ten devices, read every second."""
    seconds = 60 if full else 20
    return [figure for points in _WARM_UP for figure in _figures(points, seconds, say)]


def _figures(points: int, seconds: int, say: Say) -> list[Figure]:
    name = f"{points:,} Modbus points".replace(",", " ")
    say(f"the agent and the bare loop read {name}")
    found = polling.measure(points, seconds, _WARM_UP[points], with_broker=True)
    goals, agent = polling.goals(points), found.agent
    return [
        Figure(
            f"agent's processor, {name}",
            "% of a core",
            agent.processor,
            found.bare.processor,
            "bare loop",
            "times",
            Goal(goals["processor"]),
        ),
        Figure(
            f"requests a cycle, {name}",
            "",
            agent.requests,
            found.minimum,
            "fewest",
            "times",
            Goal(1.001),
        ),
        Figure(
            f"agent's memory, {name}",
            "MB",
            agent.resident_mb,
            found.starts.import_mb,
            "libraries",
            "beyond",
            Goal(goals["memory"]),
        ),
        Figure(
            f"start to first reading, {name}",
            "s",
            found.starts.first,
            found.starts.import_seconds,
            "libraries",
            "times",
            Goal(goals["start"]),
        ),
        Figure(
            f"readings a core takes, {name}",
            "/s",
            points * agent.requests / found.minimum / agent.processor * 100,
            note="by processor time",
        ),
    ]


BENCH = Bench("polling", "the agent on 1 000 and 10 000 Modbus points, beside a bare loop", run)
