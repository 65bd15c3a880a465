"""Units as written, and what they are worth."""

import pytest

from config.units import COMMON, Scale, Units, quantity


@pytest.fixture(scope="module")
def units() -> Units:
    return Units()


@pytest.mark.parametrize(
    ("unit", "dimension"),
    [
        ("t", "mass"),
        ("m3", "volume"),
        ("Nm3/h", "volume rate"),
        ("kg/s", "mass rate"),
        ("kWh", "energy"),
        ("MW.h", "energy"),
        ("kW.h/d", "power"),
        ("Cel", "temperature"),
        ("°C", "temperature"),
        ("mbar", "pressure"),
        ("kg/m3", "density"),
        ("%", None),
        ("1", None),
        ("Cel/h", None),
    ],
)
def test_a_unit_says_what_it_measures(units: Units, unit: str, dimension: str | None) -> None:
    assert units.dimension(unit) == dimension


@pytest.mark.parametrize("unit", ["", "T/h", "t//h", "t/", "furlong", "m 3", "2*t", "t" * 99, "/h"])
def test_what_is_no_unit_is_refused(units: Units, unit: str) -> None:
    with pytest.raises(ValueError, match="a unit such as"):
        units.dimension(unit)


@pytest.mark.parametrize(
    ("unit", "target", "scale"),
    [
        ("t/h", "t/s", Scale(1 / 3600)),
        ("kg/s", "t/s", Scale(0.001)),
        ("l/h", "m3/s", Scale(1 / 3_600_000)),
        ("kW", "MW.h/s", Scale(1 / 3_600_000)),
        ("GJ", "MW.h", Scale(1 / 3.6)),
        ("Gcal", "MW.h", Scale(4.184 / 3.6)),
        ("K", "Cel", Scale(1.0, -273.15)),
        ("[degF]", "Cel", Scale(5 / 9, -160 / 9)),
        ("bar", "MPa", Scale(0.1)),
    ],
)
def test_a_conversion_is_exact(units: Units, unit: str, target: str, scale: Scale) -> None:
    found = units.scale(unit, target)
    assert found.factor == pytest.approx(scale.factor, rel=1e-15)
    assert found.offset == pytest.approx(scale.offset, rel=1e-15)


@pytest.mark.parametrize("unit", sorted(COMMON))
def test_a_tabled_unit_is_worth_what_pint_says(units: Units, unit: str) -> None:
    assert units.by_pint(unit) == COMMON[unit]


def test_a_conversion_between_dimensions_is_refused(units: Units) -> None:
    with pytest.raises(ValueError, match="turned into t"):
        units.scale("m3", "t")


def test_an_amount_of_degrees_is_a_difference(units: Units) -> None:
    assert units.amount("3 Cel", "K") == 3.0
    assert units.amount("16 bar", "MPa") == 1.6


@pytest.mark.parametrize(
    "text", ["60", "t/h", "60t h", "1e9999 t", "1e999 t", "٣ t", "nan t", "1,5 t"]
)
def test_a_quantity_needs_a_number_and_a_unit(text: str) -> None:
    with pytest.raises(ValueError, match="a number with its unit"):
        quantity(text)
