"""Rows as lines of text that fit a terminal: no cell is cut, and none is folded into slivers."""

from collections.abc import Callable, Sequence

Paint = Callable[[str, str], str]
"""Takes a cell's text and the text padded to its column; gives what is printed."""
_GAP = "  "
_LEAST = 24
"""Columns that the last cell needs to be wrapped beside the others rather than below them."""


def text(cell: object) -> str:
    """Write a cell: nothing for None, floats to ten figures, no character that acts on a screen."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.10g}"
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in str(cell))


def wrapped(words: str, width: int, indent: str = "") -> list[str]:
    """Break a text at words into lines of at most `width`; its own line breaks stay."""
    found: list[str] = []
    for line in words.split("\n"):
        said = line.strip()
        start = indent + line[: len(line) - len(line.lstrip())]
        room = max(len(start) + 8, width)
        if not said:
            found.append(indent)
        elif len(start) + len(said) <= room and said.isprintable():
            found.append(start + said)
        else:
            found += _broken(said, start, room)
    return found


def _broken(said: str, start: str, room: int) -> list[str]:
    import textwrap  # noqa: PLC0415 (a status whose lines fit must not pay for it)

    return textwrap.wrap(
        said, room, initial_indent=start, subsequent_indent=start, break_on_hyphens=False
    )


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], width: int, paint: Paint
) -> list[str]:
    """Lay rows out within `width` columns; columns without a single entry are left out.

    Where the last column has no room beside the others it goes below them, indented; where the
    others have no room either, each row becomes a list of names and values.
    """
    cells = [[text(cell) for cell in row] for row in rows]
    kept = [at for at in range(len(columns)) if any(row[at] for row in cells)] or [0]
    names = [columns[at] for at in kept]
    cells = [[row[at] for at in kept] for row in cells]
    # All columns but the last are one line high.
    cells = [[*(" ".join(cell.split("\n")) for cell in row[:-1]), row[-1]] for row in cells]
    widths = [max(map(_length, column)) for column in zip(names, *cells, strict=True)]
    used = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    room = width - used
    if room >= min(widths[-1], _LEAST):
        return _beside(names, cells, [*widths[:-1], min(room, widths[-1])], paint)
    if used <= width + len(_GAP):
        return _below(names, cells, widths[:-1], width, paint)
    return _listed(names, cells, width, paint)


def _length(cell: str) -> int:
    return max(map(len, cell.split("\n")))


def _beside(
    names: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int], paint: Paint
) -> list[str]:
    found = _head(names, widths)
    blank = [" " * width for width in widths[:-1]]
    for row in cells:
        first, *more = wrapped(row[-1], widths[-1]) or [""]
        padded = _painted(row[:-1], widths, paint)
        found.append(_GAP.join([*padded, paint(row[-1], first)]).rstrip())
        found += [_GAP.join([*blank, line]) for line in more]
    return found


def _below(
    names: Sequence[str],
    cells: Sequence[Sequence[str]],
    widths: Sequence[int],
    width: int,
    paint: Paint,
) -> list[str]:
    found = _head(names[:-1], widths)
    for row in cells:
        found.append(_GAP.join(_painted(row[:-1], widths, paint)).rstrip())
        found += wrapped(row[-1], width, "    ") if row[-1] else []
    return found


def _listed(
    names: Sequence[str], cells: Sequence[Sequence[str]], width: int, paint: Paint
) -> list[str]:
    longest = max(map(len, names))
    found: list[str] = []
    for row in cells:
        for name, cell in zip(names, row, strict=True):
            first, *more = wrapped(cell, max(width - longest - len(_GAP), 1)) or [""]
            found.append(_GAP.join((f"{name:{longest}}", paint(cell, first))).rstrip())
            found += [" " * (longest + len(_GAP)) + line for line in more]
        found.append("")
    return found[:-1]


def _head(names: Sequence[str], widths: Sequence[int]) -> list[str]:
    if not any(names):
        return []
    line = _GAP.join(f"{name:{width}}" for name, width in zip(names, widths, strict=True))
    return [line.rstrip(), _GAP.join("─" * width for width in widths)]


def _painted(row: Sequence[str], widths: Sequence[int], paint: Paint) -> list[str]:
    return [paint(cell, f"{cell:{width}}") for cell, width in zip(row, widths, strict=False)]
