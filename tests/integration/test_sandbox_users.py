"""The sandbox's users over real TCP: what it takes, what it refuses, what it shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from qlogship.sandbox.options import SandboxOptions
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAVE = "/api/settings/users/save"
DELETE = "/api/settings/users/delete"
USERS = "/api/settings/users"
JOHN = {
    "usesSoftphone": True,
    "name": "John",
    "surname": "Doe",
    "email": "user@company.com",
    "password": "a-pass-word",
    "role": "EMPLOYEE",
    "groups": [1, 2],
    "config": 'first\nsecond "line"',
}
HTTP = httpx.Client(timeout=10.0, limits=httpx.Limits(max_keepalive_connections=0))


class Client:
    """Somebody who logged in."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url = sandbox.url
        self.own = sandbox.own
        reply = HTTP.post(
            f"{self.url}/login/api/auth",
            json={"login": sandbox.email, "password": sandbox.password},
        )
        HTTP.cookies.clear()
        self.headers = {"Authorization": f"Bearer {reply.cookies['jwt']}"}

    def post(self, path: str, value: object) -> httpx.Response:
        """Post JSON."""
        return HTTP.post(self.url + path, headers=self.headers, json=value)

    def create(self, **changes: object) -> httpx.Response:
        """Make John, but for these changes; None leaves a field out."""
        wish = {name: value for name, value in {**JOHN, **changes}.items() if value is not None}
        return self.post(SAVE, wish)

    def listed(self, query: str = "") -> Any:  # noqa: ANN401 -- JSON
        """Return a list of users."""
        return HTTP.get(f"{self.url}{USERS}?{query}", headers=self.headers).json()

    def names(self, query: str) -> list[str]:
        """Return the first names of a list."""
        return [user["name"] for user in self.listed(query)["users"]]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox as it is out of the box."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    """A client of it."""
    return Client(sandbox)


def test_a_user_is_made_and_listed(sandbox: Sandbox, client: Client) -> None:
    """The answer is the bare id; ids rise from the administrator's, which is 1."""
    assert client.create().json() == 2
    assert client.create(email="other@company.com").json() == 3

    listed = client.listed("sortColumn=id&sortDirection=asc")
    assert listed["totalCount"] == 3
    assert listed["users"][0] == {
        "id": 1,
        "name": "Team",
        "surname": "Administrator",
        "email": sandbox.email,
        "state": "active",
        "role": "ADMIN",
        "groups": [],
        "sfversion": "",
    }
    assert listed["users"][1] == {
        "id": 2,
        "name": "John",
        "surname": "Doe",
        "email": "user@company.com",
        "state": "active.unconfirm",
        "role": "EMPLOYEE",
        "groups": ["Team 1", "Team 2"],
        "sfversion": "",
    }
    assert sandbox.people()[1].config == 'first\nsecond "line"'


def test_the_id_of_a_removed_user_is_not_given_again(client: Client) -> None:
    """Whoever wrote one down must not meet somebody else under it."""
    client.create()
    assert client.post(DELETE, [2]).status_code == 200
    assert client.create().json() == 3


@pytest.mark.parametrize("email", ["user@company.com", "USER@Company.com"])
def test_an_email_is_taken_once(sandbox: Sandbox, client: Client, email: str) -> None:
    """The answer is 500, as the vendor's script shows it; letters of any size are the same."""
    client.create()

    assert client.create(email=email).status_code == 500
    assert client.create(email=sandbox.email).status_code == 500
    assert client.listed()["totalCount"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"usesSoftphone": "true"},
        {"name": ""},
        {"name": "x" * 257},
        {"name": 7},
        {"surname": None},
        {"email": "nobody"},
        {"password": "12345"},
        {"password": "x" * 257},
        {"role": "ADMIN"},
        {"role": ["EMPLOYEE"]},
        {"groups": []},
        {"groups": "1,2"},
        {"groups": ["1"]},
        {"groups": [0]},
        {"groups": [2**63]},
        {"manageGroups": [1]},
        {"config": 7},
    ],
)
def test_a_field_beyond_the_limits_is_refused(client: Client, changes: dict[str, object]) -> None:
    """The limits are those of the vendor's page; the answer names the field, and no password."""
    reply = client.create(**changes)

    assert reply.status_code == 400
    assert next(iter(changes)) in reply.json()["error"]
    assert "x" * 257 not in reply.text
    assert client.listed()["totalCount"] == 1


@pytest.mark.parametrize("role", ["MANAGER", "RESTRICTED_ADMIN"])
def test_who_manages_may_have_teams_to_manage(sandbox: Sandbox, client: Client, role: str) -> None:
    """And an employee may not."""
    assert client.create(role=role, manageGroups=[4, 7]).status_code == 200
    assert sandbox.people()[1].managed == (4, 7)


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[1]", b'{"name": "\\ud800"}', b"[" * 9999])
def test_what_is_no_user_is_refused(client: Client, body: bytes) -> None:
    """Whatever it is."""
    headers = {**client.headers, "Content-Type": "application/json"}
    assert HTTP.post(client.url + SAVE, headers=headers, content=body).status_code == 400
    assert HTTP.post(client.url + SAVE, headers=client.headers, content=body).status_code == 415


@pytest.mark.parametrize("body", [{}, [], ["2"], [0], [2, None], 2, [1], [2, 1], [2**70]])
def test_what_cannot_be_removed_leaves_all_in_place(client: Client, body: object) -> None:
    """The administrator is one of them."""
    client.create()

    assert client.post(DELETE, body).status_code == 400
    assert client.listed()["totalCount"] == 2


def test_ids_of_nobody_are_passed_over(client: Client) -> None:
    """So that a deletion whose answer was lost can be repeated."""
    client.create()

    assert client.post(DELETE, [2, 99]).status_code == 200
    assert client.post(DELETE, [2, 99]).status_code == 200
    assert client.listed()["totalCount"] == 1


def test_pages_and_orders(client: Client) -> None:
    """Twenty at a time, newest first, unless the query says otherwise."""
    for number in range(30):
        client.create(name=f"N{number:02}", email=f"{number}@c.ru")

    assert client.names("") == [f"N{number:02}" for number in range(29, 9, -1)]
    assert client.names("pageNumber=2&pageSize=29") == ["N00", "Team"]
    assert client.names("pageNumber=9") == []
    page = "sortColumn=name&sortDirection=asc&pageSize=5&pageNumber=3"
    assert client.names(page) == [f"N{number:02}" for number in range(10, 15)]
    assert len(client.names(f"{page}&allUsers=true")) == 31
    for column in ("surname", "email", "groups", "roles", "states", "sfversion"):
        assert len(client.names(f"sortColumn={column}&allUsers=true")) == 31


@pytest.mark.parametrize(
    "query",
    [
        "sortColumn=role",
        "sortDirection=down",
        "pageSize=0",
        "pageSize=",
        "pageNumber=x",
        "pageNumber=99999999999",
        "allUsers=yes",
    ],
)
def test_a_question_that_means_nothing_is_refused(client: Client, query: str) -> None:
    """So that a client with a mistake in it does not get away with it."""
    reply = HTTP.get(f"{client.url}{USERS}?{query}", headers=client.headers)
    assert reply.status_code == 400


@pytest.mark.parametrize(("method", "path"), [("POST", SAVE), ("POST", DELETE), ("GET", USERS)])
def test_users_want_the_token_as_bearer(client: Client, method: str, path: str) -> None:
    """A cookie will not do, for the vendor's page has none there."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    for headers in ({}, {"Cookie": f"jwt={token}"}, {"Authorization": "Bearer x"}):
        assert HTTP.request(method, client.url + path, headers=headers).status_code == 401


def test_users_are_kept_with_the_data(tmp_path: Path) -> None:
    """But no password is: it opens nothing here, and a file is easily given away."""
    data = tmp_path / "sandbox.db"
    with Sandbox(data=data) as sandbox:
        Client(sandbox).create()
    with Sandbox(SandboxOptions(email="new@example.com"), data=data) as sandbox:
        emails = [person.email for person in sandbox.people()]

    assert emails == ["new@example.com", "user@company.com"]
    for file in tmp_path.iterdir():
        assert b"a-pass-word" not in file.read_bytes()


def test_a_clear_leaves_the_users(client: Client) -> None:
    """It removes uploaded queue_log data and nothing else."""
    client.create()
    HTTP.post(f"{client.url}/api/reports/asterisk/clear", headers=client.headers)
    assert client.listed()["totalCount"] == 2


def test_a_lost_answer_leaves_the_user_behind(sandbox: Sandbox, client: Client) -> None:
    """The fault script reaches the users too."""
    sandbox.script([{"on": "create_user", "do": "lose_reply"}])
    with pytest.raises(httpx.RemoteProtocolError):
        client.create()
    assert client.create().status_code == 500

    sandbox.script([{"on": "create_user", "do": "lose_reply"}])
    with pytest.raises(httpx.RemoteProtocolError):
        client.create(email="nobody")
    assert client.listed()["totalCount"] == 2


def test_the_users_can_be_looked_at(client: Client) -> None:
    """As JSON, with the configuration that was sent."""
    client.create()
    shown = HTTP.get(client.own("users")).json()

    assert [user["id"] for user in shown] == [2, 1]
    assert shown[0]["config"] == JOHN["config"]
    assert "a-pass-word" not in json.dumps(shown)
