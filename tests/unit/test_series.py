"""Series: when a classification begins to hold, and whose history is believed."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.measuring.series import Held, history, marked, renewed
from config.course import Course
from config.plan import Classification, StreamPlan
from tests.measuring import MIN, T0, stream, total_plan
from tests.unit.test_attributes import problem, wet
from tests.unit.test_load_plant import stream as loaded

HOUR = 60 * MIN
OLD = Classification("19 02 04*", None, None, None, "surplus")
NEW = replace(OLD, code="19 02 11*")
DATED = Course((0, T0 + 5 * HOUR), (OLD, NEW))


def plan(code: str, series: Course[Classification] | None = None) -> StreamPlan:
    return replace(stream(total_plan()), code=code, series=series)


def test_what_changed_while_the_agent_was_stopped_holds_from_the_next_release_window() -> None:
    held = [Held("slag", 5, OLD)]
    found = renewed([plan("19 02 11*")], held, T0 + 1, HOUR)
    assert found.held == (*held, Held("slag", T0 + HOUR, NEW))
    assert [one.kind for one in found.events] == ["reclassified"]
    again = renewed([plan("19 02 11*")], found.held, T0 + 2, HOUR)
    assert (again.held, again.events) == (found.held, ())


def test_a_change_taken_back_before_it_holds_never_was() -> None:
    held = [Held("slag", 5, OLD), Held("slag", T0 + HOUR, NEW)]
    assert renewed([plan("19 02 04*")], held, T0 + 1, HOUR).held == (held[0],)


def test_what_is_declared_for_later_holds_from_its_day() -> None:
    found = renewed([plan("19 02 11*", DATED)], [Held("slag", 5, OLD)], T0, HOUR)
    assert found.series["slag"].edges == (T0 + 5 * HOUR,)


def test_a_file_that_fits_what_is_remembered_tells_the_history() -> None:
    later = [Held("slag", T0 + 9 * HOUR, NEW)]
    assert history(plan("19 02 11*", DATED), later) == DATED
    against = [Held("slag", T0, NEW)]
    assert history(plan("19 02 11*", DATED), against).at(T0) == NEW


def test_both_sides_of_a_change_are_marked_and_no_other_window() -> None:
    series = Course((0, T0 + 3 * MIN), (OLD, NEW))
    found = [at for at in range(8) if "reclassified" in marked(wet(at), series).marks]
    assert found == [2, 3]


MASS = 'material = "10 09 03"\nmeter = { total = "belt.total" }\n[[streams.s.before]]\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('until = "2026-07-01"', "before[0]"),
        ('until = "2026-07-01"\nmaterial = "10 09 03"', "before[0]"),
        ('material = "10 09 09*"', "before[0].until"),
        (('until = "2026-07-01"\nstatus = "waste"\n[[streams.s.before]]\nuntil = "2026-07-01"\n'
         'treatment = "D1"'), "before[1].until"),
    ],
)  # fmt: skip
def test_a_declared_change_that_does_not_fit_is_named(tmp_path: Path, text: str, key: str) -> None:
    assert problem(tmp_path, MASS + text)[0] == f"streams.s.{key}"


def test_each_table_says_how_it_differed_from_what_came_after(tmp_path: Path) -> None:
    text = (
        'until = "2026-01-01"\ntreatment = "D1"\n[[streams.s.before]]\nuntil = "2026-07-01"\n'
        'status = "waste"\n'
    )
    found = loaded(tmp_path, MASS + text).series
    assert found is not None
    assert [(one.status, one.treatment) for one in found.values] == [
        ("waste", "D1"), ("waste", None), (None, None),
    ]  # fmt: skip
