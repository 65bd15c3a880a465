"""How values are written in registers: the words of a plant file, as plain Python."""

from collections.abc import Mapping
from typing import Literal

Type = Literal[
    "bool",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "float64",
    "bcd16",
    "bcd32",
    "string",
]
Order = Literal["big", "little", "big-swapped", "little-swapped"]
"""Order of the bytes A (most significant) to D: big ABCD, little DCBA, big-swapped BADC,
little-swapped CDAB."""

MAX_DECIMALS = 12
LENGTHS: Mapping[str, int] = {
    "bool": 1,
    "int16": 1,
    "uint16": 1,
    "bcd16": 1,
    "int32": 2,
    "uint32": 2,
    "float32": 2,
    "bcd32": 2,
    "int64": 4,
    "uint64": 4,
    "float64": 4,
}
"""Registers that a value takes; a string has its own length."""
