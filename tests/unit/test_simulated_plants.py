"""The simulated plants: their files are ones people could write, their devices show the truth."""

from itertools import count
from pathlib import Path

import pytest

from config.hub import load_hub
from config.load import load_plant
from gateway.keys import HubKey, PlantKey, load
from simulation.devices import Registers, free_ports
from simulation.files import Enrolled, Timing, Uplink, counts, hub_file, plant_file
from simulation.plants import (
    LONE_CODE,
    SILENCED,
    WIDTH,
    Counted,
    SimPlant,
    boundary,
    cluster,
    secrets,
)
from simulation.simulate import Wish, ports_for, simulated
from simulation.stage import Script
from simulation.truth import SECOND

ORIGIN = 1_800_000_000 * SECOND
PLANTS = cluster(ORIGIN, ORIGIN + 20 * SECOND)


def ports(plant: SimPlant) -> dict[str, int]:
    return {source.name: 5020 + number for number, source in enumerate(plant.sources)}


def written(folder: Path, plant: SimPlant) -> Path:
    key = HubKey(load(folder / "hub.key", create=True))
    uplink = Uplink("demo", 1883, str(key.public))
    path = folder / "plant.toml"
    path.write_text(plant_file(plant, ports(plant), uplink, Timing()))
    return path


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.member)
def test_a_simulated_plants_file_loads_and_says_what_was_described(
    plant: SimPlant, tmp_path: Path
) -> None:
    plan = load_plant(written(tmp_path, plant), {})
    assert (plan.name, plan.owner) == (plant.name, plant.owner)
    assert plan.uplink is not None
    assert plan.uplink.broker.version == "3.1.1"
    told = {(s.name, s.kind, s.unit, s.code, s.share, s.never_publish) for s in plan.streams}
    assert told == {
        (s.name, s.kind, s.unit, s.code, s.share, s.never_publish) for s in plant.streams
    }
    assert {source.name for source in plan.sources} == {source.name for source in plant.sources}


def test_the_simulated_hubs_file_loads_with_every_member(tmp_path: Path) -> None:
    load(tmp_path / "hub.key", create=True)
    enrolled = [
        Enrolled(plant, str(PlantKey(load(tmp_path / plant.member, create=True)).public))
        for plant in PLANTS
    ]
    (tmp_path / "hub.toml").write_text(hub_file("demo", 1883, enrolled, Timing()))
    plan = load_hub(tmp_path / "hub.toml", {})
    assert [member.name for member in plan.members] == [plant.member for plant in PLANTS]
    assert plan.wait == 4 * SECOND
    assert plan.calendars["heat"] == 12 * SECOND


def test_five_plants_have_four_owners_and_one_material_of_its_own() -> None:
    assert len({plant.owner for plant in PLANTS}) == 4
    holders = [p.member for p in PLANTS if any(s.code == LONE_CODE for s in p.streams)]
    assert len(holders) == 1


def test_the_meter_that_will_die_is_the_first_of_its_plant() -> None:
    plant = next(plant for plant in PLANTS if plant.member == SILENCED)
    assert plant.streams[0].source == plant.sources[0].name
    assert plant is PLANTS[-1]


def test_only_the_counter_that_shall_roll_over_does_so_and_on_time() -> None:
    wraps = ORIGIN + 20 * SECOND
    for plant in PLANTS:
        (counter,) = (
            point.shows.counter
            for source in plant.sources
            for point in source.points
            if isinstance(point.shows, Counted)
        )
        before, after = counter.reading(wraps - SECOND), counter.reading(wraps + SECOND)
        assert (after < before) == (plant.member == "m4")
        if after < before:
            assert counter.reading(wraps) < WIDTH // 1000


def test_streams_with_totalisers_are_known() -> None:
    assert [[s.name for s in counts(plant)] for plant in PLANTS] == [
        [plant.streams[0].name] for plant in PLANTS
    ]


def test_names_that_must_stay_inside_hold_plants_streams_points_and_held_back_codes() -> None:
    found = secrets(PLANTS)
    assert {"Alder Northern Works", "slag_belt_3", "wqt401_total", "pot_lining"} <= found
    assert "06 10 99" in found
    assert "10 09 03" not in found


def test_the_registers_of_one_value_are_all_of_one_instant() -> None:
    plant = PLANTS[0]
    source = plant.sources[0]
    ticks = count(ORIGIN, 7 * SECOND)  # every look at the clock is seven seconds later
    registers = Registers(source.points, lambda: next(ticks))
    high, low = registers(1015), registers(1016)
    assert high is not None
    assert low is not None
    assert [high, low] == source.points[1].words(ORIGIN)
    assert registers(1017) is None


def test_values_are_written_with_their_decimals_and_signs() -> None:
    flow, warm, _ = PLANTS[0].sources[2].points
    high, low = flow.words(ORIGIN)
    assert (high << 16 | low) == round(flow.shows.value(ORIGIN) * 1000)
    assert warm.words(ORIGIN) == [7800]


def test_a_port_is_found_for_each_device_and_none_twice() -> None:
    found = free_ports(PLANTS)
    assert len(set(found.values())) == sum(len(plant.sources) for plant in PLANTS)


def test_a_boundary_is_the_next_multiple() -> None:
    assert boundary(ORIGIN + 1, 6) == ORIGIN + 6 * SECOND
    assert boundary(ORIGIN, 6) == ORIGIN


@pytest.mark.parametrize(("windows", "release"), [(6, 4), (8, 6), (20, 6)])
def test_incidents_of_a_run_do_not_meet(windows: int, release: int) -> None:
    script = Script.over(windows, release)
    assert script.wraps < script.kill
    assert script.kill + script.away + release <= script.silence
    assert script.silence + release <= script.length


def test_a_simulated_plants_file_for_trying_things_out_loads(tmp_path: Path) -> None:
    plant = simulated(Wish(3, 5, opcua=True, rollover_after=10.0, silence_after=None), ORIGIN)
    chosen = {name: port for (_, name), port in ports_for(plant, 5020, 4840).items()}
    assert chosen == {
        "slag_belt_1": 5020, "slag_belt_2": 5021, "slag_belt_3": 5022, "cooling_loop_1": 5023,
        "bag_filter_1": 4840,
    }  # fmt: skip
    (tmp_path / "plant.toml").write_text(plant_file(plant, chosen, None, Timing()))
    plan = load_plant(tmp_path / "plant.toml", {})
    assert plan.uplink is None
    assert len(plan.sources[0].settings.points) == 7
