"""Water and steam on the saturation line as curves over temperature, made once when needed."""

from functools import cache
from typing import NamedTuple

from agent.measuring.media.curve import Curve
from agent.measuring.steam import condensate, vapour
from agent.measuring.water import ZERO_CELSIUS, liquid
from config.medium_plan import Grid
from config.saturation import saturation_pressure

HOTTEST = 350.0
"""Upper limit of regions 1 and 2 on the saturation line, in Cel."""
_STEP = 0.5


class Saturated(NamedTuple):
    """Boiling water and dry saturated steam: kJ/kg and m3/kg, by Celsius."""

    water: Curve
    water_volume: Curve
    steam: Curve
    steam_volume: Curve


class Condensate(NamedTuple):
    """Condensate: kJ/kg and m3/kg, by Celsius; see `agent.measuring.steam.condensate`."""

    enthalpy: Curve
    volume: Curve


def _curve(values: list[float]) -> Curve:
    return Curve(Grid(0.0, _STEP, tuple(values)))


def _nodes() -> list[float]:
    return [_STEP * node for node in range(round(HOTTEST / _STEP) + 1)]


@cache
def saturated() -> Saturated:
    """Give the saturation line from 0 to 350 °C."""
    kelvins = [celsius + ZERO_CELSIUS for celsius in _nodes()]
    waters = [liquid(kelvin, saturation_pressure(kelvin)) for kelvin in kelvins]
    steams = [vapour(kelvin, saturation_pressure(kelvin)) for kelvin in kelvins]
    return Saturated(
        _curve([each.enthalpy for each in waters]),
        _curve([each.volume for each in waters]),
        _curve([each.enthalpy for each in steams]),
        _curve([each.volume for each in steams]),
    )


@cache
def condensates() -> Condensate:
    """Give condensate from 0 to 350 °C."""
    states = [condensate(celsius) for celsius in _nodes()]
    return Condensate(_curve([each[0] for each in states]), _curve([each[1] for each in states]))
