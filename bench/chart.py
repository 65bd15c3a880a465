"""Growth curves beside each other in one SVG; both axes go by powers of ten.

A slope of 1 is linear growth.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 300, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 46, 42
_COLOURS = ("#1f5fa8", "#a0a0a0", "#c05a1c")


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its name, and its points."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: what is told, over what; all values are above zero."""

    title: str
    across: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps values from a whole number of decades to pixels."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "_Scale":
        low = math.floor(math.log10(min(values)))
        return cls(low, max(math.ceil(math.log10(max(values))), low + 1), start, end)

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def decades(self) -> Iterator[float]:
        return (10.0**power for power in range(self.low, self.high + 1))


def drawn(panels: Sequence[Panel]) -> str:
    """Draw panels beside each other."""
    width = WIDTH * len(panels)
    body = "".join(_panel(panel, number * WIDTH) for number, panel in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
        f'viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="10">\n'
        f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>\n{body}</svg>\n'
    )


def _panel(panel: Panel, left: float) -> str:
    points = [point for line in panel.lines for point in line.points]
    across = _Scale.over([x for x, _ in points], left + _LEFT, left + WIDTH - _RIGHT)
    up = _Scale.over([y for _, y in points], HEIGHT - _BOTTOM, _TOP)
    parts = [
        _text(left + _LEFT, 16, panel.title, "start", "bold"),
        _text((across.start + across.end) / 2, HEIGHT - 8, panel.across),
        *_grid(across, up),
        *_lines(panel.lines, across, up),
    ]
    return "".join(parts)


def _grid(across: _Scale, up: _Scale) -> Iterator[str]:
    for value in across.decades():
        x = across.at(value)
        yield _rule(x, up.start, x, up.end)
        yield _text(x, up.start + 14, _number(value))
    for value in up.decades():
        y = up.at(value)
        yield _rule(across.start, y, across.end, y)
        yield _text(across.start - 5, y + 3, _number(value), "end")


def _lines(lines: Sequence[Line], across: _Scale, up: _Scale) -> Iterator[str]:
    key = across.start
    for line, colour in zip(lines, _COLOURS, strict=False):
        path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in line.points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>\n'
        for x, y in line.points:
            yield f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="2.5" fill="{colour}"/>\n'
        yield f'<rect x="{key:.1f}" y="26" width="8" height="8" fill="{colour}"/>\n'
        yield _text(key + 12, 34, line.name, "start")
        key += 24 + 5.5 * len(line.name)


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#e0e0e0"/>\n'


def _text(x: float, y: float, text: str, anchor: str = "middle", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="#333333">{escape(text)}</text>\n'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 1 else f"{value:g}"
