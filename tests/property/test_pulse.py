"""Signs of life: who is late is a matter of the last sign and its promise alone."""

from hypothesis import given
from hypothesis import strategies as st

from agent.running.pulse import Pulse

BEATS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000), st.integers(0, 500)))


@given(BEATS, st.integers(0, 2000))
def test_a_part_is_late_when_its_last_promise_has_passed(
    beats: list[tuple[str, int, int]], now: int
) -> None:
    pulse = Pulse()
    promised = {}
    for part, at, within in beats:
        pulse.beat(part, at, within)
        promised[part] = at + within
    assert set(pulse.late(now)) == {part for part, until in promised.items() if now > until}
    for part in "abc":
        assert pulse.until(part) == promised.get(part)
        pulse.forget(part)
    assert not pulse.late(now)
