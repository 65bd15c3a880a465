"""Plant files: the plans they mean, and what is said of their mistakes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.replay import ReplayPoint, ReplaySettings
from config import load
from config.course import Course
from config.errors import ConfigError, Problem
from config.load import load_plant
from config.plan import MeterPlan, PlantPlan, StreamPlan
from config.secrets import for_operator

HOUR = 3_600_000_000_000
KEY = "sshub1_" + "A" * 86
BASE = """
[plant]
name = "Works"
owner = "Owner"
"""
SOURCE = """
[sources.belt]
protocol = "replay"
file = "belt.csv"
every = "2 s"
[sources.belt.points]
rate = { unit = "t/h" }
total = { unit = "kg" }
volume = { unit = "m3" }
flow = { unit = "m3/h" }
mass_flow = { unit = "kg/h" }
power = { unit = "kW" }
energy = { unit = "GJ" }
warm = { unit = "Cel" }
cold = { unit = "K" }
ok = {}
number = {}
"""


def plan(folder: Path, text: str, env: Mapping[str, str] | None = None) -> PlantPlan:
    path = folder / "plant.toml"
    path.write_text(text, "utf-8")
    return load_plant(path, env or {})


def problems(folder: Path, text: str, env: Mapping[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        plan(folder, text, env)
    return list(caught.value.problems)


def only(folder: Path, text: str, env: Mapping[str, str] | None = None) -> Problem:
    found = problems(folder, text, env)
    assert len(found) == 1, found
    return found[0]


def stream(folder: Path, text: str) -> StreamPlan:
    return plan(folder, f"{BASE}{SOURCE}[streams.s]\n{text}").streams[0]


def meter(folder: Path, text: str) -> MeterPlan:
    return stream(folder, f'material = "10 09 03"\nmeter = {{ {text} }}').meter


def test_defaults_are_those_of_the_reference(tmp_path: Path) -> None:
    found = plan(tmp_path, f"{BASE}[sources]")
    assert (found.timezone, found.uplink, found.streams) == ("UTC", None, ())
    assert found.state_dir == "/var/lib/sidestream"
    assert found.runtime_dir == "/run/sidestream"
    assert found.windows.measure * 4 == found.windows.release == HOUR
    assert found.windows.grace * 60 == HOUR
    assert found.windows.jitter * 12 == HOUR
    assert found.outbox.max_bytes == 200_000_000


def test_a_stream_is_off_until_it_is_shared(tmp_path: Path) -> None:
    text = 'material = "100903 *"\nmeter = { total = "belt.total" }'
    found = stream(tmp_path, text)
    assert (found.share, found.code, found.unit) == ("off", "10 09 03*", "t")
    assert stream(tmp_path, f'{text}\nshare = "cluster"').share == "cluster"


def test_max_gap_is_three_times_the_sources_interval(tmp_path: Path) -> None:
    assert meter(tmp_path, 'total = "belt.total"').max_gap == 6_000_000_000
    assert meter(tmp_path, 'total = "belt.total", max_gap = "1 min"').max_gap == 60_000_000_000


def test_max_gap_goes_by_the_slowest_source_of_a_meter(tmp_path: Path) -> None:
    slow = SOURCE.replace("sources.belt", "sources.slow").replace("2 s", "10 s")
    status = 'status = { point = "slow.ok", good = [1] }'
    text = f'[streams.s]\nkind = "gas"\nmeter = {{ total = "belt.volume", {status} }}'
    found = plan(tmp_path, f"{BASE}{SOURCE}{slow}{text}").streams[0]
    assert found.meter.max_gap == 30_000_000_000


@pytest.mark.parametrize("text", ['significant = "3"', "never_publish = 1", "share = true"])
def test_a_value_of_another_type_is_refused_rather_than_turned(tmp_path: Path, text: str) -> None:
    stream_text = f'[streams.s]\nkind = "gas"\nmeter = {{ total = "belt.volume" }}\n{text}'
    problem = only(tmp_path, f"{BASE}{SOURCE}{stream_text}")
    assert problem.key == f"streams.s.{text.split(' ', maxsplit=1)[0]}"


def test_a_total_is_counted_in_tonnes(tmp_path: Path) -> None:
    text = 'total = "belt.total", max_rate = "3.6 t/h", modulus = "1000000 kg"'
    found = meter(tmp_path, text)
    assert (found.kind, found.inputs["total"].factor) == ("total", 0.001)
    assert (found.max_rate, found.modulus) == (0.001, 1000.0)


def test_a_volume_becomes_a_mass_by_its_density(tmp_path: Path) -> None:
    found = meter(
        tmp_path,
        'total = "belt.volume", density = "1800 kg/m3", max_rate = "36 m3/h", modulus = "9 t"',
    )
    assert (found.measures, found.inputs["total"].factor) == ("m3", 1.0)
    assert found.exchange == Course((0,), (1.8,))
    assert found.max_rate == pytest.approx(0.01)
    assert found.modulus == 5.0


def test_a_mass_becomes_a_volume_by_its_density(tmp_path: Path) -> None:
    text = 'kind = "water"\nmeter = { rate = "belt.mass_flow", density = "0.5 t/m3" }'
    found = stream(tmp_path, text)
    assert found.unit == "m3"
    assert found.meter.inputs["rate"].factor == pytest.approx(1 / 3_600_000, abs=0)
    assert (found.meter.measures, found.meter.exchange) == ("t", Course((0,), (2.0,)))


@pytest.mark.parametrize(
    ("text", "unit", "factor"),
    [
        ('material = "10 09 03"\nmeter = { rate = "belt.rate" }', "t", 1 / 3600),
        ('material = "10 09 03"\nmeter = { rate = "belt.flow" }', "m3", 1 / 3600),
        ('kind = "water"\nmeter = { total = "belt.volume" }', "m3", 1.0),
        ('kind = "gas"\nmeter = { total = "belt.total" }', "t", 0.001),
        ('kind = "heat"\nmeter = { total = "belt.energy" }', "MW.h", 1 / 3.6),
        ('kind = "heat"\nmeter = { rate = "belt.power" }', "MW.h", 1 / 3_600_000),
    ],
)
def test_the_unit_of_a_stream_follows_its_kind_and_what_is_measured(
    tmp_path: Path, text: str, unit: str, factor: float
) -> None:
    found = stream(tmp_path, text)
    assert found.unit == unit
    assert next(iter(found.meter.inputs.values())).factor == pytest.approx(factor, rel=1e-14)


def test_a_heat_meter_takes_volume_or_mass_and_temperatures_in_any_unit(tmp_path: Path) -> None:
    text = (
        'kind = "heat"\nmeter = { flow = "belt.%s", supply = "belt.warm", return = "belt.cold", '
        'flow_sensor = "return", pressure = "600 kPa", dt_min = "2 Cel", '
        'status = { point = "belt.ok", good = [1, 2] } }'
    )
    found = stream(tmp_path, text % "flow").meter
    assert found.inputs["flow"].factor == pytest.approx(1 / 3600)
    assert (found.inputs["return"].factor, found.inputs["return"].offset) == (1.0, -273.15)
    assert (found.pressure_mpa, found.dt_min, found.flow_sensor) == (0.6, 2.0, "return")
    assert (found.gates, found.inputs["status"].point) == ({"status": (1.0, 2.0)}, "ok")
    assert not found.flow_is_mass
    by_mass = stream(tmp_path, text % "mass_flow").meter
    assert by_mass.flow_is_mass
    assert by_mass.inputs["flow"].factor == pytest.approx(1 / 3600)


class WrappingPoint(ReplayPoint):
    """A point whose register is 16 bits wide and counts tenths."""

    def span(self) -> float | None:
        return 6553.6


class WrappingSettings(ReplaySettings):
    points: Mapping[str, WrappingPoint] = {}


class WrappingAdapter:
    settings = WrappingSettings


def test_the_modulus_comes_from_the_registers_width_unless_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrapping(_: str) -> Any:
        return WrappingAdapter

    monkeypatch.setattr(load, "adapter", wrapping)
    assert meter(tmp_path, 'total = "belt.total"').modulus == pytest.approx(6.5536)
    assert meter(tmp_path, 'total = "belt.total", modulus = "9 t"').modulus == 9.0
    assert meter(tmp_path, 'rate = "belt.rate"').modulus is None


def test_every_mistake_is_named_at_once_by_line(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """[plant]
name = 3
owner = "Owner"
timezone = "Europe/Olso"
[sources.belt]
protocol = "replay"
fil = "belt.csv"
every = 1
points.total = { unit = "t", unti = 3 }
[streams.slag]
material = "10 09 3"
treatment = "R14"
meter = { total = "belt.total", max_rat = "60 t/h" }
share = "clutser"
[windows]
measure = "7 min"
[strems]
""",
    )
    assert [(problem.line, problem.key) for problem in found] == [
        (2, "plant.name"),
        (4, "plant.timezone"),
        (5, "sources.belt.file"),
        (7, "sources.belt.fil"),
        (8, "sources.belt.every"),
        (9, "sources.belt.points.total.unti"),
        (11, "streams.slag.material"),
        (12, "streams.slag.treatment"),
        (13, "streams.slag.meter.max_rat"),
        (14, "streams.slag.share"),
        (16, "windows.measure"),
        (17, "strems"),
    ]
    hints = {problem.key: problem.hint for problem in found}
    assert hints["sources.belt.fil"] == "did you mean `file`?"
    assert hints["sources.belt.points.total.unti"] == "did you mean `unit`?"
    assert hints["streams.slag.meter.max_rat"] == "did you mean `max_rate`?"
    assert hints["streams.slag.share"] == "did you mean `cluster`?"
    assert hints["strems"] == "did you mean `streams`?"
    assert {problem.file for problem in found} == {str(tmp_path / "plant.toml")}


@pytest.mark.parametrize(
    ("text", "key", "found", "hint"),
    [
        ('total = "belt.totl"', "total", "no point `totl` in `belt`", "`belt.total`"),
        ('total = "bet.total"', "total", "no source `bet`", "`belt.total`"),
        ('total = "belt.rate"', "total", '`belt.rate` in "t/h"', "`unit`"),
        ('rate = "belt.total"', "rate", '`belt.total` in "kg"', "`unit`"),
        ('rate = "belt.ok"', "rate", '`belt.ok` in "1"', "`unit`"),
        ('total = "belt"', "total", '"belt"', ""),
        ('total = "belt.total", max_rate = "60"', "max_rate", '"60"', ""),
        ('total = "belt.total", max_rate = "60 m3/h"', "max_rate", '"60 m3/h"', ""),
        ('total = "belt.total", max_rate = "0 t/h"', "max_rate", '"0 t/h"', ""),
        ('total = "belt.total", modulus = "5 t/h"', "modulus", '"5 t/h"', ""),
        ('total = "belt.volume", density = "2 t"', "density", '"2 t"', ""),
        ('total = "belt.total", status = { point = "belt.no", good = [1] }', "status.point",
         "no point `no` in `belt`", ""),
        ('total = "belt.total", status = { point = "belt.ok", good = [] }', "status.good",
         "a list", ""),
        ('totl = "belt.total"', "", "a table", "`total`"),
        ('rate = "belt.rate", total = "belt.total"', "total", "unknown key", ""),
    ],
)  # fmt: skip
def test_a_meter_that_does_not_fit_is_named(
    tmp_path: Path, text: str, key: str, found: str, hint: str
) -> None:
    whole = f'{BASE}{SOURCE}[streams.s]\nmaterial = "10 09 03"\nmeter = {{ {text} }}\n'
    problem = only(tmp_path, whole)
    assert problem.key == f"streams.s.meter.{key}".rstrip(".")
    assert problem.line == whole[: whole.index("meter = ")].count("\n") + 1
    assert problem.found == found
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('meter = { total = "belt.total" }', "material"),
        ('kind = "heat"\nmaterial = "10 09 03"\nmeter = { total = "belt.energy" }', "material"),
        ('kind = "heat"\nmeter = { total = "belt.total" }', "meter.total"),
        (('kind = "water"\nmeter = { flow = "belt.flow", supply = "belt.warm", '
         'return = "belt.cold", flow_sensor = "return" }'), "kind"),
        (('kind = "heat"\nmeter = { flow = "belt.flow", supply = "belt.warm", '
         'return = "belt.cold" }'), "meter.flow_sensor"),
        (('kind = "heat"\nmeter = { flow = "belt.flow", supply = "belt.warm", '
         'return = "belt.cold", flow_sensor = "return", pressure = "3 K" }'), "meter.pressure"),
    ],
)  # fmt: skip
def test_a_stream_and_its_meter_must_go_together(tmp_path: Path, text: str, key: str) -> None:
    assert only(tmp_path, f"{BASE}{SOURCE}[streams.s]\n{text}").key == f"streams.s.{key}"


def test_a_weighbridge_counts_tickets_in_the_streams_unit(tmp_path: Path) -> None:
    text = 'batch = "belt.total", ticket = "belt.number", void = "belt.ok", tare = "belt.total"'
    found = meter(tmp_path, f"{text}, remember = 20")
    assert (found.kind, list(found.inputs)) == ("batch", ["weight", "ticket", "void", "tare"])
    assert [one.factor for one in found.inputs.values()] == [0.001, 1.0, 1.0, 0.001]
    assert (found.remember, found.empty, found.max_gap) == (20, 0.0, 6_000_000_000)


def test_a_tipping_scale_is_empty_at_a_weight_in_the_unit_it_measures(tmp_path: Path) -> None:
    text = 'batch = "belt.volume", stable = "belt.ok", empty = "200 kg", density = "2 t/m3"'
    found = meter(tmp_path, text)
    assert (found.inputs["weight"].factor, found.empty) == (1.0, 0.1)
    assert found.exchange == Course((0,), (2.0,))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "ticket"),
        (', ticket = "belt.number", stable = "belt.ok", empty = "1 t"', "ticket"),
        (', stable = "belt.ok"', "empty"),
        (', stable = "belt.ok", empty = "1 t", void = "belt.ok"', "void"),
        (', ticket = "belt.number", empty = "1 t"', "empty"),
        (', stable = "belt.ok", empty = "1 m3"', "empty"),
        (', ticket = "belt.number", tare = "belt.volume"', "tare"),
        (', ticket = "belt.numbr"', "ticket"),
        (', ticket = "belt.number", remember = 0', "remember"),
    ],
)
def test_mistakes_of_a_batch_meter_are_told_at_their_line(
    tmp_path: Path, text: str, key: str
) -> None:
    whole = f"""{BASE}{SOURCE}[streams.s]
material = "10 09 03"
meter = {{ batch = "belt.total"{text} }}"""
    problem = only(tmp_path, whole)
    assert problem.key == f"streams.s.meter.{key}"
    assert problem.line == whole.count("\n") + 1


def heat(folder: Path, text: str) -> MeterPlan:
    text = f'kind = "heat"\nmeter = {{ supply = "belt.warm", flow_sensor = "supply", {text} }}'
    return stream(folder, text).meter


def test_heat_is_counted_from_a_totaliser_too(tmp_path: Path) -> None:
    found = heat(tmp_path, 'flow = "belt.volume", return = "belt.cold", max_rate = "36 m3/h"')
    assert (found.flow_is_total, found.flow_is_mass, found.max_rate) == (True, False, 0.01)
    found = heat(tmp_path, 'flow = "belt.total", return = "belt.cold", modulus = "1000 t"')
    assert (found.flow_is_total, found.flow_is_mass, found.modulus) == (True, True, 1e6)
    assert found.inputs["flow"].factor == 1.0


def test_heat_above_a_reference_needs_no_return(tmp_path: Path) -> None:
    found = heat(tmp_path, 'flow = "belt.flow", reference = "283.15 K"')
    assert list(found.inputs) == ["flow", "supply"]
    assert found.reference == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('flow = "belt.flow"', "return"),
        ('flow = "belt.flow", return = "belt.cold", reference = "10 Cel"', "return"),
        ('flow = "belt.flow", reference = "10 K"', "reference"),
        ('flow = "belt.flow", reference = "10 bar"', "reference"),
        ('flow = "belt.flow", return = "belt.cold", max_rate = "9 m3/h"', "max_rate"),
        ('flow = "belt.volume", return = "belt.cold", max_rate = "9 t/h"', "max_rate"),
        ('flow = "belt.energy", return = "belt.cold"', "flow"),
    ],
)
def test_mistakes_of_a_heat_meter_are_told_at_their_line(
    tmp_path: Path, text: str, key: str
) -> None:
    whole = f"""{BASE}{SOURCE}[streams.s]
kind = "heat"
meter = {{ supply = "belt.warm", flow_sensor = "supply", {text} }}"""
    problem = only(tmp_path, whole)
    assert (problem.key, problem.line) == (f"streams.s.meter.{key}", whole.count("\n") + 1)


def test_a_totaliser_is_checked_against_its_rate(tmp_path: Path) -> None:
    found = meter(tmp_path, 'total = "belt.total", check = "belt.rate", tolerance = "2.5 %"')
    assert found.inputs["check"].factor == pytest.approx(1 / 3600)
    assert found.tolerance == 0.025
    text = 'material = "10 09 03"\nmeter = { total = "belt.total", check = "belt.flow" }'
    assert only(tmp_path, f"{BASE}{SOURCE}[streams.s]\n{text}").key == "streams.s.meter.check"
    text = text.replace('check = "belt.flow"', 'tolerance = "0 %"')
    assert only(tmp_path, f"{BASE}{SOURCE}[streams.s]\n{text}").key == "streams.s.meter.tolerance"


@pytest.mark.parametrize(
    ("text", "limit"), [("1 %", 1.0), ("0.3 %+0.4 %", 0.5), ("2 % + 1 % + 2%", 3.0)]
)
def test_a_class_becomes_an_expanded_uncertainty(tmp_path: Path, text: str, limit: float) -> None:
    found = meter(tmp_path, f'total = "belt.total", class = "{text}"')
    assert found.uncertainty == pytest.approx(2 * limit / 100 / 3**0.5)
    found = heat(tmp_path, f'flow = "belt.flow", reference = "10 Cel", class = "{text}"')
    assert found.uncertainty == pytest.approx(2 * limit / 100 / 3**0.5)
    assert meter(tmp_path, 'total = "belt.total"').uncertainty is None


@pytest.mark.parametrize("text", ["1", "0 %", "1 % +", "101 %", "-1 %", ""])
def test_what_is_no_class_is_told_at_its_line(tmp_path: Path, text: str) -> None:
    whole = f"""{BASE}{SOURCE}[streams.s]
material = "10 09 03"
meter = {{ total = "belt.total", class = "{text}" }}"""
    problem = only(tmp_path, whole)
    assert (problem.key, problem.line) == ("streams.s.meter.class", whole.count("\n") + 1)


def test_a_stock_is_a_quantity_that_stays_in_the_plant(tmp_path: Path) -> None:
    text = 'material = "10 09 03"\nmeter = { stock = "belt.volume", density = "2 t/m3" }'
    found = stream(tmp_path, text)
    assert (found.meter.kind, found.unit) == ("stock", "t")
    assert (found.meter.inputs["level"].factor, found.meter.exchange) == (1.0, Course((0,), (2.0,)))
    whole = f'{BASE}{SOURCE}[streams.s]\n{text}\nshare = "cluster"'
    problem = only(tmp_path, whole)
    assert problem.key == "streams.s.share"
    assert problem.line == whole.count("\n") + 1


def test_only_batches_have_a_least_number_of_tickets(tmp_path: Path) -> None:
    text = 'material = "10 09 03"\nmin_tickets = 5\nmeter = { total = "belt.total" }'
    assert only(tmp_path, f"{BASE}{SOURCE}[streams.s]\n{text}").key == "streams.s.min_tickets"
    text = text.replace("total =", 'ticket = "belt.number", batch =')
    assert stream(tmp_path, text).min_tickets == 5


def test_a_meter_of_an_unsound_source_adds_no_problem_of_its_own(tmp_path: Path) -> None:
    source = SOURCE.replace('every = "2 s"', "every = 2")
    text = f'{BASE}{source}[streams.s]\nmaterial = "10 09 03"\nmeter = {{ total = "belt.x" }}'
    assert only(tmp_path, text).key == "sources.belt.every"


def test_an_unknown_protocol_names_those_there_are(tmp_path: Path) -> None:
    problem = only(tmp_path, f"{BASE}[sources.s]\nprotocol = 'repley'")
    assert "modbus-tcp" in problem.accepted
    assert problem.hint == "did you mean `replay`?"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('measure = "7 min"', "windows.measure"),
        ('measure = "36 h"\nrelease = "72 h"', "windows.measure"),
        ('measure = "30 min"\nrelease = "45 min"', "windows.release"),
        ('measure = "1 h"\nrelease = "30 min"', "windows.release"),
        ('jitter = "61 min"', "windows.jitter"),
        ('grace = "0 s"', "windows.grace"),
    ],
)
def test_windows_divide_a_day_and_each_other(tmp_path: Path, text: str, key: str) -> None:
    assert only(tmp_path, f"{BASE}[sources]\n[windows]\n{text}").key == key


def test_the_default_jitter_stays_within_the_release_window(tmp_path: Path) -> None:
    text = f'{BASE}[sources]\n[windows]\nmeasure = "1 s"\nrelease = "2 s"'
    assert plan(tmp_path, text).windows.jitter == 2_000_000_000


HUB = f'{BASE}[sources]\n[hub]\ncluster = "ora"\nkey = "{KEY}"\nbroker = '


@pytest.mark.parametrize(
    ("url", "host", "port", "encrypted"),
    [
        ("mqtts://hub.example.org", "hub.example.org", 8883, True),
        ("mqtts://hub.example.org:18883", "hub.example.org", 18883, True),
        ("mqtt://localhost", "localhost", 1883, False),
        ("mqtt://127.0.0.1:2883", "127.0.0.1", 2883, False),
        ("mqtt://[::1]", "::1", 1883, False),
    ],
)
def test_a_broker_is_reached_by_its_url(
    tmp_path: Path, url: str, host: str, port: int, encrypted: bool
) -> None:
    found = plan(tmp_path, f'{HUB}"{url}"').uplink
    assert found is not None
    assert (found.broker.host, found.broker.port) == (host, port)
    assert (found.broker.tls is not None) is encrypted


@pytest.mark.parametrize(
    "url", ["mqtt://hub.example.org", "mqtt://127.0.0.1.example.org", "mqtt://192.0.2.1"]
)
def test_plain_text_to_another_computer_must_be_asked_for(tmp_path: Path, url: str) -> None:
    problem = only(tmp_path, f'{HUB}"{url}"')
    assert problem.key == "hub.broker"
    assert "insecure = true" in problem.hint
    assert plan(tmp_path, f'{HUB}"{url}"\ninsecure = true').uplink is not None


@pytest.mark.parametrize(
    "url", ["hub.example.org", "http://hub", "mqtts://", "mqtts://h/topic", "mqtts://h:0", "mqtts://h:x"]
)  # fmt: skip
def test_what_is_no_broker_url_is_refused(tmp_path: Path, url: str) -> None:
    assert only(tmp_path, f'{HUB}"{url}"').key == "hub.broker"


def test_a_login_in_the_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    problem = only(tmp_path, f'{HUB}"mqtts://me:geheim@hub"')
    assert "geheim" not in str(problem)


def test_a_password_of_digits_is_refused_too(tmp_path: Path) -> None:
    problem = only(tmp_path, f'{HUB}"mqtts://hub"\nPassword = 4711')
    assert (problem.key, problem.found) == ("hub.Password", "a secret written out")


def test_a_password_written_out_is_refused_and_not_shown(tmp_path: Path) -> None:
    problem = only(tmp_path, f'{HUB}"mqtts://hub"\nusername = "me"\npassword = "geheim"')
    assert (problem.key, problem.line) == ("hub.password", 11)
    assert problem.found == "a secret written out"
    assert "password_file" in problem.hint
    assert "geheim" not in str(problem)


def test_a_password_is_read_from_its_file_or_from_a_credential(tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("geheim\n", "utf-8")
    text = f'{HUB}"mqtts://hub"\nusername = "me"\npassword_file = '
    found = plan(tmp_path, f'{text}"pass"').uplink
    assert found is not None
    assert found.broker.password == "geheim"
    assert str(found.broker.password_file).endswith("pass")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert plan(tmp_path, f'{text}"credential:pass"', env).uplink == found
    assert only(tmp_path, f'{text}"credential:pass"').key == "hub.password_file"
    assert only(tmp_path, f'{text}"none"').key == "hub.password_file"


def test_metrics_are_a_file_of_the_agents_and_never_a_port(tmp_path: Path) -> None:
    base = f'{HUB}"mqtts://hub"\n[metrics]\n'
    refused = only(tmp_path, f'{base}listen = "127.0.0.1:9464"')
    assert refused.key == "metrics.listen"
    assert "the agent takes no connection" in refused.accepted
    found = plan(tmp_path, f'{base}file = false\nlabels = "none"').metrics
    assert (found.file, found.names, found.listen) == (False, False, None)


def test_a_hubs_key_must_have_its_form(tmp_path: Path) -> None:
    text = f'{HUB}"mqtts://hub"'.replace(KEY, "ssplant1_abc")
    assert only(tmp_path, text).key == "hub.key"


def test_certificates_are_found_beside_the_file(tmp_path: Path) -> None:
    text = f'{HUB}"mqtts://hub"\ntls = {{ ca = "ca.pem", certificate = "/c.pem", key = "k.pem" }}'
    found = plan(tmp_path, text).uplink
    assert found is not None
    assert found.broker.tls is not None
    assert found.broker.tls.ca == str(tmp_path / "ca.pem")
    assert found.broker.tls.certificate == "/c.pem"
    half = f'{HUB}"mqtts://hub"\ntls = {{ certificate = "c.pem" }}'
    assert only(tmp_path, half).key == "hub.tls"


def test_variables_are_filled_in_from_the_environment(tmp_path: Path) -> None:
    text = BASE.replace('"Works"', '"${SITE} $${SITE} $SITE"') + "[sources]"
    assert plan(tmp_path, text, {"SITE": "Works"}).name == "Works ${SITE} $SITE"
    problem = only(tmp_path, text)
    assert (problem.line, problem.key) == (3, "plant.name")
    assert "SITE" in problem.found


def test_state_goes_where_the_file_or_systemd_says(tmp_path: Path) -> None:
    env = {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "RUNTIME_DIRECTORY": "/run/a"}
    found = plan(tmp_path, f"{BASE}[sources]", env)
    assert (found.state_dir, found.runtime_dir) == ("/var/lib/a", "/run/a")
    text = f'{BASE}[sources]\n[state]\ndirectory = "state"\nruntime = "/tmp/r"'
    found = plan(tmp_path, text, env)
    assert (found.state_dir, found.runtime_dir) == (str(tmp_path / "state"), "/tmp/r")


def test_a_name_may_not_hold_a_dot(tmp_path: Path) -> None:
    source = SOURCE.replace("sources.belt", 'sources."a.b"')
    assert only(tmp_path, BASE + source).key == "sources.a.b"


def test_recorded_and_live_sources_do_not_go_into_one_file(tmp_path: Path) -> None:
    live = '[sources.live]\nprotocol = "modbus-tcp"\nhost = "192.0.2.1"\n'
    problem = only(tmp_path, BASE + SOURCE + live)
    assert problem.key == "sources.belt.protocol"
    assert "beside live sources" in problem.found


def test_a_command_outside_the_service_takes_credentials_as_being_there(tmp_path: Path) -> None:
    hub = f'[hub]\ncluster = "ora"\nbroker = "mqtts://h"\nkey = "{KEY}"\nusername = "u"\n'
    hub += 'password_file = "credential:password"\n'
    assert "credential" in only(tmp_path, BASE + hub + SOURCE).found
    uplink = plan(tmp_path, BASE + hub + SOURCE, for_operator({})).uplink
    assert uplink is not None
    assert uplink.broker.password is None
