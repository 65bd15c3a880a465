"""Processor time of parts of one process, taken in turns so that they see the same computer."""

import gc
import time
from collections.abc import Callable, Mapping


def in_turns(works: Mapping[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Give each work's processor seconds in all rounds; each is called with the round's number.

    Garbage is collected before each call, so that nobody pays for what another left.
    """
    taken = dict.fromkeys(works, 0.0)
    for number in range(rounds):
        for name, work in works.items():
            gc.collect()
            begun = time.process_time()
            work(number)
            taken[name] += time.process_time() - begun
    return taken
