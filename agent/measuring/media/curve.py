"""A sampled property as cubics: a look-up is one interpolation, and never an extrapolation."""

from collections.abc import Sequence

from adapters.errors import PermanentError
from config.medium_plan import INSTALL, Grid
from config.plan import MeterPlan

_Cubic = tuple[float, float, float, float]


class Curve:
    """Interpolates a grid: in each interval the cubic through the four nearest samples.

    Its error is of the fourth order in the step; for properties that are smooth over a few kelvin
    it is far below that of the samples themselves.
    """

    def __init__(self, grid: Grid) -> None:
        """Fit the cubics; raises ValueError with fewer than four samples."""
        values = grid.values
        if len(values) < 4:  # noqa: PLR2004 - a cubic has four coefficients
            raise ValueError("a curve needs four samples")
        self.low = grid.low
        self.high = grid.low + grid.step * (len(values) - 1)
        self._step = grid.step
        self._last = len(values) - 2
        self._cubics = [_cubic(values, node) for node in range(len(values) - 1)]

    def holds(self, at: float) -> bool:
        """Tell whether an argument is within the samples."""
        return self.low <= at <= self.high

    def __call__(self, at: float) -> float:
        """Give the property; only where `holds`."""
        x = (at - self.low) / self._step
        node = min(int(x), self._last)
        x -= node
        a, b, c, d = self._cubics[node]
        return a + x * (b + x * (c + x * d))


def grid(plan: MeterPlan, name: str) -> Grid:
    """Give a property's samples; raises `PermanentError` when the library has not been asked."""
    if name not in plan.properties:
        raise PermanentError(
            f"the medium's property {name} has not been sampled",
            mend=f"install the property library: {INSTALL}",
        )
    return plan.properties[name]


def curve(plan: MeterPlan, name: str) -> Curve:
    """Give a property's curve; raises as `grid` does."""
    return Curve(grid(plan, name))


def _cubic(values: Sequence[float], node: int) -> _Cubic:
    """Fit the cubic of one interval, in x from 0 to 1, by Newton's divided differences."""
    first = min(max(node - 1, 0), len(values) - 4)
    y0, y1, y2, y3 = values[first : first + 4]
    d1, d2, d3 = y1 - y0, (y2 - 2 * y1 + y0) / 2, (y3 - 3 * y2 + 3 * y1 - y0) / 6
    # y0 + d1 u + d2 u(u-1) + d3 u(u-1)(u-2), with u = x + s
    s = float(node - first)
    b = (d1 - d2 + 2 * d3, d2 - 3 * d3, d3)
    return (
        y0 + s * (b[0] + s * (b[1] + s * b[2])),
        b[0] + s * (2 * b[1] + 3 * s * b[2]),
        b[1] + 3 * s * b[2],
        b[2],
    )
