"""What a stream's mass is made of: quantities by component, from totals and its analyses."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.measuring.total import Total
from agent.reporting.accounts import Exact
from config.course import Course
from config.plan import Composition


@dataclass(frozen=True, slots=True)
class Component:
    """How much of one component a stream had, in the stream's unit."""

    name: str
    quantity: float


@dataclass(slots=True)
class Makeup:
    """Adds up components over windows, each by the analysis that held when the window began.

    Analyses come weeks after their samples, so a report goes by what is known when it is made. A
    window without the mass that its shares are of adds nothing.
    """

    _parts: dict[str, Exact] = field(default_factory=lambda: defaultdict(Exact))

    def add(self, run: Iterable[Total], course: Course[Composition]) -> None:
        """Take windows as they were measured."""
        for total in run:
            composition = course.at(total.start)
            mass = total.dry if composition.of == "dry" else total.quantity
            if mass is not None:
                for name, share in composition.shares.items():
                    self._parts[name].add((mass * share,))

    def components(self) -> tuple[Component, ...]:
        """Give what each component adds up to, in the order of the first analysis that has it."""
        return tuple(Component(name, parts.value()) for name, parts in self._parts.items())
