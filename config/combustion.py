"""What a flue gas is made of, by the stoichiometry of its fuel and its air."""

from collections.abc import Mapping
from typing import Final

from adapters.errors import PermanentError

AIR: Final[Mapping[str, float]] = {"N2": 0.78084, "O2": 0.20948, "Ar": 0.00934, "CO2": 0.00034}
"""Dry air by volume, after ISO 2533 (standard atmosphere), to five figures."""
_MOLAR = {"carbon": 12.011, "hydrogen": 1.008, "oxygen": 15.999, "nitrogen": 14.007,
          "sulfur": 32.06, "water": 18.015}  # fmt: skip
"""Molar masses in g/mol, IUPAC."""
FUELS: Final[Mapping[str, Mapping[str, float]]] = {
    "methane": {"carbon": 1.0, "hydrogen": 4.0},
    "propane": {"carbon": 3.0, "hydrogen": 8.0},
    "hydrogen": {"hydrogen": 2.0},
}
"""Moles of atoms in a mole of fuel."""


def moles(shares: Mapping[str, float]) -> dict[str, float]:
    """Turn a fuel's shares of mass into moles of atoms (and of water) in 100 g."""
    return {name: 100.0 * share / _MOLAR[name] for name, share in shares.items()}


def flue_gas(
    fuel: Mapping[str, float], *, excess: float | None = None, oxygen: float | None = None
) -> tuple[dict[str, float], float]:
    """Give a flue gas: dry shares of volume, and moles of water a mole of dry gas.

    `excess` is the share of air above the stoichiometric; or `oxygen` the share of O2 in the dry
    flue gas. Combustion is complete, the air dry. Raises `PermanentError` for a fuel that needs no
    air, and for more oxygen than air can leave.
    """
    carbon, sulfur = fuel.get("carbon", 0.0), fuel.get("sulfur", 0.0)
    needed = carbon + fuel.get("hydrogen", 0.0) / 4 + sulfur - fuel.get("oxygen", 0.0) / 2
    if needed <= 0:
        raise PermanentError("the fuel needs no air", mend="give its carbon and hydrogen")
    own = carbon + sulfur + fuel.get("nitrogen", 0.0) / 2
    if excess is None:
        excess = _excess(needed, own, oxygen or 0.0)
    air = needed * (1.0 + excess) / AIR["O2"]
    gas = {
        "N2": air * AIR["N2"] + fuel.get("nitrogen", 0.0) / 2,
        "O2": needed * excess,
        "CO2": air * AIR["CO2"] + carbon,
        "Ar": air * AIR["Ar"],
        "SO2": sulfur,
    }
    whole = sum(gas.values())
    water = fuel.get("hydrogen", 0.0) / 2 + fuel.get("water", 0.0)
    return {name: part / whole for name, part in gas.items() if part > 0}, water / whole


def _excess(needed: float, own: float, oxygen: float) -> float:
    """Solve for the excess: O2 is needed·e of own + needed·(1 + e)/x - needed moles dry."""
    if not 0 <= oxygen < AIR["O2"]:
        raise PermanentError("more oxygen than air has", mend='give less than "20.9 %"')
    least = own + needed / AIR["O2"] - needed
    return oxygen * least / (needed * (1.0 - oxygen / AIR["O2"]))
