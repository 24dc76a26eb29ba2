"""A Team Dashboard on the network, and the vendor's own way to upload to it by hand.

After the vendor's page: log in for the cookie `jwt`, then the token as Bearer. It speaks
plain HTTP, from the standard library alone, and shares no code with the program.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.support.tenant import Reply, Tenant

if TYPE_CHECKING:
    from typing import Self

EMAIL = "admin@example.com"
PASSWORD = "sandbox-password"


class VendorServer:
    """One address with one tenant or more, by the e-mail of the account; for a `with`."""

    def __init__(self, *tenants: Tenant, **accounts: Tenant) -> None:
        first = tenants[0] if tenants else Tenant()
        self.accounts = {EMAIL: first} | {
            f"{name}@example.com": accounts[name] for name in accounts
        }
        self.tenant = first
        handler = type("Bound", (_Handler,), {"accounts": self.accounts})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False  # some connections wait for a client that went away
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    accounts: dict[str, Tenant]

    def do_POST(self) -> None:
        if self.path == "/login/api/auth":
            self._log_in()
            return
        tenant = self._tenant()
        if tenant is None:
            self._answer(Reply(401, "no token"))
        elif self.path == "/api/reports/asterisk/upload":
            self._upload(tenant)
        elif self.path == "/api/reports/asterisk/clear":
            tenant.clear()
            self._answer(Reply(text="{}"))
        else:
            self._answer(Reply(404, "not found"))

    def do_GET(self) -> None:
        if self.path.startswith("/api/settings/users") and self._tenant():
            self._answer(Reply(text='{"totalCount": 0, "users": []}'))
        elif self.path.startswith("/api/"):
            self._answer(Reply(401, "no token"))
        else:
            self._answer(Reply(text="<!doctype html><html></html>", page=True))

    def _log_in(self) -> None:
        asked = json.loads(self._body())
        if asked["login"] in self.accounts and asked["password"] == PASSWORD:
            cookie = f"jwt=token-of-{asked['login']}; Path=/; HttpOnly"
            self._answer(Reply(text="{}"), cookie)
        else:
            self._answer(Reply(401, "wrong e-mail or password"))

    def _tenant(self) -> Tenant | None:
        token = self.headers["Authorization"] or ""
        return self.accounts.get(token.removeprefix("Bearer token-of-"))

    def _upload(self, tenant: Tenant) -> None:
        conduct = tenant.next()
        if conduct.answer == "unread":
            self.close_connection = True
            return
        self._answer(tenant.take(self._field("logs"), conduct))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _field(self, name: str) -> bytes:
        """Return a field of a multipart form."""
        found = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])
        assert found is not None, "an upload is a multipart form"
        for part in self._body().split(f"--{found[1]}".encode())[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            if f'name="{name}"'.encode() in head:
                return value.removesuffix(b"\r\n")
        raise AssertionError(f"an upload has a field named {name}")

    def _answer(self, reply: Reply, cookie: str = "") -> None:
        if reply.fault in {"late", "lost"}:
            if reply.fault == "late":
                self.rfile.read(1)  # until the client has gone
            self.close_connection = True
            return
        text = reply.text.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/html" if reply.page else "application/json")
        self.send_header("Content-Length", str(len(text) + 40 * (reply.fault == "cut")))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        if 300 <= reply.status < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(text)
        self.close_connection = self.close_connection or reply.fault == "cut"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def upload_by_hand(url: str, body: bytes, *, email: str = EMAIL) -> str:
    """Upload a queue_log as the vendor's page tells: log in, then send it; return the answer."""
    login = urllib.request.Request(  # noqa: S310 -- the address is the test's own
        f"{url}/login/api/auth",
        data=json.dumps({"login": email, "password": PASSWORD}).encode(),
        headers={"Content-Type": "application/json", "Referer": f"{url}/login/"},
    )
    with urllib.request.urlopen(login, timeout=10) as answer:  # noqa: S310
        token = answer.headers["Set-Cookie"].split("jwt=")[1].split(";")[0]
    upload = urllib.request.Request(  # noqa: S310
        f"{url}/api/reports/asterisk/upload",
        data=(
            b'--by-hand\r\nContent-Disposition: form-data; name="logs"; filename="queue_log"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + body + b"\r\n--by-hand--\r\n"
        ),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "multipart/form-data; boundary=by-hand",
        },
    )
    with urllib.request.urlopen(upload, timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())
