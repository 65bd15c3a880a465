"""Liquid water by IAPWS-IF97: enthalpy, specific volume and the limit of the liquid.

Equations and coefficients: IAPWS R7-97(2012), region 1 (its equation 7 and table 2). Valid from 0
to 350 °C, at or above saturation pressure and up to 100 MPa.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from adapters.errors import PermanentError
from config.saturation import saturation_pressure, saturation_temperature

ZERO_CELSIUS = 273.15
HIGHEST = 350.0
"""Upper limit of region 1, in degrees Celsius."""
_R = 0.461526  # specific gas constant, kJ/(kg K)
_P_STAR = 16.53  # MPa
_T_STAR = 1386.0  # K
_TERMS: tuple[tuple[int, int, float], ...] = (
    (0, -2, 0.14632971213167),
    (0, -1, -0.84548187169114),
    (0, 0, -0.37563603672040e1),
    (0, 1, 0.33855169168385e1),
    (0, 2, -0.95791963387872),
    (0, 3, 0.15772038513228),
    (0, 4, -0.16616417199501e-1),
    (0, 5, 0.81214629983568e-3),
    (1, -9, 0.28319080123804e-3),
    (1, -7, -0.60706301565874e-3),
    (1, -1, -0.18990068218419e-1),
    (1, 0, -0.32529748770505e-1),
    (1, 1, -0.21841717175414e-1),
    (1, 3, -0.52838357969930e-4),
    (2, -3, -0.47184321073267e-3),
    (2, 0, -0.30001780793026e-3),
    (2, 1, 0.47661393906987e-4),
    (2, 3, -0.44141845330846e-5),
    (2, 17, -0.72694996297594e-15),
    (3, -4, -0.31679644845054e-4),
    (3, 0, -0.28270797985312e-5),
    (3, 6, -0.85205128120103e-9),
    (4, -5, -0.22425281908000e-5),
    (4, -2, -0.65171222895601e-6),
    (4, 10, -0.14341729937924e-12),
    (5, -8, -0.40516996860117e-6),
    (8, -11, -0.12734301741641e-8),
    (8, -6, -0.17424871230634e-9),
    (21, -29, -0.68762131295531e-18),
    (23, -31, 0.14478307828521e-19),
    (29, -38, 0.26335781662795e-22),
    (30, -39, -0.11947622640071e-22),
    (31, -40, 0.18228094581404e-23),
    (32, -41, -0.93537087292458e-25),
)


class State(NamedTuple):
    """Liquid water at one temperature and pressure."""

    volume: float
    """Specific volume in m3/kg."""
    enthalpy: float
    """Specific enthalpy in kJ/kg."""
    heat_capacity: float
    """Isobaric heat capacity in kJ/(kg K): the slope of the enthalpy."""
    expansion: float
    """Slope of the specific volume with temperature at constant pressure, in m3/(kg K)."""


def liquid(kelvin: float, mpa: float) -> State:
    """Evaluate region 1 at a temperature in K and a pressure in MPa; the range is not checked."""
    pi, tau = mpa / _P_STAR, _T_STAR / kelvin
    a, b = 7.1 - pi, tau - 1.222
    g_p = g_t = g_tt = g_pt = 0.0
    for i, j, n in _TERMS:
        by_p, by_t = n * a**i, b ** (j - 2)
        g_t += by_p * j * by_t * b
        g_tt += by_p * j * (j - 1) * by_t
        if i:
            slope = -n * i * a ** (i - 1)
            g_p += slope * by_t * b * b
            g_pt += slope * j * by_t * b
    per_pressure = _R / (1000.0 * _P_STAR)
    return State(
        volume=per_pressure * kelvin * g_p,
        enthalpy=_R * _T_STAR * g_t,
        heat_capacity=-_R * tau * tau * g_tt,
        expansion=per_pressure * (g_p - tau * g_pt),
    )


def highest(mpa: float) -> float:
    """Give the highest temperature, in degrees Celsius, at which water of a pressure is liquid."""
    if mpa >= saturation_pressure(HIGHEST + ZERO_CELSIUS):
        return HIGHEST
    return saturation_temperature(mpa) - ZERO_CELSIUS


class Water:
    """Liquid water at one pressure, tabulated each kelvin: a look-up is one cubic interpolation.

    The interpolation uses values and slopes of the equation (Hermite); it differs from it by less
    than 1e-9 of the value.
    """

    def __init__(self, mpa: float) -> None:
        """Tabulate for a pressure in MPa; raises `PermanentError` outside 0.001 to 100 MPa."""
        if not 0.001 <= mpa <= 100.0:  # noqa: PLR2004 (limits of the equation)
            raise PermanentError(
                f"water at {mpa} MPa is outside the range of IAPWS-IF97 region 1",
                mend="give a pressure from 0.01 to 1000 bar",
            )
        self.highest = highest(mpa)
        nodes = [liquid(ZERO_CELSIUS + step, mpa) for step in range(int(self.highest) + 2)]
        pairs = list(pairwise(nodes))
        self._enthalpy = [
            _cubic(a.enthalpy, a.heat_capacity, b.enthalpy, b.heat_capacity) for a, b in pairs
        ]
        self._volume = [_cubic(a.volume, a.expansion, b.volume, b.expansion) for a, b in pairs]

    def holds(self, celsius: float) -> bool:
        """Tell whether water is liquid at this temperature, within the equation's range."""
        return 0.0 <= celsius <= self.highest

    def enthalpy(self, celsius: float) -> float:
        """Give the specific enthalpy in kJ/kg; only where `holds`."""
        node = int(celsius)
        x = celsius - node
        a, b, c, d = self._enthalpy[node]
        return a + x * (b + x * (c + x * d))

    def volume(self, celsius: float) -> float:
        """Give the specific volume in m3/kg; only where `holds`."""
        node = int(celsius)
        x = celsius - node
        a, b, c, d = self._volume[node]
        return a + x * (b + x * (c + x * d))


def _cubic(
    left: float, left_slope: float, right: float, right_slope: float
) -> tuple[float, float, float, float]:
    """Fit the cubic through two values and slopes one kelvin apart."""
    rise = right - left
    return (
        left,
        left_slope,
        3.0 * rise - 2.0 * left_slope - right_slope,
        left_slope + right_slope - 2.0 * rise,
    )


@lru_cache(maxsize=64)
def water(mpa: float) -> Water:
    """Give the table for a pressure in MPa, made once."""
    return Water(mpa)
