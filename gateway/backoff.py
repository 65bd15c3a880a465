"""How long to wait before the next attempt: exponential back-off with full jitter."""

SLOW = 1.5
"""Least wait, in multiples of the longest ordinary one, after a problem a person must mend."""


def pause(attempt: int, bounds: tuple[float, float], draw: float, *, slow: bool = False) -> float:
    """Give the wait in seconds after `attempt` failures in a row (the first is 1).

    `bounds` are the first and the longest wait in seconds, `draw` a number in [0, 1). The wait is
    uniform below `first * 2 ** (attempt - 1)`, at most `longest` (full jitter: clients that were
    cut off together come back spread out). When `slow`, it is `longest` times 1.5 to 3.
    """
    first, longest = bounds
    if slow:
        return longest * SLOW * (1 + draw)
    # Doubling stops mattering long before the exponent could overflow a float.
    return draw * min(longest, first * 2.0 ** min(attempt - 1, 64))
