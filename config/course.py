"""A value that changes at known instants: what a laboratory's analyses say of a stream."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class Course(Generic[Value]):
    """Values with the instants they hold from, in rising nanoseconds since 1970 UTC.

    Each holds until the next one's instant. The first holds before its instant too: what was
    measured then must be worth something, and nothing better is known.
    """

    since: tuple[int, ...]
    values: tuple[Value, ...]

    def at(self, instant: int) -> Value:
        """Give the value that holds at an instant."""
        return self.values[self.position(instant)]

    def position(self, instant: int) -> int:
        """Give the number of the value that holds at an instant, counted from 0."""
        return max(bisect_right(self.since, instant) - 1, 0)

    @property
    def edges(self) -> tuple[int, ...]:
        """The instants at which the value changes."""
        return self.since[1:]

    def each(self, change: Callable[[Value], Other]) -> "Course[Other]":
        """Give the course of something that follows from the value."""
        return Course(self.since, tuple(change(value) for value in self.values))


def always(value: Value) -> Course[Value]:
    """Give the course of a value that never changes."""
    return Course((0,), (value,))
