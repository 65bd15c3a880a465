"""A connected paho client's socket, read, written and kept alive by the event loop."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client

_BURST = 64
"""Packets read in one turn of the loop, at most."""


class SocketDriver:
    """Calls a paho client when its socket or the time asks for it, until it is stopped."""

    def __init__(
        self,
        client: Client,
        loop: asyncio.AbstractEventLoop,
        closing: Callable[[Any], None],
    ) -> None:
        """Take a client that is connected; `closing` is told of its socket before it is closed."""
        self.handled = 0
        """Packets the client has read: whoever handles its callbacks counts them here."""
        self._client = client
        self._loop = loop
        self._closing = closing
        self._timer: asyncio.TimerHandle | None = None
        self._writing: Any = None
        self._stopped = False

    def start(self, found: Any) -> None:
        """Begin with the client's socket, which is connected."""
        self._client.on_socket_close = self._on_close
        self._client.on_socket_register_write = self._on_register_write
        self._client.on_socket_unregister_write = self._on_unregister_write
        if isinstance(found, socket.socket):
            # Acknowledgements are small and must not wait for each other.
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(found, self._readable)
        if self._client.want_write():
            self._flush()
        self._tick()

    def stop(self) -> None:
        """Let time pass without calling the client; its socket is served until it is closed."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def abandon(self) -> None:
        """Close the socket at once."""
        found = self._client.socket()
        if found is not None and found.fileno() >= 0:
            self._on_close(self._client, None, found)
            found.close()
        # Paho closes its socket once more when it is collected.
        self._client.on_socket_close = None
        self._client.on_socket_unregister_write = None

    def _tick(self) -> None:
        self._client.loop_misc()
        if not self._stopped:
            # A broker may set keepalive, even to none at all.
            pause = min(1.0, self._client.keepalive / 8 or 1.0)
            self._timer = self._loop.call_later(pause, self._tick)

    def _readable(self) -> None:
        for _ in range(_BURST):
            before = self.handled
            self._client.loop_read()
            if self.handled == before:
                break
        found = self._client.socket()
        # What TLS has already decrypted does not make the socket readable again.
        if isinstance(found, ssl.SSLSocket) and found.pending():
            self._loop.call_soon(self._readable)

    def _flush(self) -> None:
        self._client.loop_write()
        found = self._client.socket()
        if found is not None and self._client.want_write() and self._writing is None:
            self._writing = found
            self._loop.add_writer(found, self._flush)

    def _on_register_write(self, _client: Client, _data: object, _socket: Any) -> None:
        self._loop.call_soon(self._flush)

    def _on_unregister_write(self, _client: Client, _data: object, _socket: Any) -> None:
        if self._writing is not None:
            self._loop.remove_writer(self._writing)
            self._writing = None

    def _on_close(self, _client: Client, _data: object, closing: Any) -> None:
        self._loop.remove_reader(closing)
        self._on_unregister_write(_client, None, closing)
        self._closing(closing)
