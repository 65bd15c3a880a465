"""Files that people and other programs write: plant, hub, profiles, lists, recordings."""

import atexit
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from adapters.adapter import Source
from adapters.errors import SidestreamError
from adapters.modbus.settings import TcpSource
from adapters.replay import Progress, ReplaySettings, blocks
from agent.running import statusfile
from config.codes import parse_codes
from config.hub import load_hub
from config.load import load_plant
from config.pointlist import parse
from config.profile import point_model, profile
from gateway.keys import HubPublic, PlantPublic, load
from tests.fuzz.target import Target

_EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
_PROFILES = Path(__file__).parents[2] / "config" / "profiles"
_made = tempfile.TemporaryDirectory(prefix="sidestream-fuzz-")
atexit.register(_made.cleanup)
_FOLDER = Path(_made.name)
_MODEL = point_model(TcpSource)
_TOML = (b"[sources.a]", b"[[members]]", b"[streams.a]", b"meter = { ", b'"1 h"', b"= true", b"inf")


def _file(name: str, use: Callable[[Path], object]) -> Callable[[bytes], None]:
    """Write an input to a file and use it: only the project's own errors may come of it."""
    folder = _FOLDER / name
    folder.mkdir()
    path = folder / f"{name}.toml"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        with contextlib.suppress(SidestreamError):
            use(path)

    return run


def _examples(*names: str) -> Callable[[], list[bytes]]:
    return lambda: [(_EXAMPLES / name).read_bytes() for name in names]


def _points(data: bytes) -> None:
    with contextlib.suppress(SidestreamError):
        parse(data.decode(errors="replace"), "points.csv", _MODEL)


def _codes(data: bytes) -> None:
    with contextlib.suppress(SidestreamError):
        parse_codes(data.decode(errors="replace"), "codes.csv")


def _recording(path: Path) -> None:
    raw = {"protocol": "replay", "file": str(path), "points": {"a": {"unit": "kg"}, "b": {}}}
    source = Source("day", ReplaySettings.model_validate(raw))
    for block in blocks(source, None, Progress()):
        if block is not None:
            list(block.readings())


def _key_text(data: bytes) -> None:
    for public in (PlantPublic, HubPublic):
        with contextlib.suppress(ValueError):
            public.parse(data.decode(errors="replace"))


TARGETS = [
    Target(
        "plant-file",
        "the plant file (TOML)",
        _file("plant", lambda path: load_plant(path, {})),
        _examples("plant.toml", "historian.toml"),
        _TOML,
    ),
    Target(
        "hub-file",
        "the hub file (TOML)",
        _file("hub", lambda path: load_hub(path, {})),
        _examples("hub.toml"),
        _TOML,
    ),
    Target(
        "profile",
        "device profiles (TOML)",
        _file("meter", lambda path: profile("meter", [path.parent])),
        lambda: [path.read_bytes() for path in sorted(_PROFILES.glob("*.toml"))],
        _TOML,
    ),
    Target(
        "points-csv",
        "points in a CSV file",
        _points,
        lambda: [
            b"name,register,type,unit\ntotal,40001,uint32,kg\nrate,40003,float32,t/h\n",
            b"name;register;type;unit;scale\nq;40001;int16;m3;0,1\n",
        ],
        (b"register", b"scale", b'"a,b"', b"0,1"),
    ),
    Target(
        "code-list",
        "lists of waste codes (CSV)",
        _codes,
        lambda: [b'# version: 2026-11-09\ncode,title\n10 09 03,"furnace slag"\n10 09 10,dust\n'],
        (b"# version: 2026-11-09", b"code,title", b"10 09 03*"),
    ),
    Target(
        "historian-csv",
        "recordings and historians' exports (CSV)",
        _file("recording", _recording),
        lambda: [
            b"time,a,b\n1772323200,1,2.5\n1772323210,2,\n1772323220,x,nan\n",
            b"time;a;b\n2026-03-01T00:00:00Z;1,5;2\n2026-03-01T00:00:10+01:00;;3\n",
            b"time,point,value\n2026-03-01T00:00:00.123456789Z,a,1\n",
        ],
        (b"time,point,value,quality", b"2026-03-01T00:00:00Z", b"Bad", b"\n\n"),
    ),
    Target(
        "key-file",
        "private keys (PEM)",
        _file("key", load),
        lambda: [
            b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"
        ],
    ),
    Target(
        "key-text", "public keys as they are told", _key_text, lambda: [b"ssplant1_abc", b"sshub1_"]
    ),
    Target(
        "status-file",
        "the agent's status file (JSON)",
        _file("status", lambda path: statusfile.read(_as_status(path), 0)),
        lambda: [b'{"time": 1, "problems": [], "sources": {}, "level": "ok"}'],
        (b'"points"', b'"columns"', b"{}", b"[]"),
    ),
]


def _as_status(path: Path) -> Path:
    path.with_name(statusfile.FILE).write_bytes(path.read_bytes())
    return path.parent
