"""The sandbox over real TCP: the vendor's API, and every fault as its name says."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from qlogship.errors import StateError, UsageError
from qlogship.sandbox.command import read_script
from qlogship.sandbox.door import Door
from qlogship.sandbox.faults import FaultScriptError
from qlogship.sandbox.options import Repeats, SandboxOptions
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UPLOAD = "/api/reports/asterisk/upload"
CLEAR = "/api/reports/asterisk/clear"
LOGIN = "/login/api/auth"
TWO_CALLS = (
    b"1700000001|1.1|sales|NONE|ENTERQUEUE||5|1\n"
    b"1700000002|1.1|sales|A|CONNECT|1|1.9|1\n"
    b"1700000003|1.2|support|NONE|ENTERQUEUE||6|1\n"
)
WAIT = 10.0
# One for all, since a client takes longer to make than a sandbox; it keeps no connection.
HTTP = httpx.Client(timeout=WAIT, limits=httpx.Limits(max_keepalive_connections=0))


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.now


class Client:
    """Somebody who logged in and speaks HTTP by hand, to see what is really on the wire."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.port = sandbox.port
        self.url = sandbox.url
        reply = HTTP.post(
            self.url + LOGIN, json={"login": sandbox.email, "password": sandbox.password}
        )
        self.token = reply.cookies["jwt"]

    def upload(self, body: bytes = TWO_CALLS, name: str = "queue_log") -> httpx.Response:
        """Upload with a proper client."""
        return HTTP.post(
            self.url + UPLOAD,
            headers={"Authorization": f"Bearer {self.token}"},
            files={"logs": (name, body)},
        )

    def clear(self) -> httpx.Response:
        """Clear with a proper client."""
        return HTTP.post(self.url + CLEAR, headers={"Authorization": f"Bearer {self.token}"})

    def connect(self) -> socket.socket:
        """Open a connection; whoever gets it closes it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)

    def head(self, path: str, length: int, *more: str) -> bytes:
        """Return the request line and the headers of a request."""
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {self.token} ",
            "Content-Type: multipart/form-data; boundary=b",
            f"Content-Length: {length}",
            *more,
            "\r\n",
        ]
        return "\r\n".join(lines).encode()

    def request(self, body: bytes = TWO_CALLS) -> bytes:
        """Return a whole upload as bytes."""
        form = multipart(body)
        return self.head(UPLOAD, len(form)) + form

    def exchange(self, request: bytes) -> bytes:
        """Send, and return all that comes until the far end closes; raises when it resets."""
        with self.connect() as connection:
            connection.sendall(request)
            return received(connection)


def multipart(body: bytes) -> bytes:
    """Return a form with one file."""
    return (
        b'--b\r\nContent-Disposition: form-data; name="logs"; filename="queue_log"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + body + b"\r\n--b--\r\n"
    )


def received(connection: socket.socket, until: int = sys.maxsize) -> bytes:
    """Read to the end, or until this many bytes have come."""
    got = bytearray()
    while len(got) < until:
        data = connection.recv(65_536)
        if not data:
            break
        got += data
    return bytes(got)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox as it is out of the box."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    """A client of it."""
    return Client(sandbox)


# -- the vendor's API


def test_login(sandbox: Sandbox) -> None:
    """A login is answered with the token in a cookie `jwt`, among other cookies."""
    reply = HTTP.post(
        sandbox.url + LOGIN, json={"login": sandbox.email, "password": sandbox.password}
    )
    assert reply.status_code == 200
    assert set(reply.cookies) == {"jwt", "lang"}
    claims = reply.cookies["jwt"].split(".")[1]
    assert "exp" in json.loads(base64.urlsafe_b64decode(claims + "=="))


@pytest.mark.parametrize("login", ["admin@example.com", "x", 5, None])
def test_wrong_password(sandbox: Sandbox, login: object) -> None:
    """A wrong e-mail or password is answered with 401 in JSON, and no cookie."""
    reply = HTTP.post(sandbox.url + LOGIN, json={"login": login, "password": "wrong"})
    assert reply.status_code == 401
    assert reply.json()["error"]
    assert not reply.cookies


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"{}", b"\xff"])
def test_login_unreadable(sandbox: Sandbox, body: bytes) -> None:
    """A login that is no JSON object with login and password is answered with 400."""
    assert HTTP.post(sandbox.url + LOGIN, content=body).status_code == 400


def test_upload(sandbox: Sandbox, client: Client) -> None:
    """An upload is answered with its count of calls, and kept byte for byte."""
    body = TWO_CALLS + b"\xd0\x00\r\n\n|torn"
    reply = client.upload(body, "queue_log.1")
    assert (reply.status_code, reply.json()) == (200, 2)
    assert sandbox.bodies() == [body]
    assert sandbox.calls() == {b"1.1", b"1.2"}
    (upload,) = sandbox.uploads()
    assert (upload.filename, upload.bytes, upload.answer) == ("queue_log.1", len(body), "200")


def test_upload_in_megabytes(sandbox: Sandbox, client: Client) -> None:
    """A large upload arrives whole."""
    body = TWO_CALLS * 30_000
    assert client.upload(body).json() == 2
    assert sandbox.bodies() == [body]


def test_blank_after_token(client: Client) -> None:
    """A blank behind the token, as in the vendor's example, does not matter."""
    assert b"Bearer " + client.token.encode() + b" \r\n" in client.request()
    with client.connect() as connection:
        connection.sendall(client.request())
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_expect_continue(sandbox: Sandbox, client: Client) -> None:
    """A client that asks whether it may send its body, as curl does, is told so."""
    form = multipart(TWO_CALLS)
    with client.connect() as connection:
        connection.sendall(client.head(UPLOAD, len(form), "Expect: 100-continue"))
        assert received(connection, 21).startswith(b"HTTP/1.1 100 ")
        connection.sendall(form)
        assert connection.recv(100).lstrip().startswith(b"HTTP/1.1 200")
    assert sandbox.bodies() == [TWO_CALLS]


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x", "Basic abc", "Bearer é"])
def test_no_token(sandbox: Sandbox, token: str) -> None:
    """Without a valid token nothing is kept, and the answer is 401, also to a large body."""
    for path in (UPLOAD, CLEAR):
        reply = HTTP.post(
            sandbox.url + path,
            headers={b"Authorization": token.encode()},
            files={"logs": b"x" * 500_000},
        )
        assert reply.status_code == 401
    assert sandbox.arrivals() == []


def test_token_ends() -> None:
    """A token is refused once its lifetime is over."""
    clock = Clock()
    with Sandbox(SandboxOptions(token_lifetime=60.0), clock=clock) as sandbox:
        client = Client(sandbox)
        assert client.upload().status_code == 200
        clock.now += 61
        assert client.upload().status_code == 401


def test_no_file(sandbox: Sandbox, client: Client) -> None:
    """A form without the file `logs` is answered with 400."""
    headers = {"Authorization": f"Bearer {client.token}"}
    for form in ({"files": {"file": b"x"}}, {"data": {"logs": "x"}}, {"content": b"x"}):
        reply = HTTP.post(sandbox.url + UPLOAD, headers=headers, **form)
        assert reply.status_code == 400


def test_file_limit() -> None:
    """A file above the sandbox's own limit is answered with 413, however it is announced."""
    with Sandbox(SandboxOptions(max_file=1000)) as sandbox:
        client = Client(sandbox)
        assert client.upload(b"x" * 1000).status_code == 200
        assert client.upload(b"x" * 1001).status_code == 413
        assert client.upload(b"x" * 200_000).status_code == 413
        assert len(sandbox.uploads()) == 1


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("number", b"2"),
        ("text", b"Uploaded calls: 2\n"),
        ("object", b'{"status": "ok", "result": {"asterisk": {"calls": 2}}}'),
        ("empty", b""),
        ("no-count", b'{"status": "ok"}'),
    ],
)
def test_answer_forms(sandbox: Sandbox, client: Client, form: str, answer: bytes) -> None:
    """The count is told in the form that was chosen, for all uploads or by a step for one."""
    sandbox.script([{"do": "pass", "form": form}])
    assert client.upload().content == answer
    with Sandbox(SandboxOptions(answer=form)) as other:  # type: ignore[arg-type]
        assert Client(other).upload().content == answer


def test_repeats() -> None:
    """A repeat is counted again, or, if so chosen, answered with 0 and not kept."""
    for repeats, answers in ((Repeats.KEEP, [2, 2]), (Repeats.DROP, [2, 0])):
        with Sandbox(SandboxOptions(repeats=repeats)) as sandbox:
            client = Client(sandbox)
            assert [client.upload().json(), client.upload().json()] == answers
            assert len(sandbox.uploads()) == len([a for a in answers if a])


def test_clear(sandbox: Sandbox, client: Client) -> None:
    """A clear wipes everything that was uploaded."""
    client.upload()
    assert client.clear().status_code == 200
    assert sandbox.bodies() == []
    assert sandbox.calls() == set()


def test_data_file(tmp_path: Path) -> None:
    """With a data file, uploads are there again after a restart."""
    path = tmp_path / "sandbox.db"
    with Sandbox(data=path) as sandbox:
        Client(sandbox).upload()
    with Sandbox(data=path) as sandbox:
        assert sandbox.bodies() == [TWO_CALLS]


def test_foreign_data_file(tmp_path: Path) -> None:
    """A data file that the sandbox did not make is left alone."""
    path = tmp_path / "letter.txt"
    path.write_bytes(b"Dear all, " * 500)
    with pytest.raises(StateError, match=r"letter\.txt"):
        Sandbox(data=path)
    assert path.read_bytes() == b"Dear all, " * 500


# -- the fault script, on the wire


def test_lose_reply(sandbox: Sandbox, client: Client) -> None:
    """`lose_reply` keeps the upload and ends the connection without a byte."""
    sandbox.script([{"do": "lose_reply"}])
    assert client.exchange(client.request()) == b""
    assert sandbox.bodies() == [TWO_CALLS]
    assert sandbox.uploads()[0].answer == "reply lost"
    assert sandbox.requests()[-1].status is None
    assert client.upload().json() == 2


def test_lose_reply_to_clear(sandbox: Sandbox, client: Client) -> None:
    """`lose_reply` at a clear has wiped everything."""
    client.upload()
    sandbox.script([{"on": "clear", "do": "lose_reply"}])
    with pytest.raises(httpx.RemoteProtocolError):
        client.clear()
    assert sandbox.bodies() == []


def test_drop(sandbox: Sandbox, client: Client) -> None:
    """`drop` takes the whole body, keeps nothing and ends the connection without a byte."""
    sandbox.script([{"do": "drop"}])
    assert client.exchange(client.request()) == b""
    assert sandbox.bodies() == []
    assert [upload.answer for upload in sandbox.arrivals()] == ["cut off"]


def test_drop_early(sandbox: Sandbox, client: Client) -> None:
    """`drop` with `after` ends the connection when so much of the body has come."""
    sandbox.script([{"do": "drop", "after": 100}])
    with client.connect() as connection:
        connection.sendall(client.head(UPLOAD, 1_000_000) + multipart(b"x" * 500))
        # What was sent beyond the hundred bytes may be answered with a reset.
        with contextlib.suppress(ConnectionResetError):
            assert received(connection) == b""
    assert sandbox.arrivals() == []


@pytest.mark.parametrize("do", ["lose_reply", "drop"])
def test_reset(sandbox: Sandbox, client: Client, do: str) -> None:
    """With `reset` the connection is not closed but reset."""
    sandbox.script([{"do": do, "reset": True}])
    with pytest.raises(ConnectionResetError):
        client.exchange(client.request())
    assert len(sandbox.bodies()) == (1 if do == "lose_reply" else 0)


@pytest.mark.parametrize(("calls", "half"), [(2, b"2"), (12, b"1")])
def test_half_reply(sandbox: Sandbox, client: Client, calls: int, half: bytes) -> None:
    """`half_reply` keeps the upload, promises a body of some length and sends half of it."""
    body = b"".join(b"1700000001|1.%d|q|NONE|ENTERQUEUE||5|1\n" % n for n in range(calls))
    sandbox.script([{"do": "half_reply"}])
    head, _, rest = client.exchange(client.request(body)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-length: 2" in head.lower()
    assert rest == half
    assert sandbox.bodies() == [body]


def test_trickle(sandbox: Sandbox, client: Client) -> None:
    """`trickle` sends headers, then byte after byte, until the client leaves."""
    sandbox.script([{"do": "trickle", "every": 0.01}])
    with client.connect() as connection:
        connection.sendall(client.request())
        reply = b""
        while len(reply.partition(b"\r\n\r\n")[2]) < 5:
            reply += received(connection, 1)
        assert reply.partition(b"\r\n\r\n")[2].strip() == b""
    assert sandbox.bodies() == [TWO_CALLS]
    assert client.upload().json() == 2


@pytest.mark.parametrize("after", [None, 100])
def test_hang(sandbox: Sandbox, client: Client, after: int | None) -> None:
    """`hang` keeps the connection and never answers, until the client leaves."""
    sandbox.script([{"do": "hang", "after": after}])
    with client.connect() as connection:
        connection.sendall(client.request(TWO_CALLS * 100))
        assert sandbox.wait_for(lambda: sandbox.faults_left() == [])
        assert select.select([connection], [], [], 0.1)[0] == []
    # A request that went on would still be under way here, and be counted.
    with client.connect() as connection:
        connection.sendall(client.request())
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert sandbox.bodies() == [TWO_CALLS]


def test_hang_ends_with_the_client(sandbox: Sandbox, client: Client) -> None:
    """A client that left in the middle of `hang` is no longer under way."""
    for after in (None, 100):
        sandbox.script([{"do": "hang", "after": after}])
        with pytest.raises(httpx.ReadTimeout):
            HTTP.post(
                client.url + UPLOAD,
                headers={"Authorization": f"Bearer {client.token}"},
                files={"logs": TWO_CALLS},
                timeout=0.1,
            )

        def alone() -> bool:
            client.upload()
            return sandbox.requests()[-1].concurrency == 1

        assert sandbox.wait_for(alone)


def test_hang_stops_reading(sandbox: Sandbox, client: Client) -> None:
    """`hang` with `after` stops reading, so that a large upload gets stuck."""
    sandbox.script([{"do": "hang", "after": 1000}])
    with client.connect() as connection:
        connection.sendall(client.head(UPLOAD, 1 << 30))
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.sendall(bytes(64_000_000))


def test_status(sandbox: Sandbox, client: Client) -> None:
    """`status` answers what it says, with its headers and body, and keeps nothing."""
    sandbox.script(
        [
            {
                "do": "status",
                "status": 429,
                "headers": {"Retry-After": "7"},
                "body": "slow down",
                "content_type": "text/plain",
            }
        ]
    )
    reply = client.upload()
    assert (reply.status_code, reply.text) == (429, "slow down")
    assert reply.headers["retry-after"] == "7"
    assert reply.headers["content-type"] == "text/plain"
    assert sandbox.bodies() == []
    assert client.upload().status_code == 200


@pytest.mark.parametrize("status", [204, 304, 404, 502, 599])
def test_any_status(sandbox: Sandbox, client: Client, status: int) -> None:
    """Any status can be answered, those that allow no body among them."""
    sandbox.script([{"do": "status", "status": status}])
    assert client.upload().status_code == status


def test_status_after_the_work(sandbox: Sandbox, client: Client) -> None:
    """`status` with `apply` keeps the upload and answers so all the same."""
    sandbox.script([{"do": "status", "status": 502, "apply": True}])
    assert client.upload().status_code == 502
    assert sandbox.bodies() == [TWO_CALLS]


def test_early_status(sandbox: Sandbox, client: Client) -> None:
    """`status` with `early` answers before the body has come."""
    sandbox.script([{"do": "status", "status": 413, "early": True}])
    with client.connect() as connection:
        connection.sendall(client.head(UPLOAD, 1_000_000))
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_html(sandbox: Sandbox, client: Client) -> None:
    """`html` answers 200 with a page for people, at any operation, and does nothing."""
    sandbox.script([{"on": "any", "times": 2, "do": "html"}])
    for reply in (client.upload(), client.clear()):
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/html")
        assert "<form" in reply.text
    assert sandbox.bodies() == []


def test_redirect(sandbox: Sandbox, client: Client) -> None:
    """`redirect` sends the client elsewhere."""
    sandbox.script([{"do": "redirect", "status": 307, "location": "https://example.com/"}])
    reply = client.upload()
    assert (reply.status_code, reply.headers["location"]) == (307, "https://example.com/")


def test_expire_tokens(sandbox: Sandbox, client: Client) -> None:
    """`expire_tokens` answers 401, and only a new login helps."""
    sandbox.script([{"do": "expire_tokens"}])
    assert [client.upload().status_code, client.upload().status_code] == [401, 401]
    assert Client(sandbox).upload().status_code == 200
    assert len(sandbox.bodies()) == 1


def test_delay(sandbox: Sandbox, client: Client) -> None:
    """`delay` answers as usual, only later."""
    sandbox.script([{"do": "delay", "seconds": 0.2}])
    with client.connect() as connection:
        connection.sendall(client.request())
        assert select.select([connection], [], [], 0.1)[0] == []
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_too_large(sandbox: Sandbox, client: Client) -> None:
    """`too_large` answers 413 to every file above its limit, and takes the others."""
    sandbox.script([{"do": "too_large", "limit": len(TWO_CALLS)}])
    statuses = [client.upload(body).status_code for body in (TWO_CALLS + b"x", TWO_CALLS) * 2]
    assert statuses == [413, 200, 413, 200]
    assert sandbox.bodies() == [TWO_CALLS, TWO_CALLS]


def test_refuse_containing(sandbox: Sandbox, client: Client) -> None:
    """`refuse_containing` refuses the files with the bytes in them, and takes the others."""
    sandbox.script([{"do": "refuse_containing", "text": "|1.2|"}])
    without = TWO_CALLS.replace(b"|1.2|", b"|1.3|")
    assert [client.upload().status_code, client.upload(without).status_code] == [400, 200]
    assert sandbox.bodies() == [without]


def test_login_faults(sandbox: Sandbox) -> None:
    """A step for the login meets the login."""
    sandbox.script([{"on": "login", "do": "status", "status": 503}, {"on": "login", "do": "drop"}])
    login = {"login": sandbox.email, "password": sandbox.password}
    assert HTTP.post(sandbox.url + LOGIN, json=login).status_code == 503
    with pytest.raises(httpx.RemoteProtocolError):
        HTTP.post(sandbox.url + LOGIN, json=login)
    assert HTTP.post(sandbox.url + LOGIN, json=login).status_code == 200


def test_strangers_use_up_nothing(sandbox: Sandbox, client: Client) -> None:
    """A request without a valid token uses up no step."""
    sandbox.script([{"do": "drop"}])
    HTTP.post(sandbox.url + UPLOAD, files={"logs": b"x"})
    assert len(sandbox.faults_left()) == 1


def test_client_leaves(sandbox: Sandbox, client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    """A client that leaves in the middle of its upload leaves no trace, and no traceback."""
    with client.connect() as connection:
        connection.sendall(client.head(UPLOAD, 1_000_000) + b"--b\r\n")
        assert sandbox.wait_for(lambda: sandbox.requests()[-1].path == UPLOAD)
    assert client.upload().status_code == 200
    assert sandbox.bodies() == [TWO_CALLS]
    assert capfd.readouterr().err == ""


# -- for tests: the log of requests, coming and going


def test_requests(sandbox: Sandbox, client: Client) -> None:
    """Requests are on record in order of arrival, with what they were answered."""
    client.upload()
    HTTP.get(sandbox.url + "/")
    HTTP.post(sandbox.url + UPLOAD)
    seen = [(request.method, request.path, request.status) for request in sandbox.requests()]
    assert seen == [("POST", LOGIN, 200), ("POST", UPLOAD, 200), ("POST", UPLOAD, 401)]
    assert [request.concurrency for request in sandbox.requests()] == [1, 1, 1]


def test_concurrency(sandbox: Sandbox, client: Client) -> None:
    """Two requests at a time are seen as two by both of them."""
    sandbox.script([{"do": "hang"}])
    with ThreadPoolExecutor() as pool, client.connect() as connection:
        connection.sendall(client.request())
        assert sandbox.wait_for(lambda: len(sandbox.requests()) == 2)
        assert pool.submit(client.upload).result().status_code == 200
        assert [request.concurrency for request in sandbox.requests()[1:]] == [2, 2]


def test_wait_for(sandbox: Sandbox) -> None:
    """Waiting for what never happens ends at its deadline."""
    assert sandbox.wait_for(lambda: False, within=0.01) is False


def test_goes_and_comes(sandbox: Sandbox, client: Client) -> None:
    """A sandbox can go away and come back on its port, with its data and its tokens."""
    client.upload()
    sandbox.stop()
    with pytest.raises(httpx.ConnectError):
        client.upload()
    sandbox.start()
    assert client.upload().status_code == 200
    assert len(sandbox.bodies()) == 2


def test_stops_in_spite_of_clients(client: Client, sandbox: Sandbox) -> None:
    """A sandbox stops at once, whoever is kept waiting, and cuts them off."""
    sandbox.script([{"do": "hang"}])
    with client.connect() as connection:
        connection.sendall(client.request())
        assert sandbox.wait_for(lambda: sandbox.faults_left() == [])
        sandbox.stop()
        assert received(connection) == b""
    assert not [thread for thread in threading.enumerate() if thread.name == "sandbox"]


def test_cleared_for_the_next_test(sandbox: Sandbox, client: Client) -> None:
    """`Sandbox.clear` forgets uploads, requests and faults; tokens live on."""
    client.upload()
    sandbox.script([{"do": "drop"}])
    sandbox.clear()
    assert (sandbox.bodies(), sandbox.requests(), sandbox.faults_left()) == ([], [], [])
    assert client.upload().status_code == 200


def test_port_taken(sandbox: Sandbox) -> None:
    """A port that is taken is an error that names it."""
    other = Sandbox(port=sandbox.port)
    with pytest.raises(UsageError, match=f"port {sandbox.port}: Address already in use"):
        other.start()
    other.__exit__(None, None, None)


# -- the sandbox's own addresses


def test_page(sandbox: Sandbox, client: Client) -> None:
    """The page is served with a policy that lets it load nothing, empty or not."""
    assert "Nothing has arrived yet" in HTTP.get(sandbox.page).text
    client.upload(name="<b>.log")
    reply = HTTP.get(sandbox.page)
    assert reply.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "sales" in reply.text
    assert "<b>.log" not in reply.text


def test_json(sandbox: Sandbox, client: Client) -> None:
    """Sums, uploads and bodies can be had by programs."""
    client.upload()
    summary = HTTP.get(sandbox.own("summary")).json()
    assert (summary["calls"], summary["uploads"], summary["lines"]) == (2, 1, 3)
    assert {queue["name"]: queue["answered"] for queue in summary["queues"]} == {
        "sales": 1,
        "support": 0,
    }
    (upload,) = HTTP.get(sandbox.own("uploads")).json()
    body = HTTP.get(sandbox.own(f"uploads/{upload['id']}/body"))
    assert body.content == TWO_CALLS
    assert HTTP.get(sandbox.own("uploads/99/body")).status_code == 404


def test_faults_over_http(sandbox: Sandbox, client: Client) -> None:
    """The fault script can be read and replaced; a bad one changes nothing and is explained."""
    address = sandbox.own("faults")
    reply = HTTP.put(address, json=[{"do": "status", "status": 503, "times": 2}])
    assert reply.status_code == 200
    assert client.upload().status_code == 503
    left = HTTP.get(address).json()
    assert [(step["do"], step["times"]) for step in left] == [("status", 1)]
    bad = HTTP.put(address, json=[{"do": "x"}, {"do": "delay"}])
    assert bad.status_code == 400
    assert len(bad.json()["problems"]) == 2
    assert HTTP.put(address, content=b"{").status_code == 400
    assert HTTP.get(address).json() == left


# -- strangers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        *(("GET", f"/sandbox/{name}") for name in ("summary", "uploads", "users", "faults")),
        ("GET", "/sandbox/uploads/1/body"),
        ("PUT", "/sandbox/faults"),
    ],
)
def test_another_user_of_the_machine_sees_nothing(
    sandbox: Sandbox, client: Client, method: str, path: str
) -> None:
    """What was uploaded, and what goes wrong, is for whoever has the token of this start."""
    client.upload()
    with Sandbox() as other:
        for query in ("", "?token=", f"?token={other.token}"):
            refused = HTTP.request(method, f"{sandbox.url}{path}{query}", content=b"[]")
            assert (refused.status_code, "token" in refused.text) == (403, True)
        assert b"sales" not in refused.content
    opened = HTTP.request(method, f"{sandbox.url}{path}?token={sandbox.token}", content=b"[]")
    assert opened.status_code == 200


def test_the_page_keeps_its_token(sandbox: Sandbox) -> None:
    """A browser that was shown the page gets what the page asks for; no script sees the token."""
    with httpx.Client() as browser:
        shown = browser.get(sandbox.page)
        assert browser.get(sandbox.url).status_code == 200
        assert browser.get(f"{sandbox.url}/sandbox/summary").status_code == 200
    cookie = shown.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize(
    ("name", "answered"),
    [
        ("localhost", True),
        ("localhost:8642", True),
        ("127.0.0.1", True),
        ("127.0.0.1:1", True),
        ("[::1]:8642", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:8642", False),
        ("evil.example@127.0.0.1:x", False),
        ("10.0.0.5", False),
        ("", False),
    ],
)
def test_a_strangers_name_is_not_answered(sandbox: Sandbox, name: str, answered: bool) -> None:  # noqa: FBT001
    """A page elsewhere whose name leads here (DNS rebinding) reads and changes nothing."""
    login = {"login": "admin@example.com", "password": "sandbox-password"}
    statuses = {
        HTTP.get(sandbox.page, headers={"host": name}).status_code,
        HTTP.post(sandbox.url + LOGIN, json=login, headers={"host": name}).status_code,
    }
    assert statuses == ({200} if answered else {421})


@pytest.mark.parametrize(
    ("host", "name", "answered"),
    [
        ("::", "10.0.0.5:8642", True),
        ("::", "evil.example", False),
        ("10.0.0.5", "10.0.0.5:8642", True),
        ("10.0.0.5", "10.0.0.6", False),
        ("pbx.example", "PBX.example:8642", True),
        ("pbx.example", "127.0.0.1", True),
    ],
)
def test_a_sandbox_for_other_machines_has_their_names(
    host: str,
    name: str,
    answered: bool,  # noqa: FBT001
) -> None:
    """With --host it answers to that address; with all of them, to every number and no name."""
    assert Door(host, "token").answers_to(name) == answered


# -- the command


def test_script_file(tmp_path: Path) -> None:
    """A fault script is read from a file; one that cannot be used is an error that says why."""
    path = tmp_path / "faults.json"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_script(path)
    path.write_text("[")
    with pytest.raises(UsageError, match="is no JSON"):
        read_script(path)
    path.write_text('[{"do": "x"}]')
    with pytest.raises(FaultScriptError, match="step 1"):
        read_script(path)
    path.write_text('[{"do": "drop"}]')
    assert len(read_script(path)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command(number: signal.Signals) -> None:
    """It prints where it listens, whom it lets in, and its page; warns, serves, ends cleanly."""
    code = "import typer; from qlogship.sandbox.command import sandbox; typer.run(sandbox)"
    arguments = [sys.executable, "-c", code, "--port", "0", "--password", "open sesame"]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        greeting = ""
        while "export" not in greeting:
            line = process.stdout.readline()
            assert line, "it ended before it was ready"
            greeting += line
        match = re.search(r"http://127\.0\.0\.1:\d+", greeting)
        assert match is not None
        reply = HTTP.post(
            match[0] + LOGIN, json={"login": "admin@example.com", "password": "open sesame"}
        )
        assert reply.status_code == 200
        (page,) = re.findall(r"http://\S+token=\S+", greeting)
        assert HTTP.get(page).status_code == 200
        process.send_signal(number)
        _, talk = process.communicate(timeout=WAIT)
        assert process.returncode == 0
        warning, end = talk.splitlines()
        assert "--password" in warning
        assert "open sesame" not in warning
        assert end == "The sandbox has ended."
