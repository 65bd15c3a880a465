"""Ask a server what it is, and of which types its nodes are, before a value of it is used."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asyncua import ua

from adapters.opcua.address import Named, named, parse
from adapters.opcua.nodes import Along, code_name, local, name_of
from adapters.opcua.session import Session
from adapters.opcua.status import fault
from adapters.opcua.trouble import plain
from adapters.reading import Fault, Quality

if TYPE_CHECKING:
    from adapters.opcua.settings import OpcUaIdentity, OpcUaSource

WRONG_DEVICE = Fault(Quality.BAD, "wrong-device")
"""What is wrong with every point of a source whose server or device is not the one meant."""
TYPE_OF = Along(ua.ObjectIds.HasTypeDefinition)
PARENT_TYPE = Along(ua.ObjectIds.HasSubtype, forward=False)
_MOST_PARENTS = 32


async def another(
    session: Session, settings: "OpcUaSource", nodes: Sequence[ua.NodeId | Fault]
) -> str:
    """Say why the server or device is not the one meant; empty when it is, or nothing is asked.

    `nodes` are those of the source's points, in their order. Raises `TransientError` when the
    session fails.
    """
    for meant in settings.identity:
        wrong = await _unlike(session, meant)
        if wrong:
            return f"another device: {wrong}"
    wrong = await _mistyped(session, settings, nodes)
    return f"another device: {wrong}" if wrong else ""


async def _unlike(session: Session, meant: "OpcUaIdentity") -> str:
    (node,) = await session.resolve([parse(meant.node)])
    where = f"{meant.what} ({meant.node})"
    if isinstance(node, Fault):
        return f"it has no {where}: {node.reason}"
    if meant.type is not None:
        (line,) = await lineages(session, [node])
        if named(meant.type) not in line:
            return f"its {where} is {_kind(line)}, not {meant.type}"
    if not meant.accepted:
        return ""
    (told,) = await session.read([node])
    said, wrong = spoken(told)
    if wrong:
        return f"it does not tell its {where}: {wrong}"
    accepted = " or ".join(map(str, meant.accepted))
    return "" if said in meant.accepted else f"its {where} is {_shown(said)}, not {accepted}"


def spoken(told: Any) -> tuple[Any, str]:
    """Give what a variable says of a device, text without its language, or why it says nothing."""
    code = 0 if told.StatusCode is None else told.StatusCode.value
    wrong = fault(code, code_name(code))
    if wrong is not None and wrong.quality is Quality.BAD:
        return None, wrong.reason
    value = None if told.Value is None else told.Value.Value
    return (value.Text if isinstance(value, ua.LocalizedText) else value), ""


async def _mistyped(
    session: Session, settings: "OpcUaSource", nodes: Sequence[ua.NodeId | Fault]
) -> str:
    asked = [
        (name, point, point.type, node)
        for (name, point), node in zip(settings.points.items(), nodes, strict=True)
        if point.type is not None and not isinstance(node, Fault)
    ]
    lines = await lineages(session, [node for _, _, _, node in asked])
    for (name, point, wanted, _), line in zip(asked, lines, strict=True):
        if named(wanted) not in line:
            return f"its {name} ({point.node}) is {_kind(line)}, not {wanted}"
    return ""


async def lineages(session: Session, nodes: Sequence[ua.NodeId]) -> list[tuple[Named, ...]]:
    """Give each node's type definition and the types that one is derived from, nearest first."""
    if not nodes:
        return []
    spaces = await session.spaces()
    kinds = [found[0] if found else None for found in await session.browse(nodes, TYPE_OF)]
    first = {
        local(kind.NodeId): name_of(kind.BrowseName, spaces) for kind in kinds if kind is not None
    }
    lines = await ancestors(session, first, spaces)
    return [() if kind is None else lines[local(kind.NodeId)] for kind in kinds]


async def ancestors(
    session: Session, types: Mapping[ua.NodeId, Named], spaces: Sequence[str]
) -> dict[ua.NodeId, tuple[Named, ...]]:
    """Give each type's own name and those of the types it is derived from, nearest first."""
    lines = {node: [name] for node, name in types.items()}
    climbing = {node: node for node in types}
    for _ in range(_MOST_PARENTS):
        if not climbing:
            break
        found = await session.browse(list(climbing.values()), PARENT_TYPE)
        above: dict[ua.NodeId, ua.NodeId] = {}
        for node, parents in zip(climbing, found, strict=True):
            if parents:
                lines[node].append(name_of(parents[0].BrowseName, spaces))
                above[node] = local(parents[0].NodeId)
        climbing = above
    return {node: tuple(line) for node, line in lines.items()}


def _kind(line: Sequence[Named]) -> str:
    return plain(str(line[0])) if line else "of no type"


def _shown(said: object) -> str:
    return plain(str(said)) if said not in (None, "") else "empty"
