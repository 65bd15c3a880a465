"""Who guesses: yearly tonnages, suppression and noise say no more than the rules allow."""

import statistics
from dataclasses import replace

import pytest

from bench.attacks.broken import fresh_noise
from bench.attacks.cells import Outcome, decided, nearest_rest, shared_out, shown, suspected
from bench.attacks.sums import nearest
from bench.attacks.windows import windows
from bench.attacks.year import instant
from config.hub_plan import Rules
from gateway.hub.calendar import Window
from gateway.hub.noise import Noise, noised
from simulation.clusteryear import Stream, World, streams, tables

RULES = Rules()
OPEN = replace(RULES, guard_rest=False)
ALLOWED = RULES.p / 100
SPAN = windows("week", instant(2025, 10, 1), instant(2027, 1, 1))
SINCE = instant(2026, 1, 1)


def year(seed: int, rules: Rules, found: list[Stream] | None = None) -> Outcome:
    return decided(tables(World(seed, 1, 20), SPAN, found), "week", rules, SINCE, "fixed")


@pytest.mark.parametrize("seed", [2, 3])
def test_what_public_tonnages_leave_of_a_year_is_no_withheld_window(seed: int) -> None:
    near, _ = nearest_rest(year(seed, RULES))
    assert near >= ALLOWED


@pytest.mark.parametrize("seed", [2, 3])
def test_the_same_attacker_finds_a_withheld_window_where_nothing_guards_it(seed: int) -> None:
    near, count = nearest_rest(year(seed, OPEN))
    assert count > 0
    assert near < ALLOWED / 2


def test_sharing_a_cell_out_by_tonnages_meets_windows_no_more_often_than_guessing_without() -> None:
    hits = shared_out(year(2, RULES), RULES.p)
    assert hits.tries > 1000
    assert hits.gain < 0.02


def test_sharing_out_meets_windows_where_a_cell_has_one_owner() -> None:
    alone = Rules(k=2, p=0.0, guard_rest=False)
    assert shared_out(year(2, alone), RULES.p).gain > shared_out(year(2, RULES), RULES.p).gain


def test_a_giant_and_who_has_a_rare_material_are_no_nearer_than_the_p_rule_allows() -> None:
    made = streams(World(1, 1, 20))
    giant = made[0].member
    held: dict[str | None, set[str]] = {}
    for stream in made:
        held.setdefault(stream.atom.code, set()).add(stream.owner)
    rare = frozenset(o for owners in held.values() if len(owners) <= 2 for o in owners)
    made = [replace(s, yearly=s.yearly * (30 if s.member == giant else 1)) for s in made]
    victims = rare | {s.owner for s in made if s.member == giant}
    found = year(1, RULES, made)
    assert nearest(found.told, found.owner, frozenset(victims)) >= ALLOWED
    loose = year(1, replace(OPEN, p=0.0), made)
    assert nearest(loose.told, loose.owner, frozenset(victims)) < ALLOWED / 2


def test_that_a_cell_is_withheld_says_little_of_who_rests_and_the_reason_would_say_more() -> None:
    found = [year(seed, RULES) for seed in (1, 2, 3)]
    told = [suspected(one, RULES) for one in found]
    guesses = sum(one.guesses for one in told)
    gain = sum(one.right - one.blind for one in told) / guesses
    assert guesses > 50
    assert gain < 0.1


def test_a_dominance_limit_hides_profiles_that_k_and_the_p_rule_do_not() -> None:
    loose, strict = shown(year(1, RULES)), shown(year(1, replace(RULES, dominance=(1, 50.0))))
    assert loose.followed > 0
    assert strict.followed / strict.series < loose.followed / loose.series


def test_asking_again_averages_fresh_noise_out_and_keyed_noise_not() -> None:
    found = year(1, RULES)
    cell = found.told[0]
    owned: dict[str, float] = {}
    for (member, _, _), quantity in cell.parts.items():
        owner = found.owner[member]
        owned[owner] = owned.get(owner, 0.0) + quantity
    keyed = Noise(20.0, b"k" * 32)
    asked = {noised(keyed, cell.name, cell.window, owned) for _ in range(400)}
    assert len(asked) == 1
    scale = keyed.percent / 100 * max(owned.values())
    fresh = statistics.fmean(fresh_noise(cell, 4000, scale / cell.quantity))
    assert abs(fresh - cell.quantity) < 0.1 * scale
    other = noised(keyed, cell.name, Window(cell.window.end, cell.window.end + 1), owned)
    assert other not in asked
