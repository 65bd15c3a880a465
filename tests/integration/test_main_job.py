"""The whole way: recordings → agents → broker → hub → cells, by programs of their own."""

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests import cluster
from tests.servers import MosquittoMaker, program

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "cell.schema.json"
OWNERS = ("Northern Metals", "Fjord Fibre", "Valley Glass")


def heard(port: int, topic: str, seconds: int = 2) -> bytes:
    """Give what a third party's subscriber prints: topic and payload, a line each."""
    command = [program("mosquitto_sub"), "-p", str(port), "-t", topic, "-v", "-W", str(seconds)]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).stdout


def cells(port: int) -> list[dict[str, Any]]:
    lines = heard(port, "sidestream/v1/ora/cells/#").decode().splitlines()
    return [json.loads(line.split(" ", 1)[1]) for line in lines]


def test_three_plants_recordings_become_safe_cells_that_anyone_can_read(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    port = mosquitto().port
    listener = subprocess.Popen(
        [program("mosquitto_sub"), "-p", str(port), "-t", "#", "-v"], stdout=subprocess.PIPE
    )
    hub, hub_key = cluster.hub(tmp_path / "hub", port)
    made = [
        cluster.plant(tmp_path / f"p{n}", f"unit-{n}-works", owner, port, hub_key)
        for n, owner in enumerate(OWNERS)
    ]
    agents = [agent for agent, _ in made]
    members = [member for _, member in made]
    cluster.admit(hub, port, members, wait="1 h")
    with cluster.ended(hub, *agents):
        hub.start()
        cluster.wait_for(hub.running, "the hub")
        for number, agent in enumerate(agents):
            cluster.record_day(agent.folder / "day.csv", 8640, 10, phase=number * 1000)
            agent.start()
        assert [agent.wait() for agent in agents] == [0, 0, 0], agents[0].log
        hub.stop()
        cluster.admit(hub, port, members)
        hub.start()
        cluster.wait_for(lambda: len(cells(port)) >= 3, "released cells", 60)
        published = cells(port)
        held = cluster.ledger(hub)
    listener.terminate()
    traffic, _ = listener.communicate(timeout=10)

    assert len(held) == 3 * 23 * 3
    schema = Draft202012Validator(json.loads(SCHEMA.read_text()))
    sums: dict[tuple[Any, ...], float] = defaultdict(float)
    for _, start, kind, code, _, quantity, _, _ in held:
        window = start // (3600 * 10**9) if kind == "heat" else start // (86_400 * 10**9)
        sums[kind, code, window] += quantity
    for cell in published:
        schema.validate(cell)
        assert cell["status"] == "released"
        assert cell["contributors"] == "3-5"
    materials = {cell["code"]: cell["quantity"] for cell in published if cell["kind"] == "material"}
    day = cluster.START // 86_400
    assert materials["10 09 03"] == pytest.approx(sums["material", "10 09 03", day])
    assert materials["10 09 10"] == pytest.approx(sums["material", "10 09 10", day])
    secrets = [*OWNERS, "works", "secret_", "day.", "flow", "127.0.0.1", "agder/unit"]
    for secret in secrets:
        assert secret.encode() not in traffic, secret


def test_garbage_on_the_records_topic_is_set_aside_and_loses_nothing(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    port = mosquitto().port
    hub, hub_key = cluster.hub(tmp_path / "hub", port)
    agent, member = cluster.plant(tmp_path / "p", "kvina", "Northern Metals", port, hub_key)
    cluster.admit(hub, port, [member])
    cluster.record_day(agent.folder / "day.csv", 1440, 60)
    topic = f"sidestream/v1/ora/records/{'0' * 32}"
    publish = [program("mosquitto_pub"), "-q", "1", "-p", str(port), "-t", topic, "-m"]
    with cluster.ended(hub, agent):
        hub.start()
        cluster.wait_for(hub.running, "the hub")
        for garbage in ("", "not json", '{"v":1}', '{"v":9}', "[" * 5000, "æøå"):
            subprocess.run([*publish, garbage], check=True, timeout=10)
        agent.start()
        assert agent.wait() == 0, agent.log
        cluster.wait_for(lambda: cluster.counted(hub) == 23, "every record")
        status = subprocess.run(
            [*cluster.COMMAND, "hub", "status", "hub.toml", "--json"],
            cwd=hub.folder, capture_output=True, check=False,
        )  # fmt: skip
        assert hub.process is not None
        assert hub.process.poll() is None
    assert sum(json.loads(status.stdout)["quarantine"].values()) >= 5
    assert "Traceback" not in hub.log + agent.log


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"replay"', '"reply"'), "did you mean `replay`"),
        (("rate = { unit", "rate = { unt"), "sources.day.points.rate.unt"),
        (("day.total", "day.totl"), "day.total"),
        (("[plant]", "[plant"), "plant.toml:2"),
    ],
)
def test_a_wrong_plant_file_is_one_clear_message_and_exit_code_78(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    text = cluster.PLANT.format(name="n", owner="o", port=1, hub_key="sshub1_" + "A" * 86)
    (tmp_path / "plant.toml").write_text(text.replace(*change))
    done = subprocess.run(
        [*cluster.COMMAND, "run", "plant.toml"], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 78, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
