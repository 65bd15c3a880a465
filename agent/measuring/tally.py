"""A tally: what one open window of a stream has got so far."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from adapters.reading import NANOSECONDS
from agent.measuring.attributes import PLAIN, Worth
from config.plan import BANDS

MIDDLE = {
    "<40": 20.0,
    "40-60": 50.0,
    "60-90": 75.0,
    "90-120": 105.0,
    "120-200": 160.0,
    ">200": 250.0,
}
"""A supply temperature in each band, for heat of which only the band is known."""


@dataclass(slots=True)
class Tally:
    """What one window has got so far, in the stream's unit; quantities are compensated sums."""

    quantity: float = 0.0
    residue: float = 0.0
    dry: float = 0.0
    dry_residue: float = 0.0
    covered: int = 0
    doubtful: int = 0
    spread: int = 0
    warm_energy: float = 0.0
    warm_time: float = 0.0
    tickets: int = 0
    closing: tuple[int, float] | None = None
    marks: list[str] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, quantity: float, covered: int, doubt: bool, worth: Worth = PLAIN) -> None:
        """Add a measured quantity and the nanoseconds it was observed over."""
        quantity *= worth.exchange
        before = self.quantity
        after = before + quantity
        # The first comparison says what the second does, without calls, of nearly every quantity.
        if -before <= quantity <= before or abs(before) >= abs(quantity):
            self.residue += (before - after) + quantity
        else:
            self.residue += (quantity - after) + before
        self.quantity = after
        if worth.dry is not None:
            part = quantity * worth.dry
            self.dry, self.dry_residue = _added(self.dry, self.dry_residue, part)
        self.covered += covered
        if doubt:
            self.doubtful += covered

    def add_all(self, quantities: Iterable[float], covered: int, worth: Worth) -> None:
        """Add measured quantities and the nanoseconds all of them were observed over."""
        if worth.dry is not None:
            for quantity in quantities:
                self.add(quantity, 0, doubt=False, worth=worth)
            self.covered += covered
            return
        total, residue, exchange = self.quantity, self.residue, worth.exchange
        for measured in quantities:
            part = measured * exchange
            after = total + part
            if -total <= part <= total or abs(total) >= abs(part):
                residue += (total - after) + part
            else:
                residue += (part - after) + total
            total = after
        self.quantity, self.residue = total, residue
        self.covered += covered

    def dried(self, share: float) -> None:
        """Take a share of what was added without its dry share as dry."""
        self.dry, self.dry_residue = self.quantity * share, self.residue * share

    def take_over(self, other: "Tally") -> None:
        """Add the quantities, tickets, marks and counts of another window, but no coverage."""
        for part in (other.quantity, other.residue):
            self.quantity, self.residue = _added(self.quantity, self.residue, part)
        for part in (other.dry, other.dry_residue):
            self.dry, self.dry_residue = _added(self.dry, self.dry_residue, part)
        if other.closing is not None:
            self.close_at(*other.closing)
        self.tickets += other.tickets
        self.warm_energy += other.warm_energy
        for mark in other.marks:
            self.mark(mark)
        for reason, times in other.reasons.items():
            self.count(reason, times)

    def warm(self, quantity: float, covered: int, celsius: float) -> None:
        """Weigh a supply temperature by the energy and by the time it held."""
        self.warm_energy += quantity * celsius
        self.warm_time += covered / NANOSECONDS * celsius

    def mark(self, mark: str) -> None:
        """Set a mark, once."""
        if mark not in self.marks:
            self.marks.append(mark)

    def count(self, reason: str, times: int = 1) -> None:
        """Count a reading that was not good."""
        self.reasons[reason] = self.reasons.get(reason, 0) + times

    def close_at(self, time: int, level: float) -> None:
        """Take a stock's level at an instant, unless a later one is known."""
        if self.closing is None or time >= self.closing[0]:
            self.closing = (time, level)

    def snapshot(self) -> dict[str, Any]:
        """Give what is not as in a new one, to the sign of zero; it is written again and again."""
        return {name: one for name, one in asdict(self).items() if one or str(one) == "-0.0"}

    def band(self) -> str | None:
        """Name the band of the mean supply temperature, weighted by energy, or else by time."""
        if not self.covered:
            return None
        if self.quantity > 0:
            mean = self.warm_energy / self.quantity
        else:
            mean = self.warm_time / (self.covered / NANOSECONDS)
        return next((name for limit, name in BANDS if mean < limit), BANDS[-1][1])


def _added(total: float, residue: float, part: float) -> tuple[float, float]:
    """Add to a sum whose rounding is kept beside it (Neumaier)."""
    after = total + part
    if abs(total) >= abs(part):
        return after, residue + ((total - after) + part)
    return after, residue + ((part - after) + total)
