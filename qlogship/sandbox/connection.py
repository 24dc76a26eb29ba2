"""What ASGI keeps from an application: the TCP connection under a request.

A far end that loses replies cuts connections, and ASGI has no message for
that. So uvicorn's HTTP protocol is given a thin coat which hands each request
a `Connection` in its scope. Nothing of uvicorn's inside is replaced: the coat
wraps the application at the moment the connection is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_EXTENSION = "qlogship.connection"
_LINGER_NOT = struct.pack("ii", 1, 0)

# TCP states of Linux (include/net/tcp_states.h) that say the other side has gone.
_TCP_CLOSE = 7
_TCP_CLOSE_WAIT = 8
_LOOK_AGAIN = 0.05


class Connection:
    """One client's connection, to be cut or watched."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def cut(self, *, reset: bool) -> None:
        """End the connection: after what was written (FIN), or at once and rudely (RST)."""
        if reset:
            with contextlib.suppress(OSError):
                self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._transport.abort()
        else:
            self._transport.close()

    async def gone(self) -> None:
        """Return when the client has left, without reading what it sent.

        The event loop sees a client leave only while it reads, and this is for
        a server that stopped reading: so the kernel is asked, again and again.
        """
        while not self._transport.is_closing():
            with contextlib.suppress(OSError):
                (state,) = self._socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
                if state in (_TCP_CLOSE, _TCP_CLOSE_WAIT):
                    self._transport.abort()
                    return
            await asyncio.sleep(_LOOK_AGAIN)

    def _socket(self) -> socket.socket:
        return cast("socket.socket", self._transport.get_extra_info("socket"))


class ConnectionProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, which lets the application see the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application, now that there is a connection to show."""
        super().connection_made(transport)
        app = self.app
        connection = Connection(transport)

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {**scope.get("extensions", {}), _EXTENSION: connection}
            await app(scope, receive, send)

        self.app = with_connection


def connection_of(scope: Scope) -> Connection:
    """Return the connection a request came over."""
    return cast("Connection", scope["extensions"][_EXTENSION])


async def client_left(receive: Receive) -> None:
    """Return when the client has left, reading on meanwhile."""
    while (await receive())["type"] != "http.disconnect":
        pass
