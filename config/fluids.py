"""The liquids a heat meter knows by name: mixtures with water, and thermal oils.

Ranges and names are those of the property library (CoolProp 8, its incompressible fluids), which
gives the sources: mixtures after Å. Melinder, Properties of Secondary Working Fluids for Indirect
Systems (IIR, 2010); thermal oils after their makers' data sheets.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from config.errors import meant
from config.medium_plan import WATER, Liquid

_MIXED = re.compile(r"(.*?)\s+(\d{1,3}(?:\.\d{1,3})?)\s*%")


class Mixture(NamedTuple):
    """A liquid mixed with water: its highest concentration, and where it freezes."""

    fluid: str
    most: float
    high: float
    freezing: tuple[float, ...]
    """Freezing points in Cel of concentrations (share of mass) from 0 in steps of 0.05."""


class Oil(NamedTuple):
    """A liquid as it is: its range in Cel."""

    fluid: str
    low: float
    high: float


STEP: Final = 0.05
MIXTURES: Final[Mapping[str, Mixture]] = {
    "ethylene glycol": Mixture(
        "MEG",
        0.6,
        100.0,
        (
            0.0,
            -1.58,
            -3.36,
            -5.44,
            -7.95,
            -10.97,
            -14.58,
            -18.84,
            -23.81,
            -29.52,
            -35.99,
            -43.22,
            -51.2,
        ),
    ),
    "propylene glycol": Mixture(
        "MPG",
        0.6,
        100.0,
        (
            -0.03,
            -1.21,
            -2.87,
            -4.87,
            -7.17,
            -9.79,
            -12.79,
            -16.32,
            -20.57,
            -25.77,
            -32.19,
            -40.16,
            -50.0,
        ),
    ),
}
OILS: Final[Mapping[str, Oil]] = {
    "Dowtherm J": Oil("DowJ2", -73.0, 315.0),
    "Dowtherm Q": Oil("DowQ2", -35.0, 330.0),
    "Dynalene SF": Oil("DSF", 0.0, 315.0),
    "Paratherm CR": Oil("PCR", -100.0, 220.0),
    "Paratherm HE": Oil("PHE", 0.0, 330.0),
    "Paratherm HR": Oil("PHR", -15.0, 370.0),
    "Paratherm MR": Oil("PMR", -40.0, 315.0),
    "Paratherm NF": Oil("PNF2", -10.0, 320.0),
    "Syltherm 800": Oil("S800", -40.0, 398.0),
    "Syltherm XLT": Oil("XLT2", -100.0, 260.0),
    "Texatherm 22": Oil("TX22", 0.0, 350.0),
    "Therminol 66": Oil("T66", 0.0, 380.0),
    "Therminol 72": Oil("T72", -10.0, 380.0),
    "Therminol D12": Oil("TD12", -85.0, 230.0),
    "Therminol VP-1": Oil("TVP1", 12.0, 397.0),
}
ACCEPTED: Final = (
    '"water", '
    + ", ".join(f'"{name} 40 %"' for name in MIXTURES)
    + ", "
    + ", ".join(f'"{name}"' for name in OILS)
    + ", or a table for steam or a gas"
)


def liquid(text: str) -> Liquid:
    """Turn `"propylene glycol 40 %"` into a liquid; raises ValueError saying what is accepted."""
    name = " ".join(text.split())
    if name.lower() == "water":
        return WATER
    mixed = _MIXED.fullmatch(name)
    if mixed is not None:
        return _mixture(mixed[1], float(mixed[2]) / 100)
    for known, oil in OILS.items():
        if name.lower() == known.lower():
            return Liquid(oil.fluid, 0.0, oil.low, oil.high)
    if name.lower() in MIXTURES:
        raise ValueError(f'its share of mass in water too, "{name} 40 %"')
    if name.lower().endswith("steam"):
        raise ValueError('a table for steam, { steam = "superheated" }')
    raise ValueError(_hinted(name, [*OILS, *MIXTURES]))


def _mixture(name: str, share: float) -> Liquid:
    found = MIXTURES.get(name.lower())
    if found is None:
        raise ValueError(_hinted(name, list(MIXTURES)))
    if not 0 < share <= found.most:
        raise ValueError(f"{name.lower()} of more than 0 and up to {found.most * 100:g} %, by mass")
    return Liquid(found.fluid, share, freezing(found, share), found.high)


def freezing(mixture: Mixture, share: float) -> float:
    """Give where a mixture freezes, in Cel, in between by a straight line.

    The line lies below the curve, by at most 0.3 K; what is sampled begins where it is liquid.
    """
    position = share / STEP
    for node, (left, right) in enumerate(pairwise(mixture.freezing)):
        if position <= node + 1:
            return left + (right - left) * (position - node)
    return mixture.freezing[-1]


def _hinted(name: str, known: list[str]) -> str:
    hint = meant(name, known)
    return f"{ACCEPTED} ({hint})" if hint else ACCEPTED
