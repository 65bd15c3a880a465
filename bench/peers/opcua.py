"""One server of a thousand variables (bench/variables.py), and what each peer is told of it."""

from collections.abc import Mapping
from pathlib import Path

from bench.peers.agent import agent
from bench.peers.peer import Maker, Peer
from bench.peers.thingsboard import thingsboard
from bench.variables import node

VARIABLES = 1000
_SOURCE = """
[sources.d1]
protocol = "opcua"
url = "{url}"
security = "None"
[sources.d1.points]
"""
_POINT = 'r{n:03} = {{ node = "{node}", unit = "{what}" }}\n'


def _url(port: int) -> str:
    return f"opc.tcp://127.0.0.1:{port}"


def _agent(folder: Path, port: int, broker: int) -> Peer:
    text = _SOURCE.format(url=_url(port))
    for n in range(VARIABLES):
        text += _POINT.format(n=n, node=node(n), what="1" if n else "kg")
    return agent(folder, broker, text)


def _thingsboard(folder: Path, port: int, broker: int) -> Peer:
    values = [
        {"key": f"r{n:03}", "type": "identifier", "value": f"${{{node(n)}}}"}
        for n in range(VARIABLES)
    ]
    constant = {
        "deviceNameExpressionSource": "constant",
        "deviceProfileExpressionSource": "constant",
    }
    device = {
        "deviceNodeSource": "path",
        "deviceNodePattern": "Root\\.Objects\\.bench0",
        "deviceInfo": {
            "deviceNameExpression": "d1", "deviceProfileExpression": "default", **constant,
        },
        "attributes": [], "timeseries": values, "rpc_methods": [], "attributes_updates": [],
    }  # fmt: skip
    server = {
        "url": _url(port), "timeoutInMillis": 5000, "scanPeriodInMillis": 3_600_000,
        "pollPeriodInMillis": 1000, "enableSubscriptions": True, "subCheckPeriodInMillis": 100,
        "showMap": False, "security": "None", "identity": {"type": "anonymous"},
    }  # fmt: skip
    return thingsboard(folder, broker, "opcua", {"server": server, "mapping": [device]})


MAKERS: Mapping[str, Maker] = {"sidestream": _agent, "thingsboard-gateway": _thingsboard}
