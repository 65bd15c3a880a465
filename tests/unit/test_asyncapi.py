"""The AsyncAPI document names every topic the code has, and nothing that is not there."""

import inspect
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import gateway
from gateway.asyncapi import CHANNELS, document
from gateway.schemas import MESSAGES, message_schema

DOCS = Path(__file__).parents[2] / "docs"


def made() -> dict[str, Any]:
    return document({name: message_schema(name) for name in MESSAGES})


def topics() -> set[str]:
    """What every function `…_topic` of the gateway gives, its parameters in braces."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(gateway.__path__):
        for name, make in vars(import_module(f"gateway.{module.name}")).items():
            if name.endswith("_topic") and inspect.isfunction(make):
                named = inspect.signature(make).parameters
                found.add(make(*(f"{{{one}}}" for one in named)))
    return found


def test_every_topic_of_the_code_is_a_channel() -> None:
    told = {one.address for one in CHANNELS}
    assert told == topics(), "keep gateway.asyncapi.CHANNELS as the topics are; `make schema`"


def test_the_wire_page_lists_the_same_topics() -> None:
    page = (DOCS / "wire.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(sidestream/\S+)` \|", page, re.MULTILINE)) == topics()


def test_each_channel_has_both_ends_and_all_its_parameters() -> None:
    told = made()
    for one in CHANNELS:
        channel = told["channels"][one.name]
        assert set(channel["parameters"]) == set(re.findall(r"{(\w+)}", one.address))
    ends = [(end["action"], end["channel"]["$ref"]) for end in told["operations"].values()]
    paths = [f"#/channels/{name}" for name in told["channels"]]
    assert sorted(ends) == sorted((way, path) for path in paths for way in ("send", "receive"))


def test_every_reference_leads_somewhere() -> None:
    told = made()
    for ref in re.findall(r'"\$ref": "([^"]+)"', json.dumps(told)):
        if ref.startswith("./"):
            assert (DOCS / "schema" / ref).is_file(), ref
            continue
        at: Any = told
        for part in ref.removeprefix("#/").split("/"):
            at = at[part]
