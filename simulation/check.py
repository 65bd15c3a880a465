"""What the truth check is made of: its lines, and the run's timeline. Pure."""

from dataclasses import dataclass

from simulation.plants import SimPlant, SimStream

FULL = 0.999
"""Coverage from which a window counts as wholly observed."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What was done when, in nanoseconds: the run's whole windows, and its faults."""

    start: int
    end: int
    measure: int
    release: int
    killed: int
    restarted: int
    silenced: int


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the truth check."""

    name: str
    subject: str
    expected: str
    got: str
    tolerance: str
    passed: bool


def none_of(name: str, subject: str, found: list[str]) -> Check:
    """Check that nothing was found."""
    shown = ", ".join(found[:5])
    return Check(name, subject, "none", shown or "none", "0", not found)


def compared(
    name: str, subject: str, expected: float, got: float, allowed: float, unit: str, *, also: bool
) -> Check:
    """Compare two quantities; `also` is what else must hold."""
    share = f" ({allowed / expected:.1%})" if expected else ""
    tolerance = f"{allowed:.2g} {unit}{share}"
    passed = also and abs(got - expected) <= allowed
    return Check(name, subject, f"{expected:.6g} {unit}", f"{got:.6g} {unit}", tolerance, passed)


def shared(stream: SimStream) -> bool:
    """Tell whether figures of a stream may leave its plant."""
    return stream.share == "cluster" and not stream.never_publish


def subject_of(plant: SimPlant, stream: SimStream) -> str:
    """Name a stream in the table of checks."""
    return f"{plant.member} {stream.name}"
