"""The administration of users: how each action is asked for, and how answers are read.

Here live functions over values; what is sent is `client`'s. The shape of the answers
is only half documented, so they are read with patience: what is missing is empty,
what is unknown is kept as text.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from qlogship.dashboard.answer_count import read_answer
from qlogship.dashboard.exchange import Request
from qlogship.dashboard.users import User, UserPage, is_id
from qlogship.errors import UsageError
from qlogship.wording import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlogship.dashboard.users import NewUser

USERS_PATH = "/api/settings/users"
SAVE_PATH = "/api/settings/users/save"
DELETE_PATH = "/api/settings/users/delete"

# What a list may hold, in one answer and in all its pages. The largest call centres have some
# thousand users; what is beyond is no list, and would fill this machine's memory.
USERS_MAX = 100_000
LIST_MAX = 16 * 1024 * 1024
LIST_MAX_OF_ALL_PAGES = 4 * LIST_MAX
# An empty object takes three bytes in JSON and some seventy in memory, so that bytes alone are
# no bound. A user has about ten values.
_VALUES_MAX = 10 * USERS_MAX


class SortColumn(StrEnum):
    """What a list can be sorted by; `roles` and `states` are the vendor's spelling."""

    ID = "id"
    NAME = "name"
    SURNAME = "surname"
    EMAIL = "email"
    GROUPS = "groups"
    ROLES = "roles"
    STATES = "states"
    SFVERSION = "sfversion"


def save_request(user: NewUser) -> Request:
    """Return the request that makes a user; its faults are the caller's business."""
    fields: dict[str, object] = {
        "usesSoftphone": user.uses_softphone,
        "name": user.name,
        "surname": user.surname,
        "email": user.email,
        "password": user.password,
        "role": str(user.role),
        "groups": list(user.groups),
    }
    if user.manage_groups:
        fields["manageGroups"] = list(user.manage_groups)
    if user.config:
        fields["config"] = user.config
    return _posted(SAVE_PATH, fields, secrets=user.secrets)


def delete_request(ids: Sequence[int]) -> Request:
    """Return the request that removes users; raises UsageError when an id can be none."""
    wrong = [number for number in ids if not is_id(number)]
    if wrong or not ids:
        raise UsageError(
            f"these are no ids of users: {', '.join(map(repr, wrong))}"
            if wrong
            else "there is no user to delete",
            hint="Give whole numbers above 0, as `qlogship users list` shows them.",
        )
    return _posted(DELETE_PATH, list(ids))


def list_request(
    *, sort: str, descending: bool, page_size: int, page_number: int, all_users: bool
) -> Request:
    """Return the request for one page of users, or for all of them.

    Raises UsageError for what the dashboard cannot sort by, and for a page that
    cannot be.
    """
    if sort not in set(SortColumn):
        raise UsageError(
            f"the dashboard cannot sort users by {sort!r}",
            hint=f"Choose one of {', '.join(SortColumn)}.",
        )
    if page_size < 1 or page_number < 1:
        raise UsageError(
            f"there is no page {page_number} of {page_size} users",
            hint="Give a page number and a page size above 0.",
        )
    query = {
        "sortColumn": sort,
        "sortDirection": "desc" if descending else "asc",
        "pageSize": page_size,
        "pageNumber": page_number,
        "allUsers": "true" if all_users else "false",
    }
    return Request(method="GET", path=USERS_PATH, query=urlencode(query), answer_max=LIST_MAX)


def read_id(body: bytes) -> int | None:
    """Read the id of a new user from the answer to `save`; None when none is told for sure.

    The vendor promises an ID and not its form: a bare number, or one under a name
    that says so, at most two objects deep.
    """
    text = body.decode("utf-8-sig", errors="replace").strip()
    failed, _ = read_answer(text)
    document = _json(text)
    return None if failed else _id_in(document, depth=3)


def excess(body: bytes) -> str:
    """Say what is too much in a list of users before it is read; nothing when it is not."""
    if len(body) >= LIST_MAX:  # no more of it was read
        return f"the list of users is longer than {size(LIST_MAX)}"
    # Each value of a JSON document stands behind one of these.
    if sum(body.count(sign) for sign in (b",", b"{", b"[")) > _VALUES_MAX:
        return f"the list of users has more than {_VALUES_MAX:,} values"
    return ""


def read_page(body: bytes) -> UserPage | None:
    """Read a list of users that holds no excess; None when the answer is none."""
    document = _unwrapped(_json(body.decode("utf-8-sig", errors="replace")))
    total: int | None = None
    if isinstance(document, dict):
        total = _count(document.get("totalCount"))
        document = document.get("users")
    if not isinstance(document, list):
        return None
    return UserPage(tuple(_user(entry) for entry in document if isinstance(entry, dict)), total)


def _posted(path: str, value: object, *, secrets: tuple[str, ...] = ()) -> Request:
    # Without blanks, as the vendor's page spells it.
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Request(
        method="POST",
        path=path,
        headers={"Content-Type": "application/json"},
        content=(body,),
        secrets=secrets,
    )


def _json(text: str) -> object:
    """Return what a text says as JSON; None when it says nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_ID_KEYS = ("id", "userid", "user_id", "newid", "insertid")
_WRAPPER_KEYS = ("user", "result", "data", "response", "value", "content")
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)


def _id_in(value: object, *, depth: int) -> int | None:
    """Find the one id in a JSON value; None when there is none, or more than one."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, int) and is_id(value):
        return value
    if depth == 0:
        return None
    if isinstance(value, list) and len(value) == 1:
        return _id_in(value[0], depth=depth - 1)
    if isinstance(value, dict):
        fields = {str(name).lower(): inner for name, inner in value.items()}
        for names in (_ID_KEYS, _WRAPPER_KEYS):
            found = {_id_in(fields[name], depth=depth - 1) for name in names if name in fields}
            found.discard(None)
            if found:
                return found.pop() if len(found) == 1 else None
    return None


def _unwrapped(document: object) -> object:
    """Return what is in the envelope of an answer, such as `data`; not beside an error."""
    if not isinstance(document, dict) or "users" in document:
        return document
    inside = [name for name in _WRAPPER_KEYS if isinstance(document.get(name), dict | list)]
    if len(inside) != 1:
        return document
    failed, _ = read_answer(json.dumps({**document, inside[0]: None}))
    return None if failed else document[inside[0]]


def _count(value: object) -> int | None:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _user(entry: dict[str, Any]) -> User:
    groups = entry.get("groups")
    return User(
        id=_id_in(entry.get("id"), depth=0) or 0,
        name=_text(entry.get("name")),
        surname=_text(entry.get("surname")),
        email=_text(entry.get("email")),
        state=_text(entry.get("state")),
        role=_text(entry.get("role")),
        groups=tuple(map(_group, groups)) if isinstance(groups, list) else (),
        softphone_version=_text(entry.get("sfversion")),
    )


def _group(value: object) -> str:
    """Return the name of a team; some dashboards might tell more of it than that."""
    return _text(value.get("name") if isinstance(value, dict) else value)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
