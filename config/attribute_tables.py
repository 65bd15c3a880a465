"""Slow attributes of a plant file: what a laboratory finds a few times a year, by its dates."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from adapters.fields import Settings
from config.locate import CHOICE, at
from config.tables import text_schema
from config.texts import Amount, share

MOST_DATES = 1000


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError('a day of the calendar, such as "2026-06-15"') from None
    return text


def _share(text: str) -> str:
    share(text)
    return text


Day = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d{2}-\d{2}$"),
    AfterValidator(_day),
    text_schema("day", r"^\d{4}-\d{2}-\d{2}$", "2026-06-15"),
]
"""A local day of the plant, from its first instant on."""
Share = Annotated[
    str, AfterValidator(_share), text_schema("share", r"^\s*\d{1,3}(\.\d+)?\s*%\s*$", "12.5 %")
]


class Dated(Settings):
    """What holds from a day on, until the next entry's."""

    from_: Day = Field(alias="from")
    """The local day of the plant from whose first instant it holds, `"2026-06-15"`."""


class DatedDensity(Dated):
    """A density with the day it holds from."""

    value: Amount
    """The density, `"1.72 t/m3"`."""


class DatedMoisture(Dated):
    """A moisture with the day it holds from."""

    value: Share
    """Share of water in the wet mass, `"12 %"`."""


class CompositionTable(Settings):
    """Shares of a mass by component."""

    of: Literal["wet", "dry"]
    """Which mass the shares are of."""
    shares: Mapping[str, Share] = Field(min_length=1, max_length=50)
    """Share of each component, `{ CaO = "41 %", SiO2 = "33 %" }`; together at most 100 %."""

    @model_validator(mode="after")
    def _within_the_whole(self) -> "CompositionTable":
        if sum(share(text) for text in self.shares.values()) > 1 + 1e-9:
            raise at("shares", "shares that add up to at most 100 %")
        return self


class DatedComposition(Dated, CompositionTable):
    """A composition with the day it holds from."""


def _form(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return "(dated)" if value else None
    return "(plain)"


def _choice(accepted: str) -> Discriminator:
    return Discriminator(_form, custom_error_type=CHOICE, custom_error_message=accepted)


_DATES = Field(max_length=MOST_DATES)
Density = Annotated[
    Annotated[Amount, Tag("(plain)")] | Annotated[tuple[DatedDensity, ...], _DATES, Tag("(dated)")],
    _choice("a density or a list of them with their days"),
]
Moisture = Annotated[
    Annotated[Share, Tag("(plain)")] | Annotated[tuple[DatedMoisture, ...], _DATES, Tag("(dated)")],
    _choice("a share or a list of them with their days"),
]
Makeup = Annotated[
    Annotated[CompositionTable, Tag("(plain)")]
    | Annotated[tuple[DatedComposition, ...], _DATES, Tag("(dated)")],
    _choice("a table or a list of them with their days"),
]
"""What a stream is made of."""
