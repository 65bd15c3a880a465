"""The files of a mosquitto broker for a cluster: its configuration and its access control."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from config.hub_plan import BrokerFiles
from gateway.hub.access import Account, Grant, listed
from gateway.signing import MAX_PAYLOAD

CONFIGURATION = "mosquitto.conf"
ACCESS = "access"
HEADER = 4096
"""Bytes of a packet kept for its topic and properties."""
QUEUED_MESSAGES = 20_000
"""Messages kept for a client that is away; more are dropped, and records come again."""
QUEUED_BYTES = 256 * 1024 * 1024
"""Bytes kept for a client that is away."""
SESSION = "30d"
"""How long the session of a client that is away is kept, at most."""
SAVED = 60
"""Seconds between two savings of sessions and queues."""
SPARE_CONNECTIONS = 200
"""Connections beyond two for each account, for those that have not yet said who they are."""


def files(
    broker: BrokerFiles,
    accounts: Sequence[Account],
    folder: str,
    everybody: Sequence[Grant] = (),
) -> dict[str, str]:
    """Give the text of each file by its name; `folder` is where they will lie.

    `everybody` is what each account may do, with `%u` for its name.
    """
    found = [line for account in accounts for line in (*listed(account), "")]
    found += ["# everybody, under its own name"] if everybody else []
    found += [f"pattern {grant.right} {grant.topic}" for grant in everybody]
    access = "\n".join([_ACCESS_NOTE, "", *found, *([""] if everybody else [])])
    return {CONFIGURATION: _configuration(broker, accounts, folder), ACCESS: access}


_NOTE = "# Written by `sidestream hub broker-config` from the hub file, and overwritten by it."
_ACCESS_NOTE = f"{_NOTE}\n# Members' names change by the quarter: the next one's are the last here."


def _configuration(broker: BrokerFiles, accounts: Sequence[Account], folder: str) -> str:
    lines = [
        _NOTE,
        "",
        "# One listener: MQTT in TLS, for clients that are known by name.",
        f"listener {broker.port}{f' {broker.address}' if broker.address else ''}",
        "protocol mqtt",
        f"certfile {broker.certificate}",
        f"keyfile {broker.key}",
        "tls_version tlsv1.2",
        *_clients(broker),
        "# A client's name is its client id: nobody takes another's session.",
        "use_username_as_clientid true",
        "# Each client has one connection; the rest is for those that are shaking hands.",
        f"max_connections {2 * len(accounts) + SPARE_CONNECTIONS}",
        "max_qos 1",
        "max_topic_alias 0",
        "",
        "per_listener_settings false",
        "allow_anonymous false",
        f"acl_file {PurePosixPath(folder) / ACCESS}",
        *([f"password_file {broker.passwords}"] if broker.clients == "passwords" else []),
        "",
        f"# A record is at most {MAX_PAYLOAD} bytes.",
        f"message_size_limit {MAX_PAYLOAD}",
        f"max_packet_size {MAX_PAYLOAD + HEADER}",
        "max_keepalive 3600",
        "",
        "# What waits for a client that is away, as long as it may be.",
        f"max_queued_messages {QUEUED_MESSAGES}",
        f"max_queued_bytes {QUEUED_BYTES}",
        "queue_qos0_messages false",
        "max_inflight_messages 100",
        f"persistent_client_expiration {SESSION}",
        "persistence true",
        f"persistence_location {broker.persistence.rstrip('/')}/",
        f"autosave_interval {SAVED}",
        "autosave_on_changes false",
        "",
        "set_tcp_nodelay true",
        "sys_interval 0",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "",
    ]
    return "\n".join(lines)


def _clients(broker: BrokerFiles) -> list[str]:
    if broker.clients == "passwords":
        return ["require_certificate false"]
    lines = [f"cafile {broker.ca}", "require_certificate true", "use_identity_as_username true"]
    return [*lines, *([f"crlfile {broker.revoked}"] if broker.revoked else [])]
