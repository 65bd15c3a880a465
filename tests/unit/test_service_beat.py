"""When the agent commits, trims and tells its status again."""

from hypothesis import given
from hypothesis import strategies as st

from agent.running.service import due

INSTANTS = st.integers(0, 2**62)


@given(INSTANTS, st.integers(1, 10**12), st.integers(0, 10**13))
def test_something_is_due_once_its_interval_has_passed(last: int, every: int, after: int) -> None:
    assert due(last, every, last + after) == (after >= every)


@given(INSTANTS, st.integers(1, 10**12), st.integers(1, 10**13))
def test_a_clock_that_was_set_back_delays_nothing(last: int, every: int, step: int) -> None:
    assert due(last, every, last - step)
