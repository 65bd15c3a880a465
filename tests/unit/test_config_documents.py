"""The schemas, the reference and the examples are those of the code."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from adapters.adapter import protocols
from config.documents import documents
from config.hub import load_hub
from config.load import load_plant
from config.plan import PlantPlan
from config.schema import duration

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "config" / "examples"


def validator(name: str) -> Draft202012Validator:
    schema: Any = json.loads((ROOT / "docs" / "schema" / f"{name}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def table(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


@pytest.mark.parametrize("name", list(documents()))
def test_a_generated_document_is_up_to_date(name: str) -> None:
    found = (ROOT / "docs" / name).read_text("utf-8")
    assert found == documents()[name](), f"docs/{name} is out of date: run `make schema`"


@pytest.mark.parametrize(
    ("file", "name"), [("plant", "plant"), ("historian", "plant"), ("hub", "hub")]
)
def test_an_example_begins_with_its_schema_and_fits_it(file: str, name: str) -> None:
    text = (EXAMPLES / f"{file}.toml").read_text("utf-8")
    first = text.split("\n", 1)[0]
    assert (EXAMPLES / first.removeprefix("#:schema ")).is_file()
    validator(name).validate(table(text))


def example_plant() -> PlantPlan:
    return load_plant(EXAMPLES / "plant.toml", {})


def test_the_plant_example_loads() -> None:
    plan = example_plant()
    slag, heat, dust = plan.streams
    assert [source.name for source in plan.sources] == ["belt", "cooling", "dust_scale"]
    assert (slag.share, slag.meter.max_rate) == ("cluster", 60 / 3600)
    assert slag.meter.modulus == 2**32 / 1000
    assert (heat.unit, heat.meter.max_gap) == ("MW.h", 15_000_000_000)
    assert (dust.share, dust.never_publish, dust.meter.inputs["total"].factor) == (
        "off", True, 0.001,
    )  # fmt: skip
    settings: Any = plan.sources[1].settings
    assert settings.certificate == str(EXAMPLES / "plant.pem")


def test_the_historian_example_loads() -> None:
    plan = load_plant(EXAMPLES / "historian.toml", {})
    assert {source.settings.protocol for source in plan.sources} == {"replay"}


def test_the_hub_example_loads() -> None:
    plan = load_hub(EXAMPLES / "hub.toml", {})
    assert len({member.owner for member in plan.members}) == 3
    assert plan.key_file == "/var/lib/sidestream-hub/hub.pem"


PLANT = '[plant]\nname = "a"\nowner = "b"\n'
REPLAY = f'{PLANT}[sources.s]\nprotocol = "replay"\nfile = "f"\npoints.a = {{}}\n'


@pytest.mark.parametrize(
    "text",
    [
        f'{PLANT}owners = "c"\n[sources]',
        REPLAY.replace('"replay"', '"repley"'),
        REPLAY.replace("file", "fil"),
        REPLAY + 'host = "192.0.2.1"',
        REPLAY + '[streams.s]\nmaterial = "10 09 3"\nmeter = { total = "s.a" }',
        REPLAY + '[streams.s]\nmaterial = "10 09 03"\nmeter = { totl = "s.a" }',
        REPLAY + '[windows]\nmeasure = "15"',
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(text: str) -> None:
    assert not validator("plant").is_valid(table(text))
    assert validator("plant").is_valid(table(REPLAY))


def test_every_protocol_is_in_the_schema_and_the_reference() -> None:
    found = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    schema: Any = validator("plant").schema
    for protocol in protocols():
        assert f'protocol = "{protocol}"' in found
        assert f"source {protocol}" in schema["$defs"]


def test_every_key_in_the_reference_is_explained() -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "configuration.md").read_text("utf-8").split("\n")
        if line.startswith("| `")
    ]
    assert len(rows) > 100
    assert not [row for row in rows if row.endswith("|  |") or "|  |  |" in row]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "500 ms"), (1.0, "1 s"), (90.0, "90 s"), (900.0, "15 min"), (8.64e4, "1 d")],
)
def test_a_duration_is_written_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text
