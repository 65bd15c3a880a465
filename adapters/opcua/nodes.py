"""Addresses, items and what the server says of them, in the structures of the library."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from asyncua import ua

from adapters.opcua.address import NodeAddress, PathAddress
from adapters.opcua.status import fault
from adapters.reading import Fault, Quality

UNKNOWN_NAMESPACE = Fault(Quality.BAD, "unknown-namespace")
AMBIGUOUS = Fault(Quality.BAD, "ambiguous-path")
_KINDS = {
    "i": ua.NodeIdType.Numeric,
    "s": ua.NodeIdType.String,
    "g": ua.NodeIdType.Guid,
    "b": ua.NodeIdType.ByteString,
}
_WHOLE_PATH = 0xFFFFFFFF
"""Remaining path index that means the whole path led to the target (OPC 10000-4 5.9.4)."""


@lru_cache(1024)
def code_name(code: int) -> str:
    """Give the standard's name of a status code, such as BadSensorFailure."""
    return str(ua.status_codes.get_name_and_doc(code & 0xFFFF0000)[0])


def node_id(address: NodeAddress, spaces: Sequence[str]) -> ua.NodeId | Fault:
    """Make a node id; a namespace URI is looked up in the server's array of them."""
    space = address.namespace
    if isinstance(space, str):
        if space not in spaces:
            return UNKNOWN_NAMESPACE
        space = spaces.index(space)
    return ua.NodeId(address.identifier, space, _KINDS[address.kind])


def browse_path(path: PathAddress) -> Any:
    """Make a browse path from the root, along hierarchical references."""
    steps = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences),
            IsInverse=False,
            IncludeSubtypes=True,
            TargetName=ua.QualifiedName(name, index),
        )
        for index, name in path.steps
    ]
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
    node = whole[0].TargetId
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


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
