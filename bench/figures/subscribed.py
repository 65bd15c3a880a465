"""The agent on subscribed OPC UA values: processor and memory, beside a bare subscription."""

from bench import subscribed
from bench.frame import Bench, Figure, Goal, Say

POINTS = 1000
MEMORY = 10.0
"""Megabytes the agent may take beyond its libraries."""


def run(full: bool, say: Say) -> list[Figure]:
    """Measure 1 000 values that all change each second."""
    say("the agent and a bare subscription hear 1 000 OPC UA values")
    found = subscribed.measure(POINTS, 60 if full else 20, 5)
    return [
        Figure(
            "agent's processor, 1 000 OPC UA values",
            "% of a core",
            found.agent,
            found.bare,
            "bare subscription",
            "times",
            Goal(subscribed.GOAL),
        ),
        Figure(
            "agent's memory, 1 000 OPC UA values",
            "MB",
            found.agent_mb,
            found.import_mb,
            "libraries",
            "beyond",
            Goal(MEMORY),
        ),
    ]


BENCH = Bench("subscribed", "the agent on 1 000 OPC UA values, beside a bare subscription", run)
