"""What every protocol's points and sources have in common in a plant file, as models."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, Field, SerializeAsAny

from adapters.fields import Duration, Settings


class PointSettings(Settings):
    """What every protocol's points have in common."""

    unit: str = "1"
    """Unit of the value as read, after scaling, in UCUM: t/h, m3, kW, Cel, MW.h; 1 is none."""
    plausible: tuple[float, float] | None = None
    """Lowest and highest value that can be true, in the point's unit; outside it is bad."""
    sentinels: tuple[float, ...] = ()
    """Values the device sends instead of a measurement (such as -32768), before scaling."""
    good: tuple[float, ...] = ()
    """Makes it a status point: the values that mean the device is all right. While it has another,
    or none, every meter that uses the source has bad readings, unless it names its own `status`;
    `[]` is no status point."""

    def span(self) -> float | None:
        """Give the value at which the counter wraps, in the point's unit; None when unknown."""
        return None


class SourceSettings(Settings):
    """What every protocol's sources have in common: one connection to one device."""

    protocol: str
    """Which adapter reads this source."""
    profile: str | None = None
    """Device profile that gives points and settings, such as `"siemens-mag-6000"`; what is written
    here wins."""
    every: Duration = 1.0
    """Time between two readings of a point."""
    timeout: Duration = 1.0
    """How long to wait for one answer."""
    points: Mapping[str, SerializeAsAny[PointSettings]] = Field(default_factory=dict)
    """The values to read, by name; or the name of a CSV file, one a row."""

    def resolved(self) -> Any:
        """Give what a running agent keeps: what `run` needs, if possible without this model.

        An agent that holds no models does without the library that makes them (ten megabytes). It
        has `protocol`, `every`, `timeout`, `points`, and files of certificates by these names.
        """
        return self


def plain(value: Any) -> Any:
    """Give a model's values under the same names, without the model; other values as they are."""
    if isinstance(value, BaseModel):
        return SimpleNamespace(**{name: plain(one) for name, one in value})
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return tuple(plain(one) for one in value) if isinstance(value, tuple) else value
