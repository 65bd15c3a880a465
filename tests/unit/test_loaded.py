"""A plant file loaded in a child process gives the plan, and the errors, it gives here."""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.adapter import adapter
from adapters.modbus.points import PointPlan, Span
from agent.measuring.sampling import equipped
from agent.running import loaded
from agent.running.certificates import source_files
from agent.running.loaded import loading
from config.errors import ConfigError
from config.load import load_plant
from config.plan import PlantPlan
from gateway.keys import HubKey, PlantKey, load
from gateway.roster import Ring, roster_content, seal_roster
from gateway.seal import seal_receipt

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
PLANTS = sorted(path for path in EXAMPLES.glob("*.toml") if "[plant]" in path.read_text())
HEAVY = (
    "adapters.fields", "adapters.settings", "annotated_types", "asyncua", "click", "config.load",
    "config.tables", "csv", "gateway.contract", "gateway.joining", "gateway.partner",
    "gateway.seal", "httpx", "importlib.metadata", "multiprocessing", "openpyxl", "pint",
    "pydantic", "pydantic_core", "pymodbus", "rich", "tomllib", "zipfile",
)  # fmt: skip
"""What a running agent of Modbus TCP devices has no use for."""
RUNNING = f"""
import sys
from pathlib import Path
import agent.cli.begin, agent.cli.log, agent.cli.signals, gateway.claim
import agent.running.assembly, agent.running.opening, agent.running.service
from agent.running.lanes import lanes
from agent.running.loaded import loading
plan = loading(Path(sys.argv[1]))()
lanes(plan.sources)
import adapters.modbus.line, adapters.modbus.poll, adapters.modbus.unit
print(sorted(sys.modules.keys() & set({HEAVY})))
"""
OPCUA = """
import sys
from pathlib import Path
from agent.running.lanes import lanes
from agent.running.loaded import loading
plan = loading(Path(sys.argv[1]))()
lanes(plan.sources)
import adapters.opcua.feed, adapters.opcua.lane
print(sorted(sys.modules.keys() & {"adapters.settings", "asyncua", "pydantic"}))
"""
HEARD = """
import sys
from pathlib import Path
from agent.running.loaded import loading
plan = loading(Path(sys.argv[1]))()
sys.modules["pydantic"] = None  # whoever imports it now fails
from agent.disclosing.record import Sealer
from agent.disclosing.sealed_detail import DetailSealer
from agent.running.assembly import plant_key
from agent.running.trust import Trust
from gateway.keys import HubPublic
from gateway.receipt import read_receipt
folder = Path(sys.argv[1]).parent
hub = HubPublic.parse(plan.uplink.hub_key)
trust = Trust(plant_key(plan), hub, plan.uplink.cluster, folder)
print(trust.take((folder / "roster").read_bytes()))
name = plant_key(plan).pseudonym(trust.at("2026Q1"), plan.uplink.cluster, "2026Q1")
receipt = read_receipt((folder / "receipt").read_bytes(), plan.uplink.cluster, name, hub)
print(receipt.refused)
sealed = Sealer(plant_key(plan), hub, plan.uplink, trust).seal(0, 3600 * 10**9, 1, ())
print(len(sealed.payload) > plan.uplink.record_size)
"""
SERVER = """
[plant]
name = "P"
owner = "O"
[sources.server]
protocol = "opcua"
url = "opc.tcp://192.0.2.20:4840"
security = "None"
points.belt = { node = "ns=2;s=Belt" }
identity = [{ node = "ns=2;s=Serial", accepted = ["7"] }]
"""
PARENT = """
import sys
from pathlib import Path
from agent.running.loaded import loading
plan = loading(Path(sys.argv[1]))()
print(plan.name, "config.load" in sys.modules)
"""
DEVICE = """
[plant]
name = "P"
owner = "O"
[sources.meter]
protocol = "modbus-tls"
host = "192.0.2.10"
ca = "ca.pem"
certificate = "own.pem"
points.belt = { register = 40001 }
"""

MANY = """
[plant]
name = "P"
owner = "O"
[sources.meter]
protocol = "modbus-tcp"
host = "192.0.2.10"
points.b = { register = 40007, type = "uint32", unit = "t", plausible = [0, 5], decimals = 3 }
points.a = { register = 40001, bits = [1, 1], sentinels = [-32768], scale = 2 }
points.c = { register = 30004, type = "int16", decimals_register = 30009 }
[sources.spare]
protocol = "modbus-tcp"
host = "192.0.2.11"
"""


@pytest.mark.parametrize("path", PLANTS, ids=lambda path: path.stem)
def test_the_plan_is_the_one_a_file_gives_here(path: Path) -> None:
    assert loading(path)() == resolved(path)


def resolved(path: Path) -> PlantPlan:
    plan = equipped(load_plant(path, os.environ))
    return replace(plan, sources=tuple(source.resolved() for source in plan.sources))


def test_there_are_plants_to_load() -> None:
    assert PLANTS


def test_loading_leaves_nothing_behind_in_the_agent() -> None:
    assert told(PARENT, EXAMPLES / "plant.toml").endswith(" False\n")


def test_errors_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text("[plant]\nname = 7\n")
    with pytest.raises(ConfigError) as here:
        load_plant(path, os.environ)
    with pytest.raises(ConfigError) as apart:
        loading(path)()
    assert str(apart.value) == str(here.value)


@pytest.mark.parametrize(("work", "again"), [("_read", "another child"), ("_plan", "here")])
def test_a_child_that_is_killed_costs_its_time_only(
    work: str, again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = EXAMPLES / "plant.toml"
    here, done, dead = os.getpid(), getattr(loaded, work), tmp_path / "dead"
    begun: list[int] = []

    def killed(*given: object) -> object:
        if not dead.exists():
            dead.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        begun.append(os.getpid())
        return done(*given)

    monkeypatch.setattr(loaded, work, killed)
    assert loading(path)() == resolved(path)
    assert begun == ([here] if again == "here" else [])


def test_the_file_is_read_once_and_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = loaded._read

    def noted(path: Path) -> object:
        (tmp_path / str(os.getpid())).touch()
        return read(path)

    monkeypatch.setattr(loaded, "_read", noted)
    loading(EXAMPLES / "plant.toml")()
    (reader,) = tmp_path.iterdir()
    assert reader.name != str(os.getpid())


def test_nothing_is_left_open(tmp_path: Path) -> None:
    wrong = tmp_path / "plant.toml"
    wrong.write_text("[plant]\n")
    files = Path("/proc/self/fd")
    before = {one.name for one in files.iterdir()}
    loading(EXAMPLES / "plant.toml")()
    with pytest.raises(ConfigError):
        loading(wrong)()
    assert {one.name for one in files.iterdir()} == before


def test_no_child_is_left_behind() -> None:
    before = set(psutil.Process().children())
    loading(EXAMPLES / "plant.toml")()
    assert set(psutil.Process().children()) <= before


def told(code: str, path: Path) -> str:
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_running_agent_imports_nothing_it_has_no_use_for() -> None:
    assert told(RUNNING, EXAMPLES / "plant.toml") == "[]\n"


def test_an_agent_of_opc_ua_holds_no_models_either(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(SERVER)
    assert told(OPCUA, path) == "['asyncua']\n"


def test_what_opc_ua_settings_resolve_to_has_their_values_under_their_names(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(SERVER)
    (model,), (plain,) = load_plant(path, {}).sources, loading(path)().sources
    for name in type(model.settings).model_fields:
        ours, meant = getattr(plain.settings, name), getattr(model.settings, name)
        if name == "points":
            assert {key: vars(one) for key, one in ours.items()} == {
                key: dict(one) for key, one in meant.items()
            }
        elif name == "identity":
            assert [vars(one) for one in ours] == [dict(one) for one in meant]
        else:
            assert ours == meant
    assert adapter("opcua").lane(plain) == adapter("opcua").lane(model)


def test_a_running_agent_knows_the_certificates_of_its_sources(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(DEVICE)
    watched = source_files(loading(path)())
    assert watched == source_files(load_plant(path, {}))
    assert sorted(watched) == ["sources.meter.ca", "sources.meter.certificate"]


def test_points_arrive_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(MANY)
    sent, kept = loading(path)().sources, resolved(path).sources
    assert [repr(one) for one in sent] == [repr(one) for one in kept]
    assert [list(one.settings.points) for one in sent] == [["b", "a", "c"], []]


def test_points_travel_as_they_are_written_and_are_resolved_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(MANY)
    made: list[str] = []
    new = PointPlan.__new__

    def noted(kind: type[PointPlan], name: str, *others: object) -> PointPlan:
        made.append(name)
        return new(kind, name, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(PointPlan, "__new__", noted)
    meter, spare = (source.settings for source in load_plant(path, {}).sources)
    first, other = pickle.loads(pickle.dumps((meter.resolved(), spare.resolved())))  # noqa: S301
    assert (len(first.points), list(first.points), len(other.points)) == (3, ["b", "a", "c"], 0)
    assert made == []
    assert first.points["c"].decimals == Span("input", 8, 1)
    assert first.points["a"].bits == (1, 1)
    assert made == ["b", "a", "c"]


def test_what_a_hub_says_is_heard_and_answered_without_models(tmp_path: Path) -> None:
    path, key = tmp_path / "plant.toml", HubKey(Ed25519PrivateKey.from_private_bytes(b"h" * 32))
    path.write_text(f"""{SERVER}
[hub]
cluster = "ora"
broker = "mqtt://127.0.0.1:1"
key = "{key.public}"
[state]
directory = "."
""")
    own = PlantKey(load(tmp_path / "plant.key", create=True))
    name = own.pseudonym(key.public, "ora", "2026Q1")
    content = {
        **roster_content("ora", "2026Q1", Ring.of(key), {}, 3),
        "members": [], "coming": [], "number": 1, "issued": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    (tmp_path / "roster").write_bytes(seal_roster(content, key))
    told_of = {
        "v": 1, "cluster": "ora", "pseudonym": name, "stored": [], "sequence": 1,
        "refused": [{"id": "0" * 32, "reason": "future"}], "issued": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    (tmp_path / "receipt").write_bytes(seal_receipt(told_of, key))
    assert told(HEARD, path).splitlines() == [
        "True", f"(Refused(id='{'0' * 32}', reason='future'),)", "True",
    ]  # fmt: skip
