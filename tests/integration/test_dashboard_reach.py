"""A look at the dashboard before anybody logs in, over real TCP and TLS."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trustme

from qlogship.dashboard.certificate import read_certificate
from qlogship.dashboard.reach import Refusal, Stage, examine
from qlogship.errors import SettingsError
from tests.support.far_end import FarEnd, date_header, server_context

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_795_411_800.0
OK = f"HTTP/1.1 200 OK\r\nDate: {date_header(NOW)}\r\nServer: nginx\r\n\r\n".encode()
DAY = 86_400.0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return an authority that nobody knows."""
    return trustme.CA()


@pytest.fixture
def ca_file(tmp_path: Path, authority: trustme.CA) -> Path:
    """Return the file that makes `authority` known."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def test_an_answer_in_clear() -> None:
    """What answered is told: addresses, status, server, and how far the clocks are apart."""
    with FarEnd(OK) as far:
        found = examine(far.url, wall_clock=lambda: NOW + 90)

    assert (found.failed, found.addresses, found.status, found.server) == (
        None,
        ("127.0.0.1",),
        200,
        "nginx",
    )
    assert found.server_date == NOW
    assert found.clock_ahead == pytest.approx(90, abs=1)
    assert found.certificate is None
    assert far.requests[0].startswith(b"GET / HTTP/1.1\r\nHost: " + far.host.encode() + b"\r\n")
    assert b"uthorization" not in far.requests[0]


def test_a_trusted_certificate(authority: trustme.CA, ca_file: Path) -> None:
    """Its time and its issuer are told, as OpenSSL reads them."""
    until = datetime.fromtimestamp(int(time.time() + 20 * DAY), UTC)
    certificate = authority.issue_cert("127.0.0.1", not_after=until)
    with FarEnd(OK, tls=server_context(certificate)) as far:
        found = examine(far.url, ca_file)

    assert found.failed is None
    assert found.refusal is None
    assert found.certificate is not None
    assert found.certificate.not_after == until.timestamp()
    assert "trustme" in found.certificate.issuer


@pytest.mark.parametrize(
    ("name", "days", "known", "chain", "refusal"),
    [
        ("127.0.0.1", (-30, -1), True, True, Refusal.EXPIRED),
        ("127.0.0.1", (1, 30), True, True, Refusal.NOT_YET_VALID),
        ("other.example.com", (-1, 30), True, True, Refusal.WRONG_NAME),
        ("127.0.0.1", (-1, 30), False, True, Refusal.PRIVATE_AUTHORITY),
        ("127.0.0.1", (-1, 30), False, False, Refusal.ALONE),
    ],
)
def test_a_refused_certificate_is_named(
    *,
    name: str,
    days: tuple[int, int],
    known: bool,
    chain: bool,
    refusal: Refusal,
    authority: trustme.CA,
    ca_file: Path,
) -> None:
    """The certificate that was not trusted is shown with what is wrong; nothing is sent to it."""
    now = datetime.fromtimestamp(int(time.time()), UTC)
    begin, end = (now + timedelta(days=one) for one in days)
    issuer = authority if known else authority.create_child_ca()
    certificate = issuer.issue_cert(name, not_before=begin, not_after=end)
    with FarEnd(OK, tls=server_context(certificate, chain=chain)) as far:
        found = examine(far.url, ca_file if known else None)

    assert (found.failed, found.refusal) == (Stage.TLS, refusal)
    assert found.certificate is not None
    assert found.certificate.not_after == end.timestamp()
    assert found.certificate.not_before == begin.timestamp()
    assert "certificate refused" in found.problem
    assert [request for request in far.requests if request] == []


def test_a_self_signed_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    """One that vouches for itself is told from one of an unknown authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = tmp_path / "self.pem"
    authority.private_key_pem.write_to_path(str(file))
    authority.cert_pem.write_to_path(str(file), append=True)
    context.load_cert_chain(file)
    with FarEnd(OK, tls=context) as far:
        found = examine(far.url)

    assert found.refusal is Refusal.SELF_SIGNED
    assert found.certificate is not None
    assert found.certificate.self_issued
    assert found.certificate.subject == found.certificate.issuer != ""


def test_a_name_without_an_address() -> None:
    """A name that cannot be looked up fails at the first step."""
    found = examine("https://qlogship.invalid", timeout=5)

    assert found.failed is Stage.LOOK_UP
    assert "qlogship.invalid" in found.problem
    assert found.addresses == ()


def test_nobody_listens() -> None:
    """A refused connection fails at the second step, with the address that was tried."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = examine(f"http://127.0.0.1:{port}")

    assert (found.failed, found.addresses) == (Stage.CONNECT, ("127.0.0.1",))


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 "])
def test_what_speaks_no_http(answer: bytes) -> None:
    """Something else on the port is no dashboard."""
    with FarEnd(answer) as far:
        found = examine(far.url)

    assert (found.failed, found.status) == (Stage.ANSWER, None)


def test_an_answer_without_a_usable_date() -> None:
    """Without a date nothing is said about the clock."""
    with FarEnd(b"HTTP/1.0 302 Found\r\nDate: soon\r\nLocation: https://x/\r\n\r\n") as far:
        found = examine(far.url)

    assert (found.status, found.location, found.clock_ahead) == (302, "https://x/", None)


def test_the_deadline_is_for_all_steps_together() -> None:
    """A server that takes a connection and says nothing is left when the time is up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        found = examine(f"https://127.0.0.1:{listener.getsockname()[1]}", timeout=0.3)
        took = time.monotonic() - began

    assert found.failed is Stage.TLS
    assert "not done within 0.3 s" in found.problem
    assert took < 3


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    """A file of certificates without one is a fault in the settings."""
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    with pytest.raises(SettingsError):
        examine("https://127.0.0.1:1", path)


def test_cut_certificates_are_refused(authority: trustme.CA) -> None:
    """Whatever is cut off a certificate, it is called none, and nothing else happens."""
    whole = ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())
    assert read_certificate(whole).self_issued
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="certificate"):
            read_certificate(whole[:length])
