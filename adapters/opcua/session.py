"""One session on one server, once it is open: only reading services are asked for.

The services used are GetEndpoints, the session and channel services, Read, Browse, Translate
Browse Paths, and those that create subscriptions and monitored items (OPC 10000-4). A session that
failed is closed and a new object made; nothing of the library's own reconnecting is used.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from asyncua import ua
from asyncua.client.ua_client import UaClientState

from adapters.errors import SidestreamError, TransientError
from adapters.opcua.address import Address, PathAddress, by_uri
from adapters.opcua.nodes import (
    UNKNOWN_NAMESPACE,
    Along,
    browse_path,
    item,
    node_id,
    target,
)
from adapters.opcua.trouble import translated
from adapters.reading import Fault

Publish = Callable[[Any], Awaitable[None]]
_Item = TypeVar("_Item")

SESSION_SECONDS = 60.0
BEAT_SECONDS = 10.0
RENEW_SHARE = 0.75
DAY_SECONDS = 86_400.0
PORTION = 500
"""Items in one request when the server names no limit of its own."""
BROWSED, LED_TO = 20, 1000
"""Nodes in one request that asks for what they lead to, and references of each in one answer: all
of them together are what an answer may hold."""
MOST_REFERENCES = 10_000
_NAMESPACES = ua.NodeId(ua.ObjectIds.Server_NamespaceArray)
_SERVER_STATE = ua.NodeId(ua.ObjectIds.Server_ServerStatus_State)
_LIMITS = tuple(
    ua.NodeId(identifier)
    for identifier in (
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    )
)


@dataclass(frozen=True, slots=True)
class Portions:
    """How many items the server takes in one request."""

    read: int = PORTION
    monitor: int = PORTION
    translate: int = PORTION
    browse: int = PORTION


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription as the server revised it: times in seconds."""

    number: int
    publishing: float
    keep_alive: float


@dataclass(slots=True)
class Session:
    """A session in use; every method raises only `SidestreamError`."""

    client: Any
    where: str
    timeout: float
    portions: Portions = field(default_factory=Portions)
    requests: int = 0

    async def measure(self) -> None:
        """Ask how many items the server takes in one request; 500 where it names no limit."""
        told = await self._read(_LIMITS)
        limits = [None if each.Value is None else each.Value.Value for each in told]
        self.portions = Portions(
            *(each if isinstance(each, int) and each > 0 else PORTION for each in limits)
        )

    async def read(self, nodes: Sequence[ua.NodeId]) -> list[Any]:
        """Read the value of each node, with status and both time stamps."""
        told: list[Any] = []
        for part in _parts(nodes, self.portions.read):
            told += await self._read(part)
        return told

    async def names(self, nodes: Sequence[ua.NodeId]) -> list[Any]:
        """Read the browse name of each node; None where it has none."""
        told: list[Any] = []
        for part in _parts(nodes, self.portions.read):
            told += await self._read(part, ua.AttributeIds.BrowseName)
        held = [None if each.Value is None else each.Value.Value for each in told]
        return [each if isinstance(each, ua.QualifiedName) else None for each in held]

    async def _read(
        self, nodes: Sequence[ua.NodeId], what: int = ua.AttributeIds.Value
    ) -> list[Any]:
        asked = ua.ReadParameters(
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            NodesToRead=[ua.ReadValueId(NodeId=node, AttributeId=what) for node in nodes],
        )
        return await self._ask(self.client.uaclient.read(asked), len(nodes))

    async def _ask(self, request: Awaitable[list[Any]], wanted: int) -> list[Any]:
        self.requests += 1
        with translated(self.where):
            async with asyncio.timeout(self.timeout):
                answers = await request
        if len(answers or []) != wanted:
            raise TransientError(
                f"the server answers {len(answers or [])} of {wanted} items", where=self.where
            )
        return answers

    async def resolve(self, addresses: Sequence[Address]) -> list[ua.NodeId | Fault]:
        """Find the node of each address, or say why there is none."""
        spaces = await self._namespaces(addresses)
        found: list[ua.NodeId | Fault] = []
        paths = [address for address in addresses if isinstance(address, PathAddress)]
        walked = iter(await self._walk(paths, spaces))
        for address in addresses:
            if isinstance(address, PathAddress):
                found.append(next(walked))
            else:
                found.append(node_id(address, spaces))
        return found

    async def _namespaces(self, addresses: Sequence[Address]) -> list[str]:
        return await self.spaces() if any(map(by_uri, addresses)) else []

    async def spaces(self) -> list[str]:
        """Read the server's array of namespace URIs; empty when it tells none."""
        told = (await self._read([_NAMESPACES]))[0]
        held = None if told.Value is None else told.Value.Value
        return [str(uri) for uri in held] if isinstance(held, list) else []

    async def _walk(
        self, paths: Sequence[PathAddress], spaces: Sequence[str]
    ) -> list[ua.NodeId | Fault]:
        made = [browse_path(path, spaces) for path in paths]
        found: list[ua.NodeId | Fault] = []
        for part in _parts([each for each in made if each is not None], self.portions.translate):
            request = self.client.uaclient.translate_browsepaths_to_nodeids(part)
            found += [target(result) for result in await self._ask(request, len(part))]
        told = iter(found)
        return [UNKNOWN_NAMESPACE if each is None else next(told) for each in made]

    async def browse(self, nodes: Sequence[ua.NodeId], along: Along) -> list[list[Any]]:
        """Follow references from each node; gives what they lead to, cut at 10 000 for each."""
        found: list[list[Any]] = []
        for part in _parts(nodes, min(self.portions.browse, BROWSED)):
            asked = ua.BrowseParameters(
                RequestedMaxReferencesPerNode=LED_TO,
                NodesToBrowse=[along.of(node) for node in part],
            )
            results = await self._ask(self.client.uaclient.browse(asked), len(part))
            found += [await self._rest(result) for result in results]
        return found

    async def _rest(self, result: Any) -> list[Any]:
        """Give all references of one result, further parts of the answer included."""
        found = list(result.References or [])
        # A part without references ends it too: a server could go on giving empty ones.
        while result.ContinuationPoint and result.References and len(found) < MOST_REFERENCES:
            asked = ua.BrowseNextParameters(
                ReleaseContinuationPoints=False, ContinuationPoints=[result.ContinuationPoint]
            )
            (result,) = await self._ask(self.client.uaclient.browse_next(asked), 1)
            found += result.References or []
        return found[:MOST_REFERENCES]

    async def subscribe(self, publishing: float, publish: Publish) -> Subscribed:
        """Create a subscription whose every response, keep-alives too, goes to `publish`."""
        self.requests += 1
        asked = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=publishing * 1000,
            RequestedLifetimeCount=max(10, math.ceil(SESSION_SECONDS / publishing)),
            RequestedMaxKeepAliveCount=1,
            MaxNotificationsPerPublish=0,
            PublishingEnabled=True,
        )
        with translated(self.where):
            async with asyncio.timeout(self.timeout):
                made = await self.client.uaclient.create_subscription(asked, publish)
        interval = sound(made.RevisedPublishingInterval / 1000)
        keep_alive = sound(interval * max(made.RevisedMaxKeepAliveCount, 1))
        return Subscribed(made.SubscriptionId, interval, keep_alive)

    async def monitor(
        self, number: int, items: Sequence[tuple[int, ua.NodeId]], sampling: float, queue: int
    ) -> list[Any]:
        """Add (handle, node) items to a subscription; gives the server's result for each."""
        results: list[Any] = []
        for part in _parts(items, self.portions.monitor):
            asked = ua.CreateMonitoredItemsParameters(
                SubscriptionId=number,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[item(handle, node, sampling, queue) for handle, node in part],
            )
            request = self.client.uaclient.create_monitored_items(asked)
            results += await self._ask(request, len(part))
        return results

    async def forget(self, number: int, items: Sequence[int]) -> None:
        """Remove monitored items from a subscription."""
        for part in _parts(items, self.portions.monitor):
            asked = ua.DeleteMonitoredItemsParameters(
                SubscriptionId=number, MonitoredItemIds=list(part)
            )
            await self._ask(self.client.uaclient.delete_monitored_items(asked), len(part))

    async def keep(self) -> None:
        """Keep the session: watch the connection, renew the channel, read the server's state."""
        async with self.client.subscribe_state() as states, asyncio.TaskGroup() as group:
            group.create_task(self._closed(states))
            group.create_task(self._renew())
            group.create_task(self._beat())

    async def _closed(self, states: Any) -> None:
        await states.wait_for_state(UaClientState.DISCONNECTED)
        raise TransientError("the server closed the connection", where=self.where)

    async def _renew(self) -> None:
        while True:
            lifetime = self.client.secure_channel_timeout / 1000
            await asyncio.sleep(max(lifetime * RENEW_SHARE, 1))
            with translated(self.where):
                await self.client.open_secure_channel(renew=True)
                self.client.uaclient.revolve_security_token()

    async def _beat(self) -> None:
        while True:
            pause = min(sound(self.client.session_timeout / 3000), BEAT_SECONDS)
            await asyncio.sleep(max(pause, 1))
            await self._read([_SERVER_STATE])

    async def close(self) -> None:
        """End the session, politely when the server still answers, for good in any case."""
        try:
            with translated(self.where):
                async with asyncio.timeout(min(self.timeout, 1)):
                    await self.client.disconnect()
        except SidestreamError:
            pass
        finally:
            self.client.disconnect_socket()


def sound(seconds: float) -> float:
    """Take a time a server tells as it is, from a millisecond to a day; nonsense counts as a day.

    A server may answer with any number, also none at all.
    """
    return max(seconds, 0.001) if -DAY_SECONDS < seconds < DAY_SECONDS else DAY_SECONDS


def _parts(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
