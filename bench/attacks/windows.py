"""Windows of a calendar between two instants."""

from config.hub_plan import Calendar
from gateway.hub.calendar import Window, window_of


def windows(calendar: Calendar, first: int, last: int) -> list[Window]:
    """List a calendar's windows from the one that holds an instant until another is reached."""
    found = [window_of(calendar, first)]
    while found[-1].end < last:
        found.append(window_of(calendar, found[-1].end))
    return found
