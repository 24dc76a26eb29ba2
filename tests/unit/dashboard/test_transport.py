"""Every failure of the layers below has a name the client knows."""

from __future__ import annotations

import logging

import httpcore
import httpx
import pytest

from qlogship.dashboard.session import FAILURES
from qlogship.dashboard.transport import Transport, translated

HTTPCORE_EXCEPTIONS = sorted(
    {
        thing
        for thing in vars(httpcore).values()
        if isinstance(thing, type) and issubclass(thing, Exception)
    },
    key=lambda kind: kind.__name__,
)
HTTPX_EXCEPTIONS = sorted(
    {
        thing
        for thing in vars(httpx).values()
        if isinstance(thing, type) and issubclass(thing, Exception)
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", HTTPCORE_EXCEPTIONS)
def test_every_failure_of_httpcore_becomes_one_of_httpx(kind: type[Exception]) -> None:
    """It keeps its name, so that nothing is lost on the way; a new version's is noticed."""
    with pytest.raises(httpx.TransportError, match="why") as caught, translated():
        raise kind("why")

    if kind is not httpcore.ConnectionNotAvailable:
        assert type(caught.value).__name__ == kind.__name__


@pytest.mark.parametrize("kind", HTTPX_EXCEPTIONS)
def test_the_client_knows_every_failure_of_httpx(kind: type[Exception]) -> None:
    """Whatever httpx raises, the client turns it into an outcome."""
    assert issubclass(kind, FAILURES)


def test_a_failure_that_httpx_has_no_name_for_is_known_all_the_same() -> None:
    """What httpcore may split one day still becomes an outcome."""

    class SlowReadTimeout(httpcore.ReadTimeout):
        pass

    with pytest.raises(httpx.TransportError), translated():
        raise SlowReadTimeout


def test_the_layers_below_say_nothing() -> None:
    """At DEBUG httpcore would log the token, at INFO httpx a line per request."""
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_a_request_is_carried_over_the_connections_given() -> None:
    """The transport uses the backend it was made with, and closes what it opened."""
    backend = httpcore.MockBackend(
        [b"HTTP/1.1 200 OK\r\nX-Test: a\r\n", b"Content-Length: 2\r\n\r\n1", b"2"]
    )
    transport = Transport(backend=backend, ssl_context=None)
    request = httpx.Request("POST", "http://dashboard.test/x", content=b"body")

    response = transport.handle_request(request)

    assert response.status_code == 200
    assert response.headers["X-Test"] == "a"
    assert b"".join(response.iter_raw()) == b"12"
    response.close()
    transport.close()


def test_a_failure_while_the_body_is_read_is_translated() -> None:
    """A body that ends too early raises httpx's exception."""
    backend = httpcore.MockBackend([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12", b""])
    transport = Transport(backend=backend, ssl_context=None)

    response = transport.handle_request(httpx.Request("GET", "http://dashboard.test/"))

    with pytest.raises(httpx.RemoteProtocolError):
        list(response.iter_raw())
