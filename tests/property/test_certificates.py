"""Certificates that run out: the nearest stage is told, in words that do not change within it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.certificates import warning

DAY = 86_400 * 10**9
END = 1_800_000_000 * 10**9


@given(st.integers(-400 * DAY, 400 * DAY))
def test_a_certificate_is_told_of_thirty_and_seven_days_before_its_end_and_after(left: int) -> None:
    said = warning(END, END - left)
    if left <= 0:
        assert "expired on 2027-01-15" in said
    elif left <= 7 * DAY:
        assert "less than 7 days" in said
    elif left <= 30 * DAY:
        assert "less than 30 days" in said
    else:
        assert said == ""
