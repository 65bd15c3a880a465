"""The agent on subscribed OPC UA values: processor and memory, beside a bare subscription."""

from bench import subscribed
from bench.frame import Bench, Figure, Goal, Say

_WARM_UP = {1_000: 5, 10_000: 10}


def run(full: bool, say: Say) -> list[Figure]:
    """Measure 1 000 and 10 000 values that all change each second."""
    seconds = 60 if full else 20
    return [figure for points in _WARM_UP for figure in _figures(points, seconds, say)]


def _figures(points: int, seconds: int, say: Say) -> list[Figure]:
    name = f"{points:,} OPC UA values".replace(",", " ")
    say(f"the agent and a bare subscription hear {name}")
    found = subscribed.measure(points, seconds, _WARM_UP[points])
    return [
        Figure(
            f"agent's processor, {name}", "% of a core", found.agent.processor,
            found.bare.processor, "bare subscription", "times", Goal(subscribed.GOAL),
        ),
        Figure(
            f"agent's memory, {name}", "MB", found.agent.resident_mb, found.import_mb,
            "libraries", "beyond", Goal(subscribed.spare_memory(points)),
        ),
        Figure(
            f"values a core takes, {name}", "/s",
            found.agent.values / found.agent.processor * 100, note="by processor time",
        ),
    ]  # fmt: skip


BENCH = Bench(
    "subscribed", "the agent on 1 000 and 10 000 OPC UA values, beside a bare subscription", run
)
