"""Tables that a plant's file and a hub's file share: how to reach the broker, where state goes."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from adapters.fields import FileName, Settings
from config.errors import meant
from config.folders import folders
from config.locate import Findings
from config.plan import BrokerPlan, TlsPlan
from config.secrets import secret
from config.toml import Key

_PORTS = {"mqtts": 8883, "mqtt": 1883}
_HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,255}")
_URL = "mqtts://host or mqtts://host:8883"


def _broker(text: str) -> str:
    try:
        url = urlsplit(text)
        fits = url.scheme in _PORTS and bool(_HOST.fullmatch(url.hostname or ""))
        fits = fits and (url.port is None or url.port > 0)
    except ValueError:
        fits = False
    if not fits or "@" in text or url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError(f"{_URL}, without user or password (they have keys of their own)")
    return text


def text_schema(title: str, pattern: str, *examples: str) -> WithJsonSchema:
    """Describe a text whose form a validator of ours checks, for the JSON Schema."""
    schema: dict[str, Any] = {"title": title, "type": "string", "pattern": pattern}
    return WithJsonSchema({**schema, "examples": list(examples)} if examples else schema)


BrokerUrl = Annotated[
    str,
    AfterValidator(_broker),
    text_schema("URL", "^mqtts?://[^@/]+/?$", "mqtts://hub.example.org"),
]
ClusterName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""A cluster's name: lower case, digits and hyphens, for it is part of topics."""


class TlsTable(Settings):
    """Certificates for the broker's connection; without it those of the system are trusted."""

    ca: FileName | None = None
    """Certificates of the authorities to trust, PEM; without it those of the system."""
    certificate: FileName | None = None
    """This side's certificate, PEM, where the broker asks for one."""
    key: FileName | None = None
    """Private key of the certificate, PEM, mode 0600."""


class BrokerTable(Settings):
    """How to reach the broker."""

    cluster: ClusterName
    """The cluster's name, such as `"ora"`: lower case, digits and hyphens."""
    broker: BrokerUrl
    """URL of the broker: `"mqtts://host:8883"`, always encrypted. `"mqtt://…"` is taken for this
    computer itself (`localhost`, `127.0.0.1`, `[::1]`), elsewhere only with `insecure = true`."""
    insecure: bool = False
    """Allows `mqtt://` to another computer: names, passwords and times can then be overheard."""
    tls: TlsTable = TlsTable()
    """Certificates, where the system's own do not do."""
    username: str | None = Field(default=None, min_length=1)
    """User name at the broker."""
    password_file: FileName | None = None
    """File with the password alone in it, mode 0600, or `"credential:NAME"`; read at each
    connection."""
    version: Literal["5", "3.1.1"] = "5"
    """MQTT version. With 3.1.1 a broker cannot say that it refused a message."""
    client_id: str | None = Field(default=None, min_length=1, max_length=128)
    """MQTT client id, where the broker asks for a certain one."""
    keepalive: int = Field(default=30, ge=5, le=3600)
    """Seconds of silence after which the connection is checked."""


class StateTable(Settings):
    """Where state is kept."""

    directory: str | None = Field(default=None, min_length=1)
    """Folder of what must last; else systemd's `$STATE_DIRECTORY`, else under `/var/lib`."""
    runtime: str | None = Field(default=None, min_length=1)
    """Folder of the status file; else systemd's `$RUNTIME_DIRECTORY`, else under `/run`."""


def loopback(host: str) -> bool:
    """Tell whether a host is this computer itself, by its name or address alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def broker(table: BrokerTable, at: Key, findings: Findings) -> BrokerPlan:
    """Resolve how to reach the broker; notes plain text to another computer and half a login."""
    url = urlsplit(table.broker)
    host = url.hostname or ""
    encrypted = url.scheme == "mqtts"
    if not encrypted:
        _plain(table, host, at, findings)
    if (table.tls.certificate is None) != (table.tls.key is None):
        findings.add((*at, "tls"), "half a pair", "both `certificate` and `key`, or neither")
    if table.password_file is not None and table.username is None:
        findings.add((*at, "password_file"), "a password without a `username`", "both or neither")
    tls = TlsPlan(table.tls.ca, table.tls.certificate, table.tls.key)
    return BrokerPlan(
        host=host,
        port=url.port or _PORTS[url.scheme],
        tls=tls if encrypted else None,
        version=table.version,
        username=table.username,
        password=secret(table.password_file, (*at, "password_file"), findings),
        client_id=table.client_id,
        keepalive=table.keepalive,
        password_file=table.password_file,
    )


def _plain(table: BrokerTable, host: str, at: Key, findings: Findings) -> None:
    if not loopback(host) and not table.insecure:
        hint = "use mqtts://, or write insecure = true and accept that others can listen"
        findings.add((*at, "broker"), "mqtt:// to another computer, in plain text", _URL, hint)
    if "tls" in table.model_fields_set:
        findings.add((*at, "tls"), "certificates for mqtt://, which uses none", _URL)


def state(table: StateTable, base: str, env: Mapping[str, str], service: str) -> tuple[str, str]:
    """Give the state and runtime folders, see `config.folders`."""
    return folders(table.directory, table.runtime, base, env, service)


def unknown(model: type[BaseModel], data: Mapping[str, Any], findings: Findings) -> None:
    """Note the tables a file has and its model does not."""
    known = list(model.model_fields)
    for name in data:
        if name not in known:
            findings.add((name,), "unknown key", ", ".join(known), meant(name, known))
