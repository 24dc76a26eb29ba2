"""The httpx transport over the wire.

httpx's own transport takes no network backend, so this one hands its requests to
httpcore, which does; both are meant to be joined like this.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

# An idle connection older than this is not used again. Many servers close theirs
# after 5 s, and a request that meets that moment is lost without a trace, which
# makes its outcome unknown.
KEEPALIVE = 4.0

# httpcore at DEBUG tells whole heads, the cookie with the token among them, and
# httpx at INFO a line per request: neither belongs into a log.
for _name in ("httpcore", "httpx"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_HTTPCORE_ERRORS = tuple(
    thing
    for thing in vars(httpcore).values()
    if isinstance(thing, type) and issubclass(thing, Exception)
)


class Transport(httpx.BaseTransport):
    """Carry requests over one connection at a time, which is kept alive for a moment.

    `ssl_context` is needed for https only. Proxies of the environment are not used.
    """

    def __init__(
        self, *, backend: httpcore.NetworkBackend, ssl_context: ssl.SSLContext | None
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=1,
            keepalive_expiry=KEEPALIVE,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return the head of the answer, and its body as a stream."""
        url = request.url
        with translated():
            response = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                )
            )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with translated():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise httpx's exception of the same name for each of httpcore's."""
    try:
        yield
    except _HTTPCORE_ERRORS as exc:
        raise getattr(httpx, type(exc).__name__, httpx.TransportError)(str(exc)) from exc
