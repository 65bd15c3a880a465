"""Sheets: what is written is what is read, and what is summed is what a row a figure would give."""

import json
import math
import tempfile
from collections import defaultdict
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.hub_plan import HubLimits
from gateway.hub.calendar import Window
from gateway.hub.contents import MAX_QUANTITY
from gateway.hub.database import Database
from gateway.hub.ledger import Ledger
from gateway.hub.sheet import (
    Line,
    Sheet,
    Whose,
    checked_lines,
    lines_of,
    row_of,
    sheet_of,
    sheets_of,
    text_of,
)
from gateway.hub.summing import contributions, sums
from gateway.hub.table import Atom, Contribution, Group
from gateway.wire import Band, Mark
from tests.hubkit import HOUR, MONDAY, figure, gate, plant

CODES = (None, "10 09 03", "10 09", "19 01 13*")
quantities = st.one_of(
    st.floats(-MAX_QUANTITY, MAX_QUANTITY), st.integers(-50, 400).map(float), st.just(0.1 + 0.2)
)
marks = st.lists(st.sampled_from(get_args(Mark)), max_size=3, unique=True)
lines = st.tuples(
    st.integers(0, 499),
    st.sampled_from(CODES),
    st.sampled_from((None, *get_args(Band))),
    quantities,
    st.floats(0, 1),
    marks,
)
groups = st.builds(
    Group,
    st.sampled_from(("material", "heat")),
    st.sampled_from(("surplus", "need")),
    st.just("t"),
)
whose = st.builds(
    Whose, st.sampled_from("AB"), st.sampled_from("XY"), st.booleans(), st.sampled_from(("n", "s"))
)
SPAN = Window(MONDAY, MONDAY + 2 * HOUR)
HOURS = [Window(MONDAY + n * HOUR, MONDAY + (n + 1) * HOUR) for n in (-2, -1, 0, 1)]
spans = st.sampled_from([SPAN, SPAN, *HOURS])
records = st.lists(
    st.tuples(spans, whose, groups, st.lists(lines, min_size=1, max_size=6)), max_size=6
)


def exact(found: Any) -> Any:
    """Tell numbers apart to the last bit, and by their signs."""
    return json.dumps(found)


@given(st.lists(lines, min_size=1), whose, groups, spans)
def test_a_sheet_is_read_as_it_was_written(
    some: list[Line], one: Whose, group: Group, span: Window
) -> None:
    assert exact(lines_of(text_of(some))) == exact(some)
    assert exact(checked_lines(text_of(some))) == exact(some)
    sheet = Sheet("ab", one, group, span, some)
    record, _, *of, count, counted, superseded, text = row_of(sheet, 7, superseded=True)
    assert (count, counted, superseded) == (len(some), 7, True)
    assert exact(sheet_of((record, *of, text))) == exact(sheet)


@given(st.lists(st.tuples(whose, groups, lines)))
def test_every_figure_is_on_one_sheet_in_its_order(found: list[tuple[Whose, Group, Line]]) -> None:
    numbered = [(w, g, (n, *line[1:])) for n, (w, g, line) in enumerate(found)]
    sheets = sheets_of("ab", SPAN, numbered)
    assert sorted((line[0], s.whose, s.group) for s in sheets for line in s.lines) == [
        (n, w, g) for n, (w, g, _) in enumerate(found)
    ]
    for sheet in sheets:
        assert [line[0] for line in sheet.lines] == sorted(line[0] for line in sheet.lines)
    assert len({(sheet.whose, sheet.group) for sheet in sheets}) == len(sheets)


Row = tuple[Whose, Window, Line]


def plain(rows: list[Row], window: Window) -> list[Contribution]:
    """Sum rows of a figure each, as the words of the contract say it."""
    found: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[row[0], row[2][1], row[2][2]].append(row)
    return [_plain(some, window) for some in found.values()]


def _plain(rows: list[Row], window: Window) -> Contribution:
    member, owner, waives, place = rows[0][0]
    late = any(span.start < window.start and line[3] for _, span, line in rows)
    told: set[Mark] = {mark for _, _, line in rows for mark in line[5]}
    told |= {"late"} if late else set()
    seen: dict[Window, list[float]] = defaultdict(list)
    for _, span, line in rows:
        if span.start >= window.start:
            seen[span].append(line[4])
    covered = sum(
        Fraction(min(span.end, window.end) - span.start) * sum(map(Fraction, own)) / len(own)
        for span, own in seen.items()
    ) / (window.end - window.start)
    _, code, band, *_ = rows[0][2]
    quantity = math.fsum(line[3] for _, _, line in rows)
    atom = Atom(code, place, band)
    share = min(float(covered), 1.0)
    return Contribution(member, owner, atom, quantity, share, tuple(sorted(told)), waives)


@given(records)
def test_contributions_are_those_of_a_row_a_figure(
    found: list[tuple[Window, Whose, Group, list[Line]]],
) -> None:
    sheets = [Sheet(f"{n}", w, g, span, some) for n, (span, w, g, some) in enumerate(found)]
    rows = [(w, span, line) for span, w, _, some in found for line in some]
    made, expected = contributions(sheets, SPAN), plain(rows, SPAN)
    assert len(made) == len(expected)
    for one, other in zip(made, expected, strict=True):
        assert math.isclose(one.coverage, other.coverage, rel_tol=1e-14, abs_tol=1e-300)
        assert (one.member, one.owner, one.waives, one.atom) == (
            (other.member, other.owner, other.waives, other.atom)
        )
        assert (exact(one.quantity), one.marks) == (exact(other.quantity), other.marks)
    summed = sorted(
        (w.member, w.owner, w.waives, line[1] or "", w.place, line[2] or "", line[3])
        for w, _, line in rows
    )
    told = sums(sheets)
    keys = [(o.member, o.owner, o.waives, o.atom.code or "", o.atom.place, o.atom.band or "")
            for o in told]  # fmt: skip
    assert keys == sorted({row[:-1] for row in summed})
    for key, one in zip(keys, told, strict=True):
        assert one.quantity == math.fsum(row[-1] for row in summed if row[:-1] == key)


PLANT = plant(1)
GATE = gate(PLANT)
figures = st.builds(
    lambda quantity, code, changes: figure(quantity, code, **changes),
    quantities,
    st.sampled_from(CODES),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(("material", "heat", "water")),
            "direction": st.sampled_from(("surplus", "need")),
            "coverage": st.floats(0, 1),
            "marks": marks,
        },
        optional={"band": st.sampled_from(get_args(Band))},
    ),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.lists(figures, max_size=8), min_size=1, max_size=3))
def test_the_view_tells_a_row_a_figure_as_the_record_has_it(sent: list[list[Any]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Database.open(Path(folder) / "ledger.db", MONDAY)) as database,
    ):
        ledger = Ledger(database, HubLimits())
        for hour, some in enumerate(sent):
            payload = PLANT.record(MONDAY + hour * HOUR, figures=some, sequence=hour + 1)
            now = MONDAY + (hour + 1) * HOUR
            ledger.store([GATE.judge(PLANT.topic, payload, now)], now)
        with database.look() as cursor:
            told = cursor.execute("SELECT * FROM figures ORDER BY start, position").fetchall()
            (stated,) = cursor.execute("SELECT coalesce(sum(count), 0) FROM sheets").fetchone()
    flat = [(hour, n, one) for hour, some in enumerate(sent) for n, one in enumerate(some)]
    assert stated == len(told) == len(flat)
    for row, (hour, position, one) in zip(told, flat, strict=True):
        assert (row["start"], row["end"]) == (MONDAY + hour * HOUR, MONDAY + (hour + 1) * HOUR)
        assert (row["position"], row["code"], row["band"]) == (
            (position, one.get("code"), one.get("band"))
        )
        assert (row["kind"], row["direction"], row["unit"]) == (
            (one["kind"], one["direction"], one["unit"])
        )
        assert (row["member"], row["owner"], row["waives"], row["place"]) == (
            ("plant 1", "owner 1", 0, "ora/north")
        )
        # SQLite reads a number of 17 digits to within its last bit.
        assert math.isclose(row["quantity"], one["quantity"], rel_tol=3e-16, abs_tol=1e-320)
        assert math.isclose(row["coverage"], one["coverage"], rel_tol=3e-16, abs_tol=1e-320)
        assert json.loads(row["marks"]) == one["marks"]
        assert (row["counted"], row["superseded"]) == (None, 0)
