"""Scraping a running hub, and an agent that cannot be: a real client and a real parser."""

import http.client
import socket
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.scrape import AT_ONCE
from tests.agentkit import eventually
from tests.hubkit import plant
from tests.hubprogram import HubProgram, hub_running
from tests.servers import MosquittoMaker, free_port

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
MEMBER = plant(1).member
MEMBERS = f"""
[[members]]
name = "Kvina works"
owner = "Example Metals"
place = "ora/north"
key = "{MEMBER.key_text}"
"""


class OverUnix(http.client.HTTPConnection):
    """HTTP over a local socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


def scraped(asking: http.client.HTTPConnection) -> dict[str, list[dict[str, str]]]:
    """Scrape once; gives the labels of each metric's samples."""
    try:
        asking.request("GET", "/metrics")
        answer = asking.getresponse()
        assert answer.status == 200
        assert str(answer.getheader("Content-Type")).startswith("text/plain; version=0.0.4")
        families = text_string_to_metric_families(answer.read().decode())
        return {one.name: [sample.labels for sample in one.samples] for one in families}
    finally:
        asking.close()


async def test_a_hub_is_scraped_over_a_local_socket_that_only_its_group_may_use(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    hub, path = HubProgram(tmp_path / "hub"), tmp_path / "metrics.sock"
    with socket.socket(socket.AF_UNIX) as stale:  # as a killed hub leaves it
        stale.bind(str(path))
    hub.write(mosquitto().port, "", MEMBERS, f'[metrics]\nlisten = "unix:{path}"\nfile = false')
    with hub_running(hub):
        await eventually(lambda: path.exists() and path.stat().st_mode & 0o777 == 0o660)
        await eventually(lambda: "broker: connected" in hub.log)
        found = scraped(OverUnix(path))
        assert found["sidestream_hub_broker_up"] == [{}]
        assert {"member": "Kvina works"} in found["sidestream_hub_member_missing_records"]
    assert not path.exists()
    assert not (hub.folder / "run" / "metrics.prom").exists()


async def test_a_hub_is_scraped_on_the_loopback_without_names_and_silent_clients_hold_up_nobody(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    hub, port = HubProgram(tmp_path / "hub"), free_port()
    table = f'[metrics]\nlisten = "127.0.0.1:{port}"\nlabels = "none"'
    hub.write(mosquitto().port, "", MEMBERS, table)
    with hub_running(hub):
        await eventually(lambda: "broker: connected" in hub.log)
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(AT_ONCE - 1)]
        found = scraped(http.client.HTTPConnection("127.0.0.1", port, timeout=10))
        for one in silent:
            one.close()
        assert found["sidestream_hub_member_missing_records"] == [{}]
        assert "Kvina" not in (hub.folder / "run" / "metrics.prom").read_text()
        with socket.socket() as other:
            other.settimeout(5)
            # Another address of this computer is not answered.
            assert other.connect_ex(("127.0.0.2", port))


async def test_a_place_that_is_taken_is_told_once_and_the_hub_goes_on(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    hub = HubProgram(tmp_path / "hub")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f'[metrics]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"'
        hub.write(mosquitto().port, "", MEMBERS, at)
        with hub_running(hub):
            await eventually(lambda: "broker: connected" in hub.log)
            await eventually(lambda: "metrics cannot be answered there" in hub.log)
    assert hub.log.count("metrics cannot be answered there") == 1
