"""The rules by which samples become readings: confirmed only by proof, never carried over a cut."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.opcua.sample import Sample, Samples
from adapters.opcua.watch import CLOCK, DAY, OLDEST, Watch
from adapters.reading import NANOSECONDS, Block, Fault, Quality, Reading

S = NANOSECONDS
NOW = 1_790_000_000 * S
CUT = Fault(Quality.BAD, "disconnected")
SENSOR = Fault(Quality.BAD, "bad-sensor-failure")


def _watch(points: int = 1, lag: int = 0) -> Watch:
    watch = Watch("s", tuple("abc"[:points]), S, lag)
    watch.begin(0)
    return watch


def _readings(block: Block | None) -> list[Reading]:
    return [] if block is None else list(block.readings())


def _good(value: float, stamp: int | None = None) -> Sample:
    return Sample(value, None, stamp)


@dataclass
class _Run:
    """A watch driven through steps, with all that it told; wall and monotonic time run together."""

    watch: Watch
    mono: int = 0
    told: list[Reading] = field(default_factory=list)

    def take(self, samples: Sequence[tuple[int, Sample]]) -> None:
        self.told += _readings(self.watch.take(Samples.of(samples), NOW + self.mono, self.mono))

    def confirm(self) -> list[Reading]:
        made = _readings(self.watch.confirm(NOW + self.mono, self.mono))
        self.told += made
        return made

    def lose(self) -> list[Reading]:
        made = _readings(self.watch.lose(CUT, NOW + self.mono, self.mono))
        self.told += made
        return made


_steps = st.lists(
    st.tuples(
        st.sampled_from(["value", "bad", "confirm", "lose", "begin"]),
        st.integers(1, 3 * S),
        st.integers(0, 2),
        st.integers(0, 2 * S),
    ),
    max_size=60,
)


@given(_steps, st.integers(-3600 * S, 3600 * S))
@settings(max_examples=200)
def test_time_of_a_point_never_runs_back_and_no_old_value_outlives_its_fault(
    steps: list[tuple[str, int, int, int]], skew: int
) -> None:
    run = _Run(_watch(3, lag=S // 2))
    known: dict[str, Fault | None] = {}
    for number, (what, wait, at, age) in enumerate(steps):
        run.mono += wait
        if what == "value":
            run.take([(at, _good(float(number), NOW + run.mono + skew - min(age, wait)))])
            known["abc"[at]] = None
        elif what == "bad":
            run.take([(at, Sample(None, SENSOR, NOW + run.mono + skew))])
            known["abc"[at]] = SENSOR
        elif what == "confirm":
            made = run.confirm()
            assert {reading.point for reading in made} <= known.keys()
            assert all(
                (reading.value is None) == (known[reading.point] is not None) for reading in made
            )
        elif what == "lose":
            assert all(reading.value is None for reading in run.lose())
            known.clear()
            assert run.confirm() == []
        else:
            run.lose()
            known.clear()
            run.watch.begin(run.mono)
    _in_order([reading for reading in run.told if abs(skew) < 60 * S])


def _in_order(told: list[Reading]) -> None:
    last: dict[str, int] = {}
    for reading in told:
        assert reading.time > last.get(reading.point, 0)
        last[reading.point] = reading.time


@given(st.integers(1, 100), st.integers(0, S // 2))
def test_a_constant_value_is_confirmed_at_least_every_two_intervals(
    responses: int, lag: int
) -> None:
    run = _Run(_watch(1, lag))
    run.take([(0, _good(4.2, NOW - 3600 * S))])
    for _ in range(responses):
        run.mono += S
        run.confirm()
    times = [reading.time for reading in run.told]
    assert times[0] == NOW
    assert all(later - earlier <= 2 * S for earlier, later in pairwise(times))
    assert NOW + run.mono - times[-1] <= 2 * S
    assert {reading.value for reading in run.told} == {4.2}


@given(st.integers(1, 10**6))
def test_without_a_proof_nothing_is_confirmed(seconds: int) -> None:
    run = _Run(_watch())
    run.take([(0, _good(1.0, NOW))])
    before = len(run.told)
    run.mono += seconds * S
    assert len(run.told) == before
    assert run.lose()[0].time == NOW + run.mono


def test_a_confirmation_never_claims_more_than_the_last_proof() -> None:
    run = _Run(_watch(lag=S // 2))
    run.take([(0, _good(1.0, NOW))])
    run.mono = 2 * S
    (confirmed,) = run.confirm()
    assert confirmed.time == NOW + run.mono - S // 2


def test_a_value_just_told_is_not_confirmed_again() -> None:
    run = _Run(_watch(2))
    run.take([(0, _good(1.0, NOW)), (1, _good(2.0, NOW))])
    run.mono = S
    run.take([(0, _good(3.0, NOW + S))])
    assert [reading.point for reading in run.confirm()] == ["b"]


def test_a_bad_value_is_confirmed_as_bad() -> None:
    run = _Run(_watch())
    run.take([(0, _good(1.0, NOW))])
    run.take([(0, Sample(None, SENSOR, NOW + 1))])
    run.mono = S
    (confirmed,) = run.confirm()
    assert (confirmed.value, confirmed.quality, confirmed.reason) == (None, *SENSOR)


def test_a_cut_makes_every_point_bad_once() -> None:
    run = _Run(_watch(3))
    run.take([(0, _good(1.0, NOW)), (1, _good(2.0, NOW))])
    run.mono = S
    assert {(reading.point, reading.reason) for reading in run.lose()} == {
        ("a", "disconnected"),
        ("b", "disconnected"),
        ("c", "disconnected"),
    }
    run.mono = 2 * S
    assert run.lose() == []


def test_the_first_value_of_a_session_counts_as_sampled_now() -> None:
    run = _Run(_watch())
    run.take([(0, _good(1.0, NOW - 3 * 3600 * S))])
    assert run.told[0].time == NOW


def test_a_later_stamp_is_used_as_it_is() -> None:
    run = _Run(_watch())
    run.take([(0, _good(1.0, NOW - 3600 * S))])
    run.mono = 2 * S
    run.take([(0, _good(2.0, NOW + S))])
    assert run.told[1].time == NOW + S


def test_without_any_stamp_the_time_of_receipt_serves() -> None:
    run = _Run(_watch())
    run.take([(0, _good(1.0))])
    run.mono = S
    run.take([(0, _good(2.0))])
    assert [reading.time for reading in run.told] == [NOW, NOW + S]


@given(st.integers(0, OLDEST - 1) | st.integers(NOW + DAY + 1, 2 * NOW))
def test_an_absurd_stamp_gives_way_to_the_time_of_receipt_and_is_marked(absurd: int) -> None:
    run = _Run(_watch())
    run.take([(0, _good(1.0, absurd))])
    (reading,) = run.told
    assert (reading.time, reading.value) == (NOW, 1.0)
    assert (reading.quality, reading.reason) == CLOCK


def test_an_absurd_stamp_hides_nothing_that_is_worse() -> None:
    run = _Run(_watch())
    run.take([(0, Sample(None, SENSOR, OLDEST - 1))])
    (reading,) = run.told
    assert (reading.value, reading.quality, reading.reason) == (None, *SENSOR)


def test_a_stamp_that_does_not_move_gives_way_to_the_present() -> None:
    run = _Run(_watch())
    run.take([(0, _good(1.0, NOW))])
    run.mono = S
    run.take([(0, _good(1.0, NOW))])
    assert run.told[1].time == NOW + S


def test_the_present_is_counted_on_in_the_clock_of_the_stamps() -> None:
    ahead = 3600 * S
    run = _Run(_watch())
    run.take([(0, _good(1.0, NOW + ahead))])
    run.mono = S
    (confirmed,) = run.confirm()
    assert confirmed.time == NOW + ahead + S
    run.mono = 2 * S
    assert run.lose()[0].time == NOW + ahead + 2 * S


def test_a_clock_that_was_set_back_shows() -> None:
    run = _Run(_watch())
    run.take([(0, _good(1.0, NOW + 3600 * S))])
    run.mono = S
    run.take([(0, _good(2.0, NOW + S))])
    assert run.told[1].time == NOW + S


def test_the_same_points_come_as_the_same_tuple() -> None:
    watch = _watch(2)
    first = watch.take(Samples.of([(0, _good(1.0)), (1, _good(1.0))]), NOW, 0)
    second = watch.take(Samples.of([(0, _good(2.0)), (1, _good(2.0))]), NOW + S, S)
    assert first is not None
    assert second is not None
    assert first.points is second.points


def test_groups_that_do_not_come_again_are_forgotten_before_they_hold_much() -> None:
    names = tuple(map(str, range(200)))
    watch = Watch("s", names, S)
    watch.begin(0)
    held: list[int] = []
    for number in range(300):
        told = [(at, _good(1.0)) for at in range(200) if (at * 7 + number) % 11]
        watch.take(Samples.of(told), NOW + number * S, number * S)
        held.append(sum(map(len, watch._groups)))
    assert max(held) <= 4 * len(names)
    assert max(held[100:]) > 3 * len(names)


def test_groups_that_share_the_points_among_them_are_kept() -> None:
    watch = Watch("s", tuple(map(str, range(60))), S)
    watch.begin(0)
    seen: set[int] = set()
    for number in range(600):
        told = [(at, _good(float(number))) for at in range(number % 30, 60, 30)]
        block = watch.take(Samples.of(told), NOW + number * S, number * S)
        assert block is not None
        seen.add(id(block.points))
    assert len(seen) == 30


def test_silent_points_are_those_of_which_nothing_was_told() -> None:
    run = _Run(_watch(3))
    run.take([(0, _good(1.0))])
    run.mono = S
    run.take([(1, _good(1.0))])
    assert run.watch.silent(2 * S, 2 * S) == [0, 2]
