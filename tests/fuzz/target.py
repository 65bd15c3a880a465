"""What a fuzz target is: bytes in, and nothing but the project's own errors out."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One way in for what others write: `run` raises only when the program has a bug.

    `seeds` gives good inputs to begin with, `words` what inputs are made of.
    """

    name: str
    about: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    words: Sequence[bytes] = ()


SPECIAL = (
    b"\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"nan", b"-1",
    b"1e999", b"9" * 30, b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"[" * 60, b"{" * 60,
    b",", b";",
)  # fmt: skip


def mutated(draw: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Change a good input here and there: for computers without a fuzzer, and for short runs."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.randint(0, 6)):
        at = draw.randint(0, len(data))
        how = draw.randrange(6)
        if how == 0 and data:
            data[at % len(data)] ^= 1 << draw.randrange(8)
        elif how == 1:
            del data[at : at + draw.randint(1, 1 + len(data) // 4)]
        elif how == 2:
            data[at:at] = draw.choice([*SPECIAL, *words])
        elif how == 3:
            size = draw.randint(1, 1 + len(data) // 8)
            data[at:at] = data[at : at + size] * draw.randint(1, 8)
        elif how == 4:
            other = draw.choice(seeds)
            cut = draw.randint(0, len(other))
            data[at:] = other[cut:]
        else:
            data[at : at + 4] = draw.randbytes(4)
    return bytes(data[:65_536])
