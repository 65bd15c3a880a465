"""Turn what pydantic found wrong into problems with a line, in words of the file."""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError, to_json

from adapters.described import texts
from adapters.fields import Place
from config.errors import ConfigError, Problem, meant, shown
from config.toml import Document, Key

Model = TypeVar("Model", bound=BaseModel)

CHOICE = "choice"
"""Type of the error of a table that is none of those its place may hold."""
_RULE = "rule"
_ACCEPTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_too_short": "a text that is not empty",
    "model_type": "a table",
    "dict_type": "a table",
    "mapping_type": "a table",
}


@dataclass(slots=True)
class Findings:
    """Collects the problems of one file."""

    document: Document
    problems: list[Problem] = field(default_factory=list)

    def add(self, key: Key, found: str, accepted: str = "", hint: str = "") -> None:
        """Note a problem at a key, with the line the key stands on."""
        line = self.document.line(key)
        self.problems.append(Problem(self.document.file, line, written(key), found, accepted, hint))

    def settle(self) -> None:
        """Raise `ConfigError` with everything noted, if anything was."""
        if self.problems:
            raise ConfigError(self.problems)


def written(key: Key) -> str:
    """Write a key as in the file: `streams.slag.meter.total`, `members[0].key`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def validated(
    model: type[Model], data: Any, at: Key, findings: Findings, place: Place
) -> Model | None:
    """Validate a table against its model; problems are noted, and None given when there are any.

    The table goes in as JSON and strictly: lists become tuples, yet no text becomes a number.
    """
    try:
        text = to_json(data, inf_nan_mode="constants")
        return model.model_validate_json(text, strict=True, context=place)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _note(detail, model, data, at, findings)
    except (ValueError, RecursionError) as error:
        findings.add(at, f"a value that cannot be used ({error})")
    return None


def _note(
    detail: ErrorDetails, model: type[BaseModel], data: Any, at: Key, findings: Findings
) -> None:
    missing = detail["type"] == "missing"
    within = _in_file(detail["loc"], data, missing)
    key = (*at, *within)
    kind = detail["type"]
    if kind == "extra_forbidden":
        choices = names(model, within[:-1], data)
        accepted = ", ".join(choices)
        hint = meant(str(within[-1]), choices)
        findings.add(key, "unknown key", accepted, hint)
    elif kind == _RULE:
        _note_rule(detail, key, findings)
    elif kind == CHOICE:
        choices = names(model, within, {})
        given = [str(name) for name in detail["input"]] if isinstance(detail["input"], dict) else []
        hints = [hint for hint in (meant(name, choices) for name in given) if hint]
        findings.add(key, shown(detail["input"]), detail["msg"], hints[0] if hints else "")
    elif missing:
        findings.add(key, "missing", _described(model, within, data))
    else:
        _note_value(detail, key, findings)


def at(key: str, accepted: str) -> PydanticCustomError:
    """Make the error of a rule over a whole table point at the key to mend."""
    return PydanticCustomError(_RULE, "{accepted}", {"key": key, "accepted": accepted})


def _note_rule(detail: ErrorDetails, table: Key, findings: Findings) -> None:
    context = detail.get("ctx", {})
    key, value = context["key"], detail["input"]
    found = shown(value[key]) if isinstance(value, dict) and key in value else "missing"
    findings.add((*table, key), found, context["accepted"])


def _note_value(detail: ErrorDetails, key: Key, findings: Findings) -> None:
    context = detail.get("ctx", {})
    accepted = _ACCEPTED.get(detail["type"], "")
    hint = ""
    if detail["type"] == "value_error":
        accepted = str(context.get("error", ""))
    elif detail["type"] == "literal_error":
        accepted = str(context.get("expected", ""))
        choices = [choice for choice in accepted.replace(" or ", ", ").split(", ") if choice]
        hint = meant(str(detail["input"]), [choice.strip("'") for choice in choices])
        accepted = accepted.replace("'", '"')
    elif detail["type"] == "too_long":
        accepted = f"a list of at most {context['max_length']}"
    accepted = accepted or detail["msg"].removeprefix("Input should be ")
    together = detail["type"] == "value_error" and isinstance(detail["input"], dict)
    found = "settings that do not go together" if together else shown(detail["input"])
    findings.add(key, found, accepted, hint)


def _in_file(loc: tuple[str | int, ...], data: Any, missing: bool) -> Key:
    """Keep the parts of pydantic's location that stand in the file, dropping names of choices."""
    key: list[str | int] = []
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if _has(data, part):
            data = data[part]
        elif not (last and missing):
            continue
        key.append(part)
    return tuple(key)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, Mapping) and part in data


def names(model: type[BaseModel], key: Key, data: Any) -> list[str]:
    """Name the keys accepted in a table below a model, as they are written."""
    found: list[str] = []
    for inner in tables(model, key, data):
        for name, info in inner.model_fields.items():
            written_as = info.alias or name
            found += [] if written_as in found else [written_as]
    return found


def tables(model: type[BaseModel], key: Key, data: Any) -> list[type[BaseModel]]:
    """Give the models a table below a model may have; of a choice, the one its keys speak for."""
    options = [model]
    for part in key:
        options = [inner for option in options for inner in _inner(option, part)]
        data = data.get(part) if isinstance(data, Mapping) else None
        if isinstance(data, Mapping) and len(options) > 1:
            options = _spoken_for(options, data)
    return options


def _inner(model: type[BaseModel], part: str | int) -> list[type[BaseModel]]:
    for name, info in model.model_fields.items():
        if part in (name, info.alias):
            return models(info.annotation)
    # A mapping or list of tables: its name or position has been passed over, the table stays.
    return [model]


def models(annotation: Any) -> list[type[BaseModel]]:
    """Find the models an annotation is made of, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is Annotated:
        return models(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [found for choice in get_args(annotation) for found in models(choice)]
    arguments = [each for each in get_args(annotation) if each is not Ellipsis]
    return models(arguments[-1 if len(arguments) == 2 else 0]) if arguments else []  # noqa: PLR2004


def _spoken_for(options: list[type[BaseModel]], data: Mapping[str, Any]) -> list[type[BaseModel]]:
    def shared(option: type[BaseModel]) -> int:
        return len({info.alias or name for name, info in option.model_fields.items()} & set(data))

    best = max(shared(option) for option in options)
    return [option for option in options if shared(option) == best] if best else options


def _described(model: type[BaseModel], within: Key, data: Any) -> str:
    for inner in tables(model, within[:-1], data):
        for name, info in inner.model_fields.items():
            if within[-1] in (name, info.alias):
                return texts(inner).get(name, "").replace("\n", " ").rstrip(".")
    return ""
