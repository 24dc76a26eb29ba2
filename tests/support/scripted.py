"""A far end that is a script: one step for each request, in the order in which they come.

A step reads and writes raw bytes, so it can do what no proper server does.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    Step = Callable[["Peer"], object]

# For what must not hang; nothing here comes near it.
PATIENCE = 10.0


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    line: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, far: FarEnd) -> None:
        self.connection = connection
        self.far = far
        self._buffer = b""

    def has_more(self) -> bool:
        """Wait for the first byte of a request, without taking it; False at the end."""
        if not self._buffer:
            self._buffer = self.connection.recv(65536)
        return bool(self._buffer)

    def read_head(self) -> tuple[str, dict[str, str]]:
        """Read up to the empty line, and hardly more."""
        while b"\r\n\r\n" not in self._buffer:
            more = self.connection.recv(4096)
            if not more:
                raise ConnectionResetError
            self._buffer += more
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        pairs = (field.partition(":") for field in fields)
        return line, {name.lower(): value.strip() for name, _, value in pairs}

    def read(self) -> None:
        """Read a whole request and put it on record."""
        line, headers = self.read_head()
        length = int(headers.get("content-length", "0"))
        body = bytearray(self._buffer)
        while len(body) < length:
            more = self.connection.recv(1 << 20)
            if not more:
                raise ConnectionResetError
            body += more
        self._buffer = bytes(body[length:])
        self.far.requests.append(Request(line, headers, bytes(body[:length])))

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def trickle(self, data: bytes) -> None:
        """Send one piece again and again, slowly, until the test is over."""
        while not self.far.over.wait(0.03):
            self.send(data)

    def hang(self) -> None:
        """Say that the request has been reached, then nothing until the test is over."""
        self.far.reached.set()
        self.far.over.wait(PATIENCE)


class FarEnd:
    """A server that follows a script; a step that returns False closes the connection."""

    def __init__(self, *steps: Step, tls: ssl.SSLContext | None = None) -> None:
        self._steps = deque(steps)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.requests: list[Request] = []
        self.connections = 0
        self.over = threading.Event()
        self.reached = threading.Event()
        self.closed = threading.Semaphore(0)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        self._listener.close()

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.line.split()[1] for request in self.requests]

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # As web servers do: else a short answer waits for what TLS has said before it
            # to be acknowledged, and a reset takes it away unsent.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, raw: socket.socket) -> None:
        connection = raw
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(raw, server_side=True)
                self._open.add(connection)
            peer = Peer(connection, self)
            while peer.has_more() and self._steps:
                if self._steps.popleft()(peer) is False:
                    break
        except OSError:
            pass  # the client went away, which is often the point
        finally:
            self._open -= {raw, connection}
            connection.close()
            raw.close()
            self.closed.release()


def head(status: int = 200, **fields: object) -> bytes:
    """Return the head of an answer."""
    lines = [f"HTTP/1.1 {status} Reason"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def reply(body: bytes | str = b"12", *, status: int = 200, **fields: object) -> Step:
    """Read a request and answer it as a proper server does."""
    raw = body.encode() if isinstance(body, str) else body

    def step(peer: Peer) -> None:
        peer.read()
        peer.send(head(status, Content_Length=len(raw), **fields) + raw)

    return step


def login(cookie: str = "token-1") -> Step:
    """Let the client in, with this token."""
    return reply("{}", Set_Cookie=f"jwt={cookie}; Path=/; HttpOnly")


def raw(data: bytes, *, read: bool = True) -> Step:
    """Send bytes as they are, then close."""

    def step(peer: Peer) -> bool:
        if read:
            peer.read()
        else:
            peer.read_head()
        peer.send(data)
        return False

    return step


def hang(peer: Peer) -> None:
    """Read a request and never answer it."""
    peer.read()
    peer.hang()


def jwt(**claims: object) -> str:
    """Return a token with claims."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{payload}.signature"
