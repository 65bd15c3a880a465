"""Read every point of a source once, for a person who is setting it up."""

from typing import Any

from adapters.adapter import Probe
from adapters.errors import PermanentError
from adapters.opcua.address import parse
from adapters.opcua.connect import connect
from adapters.opcua.identify import another
from adapters.opcua.nodes import code_name
from adapters.opcua.sample import sample
from adapters.opcua.settings import OpcUaPoint, OpcUaSource
from adapters.opcua.trouble import plain
from adapters.reading import Fault, Quality

MEND = "check `url` and each `node`, or choose another profile; or correct `identity` and `type`"


async def probe(settings: OpcUaSource, now: int) -> list[Probe]:
    """Open a session, read the points and close it; `now` is in ns since 1970.

    Raises `PermanentError` when the server or device is not the one the source's `identity` and
    types mean.
    """
    session = await connect(settings, now, 0)
    try:
        nodes = await session.resolve([parse(point.node) for point in settings.points.values()])
        wrong = await another(session, settings, nodes)
        if wrong:
            raise PermanentError(wrong, where=settings.url, mend=MEND)
        there = [node for node in nodes if not isinstance(node, Fault)]
        told = iter(await session.read(there))
        return [
            _absent(name, point, node)
            if isinstance(node, Fault)
            else _read(name, point, next(told))
            for (name, point), node in zip(settings.points.items(), nodes, strict=True)
        ]
    finally:
        await session.close()


def _absent(name: str, point: OpcUaPoint, wrong: Fault) -> Probe:
    return Probe(name, point.node, "", None, point.unit, wrong.quality, wrong.reason)


def _read(name: str, point: OpcUaPoint, told: Any) -> Probe:
    found = sample(told, code_name, point)
    quality, reason = found.fault or (Quality.GOOD, "")
    raw = "" if told.Value is None else plain(str(told.Value.Value))
    return Probe(name, point.node, raw, found.value, point.unit, quality, reason)
