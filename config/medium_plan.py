"""What a heat meter's medium is, resolved: in Celsius, MPa and shares; and sampled properties."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

ATMOSPHERE: Final = 0.101325
"""Normal pressure in MPa, ISO 2533."""
STEAM_PRESSURES: Final = (0.001, 16.5)
"""Pressures of steam in MPa: up to where IAPWS-IF97 region 2 leaves the saturation line."""
HOTTEST_STEAM: Final = 800.0
"""Upper limit of IAPWS-IF97 region 2, in Cel."""
GAS_PRESSURES: Final = (0.05, 0.3)
"""Pressures of gases in MPa: what is not vapour is taken as an ideal gas."""
HOTTEST_GAS: Final = 1200.0
"""Upper limit of the gases' sampled properties, in Cel."""
INSTALL: Final = 'pip install "sidestream[media]"'

Humidity = Literal["fixed", "relative", "dew point", "saturated"]
FlowState = Literal["operating", "norm", "norm dry", "moist", "dry"]


class Grid(NamedTuple):
    """A property sampled at temperatures `low`, `low + step`, … in degrees Celsius."""

    low: float
    step: float
    values: tuple[float, ...]


Properties = Mapping[str, Grid]
"""Sampled properties by name; empty until the property library has been asked."""


@dataclass(frozen=True, slots=True)
class Liquid:
    """A liquid: water by our own equation, another by the property library's name for it.

    `concentration` is the share of mass of what is mixed with water. The range is that of the
    library's data, in Cel; the lower end is not below where the mixture freezes.
    """

    fluid: str = ""
    concentration: float = 0.0
    low: float = 0.0
    high: float = 350.0

    @property
    def is_water(self) -> bool:
        """Tell whether it is plain water."""
        return not self.fluid


WATER = Liquid()


@dataclass(frozen=True, slots=True)
class Steam:
    """Steam, and the water that comes back from it.

    `dryness` (share of mass) holds for saturated steam. `returned` is the share of mass that comes
    back as condensate; the rest is made up with water of `make_up` Cel. `pressure` is a constant
    one in MPa.
    """

    saturated: bool = False
    dryness: float = 1.0
    returned: float = 1.0
    make_up: float | None = None
    pressure: float | None = None


@dataclass(frozen=True, slots=True)
class Gas:
    """A gas with water vapour in it: an off-gas, a flue gas, air.

    `dry` names each constituent and its share of volume, dry. `humidity` says how the vapour is
    known and `vapour` is its constant: moles a mole of dry gas when fixed, a share when relative,
    Cel of the dew point; None when a point measures it. `flow` is the state the flow is counted in.
    """

    dry: tuple[tuple[str, float], ...]
    humidity: Humidity = "fixed"
    vapour: float | None = 0.0
    condensing: bool = True
    flow: FlowState = "operating"


Medium = Liquid | Steam | Gas
