"""One session on one server: opened as the settings demand and no other way, then only read.

The services used are GetEndpoints, the session and channel services, Read, Translate Browse Paths,
and those that create subscriptions and monitored items (OPC 10000-4). A session that failed is
closed and a new object made; nothing of the library's own reconnecting is used.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from asyncua import Client, ua
from asyncua.client.ua_client import UaClientState
from asyncua.crypto import security_policies
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.errors import PermanentError, SidestreamError, TransientError
from adapters.opcua.address import Address, NodeAddress, PathAddress
from adapters.opcua.settings import OpcUaSource
from adapters.opcua.status import fault
from adapters.opcua.trouble import translated
from adapters.opcua.trust import Credentials, credentials, leaf, refuse
from adapters.reading import NANOSECONDS, Fault, Quality

Publish = Callable[[Any], Awaitable[None]]
_Item = TypeVar("_Item")

PATIENCE = 5
"""Opening a secured session may take this many times the timeout: small servers compute slowly."""
SESSION_SECONDS = 60.0
BEAT_SECONDS = 10.0
RENEW_SHARE = 0.75
PORTION = 500
"""Items in one request when the server names no limit of its own."""
UNKNOWN_NAMESPACE = Fault(Quality.BAD, "unknown-namespace")
AMBIGUOUS = Fault(Quality.BAD, "ambiguous-path")
_NAMESPACES = ua.NodeId(ua.ObjectIds.Server_NamespaceArray)
_SERVER_STATE = ua.NodeId(ua.ObjectIds.Server_ServerStatus_State)
_LIMITS = tuple(
    ua.NodeId(identifier)
    for identifier in (
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
    )
)
_KINDS = {
    "i": ua.NodeIdType.Numeric,
    "s": ua.NodeIdType.String,
    "g": ua.NodeIdType.Guid,
    "b": ua.NodeIdType.ByteString,
}
_MODES = {
    "Sign": ua.MessageSecurityMode.Sign,
    "SignAndEncrypt": ua.MessageSecurityMode.SignAndEncrypt,
}
_WHOLE_PATH = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Portions:
    """How many items the server takes in one request."""

    read: int = PORTION
    monitor: int = PORTION
    translate: int = PORTION


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription as the server revised it: times in seconds."""

    number: int
    publishing: float
    keep_alive: float


@dataclass(slots=True)
class Session:
    """A session in use; every method raises only `SidestreamError`."""

    client: Client
    where: str
    timeout: float
    portions: Portions = field(default_factory=Portions)
    requests: int = 0

    async def read(self, nodes: Sequence[ua.NodeId]) -> list[Any]:
        """Read the value of each node, with status and both time stamps."""
        told: list[Any] = []
        for part in _parts(nodes, self.portions.read):
            told += await self._read(part)
        return told

    async def _read(self, nodes: Sequence[ua.NodeId]) -> list[Any]:
        asked = ua.ReadParameters(
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            NodesToRead=[
                ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value) for node in nodes
            ],
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
        walked = iter(await self._walk(paths))
        for address in addresses:
            if isinstance(address, PathAddress):
                found.append(next(walked))
            else:
                found.append(_node_id(address, spaces))
        return found

    async def _namespaces(self, addresses: Sequence[Address]) -> list[str]:
        if not any(isinstance(getattr(each, "namespace", None), str) for each in addresses):
            return []
        told = (await self._read([_NAMESPACES]))[0]
        held = None if told.Value is None else told.Value.Value
        return [str(uri) for uri in held] if isinstance(held, list) else []

    async def _walk(self, paths: Sequence[PathAddress]) -> list[ua.NodeId | Fault]:
        found: list[ua.NodeId | Fault] = []
        for part in _parts(paths, self.portions.translate):
            asked = [_browse_path(path) for path in part]
            request = self.client.uaclient.translate_browsepaths_to_nodeids(asked)
            found += [_target(result) for result in await self._ask(request, len(part))]
        return found

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
        interval = max(made.RevisedPublishingInterval / 1000, 0.001)
        return Subscribed(
            made.SubscriptionId, interval, interval * max(made.RevisedMaxKeepAliveCount, 1)
        )

    async def monitor(
        self, number: int, items: Sequence[tuple[int, ua.NodeId]], sampling: float, queue: int
    ) -> list[Any]:
        """Add (handle, node) items to a subscription; gives the server's result for each."""
        results: list[Any] = []
        for part in _parts(items, self.portions.monitor):
            asked = ua.CreateMonitoredItemsParameters(
                SubscriptionId=number,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[_item(handle, node, sampling, queue) for handle, node in part],
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
            await asyncio.sleep(min(self.client.session_timeout / 3000, BEAT_SECONDS))
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


async def connect(settings: OpcUaSource, now: int, session_seconds: float) -> Session:
    """Open a session exactly as the settings demand.

    `now` is in ns since 1970, for the validity of certificates. Raises `PermanentError` for what
    a person must mend (a certificate, a user, an endpoint that is not offered), else
    `TransientError`. Never falls back to less security than was written.
    """
    _quiet()
    moment = datetime.fromtimestamp(now / NANOSECONDS, UTC)
    own = credentials(settings, moment)
    if settings.security != "None" and own.trust.pinned is None:
        shown = await _server_certificate(settings, own, moment)
        return await _open(settings, own, shown, session_seconds)
    pinned = own.trust.pinned
    try:
        shown = b"" if pinned is None else pinned.public_bytes(Encoding.DER)
        return await _open(settings, own, shown, session_seconds)
    except SidestreamError:
        # Ask what is offered: it may tell a better reason than the refusal did.
        await _better_reason(settings, own, moment)
        raise


async def _better_reason(settings: OpcUaSource, own: Credentials, now: datetime) -> None:
    try:
        await _server_certificate(settings, own, now)
    except TransientError:
        return


async def _server_certificate(settings: OpcUaSource, own: Credentials, now: datetime) -> bytes:
    """Find the endpoint wanted and give its certificate, once it is trusted (empty if none)."""
    client = _client(settings, own)
    with translated(settings.url):
        try:
            async with asyncio.timeout(settings.timeout * PATIENCE):
                offered = await client.connect_and_get_server_endpoints()
        finally:
            client.disconnect_socket()
    wanted = _endpoint(offered or [], settings)
    if settings.security == "None":
        return b""
    shown = leaf(wanted.ServerCertificate or b"")
    refuse(shown, own.trust, urlsplit(settings.url).hostname or "", now, settings.url)
    return shown


def _endpoint(offered: Sequence[Any], settings: OpcUaSource) -> Any:
    policy, mode = _policy(settings)
    for endpoint in offered:
        if endpoint.SecurityPolicyUri == policy.URI and endpoint.SecurityMode == mode:
            return endpoint
    names = sorted({_offer(endpoint) for endpoint in offered})
    raise PermanentError(
        f"the server does not offer {_wanted(settings)}; it offers {', '.join(names) or 'nothing'}",
        where=settings.url,
        mend="set `security` and `message_mode` to one of these, or configure the server",
    )


def _wanted(settings: OpcUaSource) -> str:
    if settings.security == "None":
        return "security None"
    return f"{settings.security} {settings.message_mode}"


def _offer(endpoint: Any) -> str:
    policy = str(endpoint.SecurityPolicyUri or "").rpartition("#")[2]
    mode = getattr(endpoint.SecurityMode, "name", "")
    return "None" if policy == "None" else f"{policy} {mode}"


def _policy(settings: OpcUaSource) -> tuple[Any, Any]:
    if settings.security == "None":
        return security_policies.SecurityPolicyNone, ua.MessageSecurityMode.None_
    policy = getattr(security_policies, f"SecurityPolicy{settings.security}")
    return policy, _MODES[settings.message_mode]


def _client(settings: OpcUaSource, own: Credentials) -> Client:
    client = Client(settings.url, timeout=settings.timeout * PATIENCE)
    client.name = client.description = "Sidestream"
    client.product_uri = "urn:sidestream"
    client.application_uri = own.application_uri or "urn:sidestream:agent"
    return client


async def _open(
    settings: OpcUaSource, own: Credentials, shown: bytes, session_seconds: float
) -> Session:
    client = _client(settings, own)
    client.session_timeout = int(max(session_seconds, SESSION_SECONDS) * 1000)
    session = Session(client, settings.url, settings.timeout)
    try:
        with translated(settings.url):
            await _secure(client, settings, own, shown)
            async with asyncio.timeout(settings.timeout):
                await client.connect_socket()
                await client.send_hello()
            async with asyncio.timeout(settings.timeout * PATIENCE):
                await client.open_secure_channel()
                made = await client.create_session()
        _refuse_plain_password(_endpoint(made.ServerEndpoints or [], settings), settings)
        with translated(settings.url):
            async with asyncio.timeout(settings.timeout * PATIENCE):
                await client.activate_session(settings.username, own.password)
        session.portions = await _portions(session)
    except BaseException:
        await session.close()
        raise
    return session


async def _secure(client: Client, settings: OpcUaSource, own: Credentials, shown: bytes) -> None:
    if settings.security == "None" or own.certificate is None:
        return
    policy, mode = _policy(settings)
    certificate = own.certificate.public_bytes(Encoding.DER)
    await client.set_security(policy, certificate, own.key, server_certificate=shown, mode=mode)


def _refuse_plain_password(endpoint: Any, settings: OpcUaSource) -> None:
    """Send a password only where the message or the password itself is encrypted."""
    if settings.username is None or settings.message_mode == "SignAndEncrypt":
        return
    for policy in endpoint.UserIdentityTokens or []:
        if policy.TokenType == ua.UserTokenType.UserName:
            uri = policy.SecurityPolicyUri or endpoint.SecurityPolicyUri
            if uri != security_policies.SecurityPolicyNone.URI:
                return
            break
    raise PermanentError(
        "the server takes the password in plain text only",
        where=settings.url,
        mend='set message_mode = "SignAndEncrypt"',
    )


async def _portions(session: Session) -> Portions:
    told = await session._read(_LIMITS)  # noqa: SLF001  # same module
    limits = [None if each.Value is None else each.Value.Value for each in told]
    return Portions(*(each if isinstance(each, int) and each > 0 else PORTION for each in limits))


def _node_id(address: NodeAddress, spaces: Sequence[str]) -> ua.NodeId | Fault:
    space = address.namespace
    if isinstance(space, str):
        if space not in spaces:
            return UNKNOWN_NAMESPACE
        space = spaces.index(space)
    return ua.NodeId(address.identifier, space, _KINDS[address.kind])


def _browse_path(path: PathAddress) -> Any:
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


def _target(result: Any) -> ua.NodeId | Fault:
    code = result.StatusCode.value
    wrong = fault(code, ua.status_codes.get_name_and_doc(code & 0xFFFF0000)[0])
    if wrong is not None:
        return wrong
    whole = [each for each in result.Targets or [] if each.RemainingPathIndex == _WHOLE_PATH]
    if len(whole) != 1:
        return AMBIGUOUS if whole else Fault(Quality.BAD, "bad-no-match")
    node = whole[0].TargetId
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


def _item(handle: int, node: ua.NodeId, sampling: float, queue: int) -> Any:
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


def _parts(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _quiet() -> None:
    """Silence the library unless somebody set its level: what it says, `Health` says better."""
    logger = logging.getLogger("asyncua")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL + 1)
