"""The vendor's own curl lines: the sandbox takes them, and ours are the same requests."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard import EmailPassword, GivenToken, NewUser, Role, TeamDashboard
from tests.fixtures import vendor_requests as vendor
from tests.support.sandbox import Sandbox
from tests.support.scripted import FarEnd, Request, login, reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None,
    reason="curl and bash are not installed",
)

TOKEN = "head.pay-load.sign_ature"
ACCOUNT = EmailPassword("admin@company.ru", "pass-word")
EKATERINBURG = timezone(timedelta(hours=5))
RECORDS = b"1700000000|1.1|600|NONE|ENTERQUEUE||100|1\n" * 3
JOHN = NewUser(
    uses_softphone=True,
    name="John",
    surname="Doe",
    email="user@company.com",
    password="123456",
    role=Role.EMPLOYEE,
    groups=(1, 2),
    config=vendor.CONFIG,
)
# What makes a difference to the dashboard.
HEADERS = ("accept", "authorization", "content-type", "cookie", "referer")


def run(line: str, address: str, **values: str) -> tuple[str, str]:
    """Run a line as its reader would, with these words filled in; return what it prints."""
    for name, value in {"ADDRESS": address, **values}.items():
        line = line.replace(name, value)
    done = subprocess.run(
        ["bash", "-c", f'curl.exe() {{ curl "$@"; }}\n{line}'],
        capture_output=True,
        check=True,
        timeout=30,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
    )
    return done.stdout.decode(), done.stderr.decode()


def upload(dashboard: TeamDashboard) -> object:
    """Upload a queue_log."""
    return dashboard.upload("queue_log", RECORDS)


def list_users(dashboard: TeamDashboard) -> object:
    """Ask for users as the example does."""
    return dashboard.users_page(
        sort="name", descending=False, page_size=5, page_number=3, all_users=True
    )


def status_log(dashboard: TeamDashboard) -> object:
    """Ask for the agents' status log as the example does."""
    return dashboard.agent_status_log(
        since=datetime(2019, 1, 1, tzinfo=UTC),
        until=datetime(2020, 1, 2, tzinfo=UTC),
        format="csv",
        to=io.BytesIO(),
    )


def call_log(dashboard: TeamDashboard) -> object:
    """Ask for the call log as the example does."""
    return dashboard.call_log(
        since=datetime(2021, 10, 13, tzinfo=EKATERINBURG),
        until=datetime(2021, 10, 14, tzinfo=EKATERINBURG),
        utc_offset=300,
        format="csv",
        to=io.BytesIO(),
    )


def delete(dashboard: TeamDashboard) -> object:
    """Remove the users of the example."""
    dashboard.delete_users([2, 4, 7])
    return None


def sent_by_curl(line: str, **values: str) -> Request:
    """Return what a server gets from a line of the page."""
    with FarEnd(reply("7")) as far:
        run(line, far.url, **values)
    (request,) = far.requests
    return addressed(request, far)


def sent_by_qlogship(wish: Callable[[TeamDashboard], object], answer: str) -> Request:
    """Return what a server gets from the client."""
    with (
        FarEnd(reply(answer)) as far,
        TeamDashboard(url=far.url, credentials=GivenToken(TOKEN)) as dashboard,
    ):
        wish(dashboard)
    (request,) = far.requests
    return addressed(request, far)


def addressed(request: Request, far: FarEnd) -> Request:
    """Write the address as the page does, so that two servers' requests can be compared."""
    headers = {name: value.replace(far.url, "ADDRESS") for name, value in request.headers.items()}
    return Request(request.line, headers, request.body)


def content(request: Request) -> bytes:
    """Return a body, without the boundary, which is anybody's choice."""
    _, _, boundary = request.headers.get("content-type", "").partition("; boundary=")
    return request.body.replace(boundary.encode(), b"BOUNDARY") if boundary else request.body


def headers(request: Request) -> dict[str, str]:
    """Return the headers that matter, without the boundary, which is anybody's choice."""
    found = {name: request.headers[name] for name in HEADERS if name in request.headers}
    if "content-type" in found:
        found["content-type"] = found["content-type"].partition("; boundary=")[0]
    return found


@pytest.mark.parametrize(
    ("line", "wish", "answer"),
    [
        (vendor.CREATE, lambda dashboard: dashboard.create_user(JOHN), "7"),
        (vendor.DELETE, delete, ""),
        (vendor.LIST, list_users, "[]"),
        (vendor.STATUS_LOG, status_log, "a,b"),
        (vendor.CALL_LOG, call_log, "a,b"),
        (vendor.UPLOAD, upload, "3"),
        (vendor.CLEAR, lambda dashboard: dashboard.clear(), ""),
    ],
    ids=["create", "delete", "list", "status log", "call log", "upload", "clear"],
)
def test_ours_is_the_vendors_request(
    line: str, wish: Callable[[TeamDashboard], object], answer: str, tmp_path: Path
) -> None:
    """Method, path, query as it is spelt, headers that matter, and every byte of the body."""
    (tmp_path / "queue_log").write_bytes(RECORDS)
    theirs = sent_by_curl(line, TOKEN=TOKEN, IDS="[2,4,7]", FILE=str(tmp_path / "queue_log"))
    ours = sent_by_qlogship(wish, answer)

    assert ours.line == theirs.line
    assert headers(ours) == headers(theirs)
    assert content(ours) == content(theirs)


def test_our_login_is_the_vendors() -> None:
    """The referer is the login page of the same dashboard."""
    theirs = sent_by_curl(vendor.LOGIN, EMAIL=ACCOUNT.email, PASSWORD=ACCOUNT.password)
    with FarEnd(login()) as far, TeamDashboard(url=far.url, credentials=ACCOUNT) as dashboard:
        dashboard.log_in()
    ours = addressed(far.requests[0], far)

    assert ours.line == theirs.line
    assert headers(ours) == headers(theirs)
    assert content(ours) == content(theirs)


def test_the_sandbox_takes_the_vendors_lines(tmp_path: Path) -> None:
    """Each one, run literally, one after the other, does what the page says."""
    file = tmp_path / "queue_log"
    file.write_bytes(RECORDS)
    with Sandbox() as sandbox:
        _, told = run(vendor.LOGIN, sandbox.url, EMAIL=sandbox.email, PASSWORD=sandbox.password)
        found = re.search(r"^< Set-Cookie: jwt=([^;]*);", told, re.MULTILINE)
        assert found is not None
        token = found[1]

        def ask(line: str, **values: str) -> str:
            return run(line, sandbox.url, TOKEN=token, **values)[0]

        assert ask(vendor.CREATE) == "2"
        assert sandbox.people()[1].config == vendor.CONFIG
        listed = json.loads(ask(vendor.LIST))
        assert listed["totalCount"] == 2
        assert [user["name"] for user in listed["users"]] == ["John", "Team"]
        ask(vendor.DELETE, IDS="[2,4,7]")
        assert len(sandbox.people()) == 1
        assert ask(vendor.UPLOAD, FILE=str(file)) == "1"
        assert sandbox.bodies() == [RECORDS]
        assert ask(vendor.STATUS_LOG).startswith("Time (UTC),Agent")
        assert ask(vendor.CALL_LOG).startswith("Time,Queue,Caller")
        ask(vendor.CLEAR)
        assert sandbox.bodies() == []
        statuses = {request.status for request in sandbox.requests()}
    assert statuses == {200}
