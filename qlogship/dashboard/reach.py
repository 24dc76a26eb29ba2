"""How far a look at the dashboard gets: its name, a connection, TLS, an answer.

Here lives what `setup` and `check` ask before anybody logs in: no credentials
are sent. The trust is that of the client. A certificate that is refused is
looked at once more, without trust and without saying anything, to name whose it
is; `certificate_problem` says what is wrong with it. It goes step by step over
the client's `wire`, because httpx does not tell which step failed.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

from qlogship import __version__
from qlogship.dashboard.address import trust
from qlogship.dashboard.certificate import Certificate, read_certificate
from qlogship.dashboard.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Stage(Enum):
    """The steps on the way to an answer, in their order."""

    LOOK_UP = "look up"
    CONNECT = "connect"
    TLS = "tls"
    ANSWER = "answer"


class Refusal(Enum):
    """Why a certificate is not trusted."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    WRONG_NAME = "wrong name"
    SELF_SIGNED = "self-signed"
    PRIVATE_AUTHORITY = "private authority"
    ALONE = "alone"  # one certificate was sent, and its issuer is not known here
    OTHER = "other"


# X509_V_ERR_* of openssl/x509_vfy.h. Where the issuer is unknown, it depends on
# how much the server sent.
_REFUSALS: Final = {
    9: Refusal.NOT_YET_VALID,
    10: Refusal.EXPIRED,
    18: Refusal.SELF_SIGNED,
    19: Refusal.PRIVATE_AUTHORITY,
    62: Refusal.WRONG_NAME,
    64: Refusal.WRONG_NAME,
}
_UNKNOWN_ISSUER: Final = {2, 20, 21}


@dataclass(frozen=True, slots=True)
class Reach:
    """What a look at the dashboard found, as far as it came.

    `failed` is the step that went wrong, None when there was an answer; `problem`
    says how, in words. `refusal` is set when a certificate was refused, and
    `certificate` whenever one was shown. `server_date` is the answer's Date header
    in epoch seconds, `clock_ahead` how many seconds this machine's clock is ahead
    of it (negative: behind), good to a second or two.
    """

    host: str
    port: int
    addresses: tuple[str, ...] = ()
    failed: Stage | None = None
    problem: str = ""
    refusal: Refusal | None = None
    certificate: Certificate | None = None
    status: int | None = None
    server: str = ""
    location: str = ""
    server_date: float | None = None
    clock_ahead: float | None = None


def examine(
    url: str,
    ca_file: Path | None = None,
    *,
    timeout: float = 10.0,
    wall_clock: Callable[[], float] = time.time,
) -> Reach:
    """Look at the dashboard at `url` for at most `timeout` seconds, all steps together.

    `url` is one that the settings accept. `ca_file` holds certificates to trust
    besides the system's. Raises SettingsError when it cannot be used.
    """
    address = httpx.URL(url)  # it spells a name beyond ASCII as the network does
    host = address.raw_host.decode("ascii")
    secure = address.scheme == "https"
    found = Reach(host, address.port or (443 if secure else 80))
    context = trust(ca_file) if secure else None
    wire = Wire()
    wire.begin(timeout)
    stage = Stage.LOOK_UP
    try:
        found = replace(found, addresses=_unique(wire.resolve(host, found.port)))
        stage = Stage.CONNECT
        stream = wire.connect_tcp(host, found.port)
        try:
            if context is not None:
                stage = Stage.TLS
                stream = stream.start_tls(context, host)
                found = replace(found, certificate=_shown(stream))
            stage = Stage.ANSWER
            return _ask(stream, found, address, wall_clock)
        finally:
            stream.close()
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        found = replace(found, failed=stage, problem=str(error))
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            return _explain(found, error.__cause__, wire)
        return found


def certificate_problem(found: Reach, *, now: float) -> str:
    """Say what is wrong with the certificate that was refused, behind the name of the host."""
    shown = found.certificate
    subject, issuer = (shown.subject, shown.issuer) if shown is not None else ("?", "?")
    match found.refusal:
        case Refusal.EXPIRED:
            ended = f" on {_moment(shown.not_after)}" if shown and shown.not_after < now else ""
            return f"its certificate, or one above it, has ended{ended}"
        case Refusal.NOT_YET_VALID:
            begin = f" before {_moment(shown.not_before)}" if shown else ""
            return f"its certificate is not valid{begin}"
        case Refusal.WRONG_NAME:
            return f"its certificate is for another name ({subject})"
        case Refusal.SELF_SIGNED:
            return f"its certificate vouches for itself ({subject})"
        case Refusal.PRIVATE_AUTHORITY:
            return (
                "its certificate comes from an authority that this machine does not know"
                f" ({issuer})"
            )
        case Refusal.ALONE:
            return (
                f"it sends its certificate alone, and its issuer ({issuer}) is not known here: the"
                " certificate between is missing at the server, or the authority is a private one"
            )
        case _:
            return found.problem


def _moment(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def _unique(addresses: list[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(place[0]) for _, place in addresses))


def _ask(
    stream: httpcore.NetworkStream,
    found: Reach,
    address: httpx.URL,
    wall_clock: Callable[[], float],
) -> Reach:
    """Ask for the first page and read no more of the answer than its head."""
    origin = httpcore.URL(
        scheme=address.raw_scheme, host=address.raw_host, port=address.port, target="/"
    )
    sent = [("User-Agent", f"qlogship/{__version__}"), ("Accept", "*/*"), ("Connection", "close")]
    connection = httpcore.HTTP11Connection(origin.origin, stream)
    asked_at = wall_clock()
    try:
        with connection.stream("GET", origin, headers=sent) as response:
            answered_at = wall_clock()
            headers = httpx.Headers(response.headers)
    except httpcore.ProtocolError as error:
        raise httpcore.RemoteProtocolError("what answered does not speak HTTP") from error
    date = _epoch(headers.get("date", ""))
    ahead = None
    if date is not None:
        # The header has whole seconds, so the answer was made half a second later on average.
        ahead = (asked_at + answered_at) / 2 - (date + 0.5)
    return replace(
        found,
        status=response.status,
        server=headers.get("server", ""),
        location=headers.get("location", ""),
        server_date=date,
        clock_ahead=ahead,
    )


def _epoch(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _shown(stream: httpcore.NetworkStream) -> Certificate | None:
    """Return the certificate that the other side has shown."""
    tls = stream.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLSocket) else None
    try:
        return read_certificate(der) if der else None
    except ValueError:
        return None


def _explain(found: Reach, error: ssl.SSLCertVerificationError, wire: Wire) -> Reach:
    """Look at the refused certificate, and say what is wrong with it.

    Within the same deadline. Nothing is sent over this connection, since nobody
    knows who is at its other end.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    certificate, count = None, None
    try:
        stream = wire.connect_tcp(found.host, found.port)
        try:
            stream = stream.start_tls(context, found.host)
            certificate, count = _shown(stream), _count_shown(stream)
        finally:
            stream.close()
    except (httpcore.NetworkError, httpcore.TimeoutException):
        pass  # what made the first handshake fail is told all the same
    refusal = _REFUSALS.get(error.verify_code, Refusal.OTHER)
    if error.verify_code in _UNKNOWN_ISSUER:
        refusal = Refusal.PRIVATE_AUTHORITY if (count or 1) > 1 else Refusal.ALONE
    return replace(found, refusal=refusal, certificate=certificate)


def _count_shown(stream: httpcore.NetworkStream) -> int | None:
    """Return how many certificates the other side has sent, None if Python cannot tell."""
    tls = stream.get_extra_info("ssl_object")
    # Public from Python 3.13 on; before, only the object inside has it.
    owner: Any = tls if hasattr(tls, "get_unverified_chain") else getattr(tls, "_sslobj", None)
    look = getattr(owner, "get_unverified_chain", None)
    return None if look is None else len(look() or ())
