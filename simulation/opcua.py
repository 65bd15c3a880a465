"""Simulated plants behind a real OPC UA server, with faults as switches on the plant."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from asyncua import Server, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer

from simulation.models import Models, Source, Typed, Value, variant
from simulation.ports import free_port

Clock = Callable[[], int]

NAMESPACE = "urn:sidestream:plant"
INDEX = 2
FOLDER = "Plant"
APPLICATION_URI = "urn:sidestream:simulated:server"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LIMITS = tuple(
    ua.NodeId(identifier)
    for identifier in (
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
    )
)
_idle: list[InternalServer] = []
# Filling the standard address space takes seconds, so that a stopped plant's is used again.


@dataclass(slots=True)
class _Users:
    """Who may log in; nobody else may when there are any."""

    passwords: Mapping[str, str]

    def get_user(
        self,
        iserver: InternalServer,  # noqa: ARG002  # the library's interface
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,  # noqa: ARG002
    ) -> User | None:
        if self.passwords and (username is None or self.passwords.get(username) != password):
            return None
        return User(role=UserRole.User)


@dataclass(slots=True)
class OpcUaPlant:
    """A server on 127.0.0.1 with one variable a node, `ns=2;s=<name>` in `/Objects/2:Plant`.

    A node is a value or a function that gives it; functions are called each `interval` seconds,
    and by `refresh`. `security` names what is offered: `None`, or a policy with its message mode
    such as `Basic256Sha256_Sign`. `certificate` and `key` are DER. `clock` (ns since 1970) makes
    source time stamps. Several plants may run at once.
    """

    nodes: Mapping[str, Source]
    typed: Sequence[Typed] = ()
    """Variables of instruments as companion specifications model them."""
    namespaces: Sequence[str] = ()
    """Further namespaces, from index 3 on, in the server's own order."""
    port: int = 0
    interval: float | None = None
    security: Sequence[str] = ("None",)
    certificate: bytes | None = None
    key: bytes | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    queue: int = 10_000
    portion: int = 0
    """Items in one request, as the server's operation limits tell; 0 is no limit."""
    clock: Clock = time.time_ns
    distrust: bool = False
    """No client's certificate is accepted."""
    frozen: bool = False
    """Functions are not called: every value stays as it is."""
    _core: InternalServer | None = field(init=False, default=None)
    _server: Server | None = field(init=False, default=None)
    _held: dict[str, tuple[Value | None, int, int]] = field(init=False, default_factory=dict)
    _made: list[ua.NodeId] = field(init=False, default_factory=list)
    _ticking: asyncio.Task[None] | None = field(init=False, default=None)

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"opc.tcp://127.0.0.1:{self.port}/plant"

    async def __aenter__(self) -> Self:
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        self._core = _idle.pop() if _idle else await _filled()
        self.port = self.port or free_port()
        await self._populate()
        for limit in _LIMITS:
            await self._node(limit).write_value(self.portion, ua.VariantType.UInt32)
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._clear()
        if self._core is not None:
            _idle.append(self._core)
            self._core = None

    async def start(self) -> None:
        """Listen; after a `stop` on the same port, with the values as they were."""
        core = self._ready
        core.endpoints.clear()
        core.user_manager = _Users(self.users)
        core.max_monitored_item_queue_size = self.queue
        server = self._server = Server(iserver=core)
        server._application_uri = APPLICATION_URI  # noqa: SLF001  # the setter writes namespaces
        core.certificate = core.private_key = None
        core.certificate_validator = self._validate
        if self.certificate is not None and self.key is not None:
            await server.load_certificate(self.certificate)
            await server.load_private_key(self.key)
        anonymous, user = ua.AnonymousIdentityToken, ua.UserNameIdentityToken
        server.set_identity_tokens([user] if self.users else [anonymous, user])
        server.set_security_policy([_POLICIES[name] for name in self.security])
        server.set_endpoint(self.url)
        server.disable_clock()
        await server.start()
        if self.interval is not None:
            self._ticking = asyncio.create_task(self._tick(self.interval))

    async def _validate(self, *_: object) -> None:
        if self.distrust:
            raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

    async def stop(self) -> None:
        """Close every connection and forget every session and subscription, as a restart does."""
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking
            self._ticking = None
        server, self._server = self._server, None
        if server is None or server.bserver is None:
            return
        await self.forget_sessions()
        await server.bserver.stop()
        while self._ready.asyncio_transports:  # noqa: ASYNC110  # the library has no event for it
            await asyncio.sleep(0.001)

    async def forget_sessions(self) -> None:
        """Forget sessions and subscriptions but keep the connections, as when they expire."""
        await self.forget_subscriptions()
        for session in self._sessions():
            await session.close_session()
        for client in self._clients():
            client.processor.session = None

    async def forget_subscriptions(self) -> None:
        """Delete every subscription on the server's side."""
        service = self._ready.subscription_service
        await service.delete_subscriptions(list(service.subscriptions))

    @property
    def sessions(self) -> int:
        """Number of sessions with a connection."""
        return len(self._sessions())

    async def set(
        self, name: str, value: Value, *, at: int | None = None, status: int = ua.StatusCodes.Good
    ) -> None:
        """Give a node a value, sampled `at` (ns since 1970; now when not given), with a status.

        The value is sent along with a bad status too, as some servers do.
        """
        instant = self.clock() if at is None else at
        self._held[name] = (value, instant, status)
        await self._write(name)

    async def fail(self, name: str, status: int) -> None:
        """Give a node a status and, if it is a bad one, no value."""
        value = self._held[name][0]
        self._held[name] = (value, self.clock(), status)
        await self._write(name, bare=ua.StatusCode(status).is_bad())

    async def refresh(self) -> None:
        """Call the functions among the nodes once."""
        sources = {**self.nodes, **{one.id: one.value for one in self.typed}}
        for name, source in sources.items():
            if callable(source) and not self.frozen:
                await self.set(name, source())

    async def add(self, name: str, value: Value, *, writable: bool = False) -> None:
        """Add a node."""
        folder = self._node(ua.NodeId(FOLDER, INDEX))
        made = await folder.add_variable(
            ua.NodeId(name, INDEX),
            ua.QualifiedName(name, INDEX),
            variant(value),
            datatype=ua.NodeId(ua.ObjectIds.Structure) if isinstance(value, bytes) else None,
        )
        if writable:
            await made.set_writable()
        await self.set(name, value)

    async def remove(self, name: str) -> None:
        """Remove a node."""
        self._held.pop(name, None)
        await self._ready.isession.delete_nodes(_deletion([ua.NodeId(name, INDEX)]))

    async def _populate(self) -> None:
        objects = self._node(ua.NodeId(ua.ObjectIds.ObjectsFolder))
        await _register(self._ready, self.namespaces)
        await objects.add_folder(ua.NodeId(FOLDER, INDEX), ua.QualifiedName(FOLDER, INDEX))
        for name, source in self.nodes.items():
            await self.add(name, source() if callable(source) else source)
        spaces = ("", APPLICATION_URI, NAMESPACE, *self.namespaces)
        models = Models(self._ready.isession, spaces, INDEX, self._made)
        for one in self.typed:
            await models.add(one)
            await self.set(one.id, one.now())

    async def _clear(self) -> None:
        names = [*self._held, FOLDER]
        await self._ready.isession.delete_nodes(
            _deletion([*self._made, *(ua.NodeId(name, INDEX) for name in names)])
        )
        self._held.clear()
        self._made.clear()

    async def _tick(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self.refresh()

    async def _write(self, name: str, *, bare: bool = False) -> None:
        value, instant, status = self._held[name]
        told = ua.DataValue(
            Value=None if bare or value is None else variant(value),
            StatusCode=ua.StatusCode(status),
            SourceTimestamp=_EPOCH + timedelta(microseconds=instant // 1000),
            ServerTimestamp=_EPOCH + timedelta(microseconds=self.clock() // 1000),
        )
        node = ua.NodeId(name, INDEX)
        if bare or not ua.StatusCode(status).is_bad():
            await self._ready.write_attribute_value(node, told, ua.AttributeIds.Value)
        else:
            await self._put(node, told)

    async def _put(self, node: ua.NodeId, told: ua.DataValue) -> None:
        """Tell a value as it is: the library's own write takes out what comes with a bad status."""
        held = self._ready.aspace[node].attributes[ua.AttributeIds.Value]
        held.value = told
        for handle, tell in list(held.datachange_callbacks.items()):
            await tell(handle, told)

    @property
    def _ready(self) -> InternalServer:
        if self._core is None:
            raise RuntimeError("the plant is used outside its context")
        return self._core

    def _node(self, identifier: ua.NodeId) -> Any:
        return Server(iserver=self._ready).get_node(identifier)

    def _clients(self) -> list[Any]:
        server = self._server
        if server is None or server.bserver is None:
            return []
        return [client for client in server.bserver.clients if client.processor is not None]

    def _sessions(self) -> list[Any]:
        return [
            client.processor.session
            for client in self._clients()
            if client.processor.session is not None
        ]


_POLICIES = {
    "None": ua.SecurityPolicyType.NoSecurity,
    **{
        name: getattr(ua.SecurityPolicyType, name)
        for policy in ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
        for name in (f"{policy}_Sign", f"{policy}_SignAndEncrypt")
    },
}


async def _filled() -> InternalServer:
    core = InternalServer()
    await core.init()
    return core


async def _register(core: InternalServer, more: Sequence[str]) -> None:
    node = Server(iserver=core).get_node(ua.NodeId(ua.ObjectIds.Server_NamespaceArray))
    held = list(await node.read_value())[:1]
    await node.write_value([*held, APPLICATION_URI, NAMESPACE, *more])


def _deletion(nodes: Sequence[ua.NodeId]) -> Any:
    return ua.DeleteNodesParameters(
        NodesToDelete=[
            ua.DeleteNodesItem(NodeId=node, DeleteTargetReferences=True) for node in nodes
        ]
    )
