"""Connections whose every wait ends at a deadline, or when told to stop.

Here lives how a connection is made: resolve, connect. What is sent and received over
one is `stream`'s, what is said over it HTTP, which is httpcore's business.

Theory of operation. httpx bounds each single socket call, not the whole
request: a server that sends one byte a second, or takes one, holds a request
for ever. So httpcore gets its connections from the `Wire` below, by the door
it has for that, the network backend. A request starts with `begin(seconds)`;
from then on every wait is cut into slices, and between two of them the deadline
and the wish to stop are looked at. The timeouts that httpcore passes along are
ignored. Only the system's resolver cannot be left half-way: it runs in a thread
of its own, which is left alone when it is too late.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpcore

from qlogship.dashboard.deadline import Deadline
from qlogship.dashboard.stream import Stream, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# How long a wait may go on before the wish to stop is looked at again.
SLICE = 0.2

# What each address of a host but the last may take: an IPv6 route that swallows
# everything must not eat the whole deadline.
PER_ADDRESS = 5.0

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
        self._deadline = Deadline(clock)
        self._stopped = False
        self.sent = False
        self.connected = False

    def begin(self, seconds: float, *, idle: float | None = None) -> None:
        """Start the clock for the next request, of which nothing has been sent yet.

        It ends after `seconds`, and after `idle` seconds without `progressed`.
        """
        self._deadline.begin(seconds, idle)
        self.sent = False
        self.connected = False

    def progressed(self) -> None:
        """Say that the request under way is getting on: its idle time starts anew."""
        self._deadline.progressed()

    def stop(self) -> None:
        """End the request under way within a slice, and every later one at once."""
        self._stopped = True

    def wait_at_most(self, timed_out: _TimedOut) -> float:
        """Return how long the next wait may be; raise `timed_out` when it is too late."""
        if self._stopped:
            raise timed_out("stopped on request")
        return min(self._deadline.left(timed_out), SLICE)

    def wait(self, poll: select.poll, timed_out: _TimedOut) -> int:
        """Wait for the one socket in `poll`, and return what it is ready for."""
        while True:
            ready = poll.poll(self.wait_at_most(timed_out) * 1000)
            if ready:
                return ready[0][1]

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 -- the deadline rules
        local_address: str | None = None,  # noqa: ARG002 -- never asked for
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 -- the same
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers.

        Raises ConnectTimeout at the deadline, ConnectError otherwise.
        """
        self.connected = True
        addresses = self.resolve(host, port)
        problem: Exception | None = None
        for number, address in enumerate(addresses, start=1):
            patience = PER_ADDRESS if number < len(addresses) else None
            try:
                return Stream(self, self._connect(address, patience))
            except OSError as exc:
                problem = exc
        raise httpcore.ConnectError(f"no connection to {host} port {port}: {words(problem)}")

    def _connect(self, address: _Address, patience: float | None) -> socket.socket:
        """Connect to one address; raise OSError when it refuses, or is too slow for `patience`."""
        family, place = address
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setblocking(False)
            try:
                connection.connect(place)
            except BlockingIOError:
                self._finish_connect(connection, patience)
            # To Python the socket is a blocking one, or it would add a poll of
            # its own to each call; MSG_DONTWAIT keeps the calls from blocking.
            connection.setblocking(True)
        except BaseException:
            connection.close()
            raise
        return connection

    def _finish_connect(self, connection: socket.socket, patience: float | None) -> None:
        poll = select.poll()
        poll.register(connection, select.POLLOUT)
        start = self._clock()
        while not poll.poll(self.wait_at_most(httpcore.ConnectTimeout) * 1000):
            if patience is not None and self._clock() - start >= patience:
                raise TimeoutError(f"no answer within {patience:g} s")
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def resolve(self, host: str, port: int) -> list[_Address]:
        """Return the addresses of a host.

        Raises ConnectError when it has none, ConnectTimeout at the deadline.
        """
        try:
            return _addresses(host, port, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            pass  # it is a name, then
        box: queue.SimpleQueue[list[_Address] | Exception] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                box.put(_addresses(host, port))
            except (OSError, UnicodeError) as exc:
                box.put(exc)

        try:
            threading.Thread(target=look_up, name="resolver", daemon=True).start()
        except RuntimeError as exc:  # the system has no thread to give
            raise httpcore.ConnectError(f"no address of {host}: {exc}") from exc
        while True:
            try:
                found = box.get(timeout=self.wait_at_most(httpcore.ConnectTimeout))
            except queue.Empty:
                continue
            if isinstance(found, Exception):
                raise httpcore.ConnectError(f"no address of {host}: {words(found)}")
            return found


def _addresses(host: str, port: int, *, flags: int = 0) -> list[_Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(entry[0], entry[4]) for entry in found]
