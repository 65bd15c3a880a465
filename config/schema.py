"""JSON Schemas of both files, from the models that load them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from adapters.adapter import adapter, protocols
from adapters.described import Described
from config.hub import HubFile
from config.plant import PlantFile
from config.profile import point_model

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{model}"
_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


class _Generator(Described):
    """Leaves out titles that only repeat a key."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def plant_schema() -> dict[str, Any]:
    """Give the schema of a plant file; a source is one of the installed protocols."""
    models = {protocol: adapter(protocol).settings for protocol in protocols()}
    parts = [part for model in models.values() for part in (model, point_model(model))]
    schema, names = _schema(PlantFile, *dict.fromkeys(parts))
    definitions = schema["$defs"]
    for protocol, model in models.items():
        definitions[f"source {protocol}"] = _source(definitions[names[str(model)]], protocol)
        point = names[str(point_model(model))]
        definitions[f"{point} in part"] = {**definitions[point], "required": []}
    for model in set(models.values()):
        definitions.pop(names[str(model)], None)
    choices = [{"$ref": _ref(f"source {protocol}")} for protocol in models]
    schema["properties"]["sources"] |= {"additionalProperties": {"oneOf": choices}}
    return schema


def hub_schema() -> dict[str, Any]:
    """Give the schema of a hub file."""
    return _schema(HubFile)[0]


def _schema(
    file: type[BaseModel], *others: type[BaseModel]
) -> tuple[dict[str, Any], dict[str, str]]:
    refs, shared = models_json_schema(
        [(model, "validation") for model in (file, *others)],
        ref_template=_REF,
        schema_generator=_Generator,
    )
    prefix = _REF.format(model="")
    names = {str(model): ref["$ref"].removeprefix(prefix) for (model, _), ref in refs.items()}
    definitions = {name: _tidy(found) for name, found in shared["$defs"].items()}
    top = definitions.pop(names[str(file)])
    return {"$schema": DIALECT, **top, "$defs": definitions}, names


def _ref(name: str) -> str:
    return f"#/$defs/{name.replace(' ', '%20')}"


def _source(schema: Mapping[str, Any], protocol: str) -> dict[str, Any]:
    chosen = {"const": protocol, "description": "Which adapter reads this source."}
    properties = {**schema["properties"], "protocol": chosen}
    required = sorted({*schema.get("required", []), "protocol"})
    return {**schema, "properties": properties, "required": required} | _points(properties)


def _points(properties: dict[str, Any]) -> dict[str, Any]:
    """Let points be a file's name, and beside a profile also tables that complete its points."""
    points = dict(properties["points"])
    point = points.pop("additionalProperties")
    properties["points"] = {
        "description": points.pop("description", ""),
        "anyOf": [{"type": "string", "title": "file", "minLength": 1}, points],
    }
    part = {"$ref": f"{point['$ref']}%20in%20part"}
    return {
        "if": {"required": ["profile"]},
        "then": {"properties": {"points": {"additionalProperties": part}}},
        "else": {"properties": {"points": {"additionalProperties": point}}},
    }


def _tidy(node: Any) -> Any:
    """Write a schema as TOML is written: no null, durations with their unit, no empty tables."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(value) for key, value in node.items()}
    if "anyOf" in tidy:
        tidy |= _without_null(tidy)
    if "default" in tidy:
        _tidy_default(tidy)
    return tidy


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.pop("anyOf") if choice != {"type": "null"}]
    return {**choices[0], **schema} if len(choices) == 1 else {"anyOf": choices}


def _tidy_default(schema: dict[str, Any]) -> None:
    default = schema["default"]
    lasts = schema.get("type") == "string" and isinstance(default, float)
    if default is None or isinstance(default, dict | list) or (lasts and not default):
        del schema["default"]
    elif lasts:
        schema["default"] = duration(default)


def duration(seconds: float) -> str:
    """Write seconds as a duration in the largest unit that fits: 900.0 is `15 min`."""
    for length, unit in _UNITS:
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds * 1000:f}".rstrip("0").rstrip(".") + " ms"
