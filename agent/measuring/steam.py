"""Steam by IAPWS-IF97 region 2: enthalpy and specific volume, superheated and saturated.

Equations and coefficients: IAPWS R7-97(2012), region 2 (its equations 15 to 17, tables 10 and 11).
Valid from 0 to 350 °C at or below saturation pressure, and from there to 800 °C at pressures up to
16.529 MPa, where the boundary to region 3 leaves the saturation line.
"""

from typing import NamedTuple

from agent.measuring.water import ZERO_CELSIUS, liquid
from config.saturation import saturation_pressure

_R = 0.461526  # specific gas constant, kJ/(kg K)
_T_STAR = 540.0  # K
_IDEAL: tuple[tuple[int, float], ...] = (
    (0, -0.96927686500217e1),
    (1, 0.10086655968018e2),
    (-5, -0.56087911283020e-2),
    (-4, 0.71452738081455e-1),
    (-3, -0.40710498223928),
    (-2, 0.14240819171444e1),
    (-1, -0.43839511319450e1),
    (2, -0.28408632460772),
    (3, 0.21268463753307e-1),
)
_RESIDUAL: tuple[tuple[int, int, float], ...] = (
    (1, 0, -0.17731742473213e-2),
    (1, 1, -0.17834862292358e-1),
    (1, 2, -0.45996013696365e-1),
    (1, 3, -0.57581259083432e-1),
    (1, 6, -0.50325278727930e-1),
    (2, 1, -0.33032641670203e-4),
    (2, 2, -0.18948987516315e-3),
    (2, 4, -0.39392777243355e-2),
    (2, 7, -0.43797295650573e-1),
    (2, 36, -0.26674547914087e-4),
    (3, 0, 0.20481737692309e-7),
    (3, 1, 0.43870667284435e-6),
    (3, 3, -0.32277677238570e-4),
    (3, 6, -0.15033924542148e-2),
    (3, 35, -0.40668253562649e-1),
    (4, 1, -0.78847309559367e-9),
    (4, 2, 0.12790717852285e-7),
    (4, 3, 0.48225372718507e-6),
    (5, 7, 0.22922076337661e-5),
    (6, 3, -0.16714766451061e-10),
    (6, 16, -0.21171472321355e-2),
    (6, 35, -0.23895741934104e2),
    (7, 0, -0.59059564324270e-17),
    (7, 11, -0.12621808899101e-5),
    (7, 25, -0.38946842435739e-1),
    (8, 8, 0.11256211360459e-10),
    (8, 36, -0.82311340897998e1),
    (9, 13, 0.19809712802088e-7),
    (10, 4, 0.10406965210174e-18),
    (10, 10, -0.10234747095929e-12),
    (10, 14, -0.10018179379511e-8),
    (16, 29, -0.80882908646985e-10),
    (16, 50, 0.10693031879409),
    (18, 57, -0.33662250574171),
    (20, 20, 0.89185845355421e-24),
    (20, 35, 0.30629316876232e-12),
    (20, 48, -0.42002467698208e-5),
    (21, 21, -0.59056029685639e-25),
    (22, 53, 0.37826947613457e-5),
    (23, 39, -0.12768608934681e-14),
    (24, 26, 0.73087610595061e-28),
    (24, 40, 0.55414715350778e-16),
    (24, 58, -0.94369707241210e-6),
)


class Vapour(NamedTuple):
    """Steam in one state."""

    volume: float
    """Specific volume in m3/kg."""
    enthalpy: float
    """Specific enthalpy in kJ/kg."""


def vapour(kelvin: float, mpa: float) -> Vapour:
    """Evaluate region 2 at a temperature in K and a pressure in MPa; the range is not checked."""
    tau = _T_STAR / kelvin
    b = tau - 0.5
    g_t = sum(n * j * tau ** (j - 1) for j, n in _IDEAL)
    g_p = 1.0 / mpa
    for i, j, n in _RESIDUAL:
        power = n * mpa ** (i - 1) * b ** (j - 1)
        g_p += i * power * b
        g_t += j * power * mpa
    return Vapour(_R * kelvin * g_p / 1000.0, _R * _T_STAR * g_t)


def condensate(celsius: float) -> tuple[float, float]:
    """Give enthalpy (kJ/kg) and volume (m3/kg) of condensate, from 0 to 350 °C.

    At the pressure at which it boils, or at that of the atmosphere where that is higher: the
    enthalpy changes by 0.1 kJ/kg with each bar.
    """
    kelvin = celsius + ZERO_CELSIUS
    state = liquid(kelvin, max(0.101325, saturation_pressure(kelvin)))
    return state.enthalpy, state.volume
