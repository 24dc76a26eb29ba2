"""One connection, plain or under TLS: what is sent and received over it.

Theory of operation. What httpcore writes is kept until it wants to read, so that
head and body leave in one system call. Beside a busy thread every further call may cost a switch
interval of the interpreter (5 ms), which is more than sending 900 KB takes. It
also makes `sent` a fact and no guess: it turns True when the kernel has taken
the first byte of a request, and not before.

A server may answer before it has read the whole body, typically with 413, and
close. What arrives while there is still something to send is kept, because the
reset that follows can take it away, and an error among it ends the sending.
"""

from __future__ import annotations

import contextlib
import errno
import re
import select
import socket
import ssl
from typing import TYPE_CHECKING

import httpcore

if TYPE_CHECKING:
    from qlogship.dashboard.wire import Wire

# How much of an answer is kept that comes before the body has left.
EARLY_MAX = 64 * 1024

_READ_MAX = 64 * 1024
_EARLY_ERROR = re.compile(rb"(?:^|\r\n\r\n)HTTP/1\.[01] [345]")
_TCP_ESTABLISHED = 1  # linux/tcp.h; the first byte of struct tcp_info

_TimedOut = type[httpcore.TimeoutException]


class Stream(httpcore.NetworkStream):
    """One connection of a `wire`, which knows how long each wait may be."""

    def __init__(self, wire: Wire, connection: socket.socket) -> None:
        self._wire = wire
        self._socket = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._tls: ssl.SSLObject | None = None
        self._from_peer = ssl.MemoryBIO()
        self._to_peer = ssl.MemoryBIO()
        self._unsent: list[bytes] = []
        self._early = b""
        self._broken = False

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 -- see Wire
        """Keep what is to be sent until something is to be read."""
        if buffer:
            self._unsent.append(buffer)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 -- see Wire
        """Send what was written, then return what comes; nothing means the end.

        Raises WriteTimeout, WriteError, ReadTimeout and ReadError.
        """
        if self._unsent:
            self._send_request()
        if self._early:
            early, self._early = self._early[:max_bytes], self._early[max_bytes:]
            return early
        try:
            return self._receive(max_bytes)
        except OSError as exc:
            raise httpcore.ReadError(f"the connection broke: {words(exc)}") from exc

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 -- see Wire
    ) -> httpcore.NetworkStream:
        """Shake hands; raise ConnectTimeout at the deadline, ConnectError otherwise."""
        try:
            self._tls = ssl_context.wrap_bio(
                self._from_peer, self._to_peer, server_hostname=server_hostname
            )
            self._shake_hands(self._tls)
        except (OSError, ValueError) as exc:
            self.close()
            raise httpcore.ConnectError(f"no TLS with {server_hostname}: {words(exc)}") from exc
        except httpcore.TimeoutException as exc:
            self.close()
            raise httpcore.ConnectTimeout(f"no TLS with {server_hostname}: {exc}") from exc
        return self

    def close(self) -> None:
        """Close the connection; what was not sent is forgotten."""
        self._unsent.clear()
        self._socket.close()

    def get_extra_info(self, info: str) -> object:
        """Tell httpcore whether an idle connection is over, and which protocol TLS agreed on."""
        if info == "is_readable":
            return self._broken or not self._is_established()
        return self._tls if info == "ssl_object" else None

    def _is_established(self) -> bool:
        """Ask the kernel; unlike a poll, this lets no other thread run in between."""
        return (
            self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_ESTABLISHED
        )

    def _send_request(self) -> None:
        """Send all that was written, unless an error comes back meanwhile.

        When the sending fails, an error that the server sent before is worth
        more than the failure: then this returns, and `read` delivers it.
        """
        rest: list[bytes] | list[memoryview] = []
        self._broken = True
        try:
            rest = self._sealed()
            while rest:
                rest, count = self._send_some(rest)
                self._wire.sent = self._wire.sent or count > 0
                if rest:
                    ready = self._wait_for(select.POLLIN | select.POLLOUT, httpcore.WriteTimeout)
                    if ready & select.POLLIN and self._hear_error():
                        return
        except OSError as exc:
            if self._hear_last_error():
                return
            left = sum(len(buffer) for buffer in rest)
            raise httpcore.WriteError(
                f"the connection broke with {left} bytes to send: {words(exc)}"
            ) from exc
        self._broken = False

    def _sealed(self) -> list[bytes]:
        """Take what was written, under TLS if there is any."""
        buffers, self._unsent = self._unsent, []
        if self._tls is None:
            return buffers
        for buffer in buffers:
            view = memoryview(buffer)
            while view:
                view = view[self._tls.write(view) :]
        return [self._to_peer.read()]

    def _send_some(self, buffers: list[bytes] | list[memoryview]) -> tuple[list[memoryview], int]:
        """Give the kernel what it takes at once; return the rest, and how much it took."""
        try:
            count = taken = self._socket.sendmsg(buffers, (), socket.MSG_DONTWAIT)
        except BlockingIOError:
            count = taken = 0
        rest = []
        for buffer in buffers:
            if taken < len(buffer):
                rest.append(memoryview(buffer)[taken:])
            taken = max(0, taken - len(buffer))
        return rest, count

    def _hear_error(self) -> bool:
        """Keep what has come before its time; return whether it holds an error.

        Raises OSError when the other side has closed.
        """
        data = self._socket.recv(_READ_MAX, socket.MSG_DONTWAIT)
        if not data:
            raise BrokenPipeError(errno.EPIPE, "closed by the dashboard")
        if self._tls is None:
            self._early += data
        else:
            self._from_peer.write(data)
            with contextlib.suppress(ssl.SSLWantReadError):
                self._early += self._tls.read(_READ_MAX)
        if len(self._early) > EARLY_MAX:
            raise OSError(errno.EMSGSIZE, "the answer has no end")
        return bool(_EARLY_ERROR.search(self._early))

    def _hear_last_error(self) -> bool:
        """Keep what had come before the connection broke; return whether it holds an error."""
        with contextlib.suppress(OSError):
            while not self._hear_error():
                pass
        return bool(_EARLY_ERROR.search(self._early))

    def _receive(self, max_bytes: int) -> bytes:
        if self._tls is None:
            return self._receive_raw(max_bytes, httpcore.ReadTimeout)
        while True:
            try:
                return self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                self._exchange_tls(httpcore.ReadTimeout)

    def _receive_raw(self, max_bytes: int, timed_out: _TimedOut) -> bytes:
        while True:
            self._wait_for(select.POLLIN, timed_out)
            with contextlib.suppress(BlockingIOError):
                return self._socket.recv(max_bytes, socket.MSG_DONTWAIT)

    def _shake_hands(self, tls: ssl.SSLObject) -> None:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._exchange_tls(httpcore.ConnectTimeout)
            else:
                self._send_tls(httpcore.ConnectTimeout)
                return

    def _exchange_tls(self, timed_out: _TimedOut) -> None:
        """Send what TLS has to say by itself, and give it what comes back."""
        self._send_tls(timed_out)
        data = self._receive_raw(_READ_MAX, timed_out)
        if data:
            self._from_peer.write(data)
        else:
            self._from_peer.write_eof()

    def _send_tls(self, timed_out: _TimedOut) -> None:
        rest: list[bytes] | list[memoryview] = [self._to_peer.read()]
        while True:
            rest, _ = self._send_some(rest)
            if not rest:
                return
            self._wait_for(select.POLLOUT, timed_out)

    def _wait_for(self, events: int, timed_out: _TimedOut) -> int:
        self._poll.modify(self._socket, events)
        return self._wire.wait(self._poll, timed_out)


def words(problem: Exception | None) -> str:
    """Say what went wrong as the system does, without numbers and file names."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"certificate refused: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError) and problem.reason:
        return problem.reason.replace("_", " ").lower()
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem)
