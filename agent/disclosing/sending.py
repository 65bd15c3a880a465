"""When a record may leave: by its window's end and a delay drawn anew, and by nothing else.

Whatever is constant about a plant shifts all of its records alike: how soon its windows close, how
far its clock is off, how long its link takes. Some hundred records show such a shift, and with it
which name of a new quarter belongs to which of the old. So the delay is not counted from the
closing, and part of it is a shift of its own that lasts as long as the name does.
"""

from collections.abc import Callable


def due(end: int, grace: int, now: int, delay: int) -> int:
    """Give when the record of a release window may leave; all in nanoseconds since 1970 UTC.

    `end` is the window's, `grace` what every window is given at most to close, `now` when it was
    closed, `delay` drawn for this record. What was closed later than that, after an outage of the
    gateway, leaves its delay after it was closed.
    """
    planned = end + grace + delay
    return planned if planned >= now else now + delay


class Delays:
    """Draws delays of at most `longest` nanoseconds: half by the quarter's name, half by record.

    `draw` gives a random integer from 0 to its argument, both included.
    """

    def __init__(self, longest: int, draw: Callable[[int], int]) -> None:
        self._draw = draw
        self._name = longest // 2
        self._record = longest - self._name
        self._period = ""
        self._own = 0

    def __call__(self, period: str) -> int:
        """Draw the delay of a record of a quarter."""
        if period != self._period:
            self._period, self._own = period, self._draw(self._name)
        return self._own + self._draw(self._record)
