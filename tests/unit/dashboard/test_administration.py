"""How users are asked for, and how the answers about them are read."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from qlogship.dashboard.administration import (
    SortColumn,
    delete_request,
    list_request,
    read_id,
    read_page,
    save_request,
)
from qlogship.dashboard.users import NewUser, Role, User, UserPage
from qlogship.errors import UsageError

JOHN = NewUser(
    uses_softphone=True,
    name="John",
    surname="Doe",
    email="user@company.com",
    password="123456",
    role=Role.EMPLOYEE,
    groups=(1, 2),
)
CONFIG = '{% include "_Account1" %}\nlogin = sip101\nSipPassword = "sip-secret"\n'


def test_a_user_is_sent_as_the_vendor_writes_one() -> None:
    """True booleans, lists of numbers, real newlines, and manageGroups only when there are some."""
    (body,) = save_request(replace(JOHN, config="a\nb")).content
    (managers,) = save_request(replace(JOHN, role=Role.MANAGER, manage_groups=(4, 7))).content

    assert json.loads(body) == {
        "usesSoftphone": True,
        "name": "John",
        "surname": "Doe",
        "email": "user@company.com",
        "password": "123456",
        "role": "EMPLOYEE",
        "groups": [1, 2],
        "config": "a\nb",
    }
    assert json.loads(managers)["manageGroups"] == [4, 7]
    assert "config" not in json.loads(managers)


def test_ids_are_sent_as_a_list() -> None:
    """One id is a list too."""
    assert delete_request([2, 4, 7]).content == (b"[2,4,7]",)
    assert delete_request([1]).content == (b"[1]",)


@pytest.mark.parametrize("ids", [[], [0], [-1], [True], ["1"], [1.0], [2, None]])
def test_what_is_no_id_is_not_sent(ids: list[int]) -> None:
    """An empty list too: nobody knows what the dashboard makes of it."""
    with pytest.raises(UsageError):
        delete_request(ids)


@pytest.mark.parametrize("sort", SortColumn)
def test_a_page_is_asked_for_by_the_vendors_names(sort: str) -> None:
    """All five parameters are sent, in the order of the vendor's page."""
    request = list_request(sort=sort, descending=True, page_size=5, page_number=3, all_users=False)

    assert parse_qsl(request.query) == [
        ("sortColumn", sort),
        ("sortDirection", "desc"),
        ("pageSize", "5"),
        ("pageNumber", "3"),
        ("allUsers", "false"),
    ]


@pytest.mark.parametrize(
    ("sort", "size", "number"), [("role", 20, 1), ("id", 0, 1), ("id", 20, 0), ("", 1, 1)]
)
def test_a_page_that_cannot_be_is_not_asked_for(sort: str, size: int, number: int) -> None:
    """The API's own words for columns are the only ones; pages and sizes start at 1."""
    with pytest.raises(UsageError):
        list_request(
            sort=sort, descending=True, page_size=size, page_number=number, all_users=False
        )


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("7", 7),
        (" 7\n", 7),
        ('"7"', 7),
        ("\ufeff7", 7),
        ("[7]", 7),
        ('{"id": 7}', 7),
        ('{"ID": "7"}', 7),
        ('{"userId": 7, "status": "ok"}', 7),
        ('{"status": "ok", "result": 7}', 7),
        ('{"success": true, "data": {"user": {"id": 7, "name": "5"}}}', 7),
        ('{"id": 7, "groups": [1, 2]}', 7),
        ("", None),
        ("0", None),
        ("-7", None),
        ("7.5", None),
        ("true", None),
        ("null", None),
        ("ok", None),
        ("[1, 2]", None),
        ('{"code": 7}', None),
        ('{"status": "ok"}', None),
        ('{"id": 7, "userId": 8}', None),
        ('{"success": false, "id": 7}', None),
        ('{"error": "duplicate", "id": 7}', None),
        ("<html>7</html>", None),
        ("[" * 100_000, None),
        ("9" * 5_000, None),
    ],
)
def test_the_id_of_a_new_user_is_read_in_any_form(answer: str, number: int | None) -> None:
    """The vendor promises an ID and not its form; what is not clearly one is none."""
    assert read_id(answer.encode()) == number


def test_bytes_that_are_no_text_hold_no_id() -> None:
    """Reading never fails."""
    assert read_id(b"\xff\xfe7") is None
    assert read_page(b"\xff\xfe[]") is None


def test_a_list_of_users_is_read() -> None:
    """All that the vendor names, with states and roles kept as they come."""
    page = read_page(
        json.dumps(
            {
                "totalCount": 41,
                "users": [
                    {
                        "id": 5,
                        "name": "Ольга",
                        "surname": "Doe",
                        "email": "o@c.ru",
                        "state": "active.unconfirm",
                        "role": "EMPLOYEE",
                        "groups": ["Sales", "Support"],
                        "sfversion": "7.1",
                    }
                ],
            }
        ).encode()
    )

    assert page is not None
    assert page.total == 41
    assert page.users == (
        User(
            id=5,
            name="Ольга",
            surname="Doe",
            email="o@c.ru",
            state="active.unconfirm",
            role="EMPLOYEE",
            groups=("Sales", "Support"),
            softphone_version="7.1",
        ),
    )


def test_what_is_odd_in_a_list_is_kept_or_left_empty() -> None:
    """A dashboard that is newer than this program must not make it stumble."""
    page = read_page(
        b'{"users": [{}, 7, null, {"id": "8", "name": null, "groups": null, "state": "asleep",'
        b' "role": "OWNER", "sfversion": 7}, {"id": [], "groups": [3, {"name": "A"}, null]}]}'
    )

    assert page is not None
    assert page.total is None
    assert page.users == (
        User(id=0),
        User(id=8, state="asleep", role="OWNER", softphone_version="7"),
        User(id=0, groups=("3", "A", "")),
    )


@pytest.mark.parametrize("answer", ["", "7", "null", "{}", '{"users": {}}', "<html>", '"users"'])
def test_what_is_no_list_of_users_is_none(answer: str) -> None:
    """An empty list and no list are two answers."""
    assert read_page(answer.encode()) is None
    empty = read_page(b'{"totalCount": 0, "users": []}')
    assert empty is not None
    assert empty.users == ()


@pytest.mark.parametrize(
    "answer",
    [
        '{"status": "ok", "data": {"totalCount": 3, "users": [{"id": 5}]}}',
        '{"result": {"users": [{"id": "5"}], "totalCount": "3"}, "error": null}',
    ],
)
def test_a_list_in_an_envelope_is_read(answer: str) -> None:
    """What stands around the list says nothing."""
    assert read_page(answer.encode()) == UserPage((User(id=5),), 3)


def test_an_envelope_that_speaks_of_a_failure_holds_no_list() -> None:
    """Nobody may be taken for absent because a question failed."""
    assert read_page(b'{"status": "error", "data": []}') is None
    assert read_page(b'{"error": "no access", "data": {"users": []}}') is None
