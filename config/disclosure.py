"""What is never published, whatever else a plant file says: codes of security classes."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from adapters.fields import Settings
from config.tables import text_schema

ALWAYS = ("16 04",)
"""Beginnings of codes that are refused in every plant: waste explosives, the title of heading 16 04
in the List of Waste (Commission Decision 2000/532/EC)."""
_PART = re.compile(r"(\d{2})(?: ?(\d{2})(?: ?(\d{2}))?)?\*?")


def _beginning(text: str) -> str:
    found = _PART.fullmatch(text)
    if found is None:
        raise ValueError('two, four or six digits of a code of the List of Waste, "06 10 99"')
    return " ".join(filter(None, found.groups()))


CodeBeginning = Annotated[
    str,
    AfterValidator(_beginning),
    text_schema("code", r"^\d{2}( ?\d{2}( ?\d{2})?)?\*?$", "06 10 99", "16 04"),
]


class DisclosureTable(Settings):
    """What holds for all streams, whatever they say themselves."""

    never_publish_codes: tuple[CodeBeginning, ...] = Field(default=(), max_length=1000)
    """Material codes of which nothing ever leaves, with or without their asterisk; `"06 10"` is
    every code that begins so. Waste explosives (`"16 04"`) are always among them."""
    detail_size: Literal[1024, 2048, 4096, 8192, 16384, 32768, 65536] = 8192
    """Bytes that every message to a partner is padded to, so that its size says nothing. Loading
    refuses a size that a message could outgrow; a cluster should agree on one."""


def never_codes(table: DisclosureTable) -> tuple[str, ...]:
    """Give every beginning of a code that is never published, those that always hold included."""
    return tuple(sorted({*ALWAYS, *table.never_publish_codes}))
