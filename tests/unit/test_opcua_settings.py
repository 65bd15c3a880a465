"""Settings of an OPC UA source: security is said, never assumed; mistakes name their mend."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.adapter import Source, adapter
from adapters.opcua import OPCUA
from adapters.opcua.settings import OpcUaSource

_OPEN: dict[str, Any] = {
    "protocol": "opcua",
    "url": "opc.tcp://192.0.2.20",
    "security": "None",
    "points": {"rate": {"node": "ns=2;s=Rate"}},
}
_SECURED: dict[str, Any] = {
    **_OPEN,
    "security": "Aes256Sha256RsaPss",
    "certificate": "client.der",
    "private_key": "client.pem",
    "server_certificate": "server.der",
}


def _without(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}


def test_the_entry_point_is_the_adapter() -> None:
    assert adapter("opcua") is OPCUA
    assert OPCUA.settings is OpcUaSource


def test_importing_the_adapter_leaves_the_protocol_library_alone() -> None:
    code = "import sys, adapters.opcua; sys.exit('asyncua' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_defaults_are_a_subscription_signed_and_encrypted() -> None:
    found = OpcUaSource.model_validate(_SECURED)
    assert (found.mode, found.message_mode, found.queue_size) == ("subscribe", "SignAndEncrypt", 10)
    assert found.url == "opc.tcp://192.0.2.20:4840"
    assert not found.trust_any


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("opc.tcp://plc.example.org:4841/a/b", "opc.tcp://plc.example.org:4841/a/b"),
        ("opc.tcp://[2001:db8::1]/x", "opc.tcp://[2001:db8::1]:4840/x"),
    ],
)
def test_an_address_keeps_its_path_and_gets_a_port(url: str, kept: str) -> None:
    assert OpcUaSource.model_validate({**_OPEN, "url": url}).url == kept


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (_without(_OPEN, "security"), "Field required"),
        ({**_OPEN, "security": "Basic128Rsa15"}, "Basic256Sha256"),
        ({**_OPEN, "url": "http://192.0.2.20"}, "opc.tcp://192.0.2.20:4840"),
        ({**_OPEN, "url": "opc.tcp://"}, "opc.tcp://192.0.2.20:4840"),
        ({**_OPEN, "url": "opc.tcp://host:99999"}, "port from 1 to 65535"),
        ({**_OPEN, "url": "opc.tcp://me:secret@host"}, "password_file"),
        ({**_OPEN, "points": {"rate": {"node": "Rate"}}}, "ns=2;s=Belt.Rate"),
        ({**_OPEN, "points": {"rate": {"node": "i=1", "scale": 0}}}, "other than zero"),
        ({**_OPEN, "queue_size": 1}, "greater than 1"),
        ({**_OPEN, "stale_after": 3}, "duration with its unit"),
        ({**_OPEN, "trust_any": True}, "no use"),
        ({**_OPEN, "server_certificate": "x.der"}, "no use"),
        ({**_OPEN, "username": "me", "password_file": "p"}, "anybody on the network"),
        (_without(_SECURED, "certificate"), "`certificate` and `private_key`"),
        (_without(_SECURED, "private_key"), "`certificate` and `private_key`"),
        (_without(_SECURED, "server_certificate"), "which servers to trust"),
        ({**_SECURED, "trusted": "folder"}, "which servers to trust"),
        ({**_SECURED, "trust_any": True}, "which servers to trust"),
        ({**_SECURED, "username": "me"}, "go together"),
        ({**_SECURED, "password_file": "p"}, "go together"),
    ],
)
def test_a_mistake_is_refused_with_its_mend(table: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        OpcUaSource.model_validate(table)


@pytest.mark.parametrize(
    "other",
    [
        {"url": "opc.tcp://192.0.2.21"},
        {"message_mode": "Sign"},
        {"security": "Basic256Sha256"},
        {"certificate": "other.der"},
        {"username": "me", "password_file": "p"},
    ],
)
def test_only_sources_of_one_server_and_identity_share_a_session(other: dict[str, Any]) -> None:
    def lane(table: dict[str, Any]) -> str:
        return OPCUA.lane(Source("any", OpcUaSource.model_validate(table)))

    assert lane(_SECURED) == lane({**_SECURED, "every": "5 s", "mode": "poll", "points": {}})
    assert lane(_SECURED) != lane({**_SECURED, **other})
