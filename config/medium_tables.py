"""What a heat meter's medium may be in a plant file: a liquid's name, or a table."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Tag, model_validator

from adapters.fields import Settings
from config.fluids import liquid
from config.locate import CHOICE, at
from config.tables import text_schema
from config.texts import Amount, Percent, is_point

_MEASURED = r"^\s*-?\d.*\S\s*$|^[A-Za-z0-9_-]+\.\S(.*\S)?$"


def _liquid(text: str) -> str:
    liquid(text)
    return text


def _measured(text: str) -> str:
    is_point(text)
    return text


Measured = Annotated[
    str,
    AfterValidator(_measured),
    text_schema("quantity or point", _MEASURED, "10 bar", "boiler.pressure"),
]
"""A constant, or the `"source.point"` that measures it."""
LiquidName = Annotated[
    str,
    AfterValidator(_liquid),
    text_schema("liquid", r"^\S(.*\S)?$", "water", "propylene glycol 40 %", "Therminol 66"),
]


class SteamTable(Settings):
    """Steam whose heat is counted down to the condensate that comes back."""

    steam: Literal["superheated", "saturated"]
    """`"superheated"`: told by `supply` and `pressure`, both. `"saturated"`: by either of them, and
    `dryness`."""
    dryness: Percent | None = None
    """Of saturated steam: the share of its mass that is vapour, `"97 %"`. No temperature or
    pressure tells it."""
    gauge: bool = False
    """`pressure` is above that of the atmosphere (1.01325 bar), as most transmitters show it."""
    returned: Percent = "100 %"
    """The share of the steam that comes back as condensate."""
    make_up: Amount | None = None
    """Temperature of the water that replaces what does not come back, `"10 Cel"`."""

    @model_validator(mode="after")
    def _together(self) -> "SteamTable":
        if (self.dryness is None) is (self.steam == "saturated"):
            what = '"97 %", of saturated steam' if self.dryness is None else "nothing: it is dry"
            raise at("dryness", what)
        return self


class DryGas(Settings):
    """Shares of volume of a gas without its water vapour; what they leave of 100 % is nitrogen."""

    CO2: Percent | None = None
    """Carbon dioxide."""
    O2: Percent | None = None
    """Oxygen."""
    CO: Percent | None = None
    """Carbon monoxide."""
    SO2: Percent | None = None
    """Sulfur dioxide."""
    Ar: Percent | None = None
    """Argon."""
    H2: Percent | None = None
    """Hydrogen."""
    CH4: Percent | None = None
    """Methane."""


class Fuel(Settings):
    """Shares of mass of a fuel as it is fired; what they leave of 100 % is ash."""

    carbon: Percent | None = None
    """Carbon."""
    hydrogen: Percent | None = None
    """Hydrogen, without that of its water."""
    oxygen: Percent | None = None
    """Oxygen, without that of its water."""
    nitrogen: Percent | None = None
    """Nitrogen."""
    sulfur: Percent | None = None
    """Sulfur."""
    water: Percent | None = None
    """Water."""


def _named(value: Any) -> str | None:
    """Tell a name from a table; what is returned has brackets so that it is never a key itself."""
    if isinstance(value, str):
        return "(name)"
    return "(table)" if isinstance(value, Mapping) else None


_GasChoice = Annotated[
    Annotated[Literal["air"], Tag("(name)")] | Annotated[DryGas, Tag("(table)")],
    Discriminator(
        _named, custom_error_type=CHOICE, custom_error_message='"air", or a table of shares'
    ),
]
_FuelChoice = Annotated[
    Annotated[Literal["methane", "propane", "hydrogen"], Tag("(name)")]
    | Annotated[Fuel, Tag("(table)")],
    Discriminator(
        _named,
        custom_error_type=CHOICE,
        custom_error_message='"methane", "propane", "hydrogen", or a table of shares',
    ),
]


class GasTable(Settings):
    """An off-gas or a flue gas, with the water vapour in it."""

    gas: _GasChoice | None = None
    """`"air"`, or the shares of volume without water vapour."""
    fuel: _FuelChoice | None = None
    """Of a flue gas: what was burnt, in place of `gas`; with `excess_air` or `oxygen`."""
    excess_air: Amount | None = None
    """The air above what the fuel needs, `"20 %"`; it is taken as dry."""
    oxygen: Amount | None = None
    """In place of `excess_air`: the share of volume of oxygen in the dry flue gas, `"5 %"`."""
    vapour: Percent | None = None
    """The share of volume of water vapour in the moist gas, `"12 %"`."""
    relative_humidity: Measured | None = None
    """Relative humidity of the supply, `"80 %"` or a point."""
    dew_point: Measured | None = None
    """Dew point of the supply, `"45 Cel"` or a point."""
    saturated: bool = False
    """The supply is saturated with water vapour, as after a scrubber."""
    condensing: bool = True
    """Counts the heat of the vapour that condenses when the gas is cooled below its dew point."""
    flow_is: Literal["operating", "norm", "norm dry", "moist", "dry"]
    """What the flow counts. Volume: as it flows (`"operating"`), at 0 Cel and 1.01325 bar
    (`"norm"`), or so without its vapour (`"norm dry"`). Mass: of the `"moist"` or the `"dry"`
    gas."""

    @model_validator(mode="after")
    def _together(self) -> "GasTable":
        if (self.gas is None) is (self.fuel is None):
            raise at("gas", '"air", the shares of its constituents, or `fuel` alone')
        if self.fuel is None and (self.excess_air or self.oxygen):
            raise at("excess_air" if self.excess_air else "oxygen", "nothing without `fuel`")
        if self.fuel is not None and (self.excess_air is None) is (self.oxygen is None):
            raise at("excess_air", '"20 %"; or `oxygen` of the dry flue gas alone, "5 %"')
        given = [self.vapour, self.relative_humidity, self.dew_point, self.saturated or None]
        told = sum(each is not None for each in given)
        if told > 1 or (self.fuel is None and not told):
            raise at("vapour", 'one of `vapour` ("12 %"), `relative_humidity`, `dew_point`, '
                     "`saturated`")  # fmt: skip
        return self


def _which(value: Any) -> str | None:
    """Tell a medium's kind; the name has brackets so that it is never a key itself."""
    if isinstance(value, str):
        return "(liquid)"
    if isinstance(value, Mapping):
        keys = {"steam": "(steam)", "gas": "(gas)", "fuel": "(gas)"}
        return next((keys[key] for key in value if key in keys), None)
    return None


MediumTable = Annotated[
    Annotated[LiquidName, Tag("(liquid)")]
    | Annotated[SteamTable, Tag("(steam)")]
    | Annotated[GasTable, Tag("(gas)")],
    Discriminator(
        _which,
        custom_error_type=CHOICE,
        custom_error_message="a liquid's name, or a table with `steam`, `gas` or `fuel`",
    ),
]
