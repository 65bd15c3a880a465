"""The tables `[[partners]]` of a plant file: who gets detail of which streams, and until when."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from adapters.fields import Duration, Settings
from config.attribute_tables import Day
from config.tables import text_schema

_KEY = re.compile(r"sspartner1_[A-Za-z0-9_-]{43}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(
            "the partner's public key, sspartner1_…, as `sidestream partner key` prints it"
        )
    return text


def _text(text: str) -> str:
    if not _TEXT.fullmatch(text) or text != text.strip():
        raise ValueError("a text of at most 64 characters on one line")
    return text


PartnerKeyText = Annotated[
    str, AfterValidator(_key), text_schema("key", f"^{_KEY.pattern}$", "sspartner1_…")
]
ContractText = Annotated[str, AfterValidator(_text), Field(min_length=1, max_length=64)]
"""What plant and partner both call a contract, or a stream in it."""


class PartnerTable(Settings):
    """A partner under contract: `[[partners]]`. Detail is sealed to it alone, until a day.

    A stream's detail leaves only when it is named here and its own `share` is `"partner"`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The partner's name on the plant's own screens: letters, digits, `_` and `-`."""
    key: PartnerKeyText
    """The partner's public key, `sspartner1_…`; compare its fingerprint with the partner."""
    contract: ContractText
    """What both sides call the contract, `"2026-17"`."""
    streams: Mapping[str, ContractText] = Field(min_length=1, max_length=50)
    """The streams, each with the name that the contract gives it: `{ slag = "stream 1" }`. The
    plant's own name stays in the plant, unless it is written here."""
    until: Day
    """The local day of the plant from whose first instant nothing is told any more."""
    window: Duration | None = None
    """Length of the windows told: a whole number of `measure` windows, of which a `release` window
    is a whole number; else the `measure` window."""
