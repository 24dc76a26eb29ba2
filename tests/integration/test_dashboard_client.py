"""The client against servers that misbehave, over real TCP and TLS.

What the far end does is a script; see `tests.support.scripted`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trustme

from qlogship import __version__
from qlogship.dashboard.auth import EmailPassword, GivenToken, TokenFile
from qlogship.dashboard.client import TeamDashboard
from qlogship.dashboard.exchange import ANSWER_MAX
from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.errors import SettingsError
from tests.support.scripted import PATIENCE, FarEnd, Peer, hang, head, jwt, login, raw, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qlogship.dashboard.auth import Credentials
    from tests.support.scripted import Step

PASSWORD = 'pass "word" & ß'
ACCOUNT = EmailPassword("admin@company.ru", PASSWORD)
TOKEN = GivenToken("given-token")
RECORDS = b"1700000000|1.1|600|NONE|ENTERQUEUE||100|1\n" * 10
# More than the kernel takes from a client whose server does not read.
HUGE = bytes(24 << 20)
# How late a deadline may be noticed on a busy machine.
LATE = 1.5


class Clock:
    """A wall clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time it is set to."""
        return self.now


def client(
    far: FarEnd | str,
    *,
    credentials: Credentials = TOKEN,
    timeout: float = PATIENCE,
    ca_file: Path | None = None,
    wall_clock: Callable[[], float] = time.time,
) -> TeamDashboard:
    """Return a client of a far end."""
    return TeamDashboard(
        url=far if isinstance(far, str) else far.url,
        credentials=credentials,
        timeout=timeout,
        ca_file=ca_file,
        wall_clock=wall_clock,
    )


def upload(*steps: Step, body: bytes = RECORDS, timeout: float = PATIENCE) -> Outcome:
    """Return the outcome of one upload to a far end that does this."""
    with FarEnd(*steps) as far, client(far, timeout=timeout) as dashboard:
        return dashboard.upload("queue_log", body)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Prove that something does not take longer, give or take what a busy machine needs."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds + LATE


# What is sent


def test_the_login_and_the_upload_are_the_vendors() -> None:
    """Both requests are those that curl sends by the vendor's page."""
    with FarEnd(login("tok.en"), reply("12")) as far:
        with client(far, credentials=ACCOUNT) as dashboard:
            outcome = dashboard.upload('queue"log', RECORDS)
        first, second = far.requests

    assert first.line == "POST /login/api/auth HTTP/1.1"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["accept"] == "application/json, text/plain, */*"
    assert first.headers["referer"] == f"{far.url}/login/"
    assert json.loads(first.body) == {"login": "admin@company.ru", "password": PASSWORD}
    assert second.line == "POST /api/reports/asterisk/upload HTTP/1.1"
    assert second.headers["authorization"] == "Bearer tok.en"
    assert second.headers["user-agent"] == f"qlogship/{__version__}"
    assert "cookie" not in second.headers
    kind, _, boundary = second.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert (
        second.body
        == (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="logs"; filename="queue%22log"\r\n'
            "Content-Type: application/octet-stream\r\n"
            "\r\n"
            f"{RECORDS.decode()}\r\n"
            f"--{boundary}--\r\n"
        ).encode()
    )
    assert outcome == Outcome(
        verdict=Verdict.ACCEPTED,
        reported_calls=12,
        retry_after=None,
        http_status=200,
        detail="the dashboard answered 200 and counted 12 calls",
        answer="12",
    )


def test_clear_has_no_body() -> None:
    """To clear is a POST with the token and nothing else."""
    with FarEnd(reply('{"success": true}')) as far, client(far) as dashboard:
        outcome = dashboard.clear()

    (request,) = far.requests
    assert outcome.verdict is Verdict.ACCEPTED
    assert request.line == "POST /api/reports/asterisk/clear HTTP/1.1"
    assert request.headers["authorization"] == "Bearer given-token"
    assert request.headers["content-length"] == "0"
    assert request.body == b""


def test_an_address_with_a_path_and_a_name_works() -> None:
    """A dashboard may lie behind a proxy's path, and a name is looked up."""
    with FarEnd(reply()) as far, client(f"http://localhost:{far.port}/pbx/") as dashboard:
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.ACCEPTED
    assert far.paths == ["/pbx/api/reports/asterisk/upload"]
    assert far.requests[0].headers["host"] == f"localhost:{far.port}"


def test_one_connection_serves_many_requests() -> None:
    """Login, uploads and clear share a connection that is kept alive."""
    with (
        FarEnd(login(), reply(), reply(), reply()) as far,
        client(far, credentials=ACCOUNT) as dashboard,
    ):
        verdicts = [dashboard.upload("queue_log", RECORDS).verdict for _ in range(2)]
        verdicts.append(dashboard.clear().verdict)

    assert verdicts == [Verdict.ACCEPTED] * 3
    assert far.connections == 1


def test_a_large_body_arrives_as_it_is() -> None:
    """What does not fit into the kernel's buffers is sent bit by bit."""
    body = bytes(range(256)) * (64 << 10)
    with FarEnd(reply()) as far, client(far) as dashboard:
        assert dashboard.upload("queue_log", body).verdict is Verdict.ACCEPTED

    assert body in far.requests[0].body


# The token


def test_a_token_is_used_until_shortly_before_its_end() -> None:
    """The renewal comes ahead of the end, and only then."""
    clock = Clock()
    first, second = jwt(exp=clock.now + 3600, n=1), jwt(exp=clock.now + 7200, n=2)
    with (
        FarEnd(login(first), reply(), reply(), login(second), reply()) as far,
        client(far, credentials=ACCOUNT, wall_clock=clock) as dashboard,
    ):
        dashboard.upload("queue_log", RECORDS)
        clock.now += 3539
        dashboard.upload("queue_log", RECORDS)
        clock.now += 1
        dashboard.upload("queue_log", RECORDS)

    used = [request.headers.get("authorization") for request in far.requests]
    assert used == [None, f"Bearer {first}", f"Bearer {first}", None, f"Bearer {second}"]


def test_a_wrong_clock_makes_no_login_loop() -> None:
    """A new token that looks expired is used all the same, again and again."""
    clock = Clock()
    with (
        FarEnd(login(jwt(exp=clock.now - 5)), reply(), reply()) as far,
        client(far, credentials=ACCOUNT, wall_clock=clock) as dashboard,
    ):
        verdicts = [dashboard.upload("queue_log", RECORDS).verdict for _ in range(2)]

    assert verdicts == [Verdict.ACCEPTED] * 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_dead_token_is_renewed_once(status: int) -> None:
    """Refused, the client logs in and repeats; the caller notices nothing."""
    script = (login("a"), reply(), reply(status=status), login("b"), reply("7"))
    with FarEnd(*script) as far, client(far, credentials=ACCOUNT) as dashboard:
        dashboard.upload("queue_log", RECORDS)
        outcome = dashboard.upload("queue_log", RECORDS)

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.ACCEPTED, 7)
    assert far.requests[2].body == far.requests[4].body
    assert far.requests[4].headers["authorization"] == "Bearer b"


def test_a_refusal_that_lasts_is_told() -> None:
    """Login and repeat happen once an upload, and the next upload starts with a login."""
    script = (login(), reply(status=401), login(), reply(status=401), login(), reply())
    with FarEnd(*script) as far, client(far, credentials=ACCOUNT) as dashboard:
        outcome = dashboard.upload("queue_log", RECORDS)
        assert outcome.verdict is Verdict.UNAUTHORIZED
        assert len(far.requests) == 4
        assert dashboard.upload("queue_log", RECORDS).verdict is Verdict.ACCEPTED


def test_a_login_that_fails_after_a_refusal_is_told() -> None:
    """Nothing of the upload is at the far end, so its outcome is the login's."""
    script = (login(), reply(status=401), reply(status=503, Retry_After="7"))
    with FarEnd(*script) as far, client(far, credentials=ACCOUNT) as dashboard:
        outcome = dashboard.upload("queue_log", RECORDS)

    assert (outcome.verdict, outcome.retry_after) == (Verdict.LATER, 7.0)


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (reply(status=400), Verdict.UNAUTHORIZED),
        (reply(status=401), Verdict.UNAUTHORIZED),
        (reply(status=403), Verdict.UNAUTHORIZED),
        (reply("<html>Login</html>"), Verdict.NOT_ACCEPTED),
        (reply('{"ok": true}', Set_Cookie="sid=5"), Verdict.NOT_ACCEPTED),
        (reply(status=404), Verdict.NOT_ACCEPTED),
        (reply(status=302, Location="https://sso.example.com/"), Verdict.REDIRECTED),
        (reply(status=429), Verdict.LATER),
        (reply(status=500), Verdict.LATER),
        (raw(b""), Verdict.UNREACHABLE),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), Verdict.UNREACHABLE),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), Verdict.UNREACHABLE),
    ],
)
def test_without_a_login_nothing_is_uploaded(step: Step, verdict: Verdict) -> None:
    """The outcome says why, and never that something may have arrived."""
    with FarEnd(step) as far, client(far, credentials=ACCOUNT) as dashboard:
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is verdict
    assert outcome.detail.startswith("login: ")
    assert far.paths == ["/login/api/auth"]


def test_a_login_can_be_tried_alone() -> None:
    """It always asks for a new token, which the next upload then uses."""
    with (
        FarEnd(login("a"), login("b"), reply()) as far,
        client(far, credentials=ACCOUNT) as dashboard,
    ):
        outcomes = [dashboard.log_in() for _ in range(2)]
        dashboard.upload("queue_log", RECORDS)

    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED] * 2
    assert outcomes[0].answer == ""
    assert far.requests[2].headers["authorization"] == "Bearer b"


def test_a_token_file_is_read_again_after_a_refusal(tmp_path: Path) -> None:
    """Whoever puts a new token there has not to restart anything."""
    path = tmp_path / "token"
    path.write_text("one\n")
    with (
        FarEnd(reply(), reply(status=401), reply()) as far,
        client(far, credentials=TokenFile(path)) as dashboard,
    ):
        dashboard.upload("queue_log", RECORDS)
        path.write_text("two\n")
        assert dashboard.upload("queue_log", RECORDS).verdict is Verdict.ACCEPTED

    used = [request.headers["authorization"] for request in far.requests]
    assert used == ["Bearer one", "Bearer one", "Bearer two"]


def test_the_same_token_is_not_tried_twice(tmp_path: Path) -> None:
    """A file that has not changed would only be refused again."""
    path = tmp_path / "token"
    path.write_text("one")
    with (
        FarEnd(reply(status=401)) as far,
        client(far, credentials=TokenFile(path)) as dashboard,
    ):
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNAUTHORIZED
    assert len(far.requests) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "no token"), (b"a b", "no token"), (b"\xff\xfe", "no token")],
)
def test_a_token_file_without_a_token_sends_nothing(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    """It is refused as a wrong token is, and the reason is told."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with FarEnd() as far, client(far, credentials=TokenFile(path)) as dashboard:
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNAUTHORIZED
    assert words in outcome.detail
    assert far.connections == 0


# What comes back, or does not


@pytest.mark.parametrize(
    ("step", "verdict", "calls"),
    [
        (reply('{"data": {"count": 12}}', Content_Type="application/json"), "accepted", 12),
        (reply("", status=204), "accepted", None),
        (reply("<!doctype html>", Content_Type="text/html"), "not_accepted", None),
        (reply(status=307, Location="/elsewhere"), "redirected", None),
        (reply(status=400), "refused", None),
        (reply(status=413), "too_big", None),
        (reply(status=429), "later", None),
        (reply(status=502), "unknown", None),
        (reply(status=503), "later", None),
        (raw(b""), "unknown", None),
        (raw(b"HTTP/1.1 200 "), "unknown", None),
        (raw(b"220 smtp.example.com ESMTP\r\n"), "unknown", None),
        (raw(head(101)), "unknown", None),
        (raw(head(100) + head(200, Content_Length=2) + b"12"), "accepted", 12),
        (raw(head(200, Content_Length=3) + b"12"), "unknown", None),
        (raw(head(200, Transfer_Encoding="chunked") + b"1\r\n1\r\n"), "unknown", None),
        (raw(head(200, Transfer_Encoding="chunked") + b"2\r\n12\r\n0\r\n\r\n"), "accepted", 12),
        (raw(head(200) + b"12"), "accepted", 12),
        (raw(head(413, Content_Length=3) + b"12"), "too_big", None),
        (raw(head(200, Content_Length=2, X_Long="x" * 200_000) + b"12"), "unknown", None),
    ],
)
def test_what_comes_back_from_an_upload(step: Step, verdict: str, calls: int | None) -> None:
    """Each answer, whole or in pieces, gets the verdict of the design's table."""
    outcome = upload(step)

    assert (outcome.verdict, outcome.reported_calls) == (verdict, calls)


def test_a_redirect_is_not_followed() -> None:
    """Neither the records nor the credentials go where an answer points."""
    with FarEnd() as other:
        outcome = upload(reply(status=307, Location=f"{other.url}/x?token=given-token"))

    assert outcome.verdict is Verdict.REDIRECTED
    assert outcome.detail.endswith(f"{other.url}/x")
    assert other.connections == 0


def test_nobody_there_is_unreachable() -> None:
    """A port where nothing listens, and a name that leads nowhere."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with client(f"http://127.0.0.1:{port}") as dashboard:
        outcome = dashboard.upload("queue_log", RECORDS)
    with client("http://no-such-host.invalid", timeout=1.0) as dashboard, within(1.0):
        nowhere = dashboard.upload("queue_log", RECORDS)

    assert (outcome.verdict, nowhere.verdict) == (Verdict.UNREACHABLE, Verdict.UNREACHABLE)
    assert outcome.detail == (
        f"the dashboard cannot be reached: no connection to 127.0.0.1 port {port}: "
        "Connection refused"
    )


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    """What can be seen to be over costs no unknown outcome."""

    def answer_and_close(peer: Peer) -> bool:
        reply()(peer)
        return False

    with FarEnd(answer_and_close, reply()) as far, client(far) as dashboard:
        dashboard.upload("queue_log", RECORDS)
        assert far.closed.acquire(timeout=PATIENCE)
        assert dashboard.upload("queue_log", RECORDS).verdict is Verdict.ACCEPTED

    assert far.connections == 2


def test_a_connection_that_dies_when_it_is_used_again_leaves_it_unknown() -> None:
    """The request had left; that no byte came back proves nothing."""
    with FarEnd(reply(), raw(b"")) as far, client(far) as dashboard:
        dashboard.upload("queue_log", RECORDS)
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNKNOWN
    assert far.connections == 1


def test_a_client_recovers_after_each_failure() -> None:
    """A failed request leaves nothing behind that troubles the next one."""
    steps = (raw(b""), raw(b"nonsense\r\n\r\n"), reply(status=500), raw(head(413), read=False))
    with FarEnd(*steps, reply()) as far, client(far) as dashboard:
        for _ in steps:
            dashboard.upload("queue_log", HUGE)
        assert dashboard.upload("queue_log", RECORDS).verdict is Verdict.ACCEPTED


# An answer before its time


def refuse_at_once(peer: Peer) -> bool:
    """Answer 413 to the head alone, and close with most of the body unread."""
    peer.read_head()
    peer.send(head(413, Content_Length=0))
    return False


def refuse_and_linger(peer: Peer) -> None:
    """Answer 413 to the head alone, and neither read on nor close."""
    peer.read_head()
    peer.send(head(413, Content_Length=0))
    peer.hang()


@pytest.mark.parametrize("step", [refuse_at_once, refuse_and_linger])
def test_an_error_that_comes_while_the_body_is_sent_is_heard(
    step: Step,
) -> None:
    """The far end says what is wrong and stops reading: that is the answer."""
    with within(0):
        outcome = upload(step, body=HUGE)

    assert outcome.verdict is Verdict.TOO_BIG


def test_a_success_that_comes_while_the_body_is_sent_proves_nothing() -> None:
    """Nobody can have stored what has not arrived."""
    outcome = upload(raw(head(200, Content_Length=2) + b"12", read=False), body=HUGE)

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.UNKNOWN, None)


def test_a_server_that_says_go_on_gets_the_rest() -> None:
    """An interim answer while the body is sent is no reason to stop."""

    def go_on(peer: Peer) -> None:
        peer.send(head(100))
        reply()(peer)

    assert upload(go_on, body=HUGE).verdict is Verdict.ACCEPTED


# Deadlines


def trickle_head(peer: Peer) -> None:
    """Send a header that never ends."""
    peer.read()
    peer.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    peer.trickle(b"x")


def trickle_body(peer: Peer) -> None:
    """Send a body that never ends."""
    peer.read()
    peer.send(head(200, Content_Length=1_000_000))
    peer.trickle(b"1")


def trickle_interim(peer: Peer) -> None:
    """Ask for patience for ever."""
    peer.read()
    peer.trickle(head(102))


def read_nothing(peer: Peer) -> None:
    """Leave the request where it is."""
    peer.hang()


def read_slowly(peer: Peer) -> None:
    """Take a little now and then."""
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while not peer.far.over.wait(0.03):
        peer.connection.recv(512)


@pytest.mark.parametrize(
    "step", [hang, trickle_head, trickle_body, trickle_interim, read_slowly, read_nothing]
)
def test_the_deadline_holds_for_the_whole_request(step: Step) -> None:
    """Progress, however slow, does not move it."""
    with within(0.3):
        outcome = upload(step, body=HUGE, timeout=0.3)

    assert outcome.verdict is Verdict.UNKNOWN
    assert "not done within 0.3 s" in outcome.detail


def test_the_deadline_holds_on_a_connection_that_is_used_again() -> None:
    """A kept connection has no more time than a new one."""
    with FarEnd(reply(), hang) as far, client(far, timeout=0.3) as dashboard:
        dashboard.upload("queue_log", RECORDS)
        with within(0.3):
            outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNKNOWN
    assert far.connections == 1


def test_a_login_that_hangs_is_unreachable() -> None:
    """The deadline holds for it as well, and nothing else was sent."""
    with (
        FarEnd(hang) as far,
        client(far, credentials=ACCOUNT, timeout=0.3) as dashboard,
        within(0.3),
    ):
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNREACHABLE


@pytest.fixture
def black_hole() -> Iterator[str]:
    """Return the address of a port that answers no attempt to connect: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_the_deadline_holds_while_connecting(black_hole: str) -> None:
    """A firewall that swallows everything costs no more than the time given."""
    with client(black_hole, timeout=0.3) as dashboard, within(0.3):
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNREACHABLE
    assert "not done within 0.3 s" in outcome.detail


@pytest.mark.parametrize(
    ("beginning", "verdict"),
    [(b"<!doctype html>", Verdict.NOT_ACCEPTED), (b'{"count": 12, "x": "', Verdict.ACCEPTED)],
)
def test_an_answer_without_end_is_read_no_further_than_needed(
    beginning: bytes, verdict: Verdict
) -> None:
    """Its beginning says whose it is, and a number from half of it would be a guess."""

    def step(peer: Peer) -> None:
        peer.read()
        peer.send(head(200, Content_Length=10**12) + beginning)
        peer.send(b"x" * ANSWER_MAX)
        peer.hang()

    with within(0):
        outcome = upload(step)

    assert (outcome.verdict, outcome.reported_calls) == (verdict, None)


# Stopping


def in_background(work: Callable[[], Outcome]) -> tuple[threading.Thread, list[Outcome]]:
    """Start something that returns an outcome; return the thread and where the outcome will be."""
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(work()))
    thread.start()
    return thread, outcomes


@pytest.mark.parametrize("body", [RECORDS, HUGE])
def test_a_hanging_upload_can_be_aborted(body: bytes) -> None:
    """Another thread ends it at once, be it while sending or while waiting."""
    with FarEnd(hang if body is RECORDS else read_nothing) as far, client(far) as dashboard:
        thread, outcomes = in_background(lambda: dashboard.upload("queue_log", body))
        assert far.reached.wait(PATIENCE)
        dashboard.abort()
        thread.join(1.0)
        assert not thread.is_alive()

    assert outcomes[0].verdict is Verdict.UNKNOWN
    assert "stopped on request" in outcomes[0].detail


def test_a_hanging_connect_can_be_aborted(black_hole: str) -> None:
    """It has sent nothing, so nothing is in doubt."""
    with client(black_hole) as dashboard:
        thread, outcomes = in_background(lambda: dashboard.upload("queue_log", RECORDS))
        dashboard.abort()
        thread.join(1.0)
        assert not thread.is_alive()

    assert outcomes[0].verdict is Verdict.UNREACHABLE


def test_an_abort_is_for_good() -> None:
    """It may come between two requests, and must not be lost there."""
    with FarEnd(reply(), reply()) as far, client(far) as dashboard:
        dashboard.upload("queue_log", RECORDS)
        dashboard.abort()
        outcome = dashboard.upload("queue_log", HUGE)

    assert outcome.verdict in {Verdict.UNREACHABLE, Verdict.UNKNOWN}


# TLS


@dataclass(frozen=True)
class Trust:
    """A certificate authority, its file, and a server that it vouches for."""

    authority: trustme.CA
    file: Path
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """Return an authority that has issued a certificate for 127.0.0.1."""
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("trust") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return Trust(authority, file, server_context(authority, "127.0.0.1"))


def server_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return what a server with a certificate for this name needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_with_a_trusted_certificate(trust: Trust) -> None:
    """Login, large and small uploads over one encrypted connection."""
    with (
        FarEnd(login(), reply("1"), reply("2"), tls=trust.server) as far,
        client(far, credentials=ACCOUNT, ca_file=trust.file) as dashboard,
    ):
        outcomes = [dashboard.upload("queue_log", body) for body in (HUGE, RECORDS)]

    assert [outcome.reported_calls for outcome in outcomes] == [1, 2]
    assert far.connections == 1
    assert HUGE in far.requests[1].body
    assert far.requests[0].headers["referer"] == f"{far.url}/login/"


def test_a_certificate_of_a_stranger_is_refused(trust: Trust) -> None:
    """Nothing is sent to whom nobody known vouches for, the password least of all."""
    with (
        FarEnd(login(), tls=trust.server) as far,
        client(far, credentials=ACCOUNT) as dashboard,
    ):
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNREACHABLE
    assert "certificate refused: unable to get local issuer certificate" in outcome.detail
    assert far.requests == []


def test_a_certificate_for_another_name_is_refused(trust: Trust) -> None:
    """The right authority is not enough."""
    context = server_context(trust.authority, "other.example.com")
    with (
        FarEnd(login(), tls=context) as far,
        client(far, credentials=ACCOUNT, ca_file=trust.file) as dashboard,
    ):
        outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNREACHABLE
    assert "certificate refused: IP address mismatch" in outcome.detail
    assert far.requests == []


def speak_in_clear(peer: Peer) -> bool:
    """Answer the first bytes of TLS as a plain web server does."""
    peer.send(head(400, Content_Length=0))
    return False


@pytest.mark.parametrize("step", [speak_in_clear, read_nothing])
def test_a_server_that_speaks_no_tls_is_unreachable(step: Step, trust: Trust) -> None:
    """Whether it answers in clear or not at all, the client ends by the deadline."""
    with FarEnd(step) as far:
        url = far.url.replace("http:", "https:")
        with client(url, ca_file=trust.file, timeout=0.3) as dashboard, within(0.3):
            outcome = dashboard.upload("queue_log", RECORDS)

    assert outcome.verdict is Verdict.UNREACHABLE
    assert "no TLS with 127.0.0.1" in outcome.detail


@pytest.mark.parametrize("step", [hang, trickle_head, trickle_body, read_slowly])
def test_the_deadline_holds_under_tls(step: Step, trust: Trust) -> None:
    """Encrypted bytes that come slowly do not move it either."""
    with (
        FarEnd(step, tls=trust.server) as far,
        client(far, ca_file=trust.file, timeout=0.3) as dashboard,
        within(0.3),
    ):
        outcome = dashboard.upload("queue_log", HUGE)

    assert outcome.verdict is Verdict.UNKNOWN


def test_a_hanging_upload_under_tls_can_be_aborted(trust: Trust) -> None:
    """Another thread ends it at once."""
    with FarEnd(hang, tls=trust.server) as far, client(far, ca_file=trust.file) as dashboard:
        thread, outcomes = in_background(lambda: dashboard.upload("queue_log", RECORDS))
        assert far.reached.wait(PATIENCE)
        dashboard.abort()
        thread.join(1.0)
        assert not thread.is_alive()

    assert outcomes[0].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("step", [refuse_at_once, refuse_and_linger])
def test_an_error_that_comes_while_the_body_is_sent_is_heard_under_tls(
    step: Step, trust: Trust
) -> None:
    """It is decrypted in time."""
    with FarEnd(step, tls=trust.server) as far, client(far, ca_file=trust.file) as dashboard:
        outcome = dashboard.upload("queue_log", HUGE)

    assert outcome.verdict is Verdict.TOO_BIG


def test_an_answer_that_is_cut_under_tls_is_unknown(trust: Trust) -> None:
    """Without its length, only the goodbye of TLS proves that an answer is whole."""

    def say_goodbye(peer: Peer) -> bool:
        raw(head(200) + b"12")(peer)
        assert isinstance(peer.connection, ssl.SSLSocket)
        with contextlib.suppress(OSError):
            peer.connection.unwrap()
        return False

    with (
        FarEnd(raw(head(200) + b"12"), say_goodbye, tls=trust.server) as far,
        client(far, ca_file=trust.file) as dashboard,
    ):
        outcomes = [dashboard.upload("queue_log", RECORDS) for _ in range(2)]

    assert [outcome.verdict for outcome in outcomes] == [Verdict.UNKNOWN, Verdict.ACCEPTED]
    assert [outcome.reported_calls for outcome in outcomes] == [None, 12]


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"x", "no certificates")])
def test_a_ca_file_that_cannot_be_used_is_a_settings_error(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    """It is told at the start, not at the first upload."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError) as caught:
        client("https://127.0.0.1", ca_file=path)

    (fault,) = caught.value.faults
    assert fault.place == "dashboard.ca_file"
    assert words in fault.problem


# Secrets


def test_no_secret_gets_into_an_outcome_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """Not even when the far end repeats what it was told, and the log tells all."""
    caplog.set_level(logging.DEBUG)
    token = "secret-token"
    first = json.dumps({"error": PASSWORD})
    echo = f'{{"error": {json.dumps(f"{PASSWORD} {token}")}, "raw": "{token}"}}'
    echoes = [
        reply(first, status=401),
        login(token),
        reply(echo, status=500),
        reply(f"<html>{PASSWORD}{token}".encode()),
        reply(status=302, Location=f"http://127.0.0.1/{token}/x"),
        raw(f"HTTP/1.1 nonsense {token}\r\n\r\n".encode()),
    ]
    with FarEnd(*echoes) as far, client(far, credentials=ACCOUNT) as dashboard:
        outcomes = [dashboard.upload("queue_log", RECORDS) for _ in range(5)]
        shown = repr(dashboard) + repr(vars(dashboard))

    verdicts = [outcome.verdict.value for outcome in outcomes]
    assert verdicts == ["unauthorized", "unknown", "not_accepted", "redirected", "unknown"]
    told = repr(outcomes) + caplog.text + shown
    for secret in (token, PASSWORD, json.dumps(PASSWORD)[1:-1]):
        assert secret not in told
    assert "***" in outcomes[1].answer
