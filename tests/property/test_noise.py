"""Keyed noise: a fixed function of cell, window and owners, from the Laplace distribution."""

import math
import statistics
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from config.hub_plan import Rules
from gateway.hub.calendar import Window
from gateway.hub.noise import Noise, laplace, noised, uniform
from gateway.hub.partition import choose
from gateway.hub.rollup import decide, with_noise
from gateway.hub.table import Atom, Contribution, Group

KEY, OTHER = b"k" * 32, b"o" * 32
owners = st.lists(st.text(max_size=5), min_size=1, max_size=6, unique=True)
window = st.tuples(st.integers(0, 2**60), st.integers(0, 2**60))


@given(st.text(max_size=9), window, owners.flatmap(st.permutations))
def test_the_same_question_gets_the_same_noise(
    cell: str, window: tuple[int, int], owners: list[str]
) -> None:
    asked = uniform(KEY, cell, window, owners)
    assert 0 < asked < 1
    assert uniform(KEY, cell, window, sorted(owners)) == asked


@given(st.text(max_size=9), window, owners)
def test_another_key_cell_window_or_set_of_owners_gets_other_noise(
    cell: str, window: tuple[int, int], owners: list[str]
) -> None:
    drawn = {
        uniform(KEY, cell, window, owners),
        uniform(OTHER, cell, window, owners),
        uniform(KEY, cell + "x", window, owners),
        uniform(KEY, cell, (window[0], window[1] + 1), owners),
        uniform(KEY, cell, window, [*owners, "another"]),
        uniform(KEY, cell, window, owners[1:]),
    }
    assert len(drawn) == 6


def test_no_two_questions_run_together() -> None:
    assert uniform(KEY, "cell", (1, 2), ["a", "b"]) != uniform(KEY, "cell", (1, 2), ['a", "b'])


def test_noise_has_the_laplace_distribution() -> None:
    count, scale = 20_000, 3.0
    drawn = sorted(laplace(uniform(KEY, "cell", (n, n + 1), ["a"]), scale) for n in range(count))
    furthest = max(abs((n + 0.5) / count - _below(value / scale)) for n, value in enumerate(drawn))
    # Kolmogorov and Smirnov: beyond this once in a million keys.
    assert furthest < math.sqrt(math.log(2e6) / 2 / count)
    assert abs(statistics.fmean(map(abs, drawn)) / scale - 1) < 0.05


def _below(value: float) -> float:
    return math.exp(value) / 2 if value < 0 else 1 - math.exp(-value) / 2


def test_noise_is_as_large_as_a_share_of_the_largest_contribution() -> None:
    owned = {"a": 1000.0, "b": 200.0, "c": -50.0, "d": 0.0}
    drawn = uniform(KEY, "cell", (0, 1), ["a", "b", "c"])
    told = noised(Noise(5.0, KEY), "cell", (0, 1), owned)
    assert math.isclose(told, 1150 + laplace(drawn, 50.0), rel_tol=1e-5)
    assert noised(Noise(5.0, KEY), "cell", (0, 1), {}) == 0.0


def test_only_released_quantities_have_noise_and_say_so() -> None:
    atom = Atom("10 09 03", "ora", None)
    table = [Contribution(f"m{n}", f"o{n}", atom, 10.0) for n in range(3)]
    group = Group("material", "surplus", "t")
    partition = choose(group, [table], {part.member for part in table}, Rules())
    window, noise = Window(0, 1), Noise(10.0, KEY)
    (safe,) = decide(partition, table, Rules())
    told = with_noise(safe, window, noise)
    assert (told.quantity, told.noise) == (30.0, 10.0)
    assert told.told is not None
    assert told.told != 30.0
    assert with_noise(safe, window, noise) == told
    withheld = replace(safe, status="withheld")
    assert with_noise(withheld, window, noise) is withheld
    assert "kkkk" not in repr(noise)
