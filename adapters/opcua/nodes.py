"""Addresses, items and what the server says of them, in the structures of the library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from asyncua import ua

from adapters.opcua.address import BASE, Kind, Named, NodeAddress, PathAddress
from adapters.opcua.status import fault
from adapters.reading import Fault, Quality

UNKNOWN_NAMESPACE = Fault(Quality.BAD, "unknown-namespace")
AMBIGUOUS = Fault(Quality.BAD, "ambiguous-path")
_KINDS: Mapping[Kind, Any] = {
    "i": ua.NodeIdType.Numeric,
    "s": ua.NodeIdType.String,
    "g": ua.NodeIdType.Guid,
    "b": ua.NodeIdType.ByteString,
}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}
"""Letters of the kinds of node id; the short numeric ones are numeric too."""
_WHOLE_PATH = 0xFFFFFFFF
"""Remaining path index that means the whole path led to the target (OPC 10000-4 5.9.4)."""


@lru_cache(1024)
def code_name(code: int) -> str:
    """Give the standard's name of a status code, such as BadSensorFailure."""
    return str(ua.status_codes.get_name_and_doc(code & 0xFFFF0000)[0])


def node_id(address: NodeAddress, spaces: Sequence[str]) -> ua.NodeId | Fault:
    """Make a node id; a namespace URI is looked up in the server's array of them."""
    space = _index(address.namespace, spaces)
    if space is None:
        return UNKNOWN_NAMESPACE
    return ua.NodeId(address.identifier, space, _KINDS[address.kind])


def _index(space: int | str, spaces: Sequence[str]) -> int | None:
    if isinstance(space, int):
        return space
    return spaces.index(space) if space in spaces else None


def address_of(node: ua.NodeId, spaces: Sequence[str]) -> NodeAddress:
    """Give a node's address by namespace URI, or by index where the server names no URI for it."""
    index = node.NamespaceIndex
    space: int | str = spaces[index] if 0 < index < len(spaces) else index
    return NodeAddress(space, _LETTERS.get(node.NodeIdType, "i"), node.Identifier)


def name_of(name: Any, spaces: Sequence[str]) -> Named:
    """Give a qualified name with its namespace's URI; the index in its place where there is none.

    Index 0 is the standard's own namespace.
    """
    index = name.NamespaceIndex
    if not index:
        return Named(BASE, str(name.Name))
    return Named(spaces[index] if index < len(spaces) else str(index), str(name.Name))


def browse_path(path: PathAddress, spaces: Sequence[str]) -> Any:
    """Make a browse path from the root, along hierarchical references; None without its namespace.

    A namespace URI is looked up in the server's array of them.
    """
    steps = []
    for space, name in path.steps:
        index = _index(space, spaces)
        if index is None:
            return None
        steps.append(
            ua.RelativePathElement(
                ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences),
                IsInverse=False,
                IncludeSubtypes=True,
                TargetName=ua.QualifiedName(name, index),
            )
        )
    return ua.BrowsePath(
        StartingNode=ua.NodeId(ua.ObjectIds.RootFolder),
        RelativePath=ua.RelativePath(Elements=steps),
    )


def target(result: Any) -> ua.NodeId | Fault:
    """Give the one node a browse path leads to, or say why there is none."""
    code = result.StatusCode.value
    wrong = fault(code, code_name(code))
    if wrong is not None:
        return wrong
    whole = [each for each in result.Targets or [] if each.RemainingPathIndex == _WHOLE_PATH]
    if len(whole) != 1:
        return AMBIGUOUS if whole else Fault(Quality.BAD, "bad-no-match")
    return local(whole[0].TargetId)


def local(node: Any) -> ua.NodeId:
    """Give the node id within an expanded one."""
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


@dataclass(frozen=True, slots=True)
class Along:
    """Which references to follow from a node: their type (numeric id), and to what."""

    reference: int
    forward: bool = True
    classes: int = 0
    """Mask of node classes (OPC 10000-3 8.29); 0 is any."""

    def of(self, node: ua.NodeId) -> Any:
        """Make the request for one node."""
        way = ua.BrowseDirection.Forward if self.forward else ua.BrowseDirection.Inverse
        return ua.BrowseDescription(
            NodeId=node,
            BrowseDirection=way,
            ReferenceTypeId=ua.NodeId(self.reference),
            IncludeSubtypes=True,
            NodeClassMask=self.classes,
            ResultMask=ua.BrowseResultMask.All,
        )


def item(handle: int, node: ua.NodeId, sampling: float, queue: int) -> Any:
    """Make a request for a monitored item; `sampling` is in seconds."""
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=handle,
            SamplingInterval=sampling * 1000,
            QueueSize=queue,
            DiscardOldest=True,
        ),
    )
