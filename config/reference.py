"""The reference of every key, docs/configuration.md, written from the schemas."""

from collections.abc import Iterator
from typing import Any

from config.schema import hub_schema, plant_schema

_LISTED = {"text": "texts", "number": "numbers", "whole number": "whole numbers"}
_HEAD = """\
# Configuration

Generated from the models that load the files (`make schema`); do not edit.

A plant has one file, `plant.toml`; a cluster's hub has one, `hub.toml`. Both are TOML. Editors that
know JSON Schema complete and check them by their first line: `#:schema plant.schema.json`.

- Durations carry their unit: `"500 ms"`, `"1 s"`, `"15 min"`, `"1 h"`, `"1 d"`.
- Units are UCUM: `t`, `kg`, `m3`, `l`, `t/h`, `m3/h`, `l/s`, `kW`, `MW.h`, `GJ`, `Gcal` (4.184 GJ),
  `Cel`, `K`, `bar`; `kWh`, `MWh`, `Nm3` (counted as m3, at the meter's own reference state) and
  `°C` are taken too.
- `"${NAME}"` in a text is the value of an environment variable; `"$${"` is a plain `"${"`.
- Files are named relative to the configuration file. `"credential:NAME"` is a credential of systemd
  (`LoadCredential=`). Secrets stand in files of their own, never in the configuration.
- `sidestream check` names everything that is wrong, with its line.
"""


def reference() -> str:
    """Give the text of docs/configuration.md."""
    parts = [_HEAD]
    for title, schema in (("plant.toml", plant_schema()), ("hub.toml", hub_schema())):
        parts += [f"## {title}\n", _paragraph(schema.get("description", ""))]
        parts += _Writer(schema["$defs"]).file(schema)
    return "\n".join(part for part in parts if part).rstrip() + "\n"


class _Writer:
    """Writes one section a table, each once."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.written: set[str] = set()

    def file(self, schema: dict[str, Any]) -> Iterator[str]:
        for name, info in schema["properties"].items():
            needed = "Required. " if name in schema.get("required", []) else ""
            if name == "sources":
                yield from self._sources(info)
                continue
            for heading, ref in self._tables(name, info):
                yield from self._section(heading, ref, needed)

    def _sources(self, info: dict[str, Any]) -> Iterator[str]:
        for choice in info["additionalProperties"]["oneOf"]:
            protocol = choice["$ref"].rsplit("%20")[-1]
            heading = f'[sources.NAME] with protocol = "{protocol}"'
            yield from self._section(heading, choice["$ref"], "")

    def _tables(self, name: str, info: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Find the tables a key holds: one, a named one each, or a list of them."""
        shapes = (
            (f"[{name}]", info),
            (f"[{name}.NAME]", info.get("additionalProperties", {})),
            (f"[[{name}]]", info.get("items", {})),
        )
        for heading, shape in shapes:
            choices = shape.get("oneOf") or shape.get("anyOf") or [shape]
            for choice in choices if isinstance(shape, dict) else ():
                if not isinstance(choice, dict):
                    continue
                if "$ref" in choice:
                    yield heading, choice["$ref"]
                elif "$ref" in choice.get("items", {}):
                    yield f"[[{name}]]", choice["items"]["$ref"]

    def _section(self, heading: str, ref: str, needed: str) -> Iterator[str]:
        key = ref.removeprefix("#/$defs/").replace("%20", " ")
        schema = self.definitions[key]
        if key in self.written or "properties" not in schema:
            return
        self.written.add(key)
        yield f"### `{heading}`\n"
        yield _paragraph(needed + schema.get("description", ""))
        required = schema.get("required", [])
        rows = [
            self._row(name, info, name in required) for name, info in schema["properties"].items()
        ]
        yield "\n".join(("| key | value | default | meaning |", "|---|---|---|---|", *rows, ""))
        table = heading.split("]", maxsplit=1)[0].strip("[")
        inner_tables = schema["properties"] | schema.get("else", {}).get("properties", {})
        for name, info in inner_tables.items():
            for inner, inner_ref in self._tables(f"{table}.{name}", info):
                yield from self._section(inner, inner_ref, "")

    def _row(self, name: str, info: dict[str, Any], required: bool) -> str:
        default = "required" if required else ""
        if "default" in info:
            default = _code(info["default"])
        meaning = info.get("description", "").replace("\n", " ")
        cells = (f"`{name}`", self._value(info), default, meaning)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    def _value(self, info: dict[str, Any]) -> str:
        if "$ref" in info:
            key = info["$ref"].removeprefix("#/$defs/").replace("%20", " ")
            named = self.definitions[key]
            return "a table" if "properties" in named else self._value(named)
        for choice in ("oneOf", "anyOf"):
            if choice in info:
                return " or ".join(dict.fromkeys(self._value(each) for each in info[choice]))
        if "enum" in info:
            return ", ".join(_code(each) for each in info["enum"])
        return _code(info["const"]) if "const" in info else _kind(info)


def _kind(info: dict[str, Any], listed: bool = False) -> str:
    if info.get("type") == "array" and "type" in info.get("items", {}):
        return _kind(info["items"], listed=True)
    if "prefixItems" in info:
        return f"`[`{', '.join(_kind(each) for each in info['prefixItems'])}`]`"
    kinds = {
        "string": "text",
        "number": "number",
        "integer": "whole number",
        "boolean": "`true`, `false`",
        "array": "list",
        "object": "tables by name",
    }
    kind = str(info.get("title") or kinds.get(str(info.get("type")), ""))
    return f"list of {_LISTED.get(kind, kind)}" if listed else kind


def _code(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _paragraph(text: str) -> str:
    return text.strip() + "\n" if text else ""
