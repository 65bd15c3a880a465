"""Engineering units as servers tell them, in the notation of plant files.

The number is the UNECE Recommendation 20 code, its letters as bytes (OPC 10000-8 5.6.4.4); the name
shown beside it is for people, and says the same where a server is right.
"""

import re

_UNECE = {
    "KGM": "kg", "GRM": "g", "TNE": "t", "LBR": "[lb_av]",
    "MTQ": "m3", "LTR": "l", "DMQ": "dm3", "CMQ": "cm3", "HLT": "hl",
    "KGS": "kg/s", "E93": "kg/h", "F31": "kg/min", "F30": "kg/d", "E18": "t/h",
    "MQS": "m3/s", "MQH": "m3/h", "G53": "m3/min", "G52": "m3/d",
    "G51": "l/s", "L2": "l/min", "E32": "l/h",
    "WTT": "W", "KWT": "kW", "MAW": "MW",
    "WHR": "W.h", "KWH": "kW.h", "MWH": "MW.h", "GWH": "GW.h",
    "JOU": "J", "KJO": "kJ", "3B": "MJ", "GV": "GJ",
    "CEL": "Cel", "KEL": "K", "FAH": "[degF]",
    "PAL": "Pa", "KPA": "kPa", "MPA": "MPa", "BAR": "bar",
    "KMQ": "kg/m3", "P1": "%", "C62": "1",
}  # fmt: skip
"""Common codes of UNECE Recommendation 20 (Rev. 17) and their units in UCUM."""
_SHOWN = str.maketrans({"³": "3", "²": "2", "·": ".", " ": None, "\u00a0": None})
_LITRE = re.compile(r"\bL\b")
_BYTE = 8


def coded(number: int) -> str:
    """Give the unit of a UNECE code as EUInformation has it; empty when it is not in the table."""
    return _UNECE.get(letters(number), "")


def letters(number: int) -> str:
    """Turn a unit's number into the code's letters; empty when it is none."""
    if not 0 < number < 1 << 3 * _BYTE:
        return ""
    text = number.to_bytes(3).lstrip(b"\0").decode("latin-1")
    return text if text.isalnum() else ""


def shown(name: str) -> str:
    """Write a unit's name as shown in the notation of plant files, whether there is one or not."""
    return _LITRE.sub("l", name.translate(_SHOWN).replace("°C", "Cel"))
