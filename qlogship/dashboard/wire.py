"""Connections whose every wait ends at a deadline, or when told to stop.

Theory of operation. httpx bounds each single socket call, not the whole
request: a server that sends one byte a second, or takes one, holds a request
for ever. So httpcore gets its connections from the `Wire` below, by the door
it has for that, the network backend. A request starts with `begin(seconds)`;
from then on every wait is cut into slices, and between two of them the deadline
and `stop` are looked at. The timeouts that httpcore passes along are ignored.
Only the system's resolver cannot be left half-way: it runs in a thread of its
own, which is left alone when it is too late.

What httpcore writes is kept until it wants to read, so that head and body leave
in one system call: an upload of 900 KB beside a busy thread then takes 2.3 ms of
the processor instead of 2.6. It also makes `sent` a fact and no guess: it turns
True when the kernel has taken the first byte of a request, and not before.

A server may answer before it has read the whole body, typically with 413, and
then close, or neither close nor read on. What arrives while there is still
something to send is kept, because the reset that follows can take it away, and
an error among it ends the sending. httpcore by itself waits for the deadline
where the server just stops reading, and after a write that failed it would
believe a success that had come too early to be one.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import select
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    from collections.abc import Callable

# How long a wait may go on before `stop` is looked at again.
SLICE = 0.2

# What each address of a host but the last may take: an IPv6 route that swallows
# everything must not eat the whole deadline.
PER_ADDRESS = 5.0

# How much of an answer is kept that comes before the body has left.
EARLY_MAX = 64 * 1024

_READ_MAX = 64 * 1024
_EARLY_ERROR = re.compile(rb"(?:^|\r\n\r\n)HTTP/1\.[01] [345]")
_TCP_ESTABLISHED = 1  # linux/tcp.h; the first byte of struct tcp_info

_Address = tuple[int, tuple[Any, ...]]
_TimedOut = type[httpcore.TimeoutException]


class Wire(httpcore.NetworkBackend):
    """Open connections for one request at a time, under the deadline of that request.

    `sent` is True once a byte of the request under way has left, `connected` once
    it needed a new connection. `stop` may be called from any thread; all else
    belongs to the one that makes the requests.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._idle = math.inf
        self._began = 0.0
        self._progressed = 0.0
        self._stopped = False
        self.sent = False
        self.connected = False

    def begin(self, seconds: float, *, idle: float = math.inf) -> None:
        """Start the clock for the next request, of which nothing has been sent yet.

        It ends after `seconds`, and after `idle` seconds without `progressed`.
        """
        self._seconds = seconds
        self._idle = idle
        self._began = self._progressed = self._clock()
        self.sent = False
        self.connected = False

    def progressed(self) -> None:
        """Say that the request under way is getting on: its idle time starts anew."""
        self._progressed = self._clock()

    def stop(self) -> None:
        """End the request under way within a slice, and every later one at once."""
        self._stopped = True

    def wait_at_most(self, timed_out: _TimedOut) -> float:
        """Return how long the next wait may be; raise `timed_out` when it is too late."""
        if self._stopped:
            raise timed_out("stopped on request")
        now = self._clock()
        left = self._began + self._seconds - now
        if left <= 0:
            raise timed_out(f"not done within {self._seconds:g} s")
        idle_left = self._progressed + self._idle - now
        if idle_left <= 0:
            raise timed_out(f"nothing came for {self._idle:g} s")
        return min(left, idle_left, SLICE)

    def wait(
        self,
        connection: socket.socket,
        events: int,
        timed_out: _TimedOut,
        *,
        patience: float = math.inf,
    ) -> int:
        """Wait until a socket is ready, and return for what.

        Raises `timed_out` at the deadline, TimeoutError after `patience` seconds.
        """
        poll = select.poll()
        poll.register(connection, events)
        start = self._clock()
        while not (ready := poll.poll(self.wait_at_most(timed_out) * 1000)):
            if self._clock() - start >= patience:
                raise TimeoutError(f"no answer within {patience:g} s")
        return ready[0][1]

    def resolve(self, host: str, port: int) -> list[_Address]:
        """Return the addresses of a host.

        Raises ConnectError when it has none, ConnectTimeout at the deadline.
        """
        answer: list[list[_Address] | Exception] = []

        def look_up() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                answer.append([(entry[0], entry[4]) for entry in found])
            except (OSError, UnicodeError) as exc:
                answer.append(exc)

        resolver = threading.Thread(target=look_up, name="resolver", daemon=True)
        try:
            resolver.start()
        except RuntimeError as exc:  # the system has no thread to give
            raise httpcore.ConnectError(f"no address of {host}: {exc}") from exc
        while resolver.is_alive():
            resolver.join(self.wait_at_most(httpcore.ConnectTimeout))
        (found,) = answer
        if isinstance(found, Exception):
            raise httpcore.ConnectError(f"no address of {host}: {_words(found)}")
        return found

    def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> Stream:
        """Connect to the first address of a host that answers.

        Raises ConnectTimeout at the deadline, ConnectError otherwise.
        """
        self.connected = True
        *others, last = self.resolve(host, port)
        for address in others:
            with contextlib.suppress(OSError):
                return self._connect(address, PER_ADDRESS)
        try:
            return self._connect(last, math.inf)
        except OSError as exc:
            raise httpcore.ConnectError(
                f"no connection to {host} port {port}: {_words(exc)}"
            ) from exc

    def _connect(self, address: _Address, patience: float) -> Stream:
        """Connect to one address; raise OSError when it refuses, or is too slow for `patience`."""
        family, place = address
        connection = socket.socket(family, socket.SOCK_STREAM)
        with contextlib.ExitStack() as when_it_fails:
            when_it_fails.callback(connection.close)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setblocking(False)
            code = connection.connect_ex(place)
            if code == errno.EINPROGRESS:
                self.wait(connection, select.POLLOUT, httpcore.ConnectTimeout, patience=patience)
                code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            when_it_fails.pop_all()
        return Stream(self, connection)


class Stream(httpcore.NetworkStream):
    """One connection, plain or under TLS; its socket never blocks, its `wire` waits."""

    def __init__(self, wire: Wire, connection: socket.socket) -> None:
        self._wire = wire
        self._socket = connection
        self._unsent: list[bytes] = []
        self._early = b""
        self._broken = False

    def write(self, buffer: bytes, *_: object, **__: object) -> None:
        """Keep what is to be sent until something is to be read."""
        if buffer:
            self._unsent.append(buffer)

    def read(self, max_bytes: int, *_: object, **__: object) -> bytes:
        """Send what was written, then return what comes; nothing means the end.

        Raises WriteTimeout, WriteError, ReadTimeout and ReadError.
        """
        if self._unsent:
            self._send()
        if self._early:
            early, self._early = self._early[:max_bytes], self._early[max_bytes:]
            return early
        try:
            while True:
                if not (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
                    self._wire.wait(self._socket, select.POLLIN, httpcore.ReadTimeout)
                try:
                    return self._socket.recv(max_bytes)
                except (BlockingIOError, ssl.SSLWantReadError):
                    continue
                except ssl.SSLWantWriteError:  # TLS has something to say by itself
                    self._wire.wait(self._socket, select.POLLOUT, httpcore.ReadTimeout)
        except OSError as exc:
            raise httpcore.ReadError(f"the connection broke: {_words(exc)}") from exc

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        *_: object,
        **__: object,
    ) -> Stream:
        """Shake hands; raise ConnectTimeout at the deadline, ConnectError otherwise."""
        try:
            tls = self._socket = ssl_context.wrap_socket(
                self._socket,
                server_hostname=server_hostname,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,  # half an answer must not pass for a whole one
            )
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    self._wire.wait(tls, select.POLLIN, httpcore.ConnectTimeout)
                except ssl.SSLWantWriteError:
                    self._wire.wait(tls, select.POLLOUT, httpcore.ConnectTimeout)
                else:
                    return self
        except (OSError, ValueError) as exc:
            self.close()
            raise httpcore.ConnectError(f"no TLS with {server_hostname}: {_words(exc)}") from exc
        except httpcore.TimeoutException as exc:
            self.close()
            raise httpcore.ConnectTimeout(f"no TLS with {server_hostname}: {exc}") from exc

    def close(self) -> None:
        """Close the connection; what was not sent is forgotten."""
        self._unsent.clear()
        self._socket.close()

    def get_extra_info(self, info: str) -> object:
        """Tell httpcore whether an idle connection is over, and which protocol TLS agreed on."""
        if info == "is_readable":
            # Unlike a poll, to ask the kernel for this lets no other thread run in between.
            state = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            return self._broken or state != _TCP_ESTABLISHED
        tls = isinstance(self._socket, ssl.SSLSocket)
        return self._socket if info == "ssl_object" and tls else None

    def _send(self) -> None:
        """Send all that was written, unless an error comes back meanwhile.

        When the sending fails, an error that the server sent before is worth
        more than the failure: then this returns, and `read` delivers it.
        """
        rest, self._unsent = [memoryview(buffer) for buffer in self._unsent], []
        self._broken = True
        try:
            while rest:
                if self._send_some(rest):
                    continue
                ready = self._wire.wait(
                    self._socket, select.POLLIN | select.POLLOUT, httpcore.WriteTimeout
                )
                if ready & select.POLLIN and self._hears_error():
                    return
        except OSError as exc:
            with contextlib.suppress(OSError):
                if self._hears_error():
                    return
            raise httpcore.WriteError(
                f"the connection broke with {sum(map(len, rest))} bytes to send: {_words(exc)}"
            ) from exc
        self._broken = False

    def _send_some(self, rest: list[memoryview]) -> bool:
        """Take from `rest` what the kernel takes at once; return whether to go on at once."""
        # TLS takes a record of 16 KiB at a time, the kernel all that it has room for.
        in_records = isinstance(self._socket, ssl.SSLSocket)
        try:
            count = self._socket.send(rest[0]) if in_records else self._socket.sendmsg(rest)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        self._wire.sent = self._wire.sent or count > 0
        while rest and count >= len(rest[0]):
            count -= len(rest.pop(0))
        if count:
            rest[0] = rest[0][count:]
        return in_records or not rest

    def _hears_error(self) -> bool:
        """Keep what has come before its time; return whether it holds an error.

        Raises OSError when the other side has closed without one.
        """
        try:
            while not _EARLY_ERROR.search(self._early):
                data = self._socket.recv(_READ_MAX)
                if not data:
                    raise BrokenPipeError(errno.EPIPE, "closed by the dashboard")
                self._early += data
                if len(self._early) > EARLY_MAX:
                    raise OSError(errno.EMSGSIZE, "the answer has no end")
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        return True


def _words(problem: Exception) -> str:
    """Say what went wrong as the system does, without numbers and file names."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"certificate refused: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError) and problem.reason:
        return problem.reason.replace("_", " ").lower()
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem)
