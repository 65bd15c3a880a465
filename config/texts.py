"""Texts in a plant file that mean something: codes, points, amounts, percents, sizes, keys."""

import math
import re
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    Field,
)

from config.tables import text_schema
from config.units import quantity

_CODE = re.compile(r"(\d{2}) ?(\d{2}) ?(\d{2}) ?(\*?)")
_TREATMENT = re.compile(r"R(1[0-3]|[1-9])|D(1[0-5]|[1-9])")
_NS9431 = re.compile(r"[0-9]{4}")
_REFERENCE = re.compile(r"[A-Za-z0-9_-]+\.\S(.*\S)?")
_HUB_KEY = re.compile(r"sshub1_[A-Za-z0-9_-]{86}")
_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,9})?)\s*%\s*", re.ASCII)
_CLASS = r"\s*\d{1,3}(\.\d+)?\s*%\s*"
_SIZE = re.compile(r"\s*(\d{1,9})\s*(kB|MB|GB|kiB|MiB|GiB)\s*")
_BYTES = {
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "kiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip


def _code(text: str) -> str:
    found = _CODE.fullmatch(text)
    if found is None:
        raise ValueError(
            'a code of the List of Waste, "10 09 03", with a "*" at its end when hazardous'
        )
    return f"{found[1]} {found[2]} {found[3]}{found[4]}"


def _treatment(text: str) -> str:
    if not _TREATMENT.fullmatch(text):
        raise ValueError("a treatment code, R1 to R13 or D1 to D15")
    return text


def _ns9431(text: str) -> str:
    if not _NS9431.fullmatch(text):
        raise ValueError('a number of NS 9431, four digits, "1605"')
    return text


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise ValueError('a point as "source.point"')
    return text


def is_point(text: str) -> bool:
    """Tell a `"source.point"` from a quantity; raises ValueError when it is neither."""
    try:
        quantity(text)
    except ValueError:
        if _REFERENCE.fullmatch(text):
            return True
        raise ValueError('a quantity such as "10 bar", or a point as "source.point"') from None
    return False


def _amount(text: str) -> str:
    quantity(text)
    return text


def _percent(text: str) -> str:
    percent(text)
    return text


def percent(text: str) -> float:
    """Turn `"5 %"` into 0.05."""
    found = _PERCENT.fullmatch(text)
    if found is None or not 0 < float(found[1]) <= 100:  # noqa: PLR2004 - all of it
        raise ValueError('a share above zero, such as "5 %"')
    return float(found[1]) / 100


def share(text: str) -> float:
    """Turn `"12.5 %"` into 0.125; from nothing to all of it."""
    found = _PERCENT.fullmatch(text)
    if found is None or float(found[1]) > 100:  # noqa: PLR2004 - all of it
        raise ValueError('a share from 0 % to 100 %, such as "12 %"')
    return float(found[1]) / 100


def _accuracy(text: str) -> str:
    uncertainty(text)
    return text


def uncertainty(text: str) -> float:
    """Turn a meter's class, or those of its independent parts, into its expanded uncertainty.

    `"2 % + 0.5 %"`: each is the limit a of a relative error that may be anywhere within it, so its
    standard uncertainty is a/√3 (GUM, JCGM 100:2008, 4.3.7); parts add as the root of the sum of
    squares (5.1.2); expanded with k = 2 (6.2).
    """
    limits = [percent(part) for part in text.split("+")]
    return 2 * math.hypot(*limits) / math.sqrt(3)


def _hub_key(text: str) -> str:
    if not _HUB_KEY.fullmatch(text):
        raise ValueError("the hub's public key, sshub1_…, as `sidestream hub key` prints it")
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('a time zone of the IANA database, such as "Europe/Oslo"') from None
    return text


def _size(text: str) -> str:
    size(text)
    return text


def size(text: str) -> int:
    """Turn `"200 MB"` into bytes (kB, MB, GB count by 1000; kiB, MiB, GiB by 1024)."""
    found = _SIZE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ValueError('a size with its unit, such as "200 MB"')
    return int(found[1]) * _BYTES[found[2]]


Code = Annotated[
    str,
    AfterValidator(_code),
    text_schema("code", r"^\d{2} ?\d{2} ?\d{2} ?\*?$", "10 09 03", "19 01 13*"),
]
Treatment = Annotated[
    str, AfterValidator(_treatment), text_schema("code", f"^({_TREATMENT.pattern})$", "R5")
]
Ns9431 = Annotated[
    str, AfterValidator(_ns9431), text_schema("NS 9431 number", f"^{_NS9431.pattern}$", "1605")
]
PointName = Annotated[
    str,
    AfterValidator(_reference),
    text_schema("point", f"^{_REFERENCE.pattern}$", "slag_belt.total"),
]
Amount = Annotated[
    str, AfterValidator(_amount), text_schema("quantity", r"^\s*-?\d.*\S\s*$", "60 t/h", "16 bar")
]
Percent = Annotated[
    str, AfterValidator(_percent), text_schema("percent", r"^\s*\d{1,3}(\.\d+)?\s*%\s*$", "5 %")
]
Accuracy = Annotated[
    str,
    AfterValidator(_accuracy),
    text_schema("class", rf"^{_CLASS}(\+{_CLASS})*$", "1 %", "2 % + 0.5 %"),
]
Size = Annotated[str, AfterValidator(_size), text_schema("size", f"^{_SIZE.pattern}$", "200 MB")]
HubKey = Annotated[str, AfterValidator(_hub_key), text_schema("key", f"^{_HUB_KEY.pattern}$")]
Timezone = Annotated[str, AfterValidator(_timezone)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
