"""Nodes as companion specifications model them, put into a simulated server's address space."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua

Value = float | int | str | bool | bytes
"""Bytes are the body of a structure whose type nobody knows."""
Source = Value | Callable[[], Value]
Name = tuple[str, str]
"""A browse name: namespace URI, empty for the standard's own, and name."""
_TYPES: tuple[tuple[type, ua.VariantType, int], ...] = (
    (bool, ua.VariantType.Boolean, ua.ObjectIds.Boolean),
    (int, ua.VariantType.Int64, ua.ObjectIds.Int64),
    (float, ua.VariantType.Double, ua.ObjectIds.Double),
    (str, ua.VariantType.String, ua.ObjectIds.String),
)
_UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"


@dataclass(frozen=True, slots=True)
class Typed:
    """A variable below objects, with its types, its unit and its range.

    `path` names the objects from `/Objects` and, last, the variable; `kinds` its type definition
    and the types that one is derived from, nearest first, without BaseDataVariableType; `of` those
    of the object it is in, without BaseObjectType. `unit` is the UNECE code as a number and the
    name shown, `limits` the EURange.
    """

    path: tuple[Name, ...]
    value: Source
    kinds: tuple[Name, ...] = ()
    of: tuple[Name, ...] = ()
    unit: tuple[int, str] | None = None
    limits: tuple[float, float] | None = None

    @property
    def id(self) -> str:
        """Name of the node, as the plant's `set` takes it."""
        return "/".join(name for _, name in self.path)

    def now(self) -> Value:
        """Give the value as it is now."""
        return self.value() if callable(self.value) else self.value


def variant(value: Value) -> Any:
    """Make a value of the library."""
    if isinstance(value, bytes):
        structure = ua.ExtensionObject(TypeId=ua.NodeId(1, 2), Body=value)
        return ua.Variant(structure, ua.VariantType.ExtensionObject)
    for kind, name, _ in _TYPES:
        if isinstance(value, kind):
            return ua.Variant(value, name)
    raise TypeError(type(value).__name__)


def _data_type(value: Value) -> ua.NodeId:
    found = (number for kind, _, number in _TYPES if isinstance(value, kind))
    return ua.NodeId(next(found, ua.ObjectIds.Structure))


@dataclass(slots=True)
class Models:
    """Makes the nodes, in namespace `index`, and notes them in `made`; types in that of their name.

    `spaces` is the server's array of namespaces.
    """

    session: Any
    spaces: Sequence[str]
    index: int
    made: list[ua.NodeId]
    _known: dict[tuple[Name, ...], ua.NodeId] = field(init=False, default_factory=dict)

    async def add(self, one: Typed) -> None:
        """Make a variable, the objects and types it needs, and its properties."""
        parent = ua.NodeId(ua.ObjectIds.ObjectsFolder)
        for depth in range(1, len(one.path)):
            of = one.of if depth == len(one.path) - 1 else ()
            parent = await self._object(one.path[:depth], parent, of)
        base = ua.NodeId(ua.ObjectIds.BaseDataVariableType)
        kind = await self._type(one.kinds, base, ua.VariableTypeAttributes)
        node = ua.NodeId(one.id, self.index)
        value = one.now()
        held = ua.VariableAttributes(Value=variant(value), DataType=_data_type(value))
        await self._create(node, one.path[-1], parent, kind, held)
        if one.unit is not None:
            code, shown = one.unit
            told = ua.EUInformation(_UNECE, code, ua.LocalizedText(shown))
            await self._property(node, "EngineeringUnits", told)
        if one.limits is not None:
            await self._property(node, "EURange", ua.Range(*one.limits))

    async def _object(
        self, path: tuple[Name, ...], parent: ua.NodeId, of: tuple[Name, ...]
    ) -> ua.NodeId:
        if path not in self._known:
            base = ua.NodeId(ua.ObjectIds.BaseObjectType)
            kind = await self._type(of, base, ua.ObjectTypeAttributes)
            self._known[path] = ua.NodeId("/".join(name for _, name in path), self.index)
            held = ua.ObjectAttributes()
            await self._create(self._known[path], path[-1], parent, kind, held)
        return self._known[path]

    async def _type(self, kinds: tuple[Name, ...], base: ua.NodeId, of: ua.NodeClass) -> ua.NodeId:
        if not kinds:
            return base
        if kinds not in self._known:
            above = await self._type(kinds[1:], base, of)
            made = ua.NodeId(f"type {kinds[0][1]}", self.spaces.index(kinds[0][0]))
            self._known[kinds] = made
            await self._create(made, kinds[0], above, None, of())
        return self._known[kinds]

    async def _property(self, node: ua.NodeId, name: str, value: Any) -> None:
        made = ua.NodeId(f"{node.Identifier}/{name}", self.index)
        kind = ua.NodeId(ua.ObjectIds.PropertyType)
        told = ua.Variant(value, ua.VariantType.ExtensionObject)
        held = ua.VariableAttributes(Value=told, DataType=value.data_type)
        await self._create(made, ("", name), node, kind, held)

    async def _create(
        self,
        node: ua.NodeId,
        name: Name,
        parent: ua.NodeId,
        kind: ua.NodeId | None,
        attributes: Any,
    ) -> None:
        """Make a node of a type, or a type below another one."""
        attributes.DisplayName = ua.LocalizedText(name[1])
        property_ = kind == ua.NodeId(ua.ObjectIds.PropertyType)
        reference = ua.ObjectIds.HasProperty if property_ else ua.ObjectIds.HasComponent
        item = ua.AddNodesItem()
        item.ParentNodeId = parent
        item.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HasSubtype if kind is None else reference)
        item.RequestedNewNodeId = node
        item.BrowseName = ua.QualifiedName(name[1], self.spaces.index(name[0]))
        item.NodeClass = _CLASSES[type(attributes)]
        item.NodeAttributes = attributes
        item.TypeDefinition = kind or ua.NodeId()
        (result,) = await self.session.add_nodes([item])
        result.StatusCode.check()
        self.made.append(node)


_CLASSES = {
    ua.ObjectAttributes: ua.NodeClass.Object,
    ua.VariableAttributes: ua.NodeClass.Variable,
    ua.ObjectTypeAttributes: ua.NodeClass.ObjectType,
    ua.VariableTypeAttributes: ua.NodeClass.VariableType,
}
