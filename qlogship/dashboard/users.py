"""Users of the Team Dashboard: what one is, how one is asked for, how answers are read.

Here live values and functions over them; what is sent is `client`'s. The limits
are those of the vendor's page, "Create a User". The shape of its answers is only
half documented, so they are read with patience: what is missing is empty, what is
unknown is kept as text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from qlogship.core.reported import read_answer
from qlogship.dashboard.exchange import Request
from qlogship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USERS_PATH = "/api/settings/users"
SAVE_PATH = "/api/settings/users/save"
DELETE_PATH = "/api/settings/users/delete"

NAME_MAX = 256
PASSWORD_MIN = 6
PASSWORD_MAX = 256

# What an answer may be long: two hundred thousand users.
LIST_MAX = 64 * 1024 * 1024

# What a list can be sorted by; `roles` and `states` are the vendor's spelling.
SORT_COLUMNS = ("id", "name", "surname", "email", "groups", "roles", "states", "sfversion")


class Role(StrEnum):
    """What a user may do. ADMIN is seen in lists only: nobody can be made one."""

    EMPLOYEE = "EMPLOYEE"
    MANAGER = "MANAGER"
    RESTRICTED_ADMIN = "RESTRICTED_ADMIN"
    ADMIN = "ADMIN"


GIVEN_ROLES = (Role.EMPLOYEE, Role.MANAGER, Role.RESTRICTED_ADMIN)
MANAGING_ROLES = (Role.MANAGER, Role.RESTRICTED_ADMIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to be made.

    `groups` are the ids of the teams that the user is a part of, `manage_groups`
    of those that a MANAGER or RESTRICTED_ADMIN supervises. `config` is the text of
    the Softphone.Pro configuration, with real newlines; empty for none.
    """

    uses_softphone: bool
    name: str
    surname: str
    email: str
    password: str = field(repr=False)
    role: Role
    groups: tuple[int, ...]
    manage_groups: tuple[int, ...] = ()
    config: str = field(default="", repr=False)

    def faults(self) -> list[tuple[str, str]]:
        """Return what is wrong, each as the name of a field and a problem without secrets."""
        return list(_faults(self))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must not be repeated to anybody: the password, and those in the config."""
        return (self.password, *_secrets_in(self.config))


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user as the dashboard lists one; `id` is 0 when the dashboard told none.

    `state` is `active`, `active.unconfirm` (never logged in from Softphone.Pro) or
    `block`, `role` one of `Role`: both are kept as they come. `groups` are names of
    teams. `softphone_version` is empty for who never logged in from Softphone.Pro.
    """

    id: int
    name: str = ""
    surname: str = ""
    email: str = ""
    state: str = ""
    role: str = ""
    groups: tuple[str, ...] = ()
    softphone_version: str = ""


@dataclass(frozen=True, slots=True)
class UserPage:
    """One answer to a question for users; `total` is None when it was not told."""

    users: tuple[User, ...]
    total: int | None


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
    wrong = [number for number in ids if not _is_id(number)]
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
    if sort not in SORT_COLUMNS:
        raise UsageError(
            f"the dashboard cannot sort users by {sort!r}",
            hint=f"Choose one of {', '.join(SORT_COLUMNS)}.",
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


def read_page(body: bytes) -> UserPage | None:
    """Read a list of users; None when the answer is none."""
    document = _unwrapped(_json(body.decode("utf-8-sig", errors="replace")))
    total: int | None = None
    if isinstance(document, dict):
        total = _count(document.get("totalCount"))
        document = document.get("users")
    if not isinstance(document, list):
        return None
    return UserPage(tuple(_user(entry) for entry in document if isinstance(entry, dict)), total)


# The vendor's limits

# RFC 5321, 4.1.2, and RFC 6531 for letters beyond ASCII; without what is quoted before
# the @ and without numbers for a host, which nobody logs in with.
_WORD = r"[^\s@<>()\[\]\\,;:\".]+"
_LABEL = r"\w(?:[\w-]*\w)?"
_EMAIL = re.compile(rf"{_WORD}(?:\.{_WORD})*@{_LABEL}(?:\.{_LABEL})*")
_EMAIL_MAX = 254
_NO_TEXT = "holds a character that cannot be sent"


def _faults(user: NewUser) -> Iterator[tuple[str, str]]:
    # What is not checked by a type checker may be anything.
    flag: object = user.uses_softphone
    if not isinstance(flag, bool):
        yield "uses_softphone", f"must be true or false, not {flag!r}"
    for name, value, look in (
        ("name", user.name, _faults_of_name),
        ("surname", user.surname, _faults_of_name),
        ("email", user.email, _faults_of_email),
        ("password", user.password, _faults_of_password),
        ("role", user.role, _faults_of_role),
    ):
        yield from ((name, problem) for problem in look(value))
    yield from _faults_of_teams(user)
    if not _is_text(user.config):
        yield "config", _NO_TEXT


def _faults_of_name(value: str) -> Iterator[str]:
    if not value.strip():
        yield "must not be empty"
    elif len(value) > NAME_MAX:
        yield f"must have {NAME_MAX} characters at most; it has {len(value)}"
    elif not _is_line(value):
        yield "must be one line without control characters"


def _faults_of_email(value: str) -> Iterator[str]:
    if not value.strip():
        yield "must not be empty"
    elif len(value) > _EMAIL_MAX:
        yield f"must have {_EMAIL_MAX} characters at most; it has {len(value)}"
    elif not _EMAIL.fullmatch(value) or not value.isprintable():
        yield f"must be an e-mail address, not {value[:80]!r}"


def _faults_of_password(value: str) -> Iterator[str]:
    if not PASSWORD_MIN <= len(value) <= PASSWORD_MAX:
        was = f"it has {len(value)}" if value else "it is empty"
        yield f"must have {PASSWORD_MIN} to {PASSWORD_MAX} characters; {was}"
    elif not _is_text(value):
        yield _NO_TEXT


def _faults_of_role(value: str) -> Iterator[str]:
    if value not in GIVEN_ROLES:
        yield f"must be one of {', '.join(GIVEN_ROLES)}, not {str(value)!r}"


def _faults_of_teams(user: NewUser) -> Iterator[tuple[str, str]]:
    if not user.groups:
        yield "groups", "must name one team at least, by its id"
    for name, ids in (("groups", user.groups), ("manage_groups", user.manage_groups)):
        wrong = [number for number in ids if not _is_id(number)]
        if wrong:
            yield name, f"the id of a team is a whole number above 0, not {wrong[0]!r}"
    if user.manage_groups and user.role == Role.EMPLOYEE:
        yield "manage_groups", f"only {' and '.join(MANAGING_ROLES)} supervise teams"


def _is_id(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _is_line(text: str) -> bool:
    return not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text)


def _is_text(text: str) -> bool:
    """Tell whether a text can be sent; half a letter of UTF-16 cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


# A configuration is lines of `name = value`, among others; a value may be a SIP password.
_ASSIGNED = re.compile(r"[=:]\s*[\"']?([^\"']+?)[\"']?\s*[;,}%]*\s*$")
_LINE_MIN = 6


def _secrets_in(config: str) -> Iterator[str]:
    """Yield the configuration, its lines and the values in them, for any of which may be secret."""
    if not config:
        return
    yield config
    for line in map(str.strip, config.splitlines()):
        if len(line) >= _LINE_MIN:
            yield line
        assigned = _ASSIGNED.search(line)
        if assigned:
            yield assigned[1]


# Requests and answers


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
    if isinstance(value, int) and _is_id(value):
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
