"""How values are written in registers: the words of a plant file, as plain Python."""

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
