"""A server that answers every connection with the same bytes, with TLS or without."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    import trustme


def server_context(certificate: trustme.LeafCert, *, chain: bool = True) -> ssl.SSLContext:
    """Return what a server needs to show this certificate, with its chain or alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    blobs = certificate.cert_chain_pems if chain else certificate.cert_chain_pems[:1]
    text = certificate.private_key_pem.bytes() + b"".join(blob.bytes() for blob in blobs)
    with tempfile.NamedTemporaryFile() as file:
        file.write(text)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def date_header(when: float) -> str:
    """Return a moment in epoch seconds as HTTP writes it."""
    return datetime.fromtimestamp(when, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


class FarEnd:
    """Listen on a port of this machine; `requests` is what was sent, one entry a connection."""

    def __init__(self, answer: bytes, *, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            self.requests.append(connection.recv(65536))
            connection.sendall(self.answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
