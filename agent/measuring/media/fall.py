"""The contract of a medium: measured states in, the fall of enthalpy out."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Fall(NamedTuple):
    """What a kilogram, or of a gas a mole without its vapour, gives off to the return."""

    drop: float
    """Fall of enthalpy in kJ; not below zero."""
    volume: float
    """What the flow counts of it, in m3 or kg, where and as the flow is measured."""
    supply: float
    """Temperature of the supply in Celsius."""
    kelvin: float
    """Supply minus return, or minus the reference; negative when heat flows the other way."""
    doubt: bool = False
    """The state is known with doubt."""


class Medium(Protocol):
    """A medium in its circuit. Values come in the order of `roles`, in canonical units."""

    roles: tuple[str, ...]
    """The inputs that tell its state, besides the flow."""

    def holds(self, role: str, value: float) -> bool:
        """Tell whether an input's value is possible by itself."""

    def fall(self, values: Sequence[float]) -> Fall | None:
        """Give the fall; None when the values together are no state that is known."""

    def warmth(self, values: Sequence[float]) -> float:
        """Give the temperature of the supply in Celsius, also while nothing flows."""
