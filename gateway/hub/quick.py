"""Quick: what a record says, read by patterns from the text that plants write.

What a record is the contract's models say (gateway/contract.py). Nearly all of its text is figures,
and to read them, to hold them to the models and to write them on sheets cost a hub more than the
cryptography of it. Three patterns spell a record instead: what stands before its figures, a figure,
and what stands after. They admit the canonical form (RFC 8785) alone: each member once and in
order, no blanks, no escapes, texts the contract admits, and numbers in plain decimal notation that
every writer writes alike. So a text of which nothing is left over is a record in canonical form,
wherever it was cut. Any other text gives nothing, and goes the long way by the models, who alone
say what is refused, and why.
"""

import re
from collections import defaultdict
from typing import Any, NamedTuple, cast, get_args

from gateway.contract import CLUSTER, CODE, HEX32, INSTANT
from gateway.hub.contents import Contents, SheetText
from gateway.hub.table import Group
from gateway.wire import Band, FigureDirection, FigureKind, FigureUnit, Mark

MOST = 500
"""Figures a record may have."""
_Of = tuple[FigureKind, FigureDirection, FigureUnit]
_EXACT = 2**53
"""The first whole number that is not told exactly by every reader of JSON."""


class Quick(NamedTuple):
    """What a record says, its signature (base64), and the text that should be signed by it."""

    record: Contents
    signature: str
    signed: bytes


def _bare(pattern: str) -> str:
    """Give a pattern of the contract, to stand within another."""
    return pattern.removeprefix("^").removesuffix("$").replace("(", "(?:")


def _one_of(words: Any) -> str:
    return f"(?:{'|'.join(map(re.escape, get_args(words)))})"


# A decimal of at most 15 digits is the shortest that reads as the number it does (a double tells
# all of them apart), so it is what the number is written as again. From 0.00001 on that is in plain
# notation, for RFC 8785 and for who writes sheets.
_FRACTION = r"0(?:\.(?!00000)[0-9]{0,14}[1-9])?+"
_NUMBER = rf"(?:[1-9][0-9]{{0,8}}(?:\.[0-9]{{0,5}}[1-9]|[0-9]{{0,6}})|{_FRACTION})"
_QUANTITY = rf"(?:-(?=[1-9]|0\.))?+{_NUMBER}"
_SHARE = rf"(?:{_FRACTION}|1)"
_COUNT = r"[1-9][0-9]{0,14}"
_HEX32 = _bare(HEX32)
_MARK = f'"{_one_of(Mark)}"'
_FIGURES = '"figures":['
_AFTER = '],"hub":"'
_HEAD = re.compile(rf'{{"cluster":"({_bare(CLUSTER)})",{re.escape(_FIGURES)}')
_FIGURE = re.compile(
    rf'{{(?:"band":("{_one_of(Band)}"),)?+(?:"code":("{_bare(CODE)}"),)?+"coverage":({_SHARE}),'
    rf'"direction":"({_one_of(FigureDirection)})","kind":"({_one_of(FigureKind)})",'
    rf'"marks":(\[(?:{_MARK}(?:,{_MARK})*+)?+\]),"quantity":({_QUANTITY}),"uncertain":{_SHARE},'
    rf'"unit":"({_one_of(FigureUnit)})"}}',
    re.ASCII,
)
_PARTS = _FIGURE.groups + 1
_TAIL = re.compile(
    rf'{re.escape(_AFTER)}{_HEX32}","id":"({_HEX32})","plant":"({_HEX32})",'
    rf'"pseudonym":"({_HEX32})","revision":(0|{_COUNT}),(?:"run":([1-9][0-9]{{0,15}}),)?+'
    rf'"sequence":({_COUNT}),(?P<member>"signature":"([A-Za-z0-9+/]{{86}}==)",)"v":1,'
    rf'"window":{{"end":"({_bare(INSTANT)})","start":"({_bare(INSTANT)})"}}}}',
    re.ASCII,
)
_PLACES = [str(number) for number in range(MOST)]


def quickly(text: bytes) -> Quick | None:
    """Give what a record says whose text is written as plants write it; None of any other text."""
    if not text.isascii():
        return None
    written = text.decode()
    at = written.rfind(_AFTER)
    head, tail = _HEAD.match(written), _TAIL.fullmatch(written, max(at, 0))
    if head is None or tail is None:
        return None
    sheets = _sheets(written[head.end() : at])
    known, plant, pseudonym, revision, run, sequence, _, signature, end, start = tail.groups()
    if sheets is None or (run is not None and int(run) >= _EXACT):
        return None
    record = Contents(
        known,
        head[1],
        plant,
        pseudonym,
        int(sequence),
        None if run is None else int(run),
        int(revision),
        start,
        end,
        sheets,
    )
    return Quick(record, signature, text[: tail.start("member")] + text[tail.end("member") :])


def _sheets(figures: str) -> tuple[SheetText, ...] | None:
    """Write a list of figures on a sheet for each group; None where it is not one."""
    parts = _FIGURE.split(figures)
    if parts[0] or parts[-1] or set(parts[_PARTS:-1:_PARTS]) - {","}:
        return None
    bands, codes, coverages, directions, kinds, marks, quantities, units = (
        parts[of::_PARTS] for of in range(1, _PARTS)
    )
    if len(units) > MOST:
        return None
    lines = zip(
        _PLACES,
        _or_null(codes),
        _or_null(bands),
        _floats(quantities),
        _floats(coverages),
        marks,
        strict=False,
    )
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    groups = list(zip(kinds, directions, units, strict=True))
    for of, line in zip(groups, map(",".join, lines), strict=True):
        found[of].append(line)
    return tuple(
        SheetText(Group(*cast("_Of", of)), groups.index(of), len(own), f"[[{'],['.join(own)}]]")
        for of, own in found.items()
    )


def _or_null(texts: list[str | None]) -> list[str]:
    return [text or "null" for text in texts]


def _floats(numbers: list[str]) -> list[str]:
    """Write numbers as the floats they are in a figure."""
    return [number if "." in number else f"{number}.0" for number in numbers]
