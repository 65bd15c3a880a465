"""Configuration files: lines, units and durations hold for any text, or words say why not."""

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.fields import seconds
from config.errors import ConfigError
from config.hub import load_hub
from config.load import load_plant
from config.plant import whole
from config.schema import duration
from config.texts import size
from config.toml import Document, Key, parse
from config.units import Units

UNITS = Units()
UNITS.by_pint("t")  # so that pint, which is slow to start, is there before the first example
EXAMPLES = Path(__file__).parents[2] / "config" / "examples"

BARE = st.text("abcXYZ019_-", min_size=1, max_size=4)
NAMES = st.one_of(BARE, st.text(max_size=4))
SCALARS = st.one_of(
    st.integers(-9, 9).map(str),
    st.sampled_from(
        ["true", '"# no"', "'[x]'", '"""a\n[b]\nc = 1"""', "'''\n\"\"\"\n'''", '""', "''"]
    ),
    st.sampled_from(["1979-05-27 07:32:00", "1e3", '"\\" ]"', '"""x\\""""""', "inf"]),
)


def key_text(name: str) -> str:
    """Write a key as TOML: bare where it can be, else as a basic string."""
    if name and all(letter in "abcXYZ019_-" for letter in name):
        return name
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in name) + '"'


class Writer:
    """Writes tables as TOML and notes the line each key was put on."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: dict[Key, int] = {}

    def line(self) -> int:
        return self.text.count("\n") + 1

    def table(self, path: Key, content: Mapping[str, Any]) -> None:
        for name, value in content.items():
            if not isinstance(value, dict):
                self.lines[(*path, name)] = self.line()
                self.text += f"{key_text(name)} = "
                self.value((*path, name), value)
                self.text += " # end = [\n"
        for name, value in content.items():
            if isinstance(value, dict):
                header = ".".join(key_text(str(part)) for part in (*path, name))
                self.lines[(*path, name)] = self.line()
                self.text += f"[ {header} ]\n\n"
                self.table((*path, name), value)

    def value(self, path: Key, value: Any) -> None:
        if isinstance(value, str):
            self.text += value
        elif isinstance(value, tuple):
            self.inline(path, dict(value))
        else:
            self.array(path, value)

    def array(self, path: Key, value: list[Any]) -> None:
        self.text += "["
        for position, each in enumerate(value):
            self.text += "\n # ]\n"
            self.lines[(*path, position)] = self.line()
            self.value((*path, position), each)
            self.text += " ,"
        self.text += "]"

    def inline(self, path: Key, value: Mapping[str, Any]) -> None:
        self.text += "{"
        for position, (name, each) in enumerate(value.items()):
            self.text += ", " if position else " "
            self.lines[(*path, name)] = self.line()
            self.text += f"{key_text(name)} = "
            self.value((*path, name), each)
        self.text += "}"


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(NAMES, inner, max_size=3).map(lambda table: tuple(table.items())),
    ),
    max_leaves=6,
)
TABLES = st.recursive(
    st.dictionaries(NAMES, VALUES, max_size=3),
    lambda inner: st.dictionaries(NAMES, st.one_of(VALUES, inner), max_size=3),
    max_leaves=4,
)


def keys(data: Any, path: Key = ()) -> list[Key]:
    """Give the way to every value there is."""
    if isinstance(data, Mapping):
        inner: list[tuple[str | int, Any]] = list(data.items())
    else:
        inner = list(enumerate(data)) if isinstance(data, list) else []
    found = [path] if path else []
    return found + [each for name, value in inner for each in keys(value, (*path, name))]


@given(TABLES)
def test_every_key_of_any_file_is_found_on_the_line_it_was_written(
    content: dict[str, Any],
) -> None:
    writer = Writer()
    writer.table((), content)
    document = parse(writer.text, "f")
    assert dict(document.lines) == writer.lines
    assert set(document.lines) == set(keys(document.data))


@given(st.integers(1, 10**9), st.sampled_from([(0.001, "ms"), (1, "s"), (60, "min"), (3600, "h")]))
def test_a_duration_written_and_read_is_the_same(count: int, unit: tuple[float, str]) -> None:
    length, name = unit
    value = seconds(f"{count} {name}")
    assert math.isclose(value, count * length, rel_tol=1e-15)
    assert math.isclose(seconds(duration(value)), value, rel_tol=1e-9)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_length_is_a_whole_number_of_parts_or_it_is_not(length: int, part: int) -> None:
    assert whole(float(length), float(part)) is (length % part == 0)
    assert whole(length / 1000, part / 1000) is (length % part == 0)


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_refused(text: str) -> None:
    try:
        found = size(text)
    except ValueError:
        found = 1
    assert found > 0


MASS = {"t": 1.0, "kg": 1e-3, "g": 1e-6, "kt": 1e3, "Mt": 1e6}
VOLUME = {"m3": 1.0, "l": 1e-3, "hl": 0.1, "dm3": 1e-3, "Nm3": 1.0}
ENERGY = {
    "MW.h": 1.0,
    "kWh": 1e-3,
    "GJ": 1 / 3.6,
    "MJ": 1 / 3600,
    "GWh": 1e3,
    "kcal": 4.184 / 3.6e6,
}
POWER = {"MW": 1 / 3600, "kW": 1e-3 / 3600, "W": 1e-6 / 3600, "GJ/h": 1 / 3.6 / 3600}
TIME = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@given(st.data(), st.sampled_from([(MASS, "t"), (VOLUME, "m3"), (ENERGY, "MW.h")]))
def test_conversions_agree_with_factors_worked_out_by_hand(
    data: st.DataObject, table: tuple[dict[str, float], str]
) -> None:
    factors, target = table
    unit = data.draw(st.sampled_from(sorted(factors)))
    time = data.draw(st.sampled_from(sorted(TIME)))
    assert UNITS.scale(unit, target).factor == pytest.approx(factors[unit], rel=1e-14)
    rate = UNITS.scale(f"{unit}/{time}", f"{target}/s").factor
    assert rate == pytest.approx(factors[unit] / TIME[time], rel=1e-14)


@pytest.mark.parametrize("unit", sorted(POWER))
def test_powers_become_energy_per_second(unit: str) -> None:
    assert UNITS.scale(unit, "MW.h/s").factor == pytest.approx(POWER[unit], rel=1e-14)


@given(st.text(max_size=20))
def test_any_text_is_a_unit_or_refused(text: str) -> None:
    refusal = ""
    try:
        UNITS.dimension(text)
    except ValueError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith("a unit such as")


def load_both(text: str) -> None:
    """Load a text as either file: only `ConfigError` may come of it, and it must name lines."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "file.toml")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        for load in (load_plant, load_hub):
            try:
                load(path, {})
            except ConfigError as error:
                assert error.problems  # noqa: PT017 - either outcome is right
                last = text.count("\n") + 1
                assert all(0 <= problem.line <= last for problem in error.problems)  # noqa: PT017
                assert str(error)  # noqa: PT017


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_plan_or_an_error_in_words(text: str) -> None:
    load_both(text)


WORDS = st.sampled_from(
    ["plant", "hub", "sources", "streams", "members", "store", "windows", "name", "meter", "total",
     "protocol", "points", "replay", "status", "tls", "broker", "unit", "release", "calendars"]
)  # fmt: skip
SHAPED = st.recursive(
    st.dictionaries(WORDS, VALUES, max_size=3),
    lambda inner: st.dictionaries(WORDS, st.one_of(VALUES, inner), max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(SHAPED)
def test_any_tables_give_a_plan_or_an_error_in_words(content: dict[str, Any]) -> None:
    writer = Writer()
    writer.table((), content)
    load_both(writer.text)


JUNK = [
    "1",
    '""',
    "[]",
    "{}",
    "true",
    "nan",
    '"${X}"',
    '"10 09 03"',
    "[[1]]",
    "99999999999999999999",
]


@settings(deadline=None)
@given(st.data())
def test_an_example_with_any_value_changed_gives_a_plan_or_an_error_in_words(
    data: st.DataObject,
) -> None:
    lines = (EXAMPLES / data.draw(st.sampled_from(["plant.toml", "hub.toml"]))).read_text()
    changed = lines.split("\n")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        key, sign, _value = changed[at].partition("=")
        junk = data.draw(st.sampled_from(JUNK))
        changed[at] = data.draw(
            st.sampled_from([f"{key}{sign} {junk}", "", changed[at].replace("{", "{ x = 1, ")])
        )
    load_both("\n".join(changed))


def test_lines_of_a_file_without_keys_are_its_first() -> None:
    assert Document("f", {}).line(("plant", "name")) == 1
