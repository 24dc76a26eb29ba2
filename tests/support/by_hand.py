"""An upload by other means than qlogship: what the vendor's curl lines send, over plain HTTP."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.sandbox import Sandbox


def upload_by_hand(dashboard: Sandbox, text: bytes) -> None:
    """Log in and upload a file of this text."""
    connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=10)
    login = json.dumps({"login": dashboard.email, "password": dashboard.password})
    headers = {"Content-Type": "application/json", "Referer": f"{dashboard.url}/login/"}
    connection.request("POST", "/login/api/auth", login, headers)
    with connection.getresponse() as reply:
        reply.read()
        cookies = reply.headers.get_all("Set-Cookie") or []
    token = next(
        value for one in cookies if (value := one.partition("=")[2].split(";")[0]).count(".") == 2
    )
    body = (
        b'--x\r\nContent-Disposition: form-data; name="logs"; filename="queue_log"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + text + b"\r\n--x--\r\n"
    )
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    connection.request("POST", "/api/reports/asterisk/upload", body, headers)
    with connection.getresponse() as reply:
        assert reply.status in {200, 201}, reply.read()
    connection.close()
