"""ThingsBoard's gateway as a peer, with one connector."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from bench.peers.peer import Peer, installed

_LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"consoleHandler": {"class": "logging.StreamHandler", "level": "ERROR"}},
    "loggers": {},
    "root": {"level": "ERROR", "handlers": ["consoleHandler"]},
}


def thingsboard(folder: Path, broker: int, connector: str, settings: Mapping[str, object]) -> Peer:
    """Set the gateway up with its defaults, but for what would ask a server that is not there."""
    config = folder / "config"
    config.mkdir()
    main = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": broker,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": False},
            "deviceFiltering": {"enable": False},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
            "security": {"type": "accessToken", "accessToken": "bench"},
            "qos": 1,
        },
        "storage": {"type": "memory", "read_records_count": 100, "max_records_count": 100_000},
        "grpc": {"enabled": False},
        "connectors": [
            {"type": connector, "name": connector, "configuration": f"{connector}.json"}
        ],
    }
    (config / "tb_gateway.json").write_text(json.dumps(main))
    named = {"id": connector, "name": connector, "logLevel": "ERROR", **settings}
    (config / f"{connector}.json").write_text(json.dumps(named))
    (config / "logs.json").write_text(json.dumps(_LOGS))
    environment = {**os.environ, "TB_GW_CONFIG_DIR": f"{config}/"}
    command = installed("thingsboard-gateway", "thingsboard-gateway")
    return Peer("thingsboard-gateway", [command], folder, environment)
