"""The terminal: how wide it is, and words on it, painted where it shows colours."""

import os
import sys
from io import TextIOWrapper

BOLD, RED, GREEN, YELLOW = "1", "31", "32", "33"
"""Ways to paint, of ECMA-48."""
_ASCII = ("ascii", "us-ascii", "ansi_x3.4-1968", "646")


def width(fallback: int) -> int:
    """Give the columns that `shutil.get_terminal_size` gives, in less time than its import."""
    try:
        asked = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        asked = 0
    if asked > 0:
        return asked
    try:
        # There may be no standard output at all, or one that is no file.
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or fallback  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return fallback


def echo(line: str) -> None:
    """Print a line at once; in UTF-8, too, where standard output is ASCII."""
    out = sys.stdout
    if isinstance(out, TextIOWrapper) and out.encoding.lower() in _ASCII:
        out.reconfigure(encoding="utf-8", errors="replace")
    out.write(line + "\n")
    out.flush()


def styled(words: str, style: str) -> str:
    """Paint words where a terminal reads them; NO_COLOR is from no-color.org."""
    plain = os.environ.get("NO_COLOR") or not sys.stdout.isatty()
    return words if plain else f"\x1b[{style}m{words}\x1b[0m"
