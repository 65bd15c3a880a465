"""What if: other rules tried on a ledger, and what they would have told."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.hub_explore import explore
from config.hub_plan import HubLimits, Rules
from gateway.hub.calendar import DAY, Window
from gateway.hub.database import Database
from gateway.hub.explore import Trial, tried
from gateway.hub.ledger import Ledger
from gateway.hub.status import LEDGER
from gateway.hub.table import Atom, Contribution, Group
from tests import cluster
from tests.hubkit import MONDAY, figure, gate, plant

PLANTS = tuple(plant(number, place=f"ora/{'ns'[number % 2]}") for number in range(1, 7))
GROUP = Group("material", "surplus", "t")


@pytest.fixture
def hub_file(tmp_path: Path) -> Path:
    """Write a hub's file, and a ledger of twenty days in which one plant is half of everything."""
    path = tmp_path / "hub.toml"
    path.write_text(cluster.HUB.format(port=1, members="", wait="1 s"))
    at = gate(*PLANTS)
    state = tmp_path / "state"
    state.mkdir()
    with closing(Database.open(state / LEDGER, MONDAY)) as database:
        ledger = Ledger(database, HubLimits())
        for day in range(20):
            start = MONDAY + day * DAY
            verdicts = [
                at.judge(
                    one.topic,
                    one.record(
                        start,
                        figures=[figure(60.0 if number == 0 else 10.0, "10 09 03")],
                        sequence=day + 1,
                    ),
                    start + DAY,
                )
                for number, one in enumerate(PLANTS)
            ]
            ledger.store(verdicts, start + DAY)
    return path


def told(hub_file: Path, *words: str) -> list[dict[str, object]]:
    done = CliRunner().invoke(explore, [str(hub_file), "--json", *words])
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    assert "operator" in document["note"]
    found: list[dict[str, object]] = document["trials"]
    return found


def test_shares_follow_the_rules_that_are_tried(hub_file: Path) -> None:
    words = ("--calendar", "day", "--partition", "fixed", "--dominance", "none")
    free, held = told(hub_file, *words, "--dominance", "1:50")
    # With the limit the south is withheld, where one plant has 60 of 80 t, and 60 of all 110 t.
    assert (free["share_released"], held["share_released"]) == (1.0, pytest.approx(30 / 110))
    assert free["share_by_digits"] == {"6": 1.0, "4": 0.0, "2": 0.0, "0": 0.0}
    assert free["share_by_place"] == {"2 parts": 1.0}
    (strict,) = told(hub_file, *words, "--k", "4")
    assert strict["share_by_place"] == {"1 part": 1.0}
    (never,) = told(hub_file, *words, "--k", "7")
    assert (never["cells"], never["share_released"]) == (0, 0.0)


def test_a_stricter_q_and_an_open_rest_are_tried_too(hub_file: Path) -> None:
    words = ("--calendar", "day", "--partition", "fixed", "--p", "10")
    found = told(hub_file, *words, "--q", "100", "--q", "12", "--q", "5", "--q", "10")
    # A q below p is raised to p, and each combination is tried once.
    assert [one["q"] for one in found] == [100.0, 12.0, 10.0]
    shares = [float(str(one["share_released"])) for one in found]
    assert shares == sorted(shares, reverse=True)
    guards = told(hub_file, *words, "--guard-rest", "yes", "--guard-rest", "no")
    assert [one["guard_rest"] for one in guards] == [True, False]
    # Without a word of it, what the hub's file says holds.
    assert [one["guard_rest"] for one in told(hub_file, *words)] == [True]
    text = hub_file.read_text()
    hub_file.write_text(text.replace("[release]", "[release]\nguard_rest = false"))
    assert [one["guard_rest"] for one in told(hub_file, *words)] == [False]


@pytest.mark.parametrize(("guard", "shown"), [("yes", "yes"), ("no", "no")])
def test_the_table_says_whether_the_rest_is_guarded(
    hub_file: Path, guard: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    words = ("--calendar", "day", "--partition", "fixed", "--guard-rest", guard)
    done = CliRunner().invoke(explore, [str(hub_file), *words])
    [row] = [line for line in done.output.splitlines() if "day" in line.split()]
    assert shown in row.split()


def test_windows_and_partitions_are_tried_in_every_combination(hub_file: Path) -> None:
    found = told(hub_file)
    assert {(one["window"], one["partition"]) for one in found} == {
        (window, order) for window in ("day", "week", "month") for order in ("search", "fixed")
    }
    assert {one["window"]: one["windows"] for one in found} == {"day": 20, "week": 3, "month": 1}
    late = told(hub_file, "--calendar", "day", "--from", "2026-03-12")
    assert {one["windows"] for one in late} == {10}


def test_the_ledger_is_left_as_it_was(hub_file: Path) -> None:
    ledger = hub_file.parent / "state" / LEDGER
    before = ledger.read_bytes()
    told(hub_file)
    assert ledger.read_bytes() == before


def test_the_table_says_whose_it_is_and_a_wrong_limit_is_refused(hub_file: Path) -> None:
    done = CliRunner().invoke(explore, [str(hub_file), "--calendar", "day"])
    assert "For this hub's operator only" in done.output
    refused = CliRunner().invoke(explore, [str(hub_file), "--dominance", "50"])
    assert refused.exit_code == 2
    assert '"none" or owners and percent' in refused.output


def test_a_partition_is_chosen_from_earlier_windows_alone() -> None:
    def day(number: int, *quantities: float) -> tuple[Window, list[Contribution]]:
        start = MONDAY + number * DAY
        atom = Atom("10 09 03", "ora/n", None)
        parts = [Contribution(f"m{n}", f"o{n}", atom, q) for n, q in enumerate(quantities)]
        return Window(start, start + DAY), parts

    trial = Trial(Rules(), "day", "fixed")
    # Never safe before: the first safe day begins a partition, an unsafe one after is withheld.
    outcome = tried(GROUP, [day(0, 9, 1), day(1, 5, 5, 5), day(2, 9, 1)], trial)
    assert (outcome.total, outcome.released, outcome.cells) == (35.0, 15.0, 1)
