"""Field types shared by everything people write in a configuration file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    WithJsonSchema,
)

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 36_525 * 86_400.0
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)\s*")


def seconds(text: Any) -> float:
    """Turn `"15 min"` into 900.0 seconds; a number is refused, for it hides its unit."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError('a duration with its unit, such as "1 s", "15 min", "1 h" or "1 d"')
    return float(found[1]) * _SECONDS[found[2]]


def _positive_seconds(text: Any) -> float:
    value = text if isinstance(text, float) else seconds(text)
    if not 0 < value <= _LONGEST:
        raise ValueError("a duration above zero, and below a hundred years")
    return value


Duration = Annotated[
    float,
    BeforeValidator(_positive_seconds),
    WithJsonSchema(
        {
            "title": "duration",
            "type": "string",
            "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|min|h|d)\s*$",
            "examples": ["1 s"],
        }
    ),
]
"""A duration above zero, in seconds once loaded, written with its unit."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a configuration file stands: pydantic's validation context while it is loaded."""

    base: Path
    """Folder of the file; relative paths start here."""
    env: Mapping[str, str] = field(default_factory=dict)
    """The environment: `CREDENTIALS_DIRECTORY` holds systemd credentials."""


def _file(text: str, info: ValidationInfo) -> str:
    if "\0" in text or not text:
        raise ValueError("the path of a file")
    place = info.context
    if not isinstance(place, Place):
        return text
    if not text.startswith("credential:"):
        return str(place.base / text)
    folder = place.env.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ValueError(
            "a credential of systemd, which $CREDENTIALS_DIRECTORY must hold: "
            "LoadCredential= in the unit gives it"
        )
    return str(Path(folder) / text.removeprefix("credential:"))


FileName = Annotated[
    str,
    AfterValidator(_file),
    WithJsonSchema({"title": "file", "type": "string", "minLength": 1}),
]
"""A file: relative to the configuration file, absolute, or `credential:NAME` of systemd."""


class Settings(BaseModel):
    """Base of every table in a configuration file: unknown keys are refused, nothing is coerced.

    Its validator is made when it first validates: those of parts come with the whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
