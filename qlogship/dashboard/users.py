"""Users of the Team Dashboard as values, and what the vendor takes.

The limits are those of the vendor's page, "Create a User". How users are asked for,
and how answers about them are read, is `administration`'s.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME_MAX = 256
PASSWORD_MIN = 6
PASSWORD_MAX = 256


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
    for name, value, longest in (
        ("name", user.name, NAME_MAX),
        ("surname", user.surname, NAME_MAX),
        ("email", user.email, _EMAIL_MAX),
    ):
        if not value.strip():
            yield name, "must not be empty"
        elif len(value) > longest:
            yield name, f"must have {longest} characters at most; it has {len(value)}"
        elif name != "email" and not _is_line(value):
            yield name, "must be one line without control characters"
        elif name == "email" and not (_EMAIL.fullmatch(value) and value.isprintable()):
            yield name, f"must be an e-mail address, not {value[:80]!r}"
    length = len(user.password)
    if not PASSWORD_MIN <= length <= PASSWORD_MAX:
        was = f"it has {length}" if length else "it is empty"
        yield "password", f"must have {PASSWORD_MIN} to {PASSWORD_MAX} characters; {was}"
    elif not _is_text(user.password):
        yield "password", _NO_TEXT
    yield from _faults_of_role_and_teams(user)
    if not _is_text(user.config):
        yield "config", _NO_TEXT


def _faults_of_role_and_teams(user: NewUser) -> Iterator[tuple[str, str]]:
    if user.role not in GIVEN_ROLES:
        yield "role", f"must be one of {', '.join(GIVEN_ROLES)}, not {str(user.role)!r}"
    if not user.groups:
        yield "groups", "must name one team at least, by its id"
    for name, ids in (("groups", user.groups), ("manage_groups", user.manage_groups)):
        wrong = [number for number in ids if not is_id(number)]
        if wrong:
            yield name, f"the id of a team is a whole number above 0, not {wrong[0]!r}"
    if user.manage_groups and user.role == Role.EMPLOYEE:
        yield "manage_groups", f"only {' and '.join(MANAGING_ROLES)} supervise teams"


def is_id(number: object) -> bool:
    """Return whether this can be the id of a team or of a user."""
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _is_line(text: str) -> bool:
    return not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text)


def _is_text(text: str) -> bool:
    """Return whether a text can be sent; half a letter of UTF-16 cannot."""
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
