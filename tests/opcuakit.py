"""Helpers for OPC UA tests: certificates, an outlet that remembers, a wire that can be cut."""

import asyncio
import ipaddress
import random
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from asyncua import ua
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.adapter import Health, Link, Source
from adapters.opcua import OpcUa
from adapters.opcua.settings import OpcUaSource
from adapters.reading import Block, Quality, Reading
from simulation.opcua import APPLICATION_URI

CLIENT_URI = "urn:sidestream:test:client"
DAY = timedelta(days=1)
PATIENCE = 15.0
HEADERS = 24


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Make the RSA key of a name, once in a test run."""
    del name
    return rsa.generate_private_key(65537, 2048)


def certificate(
    name: str,
    uri: str = APPLICATION_URI,
    *,
    issuer: str | None = None,
    host: str = "127.0.0.1",
    ago: timedelta = DAY,
    ahead: timedelta = 60 * DAY,
    authority: bool = False,
) -> x509.Certificate:
    """Make a certificate for the key of `name`, issued by `issuer` (itself when not given)."""
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    names = [x509.UniformResourceIdentifier(uri), x509.IPAddress(ipaddress.ip_address(host))]
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(_subject(issuer or name))
        .public_key(key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - ago)
        .not_valid_after(now + ahead)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            critical=False,
        )
        .sign(key(issuer or name), hashes.SHA256())
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def der(made: x509.Certificate) -> bytes:
    """Give a certificate's DER form."""
    return made.public_bytes(serialization.Encoding.DER)


def key_der(name: str) -> bytes:
    """Give the DER form of a name's private key."""
    return key(name).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def write(folder: Path, name: str, made: x509.Certificate) -> tuple[str, str]:
    """Write a certificate and the key of `name` in PEM form; gives both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key(name).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    paths[1].write_bytes(pem)
    return str(paths[0]), str(paths[1])


def client_files(folder: Path) -> dict[str, str]:
    """Write this client's certificate and key; gives the settings that name them."""
    made, secret = write(folder, "client", certificate("client", CLIENT_URI))
    return {"certificate": made, "private_key": secret}


def source(url: str, points: dict[str, str], name: str = "line", **settings: Any) -> Source:
    """Make a source whose points are nodes by name."""
    table = {
        "protocol": "opcua",
        "url": url,
        "security": "None",
        "every": "100 ms",
        "timeout": "1 s",
        "points": {point: {"node": node} for point, node in points.items()},
        **settings,
    }
    return Source(name, OpcUaSource.model_validate(table))


@dataclass
class Recorder:
    """An outlet that remembers what it was given and lets tests wait for a condition."""

    blocks: list[Block] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    health: list[tuple[str, Health]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, block: Block) -> None:
        self.blocks.append(block)
        self.readings += block.readings()
        self._changed.set()

    def report(self, source: str, health: Health) -> None:
        self.health.append((source, health))
        self._changed.set()

    async def until(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Wait until the condition holds; it is looked at after each delivery."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def of(self, point: str) -> list[Reading]:
        return [reading for reading in self.readings if reading.point == point]

    def good(self, point: str) -> list[Reading]:
        return [reading for reading in self.of(point) if reading.quality is Quality.GOOD]

    def last(self, point: str) -> Reading | None:
        found = self.of(point)
        return found[-1] if found else None

    def values(self, point: str) -> list[Any]:
        return [reading.value for reading in self.good(point)]

    @property
    def latest(self) -> Health:
        return self.health[-1][1] if self.health else Health(Link.CONNECTING)

    async def up(self) -> None:
        await self.until(lambda: self.latest.link is Link.UP)

    async def down(self, text: str = "") -> None:
        await self.until(lambda: self.latest.link is Link.DOWN and text in self.latest.error)

    async def value(self, point: str, value: object) -> None:
        """Wait until a point's last reading is good and has this value."""

        def holds() -> bool:
            last = self.last(point)
            return last is not None and last.quality is Quality.GOOD and last.value == value

        await self.until(holds)


@asynccontextmanager
async def running(
    sources: Sequence[Source], recorder: Recorder, adapter: OpcUa | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """Run an adapter beside the test; at the end it is cancelled, and must not have failed."""
    task = asyncio.create_task((adapter or OpcUa()).run(sources, recorder, {}))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@dataclass
class Wire:
    """A TCP connection between client and server that can be a black hole, or be cut."""

    target: int
    hole: bool = False
    garble: random.Random | None = None
    """Turns bytes in what the server sends, past the headers."""
    links: list[bytearray] = field(default_factory=list)
    """What clients sent, connection by connection."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut()
        await self._server.wait_closed()

    @property
    def sent(self) -> bytes:
        """All that clients sent, one connection after the other."""
        return b"".join(self.links)

    @property
    def port(self) -> int:
        assert self._server is not None
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    def url(self, url: str) -> str:
        """Give a server's address with this wire's port."""
        return f"opc.tcp://127.0.0.1:{self.port}{urlsplit(url).path}"

    async def cut(self) -> None:
        """Close every connection."""
        for writer in list(self._writers):
            writer.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        sent = bytearray()
        self.links.append(sent)
        try:
            with suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", self.target)
                self._writers.add(back)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, back, sent, bytes))
                    group.create_task(self._pump(there, writer, bytearray(), self._garbled))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)
            self._tasks.discard(task)

    def _garbled(self, data: bytes) -> bytes:
        if self.garble is None or len(data) <= HEADERS:
            return data
        turned = bytearray(data)
        for _ in range(self.garble.randint(1, 4)):
            turned[self.garble.randrange(HEADERS, len(turned))] = self.garble.randrange(256)
        return bytes(turned)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: bytearray,
        through: Callable[[bytes], bytes],
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                seen += data
                if not self.hole:
                    writer.write(through(data))
                    await writer.drain()
        while self.hole:  # noqa: ASYNC110 - set from outside
            await asyncio.sleep(0.05)
        writer.close()  # as TCP, which sends the end again until it arrives


READING = {
    ua.ObjectIds.GetEndpointsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.CreateSessionRequest_Encoding_DefaultBinary,
    ua.ObjectIds.ActivateSessionRequest_Encoding_DefaultBinary,
    ua.ObjectIds.CloseSessionRequest_Encoding_DefaultBinary,
    ua.ObjectIds.CloseSecureChannelRequest_Encoding_DefaultBinary,
    ua.ObjectIds.ReadRequest_Encoding_DefaultBinary,
    ua.ObjectIds.TranslateBrowsePathsToNodeIdsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.CreateSubscriptionRequest_Encoding_DefaultBinary,
    ua.ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.DeleteMonitoredItemsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.PublishRequest_Encoding_DefaultBinary,
}
"""Type ids of the services that an agent asks for: none of them writes."""


def services(sent: bytes) -> list[int]:
    """Give the type id of every service asked for on unencrypted connections (OPC 10000-6 6.7)."""
    found, at = [], 0
    while at + 8 <= len(sent):
        kind, chunk, size = struct.unpack_from("<3scI", sent, at)
        body = {b"MSG": 24, b"CLO": 24, b"OPN": None, b"HEL": None}[kind]
        if at + size > len(sent):  # cut off
            break
        if body is not None and chunk == b"F":
            assert sent[at + body : at + body + 2] == b"\x01\x00"
            found.append(struct.unpack_from("<H", sent, at + body + 2)[0])
        at += size
    return found
