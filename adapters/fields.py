"""Field types shared by everything people write in a configuration file."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)\s*")


def seconds(text: Any) -> float:
    """Turn `"15 min"` into 900.0 seconds; a number is refused, for it hides its unit."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError('a duration with its unit, such as "1 s", "15 min", "1 h" or "1 d"')
    return float(found[1]) * _SECONDS[found[2]]


def _positive_seconds(text: Any) -> float:
    value = text if isinstance(text, float) else seconds(text)
    if value <= 0:
        raise ValueError("a duration above zero")
    return value


Duration = Annotated[
    float,
    BeforeValidator(_positive_seconds),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|min|h|d)\s*$", "examples": ["1 s"]}
    ),
]
"""A duration above zero, in seconds once loaded, written with its unit."""


class Settings(BaseModel):
    """Base of every table in a configuration file: unknown keys are refused, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
