"""Answers HTTP with metrics on a local socket or the loopback: one page, read only, bounded."""

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from adapters.errors import PermanentError

LONGEST = 8_192
"""Bytes of a request's head."""
PATIENCE = 5.0
"""Seconds in which a request must have come, and its answer been taken."""
AT_ONCE = 8
"""Connections answered at a time; more are hung up on."""
_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LET = "let the unit listen: `sidestream hub confine` writes the drop-in"
_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@contextlib.asynccontextmanager
async def answering(listen: str, text: Callable[[], str]) -> AsyncIterator[None]:
    """Answer while the context lasts; `listen` is `unix:/path` or a loopback address and port.

    Raises `PermanentError` when it cannot listen there.
    """
    busy = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal busy
        busy += 1
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    if busy <= AT_ONCE:
                        await _exchange(reader, writer, text)
        finally:
            busy -= 1
            writer.close()

    try:
        bound = _bound(listen)
        server = await asyncio.start_server(answer, sock=bound, limit=LONGEST, backlog=AT_ONCE)
    except OSError as error:
        mend = _LET if error.errno in (errno.EPERM, errno.EACCES) else "set another address"
        what = f"metrics cannot be answered there ({error.strerror or error})"
        raise PermanentError(what, where=listen, mend=mend) from error
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        if listen.startswith("unix:"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(listen.removeprefix("unix:"))  # noqa: PTH108 - quick, and the loop ends


def _bound(listen: str) -> socket.socket:
    if listen.startswith("unix:"):
        return _at_path(Path(listen.removeprefix("unix:")))
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host.strip("[]"), int(port)))
    except OSError:
        made.close()
        raise
    return made


def _at_path(path: Path) -> socket.socket:
    """Bind a socket, in the place of one that a killed program left; never of another file."""
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(str(path))
        # Members of the service's group may ask, as they may read the file.
        os.chmod(path, 0o660)  # noqa: PTH101 - the socket's own path
    except OSError:
        made.close()
        raise
    return made


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: Callable[[], str]
) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return
    writer.write(respond(head, text))
    await writer.drain()


def respond(head: bytes, text: Callable[[], str]) -> bytes:
    """Make the answer to a request's head (HTTP/1.1, RFC 9112): `GET /metrics` gets the text.

    A host name that is not this computer's is refused, so that no web page can have a browser ask.
    """
    lines = head.decode("latin-1").split("\r\n")
    method, _, rest = lines[0].partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method not in ("GET", "HEAD"):
        return _answer("405 Method Not Allowed", "only GET\n", allow=True)
    if not _ours(lines[1:]):
        return _answer("403 Forbidden", "not a name of this computer\n")
    if path != "/metrics":
        return _answer("404 Not Found", "see /metrics\n")
    return _answer("200 OK", text(), body=method == "GET")


def _ours(headers: list[str]) -> bool:
    hosts = [line.partition(":")[2].strip() for line in headers if line.lower().startswith("host:")]
    if len(hosts) > 1:
        return False
    # Over a local socket clients name no host, or any.
    name = hosts[0] if hosts else "localhost"
    bare = name if name.endswith("]") else name.rpartition(":")[0] or name
    return bare.lower() in _NAMES


def _answer(status: str, text: str, *, body: bool = True, allow: bool = False) -> bytes:
    content = text.encode()
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {_TYPE}",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *(["Allow: GET, HEAD"] if allow else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (content if body else b"")
