"""The drop-in that holds a service to what its file names."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adapters.errors import TransientError
from agent.cli.confine import confine, confine_hub
from agent.running.confine import Needs, drop_in, of_plant, resolvers
from config.load import load_plant

EXAMPLES = Path(__file__).parents[2] / "config/examples"
KNOWN = {"hub.example.org": ["2001:db8::7", "192.0.2.7"]}


@pytest.fixture(autouse=True)
def looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the name server; addresses are looked up as ever."""
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **options: Any) -> Any:
        if host in KNOWN:
            return [(0, 0, 0, "", (address, 0)) for address in KNOWN[host] * 2]
        return real(host, *more, **{**options, "flags": socket.AI_NUMERICHOST})

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def allowed(text: str) -> list[str]:
    return [line.split("=")[1] for line in text.splitlines() if line.startswith("IPAddressAllow")]


def test_the_agent_may_reach_its_devices_its_broker_and_the_name_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 192.0.2.53\nsearch example.org\n")
    monkeypatch.setattr("agent.cli.confine._RESOLVERS", tmp_path / "resolv.conf")
    done = CliRunner().invoke(confine, [str(EXAMPLES / "plant.toml")])
    assert done.exit_code == 0, done.output
    assert "\nIPAddressDeny=any\n" in done.output
    assert allowed(done.output) == [
        "192.0.2.10", "192.0.2.20", "2001:db8::7", "192.0.2.7", "192.0.2.53"
    ]  # fmt: skip
    assert "# broker: hub.example.org\n" in done.output
    assert "\nPrivateDevices=no\nSupplementaryGroups=dialout\nDeviceAllow=" in done.output


def test_the_hub_may_reach_its_broker_and_its_store(tmp_path: Path) -> None:
    store = (
        '[store]\nkind = "influxdb"\nurl = "https://[2001:db8::9]:8086"\norg = "o"\nbucket = "b"\n'
    )
    text = (EXAMPLES / "hub.toml").read_text().split("[store]")[0]
    (tmp_path / "hub.toml").write_text(text + store + 'token_file = "credential:token"\n')
    done = CliRunner().invoke(confine_hub, [str(tmp_path / "hub.toml"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["addresses"] == {**KNOWN, "2001:db8::9": ["2001:db8::9"]}
    assert told["serial_ports"] == []


def test_a_name_that_nobody_knows_is_an_error_and_leaves_no_half_a_list(tmp_path: Path) -> None:
    text = (EXAMPLES / "plant.toml").read_text().replace("hub.example.org", "away.example.org")
    (tmp_path / "plant.toml").write_text(text)
    done = CliRunner().invoke(confine, [str(tmp_path / "plant.toml")])
    assert isinstance(done.exception, TransientError)
    assert "away.example.org" in str(done.exception)
    assert done.output == ""


def test_a_serial_port_is_allowed_by_its_kind_and_other_paths_as_they_are() -> None:
    needs = Needs({}, ("/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyS2", "/dev/moxa/r0"))
    text = drop_in("sidestream", needs, {}, ())
    assert [line for line in text.splitlines() if line.startswith("DeviceAllow")] == [
        "DeviceAllow=char-ttyUSB rw", "DeviceAllow=char-ttyS rw", "DeviceAllow=/dev/moxa/r0 rw"
    ]  # fmt: skip


def test_without_serial_ports_devices_stay_private() -> None:
    assert "Device" not in drop_in("sidestream", Needs({}), {}, ())


def test_the_name_server_is_allowed_only_where_there_is_a_name_to_ask_for() -> None:
    needs = Needs({"192.0.2.1": ("source a", "broker")})
    text = drop_in("sidestream", needs, {"192.0.2.1": ["192.0.2.1"]}, ["192.0.2.53"])
    assert allowed(text) == ["192.0.2.1"]
    assert "# source a, broker\n" in text


def test_a_hub_that_is_scraped_may_listen_and_on_the_loopback_be_asked() -> None:
    socket = drop_in("sidestream-hub", Needs({}, listen="unix:/run/x"), {}, ())
    assert "SystemCallFilter=listen accept accept4\n" in socket
    assert "localhost" not in socket
    port = drop_in("sidestream-hub", Needs({}, listen="127.0.0.1:9464"), {}, ())
    assert "SystemCallFilter=listen accept accept4\nIPAddressAllow=localhost\n" in port
    assert "SystemCallFilter" not in drop_in("sidestream-hub", Needs({}), {}, ())


def test_what_a_protocol_does_not_say_is_left_to_a_person() -> None:
    text = drop_in("sidestream", Needs({}, (), ("source odd",)), {}, ())
    assert "# source odd: add the addresses it connects to\n" in text


def test_recorded_data_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text("time,total\n2026-03-01T00:00:00Z,1\n")
    (tmp_path / "plant.toml").write_text(
        '[plant]\nname = "a"\nowner = "b"\n[sources.day]\nprotocol = "replay"\nfile = "day.csv"\n'
        'every = "10 s"\n[sources.day.points]\ntotal = { unit = "t" }\n[streams.slag]\n'
        'material = "10 09 03"\nmeter = { total = "day.total" }\n'
    )
    assert of_plant(load_plant(tmp_path / "plant.toml", {})) == Needs({})


def test_name_servers_are_read_without_their_scope() -> None:
    text = "# nameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver 127.0.0.53\nnameserver x\n"
    assert resolvers(text) == ("fe80::1", "127.0.0.53")
