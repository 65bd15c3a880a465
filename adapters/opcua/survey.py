"""Look through a server's address space for variables of given types, by browsing and reading."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from asyncua import ua

from adapters.errors import PermanentError
from adapters.opcua.address import BASE, Named, PathAddress, named, parse
from adapters.opcua.connect import connect
from adapters.opcua.euinformation import coded, letters, shown
from adapters.opcua.identify import ancestors, another, lineages, spoken
from adapters.opcua.match import TO_FIND, Limits, Seen
from adapters.opcua.nodes import Along, address_of, code_name, local, name_of
from adapters.opcua.sample import sample
from adapters.opcua.session import Session
from adapters.opcua.settings import OpcUaPoint, OpcUaSource
from adapters.opcua.trouble import plain
from adapters.reading import Fault

MOST_NODES = 20_000
MOST_FOUND = 200
_DEEPEST = 24
_PARTS = Along(ua.ObjectIds.HierarchicalReferences, classes=3)  # objects and variables
_PROPERTIES = Along(ua.ObjectIds.HasProperty)
_OBJECTS = ua.NodeId(ua.ObjectIds.ObjectsFolder)
_PROPERTY_TYPE = ua.NodeId(ua.ObjectIds.PropertyType)
_SKIPPED = {ua.NodeId(ua.ObjectIds.Server)}
_ABOUT = {
    "product": ua.NodeId(ua.ObjectIds.Server_ServerStatus_BuildInfo_ProductName),
    "maker": ua.NodeId(ua.ObjectIds.Server_ServerStatus_BuildInfo_ManufacturerName),
    "version": ua.NodeId(ua.ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion),
}


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found: the variables, what the server says of itself, and how much was looked at."""

    seen: tuple[Seen, ...]
    server: Mapping[str, str]
    spaces: tuple[str, ...]
    looked: int
    cut: bool
    """Whether there was more than was looked at."""


@dataclass(slots=True)
class _Walk:
    """Nodes below one: each visited once, with the path that led to it first."""

    session: Session
    spaces: Sequence[str]
    known: set[ua.NodeId] = field(default_factory=set)
    found: list[tuple[ua.NodeId, PathAddress, ua.NodeId]] = field(default_factory=list)
    cut: bool = False

    async def below(self, start: ua.NodeId, path: PathAddress) -> None:
        """Note every variable below a node, with its path and its type definition."""
        level = [(start, path)]
        for _ in range(_DEEPEST):
            if not level:
                return
            told = await self.session.browse([node for node, _ in level], _PARTS)
            level = [
                each
                for (_, above), references in zip(level, told, strict=True)
                for each in self._new(above, references)
            ]
        self.cut = self.cut or bool(level)

    def _new(
        self, above: PathAddress, references: Sequence[Any]
    ) -> list[tuple[ua.NodeId, PathAddress]]:
        deeper = []
        for reference in references:
            node, kind = local(reference.NodeId), local(reference.TypeDefinition)
            if node in self.known or node in _SKIPPED or kind == _PROPERTY_TYPE:
                continue
            if len(self.known) >= MOST_NODES:
                self.cut = True
                break
            self.known.add(node)
            name = name_of(reference.BrowseName, self.spaces)
            space = 0 if name.space == BASE else name.space
            path = PathAddress((*above.steps, (space, name.name)))
            if reference.NodeClass == ua.NodeClass.Variable:
                self.found.append((node, path, kind))
            deeper.append((node, path))
        return deeper


async def survey(
    settings: OpcUaSource, wanted: Mapping[str, OpcUaPoint], under: str, now: int
) -> Survey:
    """Find the variables of a server that are of the types `wanted` points have.

    Looks below the node `under`, or below Objects when it is empty; the server's own diagnostics
    are left out. A point with a node of its own is looked at there alone. `now` is in ns since
    1970. Raises `PermanentError` when `under` is not there or `identity` means another device.
    """
    session = await connect(settings, now, 0)
    try:
        wrong = await another(session, settings, [])
        if wrong:
            raise PermanentError(wrong, where=settings.url, mend="check `url` and `identity`")
        spaces = await session.spaces()
        walk = _Walk(session, spaces)
        await walk.below(*await _start(session, under, settings.url))
        types = {named(point.type) for point in wanted.values() if point.type is not None}
        found = await _of_types(walk, types)
        seen = [await _seen(session, each, spaces) for each in found[:MOST_FOUND]]
        seen += await _placed(session, wanted, spaces)
        server = await _server(session)
    finally:
        await session.close()
    cut = walk.cut or len(found) > MOST_FOUND
    return Survey(tuple(seen), server, tuple(spaces), len(walk.known), cut)


async def _start(session: Session, under: str, url: str) -> tuple[ua.NodeId, PathAddress]:
    if not under:
        return _OBJECTS, PathAddress(((0, "Objects"),))
    address = parse(under)
    (node,) = await session.resolve([address])
    if isinstance(node, Fault):
        raise PermanentError(f"no node {under}: {node.reason}", where=url, mend="correct `--under`")
    return node, address if isinstance(address, PathAddress) else PathAddress(((0, under),))


_Typed = tuple[ua.NodeId, PathAddress, tuple[Named, ...]]


async def _of_types(walk: _Walk, types: AbstractSet[Named]) -> list[_Typed]:
    kinds = list({kind for _, _, kind in walk.found})
    names = await walk.session.names(kinds)
    first = {
        kind: name_of(name, walk.spaces)
        for kind, name in zip(kinds, names, strict=True)
        if name is not None
    }
    lines = await ancestors(walk.session, first, walk.spaces)
    typed = [(node, path, lines.get(kind, ())) for node, path, kind in walk.found]
    return [each for each in typed if not types.isdisjoint(each[2])]


async def _placed(
    session: Session, wanted: Mapping[str, OpcUaPoint], spaces: Sequence[str]
) -> list[Seen]:
    """Look at the points that have a node of their own already."""
    placed = {name: point.node for name, point in wanted.items() if point.node != TO_FIND}
    nodes = await session.resolve([parse(node) for node in placed.values()])
    seen = []
    for (name, text), node in zip(placed.items(), nodes, strict=True):
        if not isinstance(node, Fault):
            (line,) = await lineages(session, [node])
            one = await _seen(session, (node, PathAddress(((0, text),)), line), spaces)
            seen.append(replace(one, node=text, path=text, point=name))
    return seen


async def _seen(session: Session, typed: _Typed, spaces: Sequence[str]) -> Seen:
    node, path, line = typed
    (properties,) = await session.browse([node], _PROPERTIES)
    held = {
        str(one.BrowseName.Name): local(one.NodeId)
        for one in properties
        if str(one.BrowseName.Name) in ("EngineeringUnits", "EURange")
    }
    told, *beside = await session.read([node, *held.values()])
    values = {name: spoken(each)[0] for name, each in zip(held, beside, strict=True)}
    return Seen(
        str(address_of(node, spaces)),
        str(path),
        line,
        lambda point: sample(told, code_name, point),
        *_unit(values.get("EngineeringUnits")),
        _limits(values.get("EURange")),
    )


def _unit(told: Any) -> tuple[str, str, str]:
    """Give the unit by code or else by the name shown, by that name, and both as they were told."""
    if not isinstance(told, ua.EUInformation):
        return "", "", ""
    name = plain(str(told.DisplayName.Text or ""), 40)
    number = told.UnitId if isinstance(told.UnitId, int) else 0
    code, by_name = coded(number), shown(name)
    text = f"{name or 'no name'} ({letters(number) or number})"
    return code or by_name, by_name, text


def _limits(told: Any) -> Limits | None:
    if not isinstance(told, ua.Range):
        return None
    low, high = told.Low, told.High
    return (low, high) if isinstance(low, float) and isinstance(high, float) else None


async def _server(session: Session) -> dict[str, str]:
    told = await session.read(list(_ABOUT.values()))
    said = {name: spoken(each)[0] for name, each in zip(_ABOUT, told, strict=True)}
    return {name: plain(text) for name, text in said.items() if isinstance(text, str) and text}
