"""Markdown as our generated references use it, and help texts, as manual pages (man(7))."""

import inspect
import re
from collections.abc import Iterator, Sequence

_SPAN = re.compile(r"(?<!\w)`([^`]+)`|\[([^\]]+)\]\([^)]+\)")
_CELL = re.compile(r"(?<!\\)\|")


def escaped(text: str) -> str:
    """Write text so that roff shows it as it is, hyphens and leading dots too."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    text = re.sub(r"(?m)^([.'])", r"\\&\1", text)
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)


def inline(text: str) -> str:
    """Write a line with `code` in bold and links by their words."""
    parts, end = [], 0
    for found in _SPAN.finditer(text):
        parts += [escaped(text[end : found.start()]), _bold(found)]
        end = found.end()
    line = "".join([*parts, escaped(text[end:])]).replace("\n", " ")
    return f"\\&{line}" if line[:1] in {".", "'"} else line


def _bold(found: re.Match[str]) -> str:
    return f"\\fB{escaped(found[1])}\\fR" if found[1] else escaped(found[2])


def page(name: str, section: int, about: str, version: str, date: str, body: str) -> str:
    """Give a whole manual page; `date` as 2026-03-01, `body` in roff."""
    head = f'.TH "{escaped(name.upper())}" "{section}" "{date}" "Sidestream {escaped(version)}"'
    return f"{head}\n.SH NAME\n{escaped(name)} \\- {inline(about)}\n{body.rstrip()}\n"


def paragraphs(text: str) -> Iterator[str]:
    """Write a help text; paragraphs that begin with a backspace character keep their lines."""
    for part in inspect.cleandoc(text).split("\n\n"):
        if part.startswith("\b\n"):
            yield f".PP\n.nf\n{escaped(part[2:])}\n.fi"
        else:
            yield f".PP\n{inline(' '.join(part.split()))}"


def markdown(text: str) -> str:
    """Translate headings of levels 2 and 3, lists, tables of keys, and paragraphs."""
    return "\n".join(line for block in _blocks(text) for line in _block(block))


def _blocks(text: str) -> list[str]:
    return [block for block in re.split(r"\n\s*\n", text) if block.strip()]


def _block(block: str) -> Iterator[str]:
    if block.startswith("#"):
        level, _, title = block.partition(" ")
        yield f"{'.SH' if len(level) < 3 else '.SS'} {inline(title.strip())}"  # noqa: PLR2004
    elif block.startswith("| "):
        for row in block.splitlines()[2:]:
            yield from _row([cell.strip() for cell in _CELL.split(row)[1:-1]])
    elif block.startswith("- "):
        for item in re.split(r"(?m)^- ", block)[1:]:
            yield f".IP \\(bu 2\n{inline(' '.join(item.split()))}"
    else:
        yield f".PP\n{inline(' '.join(block.split()))}"


def _row(cells: Sequence[str]) -> Iterator[str]:
    """Write a key of a table: its name, what it takes and what it means."""
    key, value, default, meaning = (cell.replace("\\|", "|") for cell in cells)
    kind = f"{value}; {default}" if default == "required" else value
    if default and default != "required":
        kind += f"; default {default}"
    yield f".TP\n{inline(key)} ({inline(kind)})\n{inline(meaning)}"
