"""A file of users, read into users that can be made, or into all that is wrong with it.

Here the columns of the file meet the dashboard's model of a user.
Nothing is sent, and the same bytes always come to the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qlogship.dashboard.users import NewUser, Role
from qlogship.users.csv_file import configuration
from qlogship.users.csv_file.columns import (
    COLUMNS,
    SIP,
    WHAT_TO_WRITE,
    RowFault,
    read_header,
    read_row,
    repeated_emails,
)
from qlogship.users.csv_file.table import rows_of
from qlogship.users.csv_file.text import Unreadable, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.users.csv_file.columns import Entry

_COLUMN_OF: Final = {
    "uses_softphone": "usesSP",
    "name": "name",
    "surname": "surname",
    "email": "email",
    "password": "password",
    "role": "role",
    "groups": "groupsIn",
    "manage_groups": "groupsMan",
}
# These the model explains with the value, which may be a password out of its place.
_IN_OUR_WORDS: Final = {
    "email": "it is no e-mail address",
    "role": "it is no role that can be given",
}
_OTHER_ROLE: Final = "Leave it empty, or make the role MANAGER or RESTRICTED_ADMIN."


@dataclass(frozen=True, slots=True)
class FileUser:
    """A user of the file: the ordinal of the row, the line it begins in, what is to be sent."""

    row: int
    line: int
    user: NewUser


@dataclass(frozen=True, slots=True)
class UserFile:
    """What is in a file of users; there are `users` or `faults`, never both.

    `encoding` is as Python calls it, empty when the bytes are no text.
    """

    users: tuple[FileUser, ...]
    faults: tuple[RowFault, ...]
    encoding: str


def read_users(data: bytes, *, template: str = configuration.DEFAULT) -> UserFile:
    """Return the users in a file, or all that is wrong with it, in the order of its rows.

    `template` makes the configuration of those who use Softphone.Pro, or have an
    entry in a SIP column; the others get none.
    """
    decoded = decode(data)
    if isinstance(decoded, Unreadable):
        return UserFile((), (RowFault(None, None, "", decoded.problem, decoded.remedy),), "")
    rows = rows_of(decoded.text)
    if not rows:
        fault = RowFault(None, None, "", "it is empty", "Write a header row and a row per user.")
        return UserFile((), (fault,), decoded.encoding)
    header = read_header(rows[0])
    if isinstance(header, list):
        return UserFile((), tuple(header), decoded.encoding)
    entries = [read_row(row, header, ordinal=n) for n, row in enumerate(rows[1:], 1)]
    users = [_user_of(entry, template) for entry in entries]
    faults = repeated_emails(entries)
    for entry, (user, configuring) in zip(entries, users, strict=True):
        faults += _faults(entry, user, configuring)
    if not entries:
        faults.append(
            RowFault(None, rows[0].line, "", "there is no user in it", "Write a row per user.")
        )
    if faults:
        return UserFile((), tuple(sorted(faults, key=_place)), decoded.encoding)
    found = (
        FileUser(entry.row, entry.line, user)
        for entry, (user, _) in zip(entries, users, strict=True)
    )
    return UserFile(tuple(found), (), decoded.encoding)


def _user_of(entry: Entry, template: str) -> tuple[NewUser, str]:
    """Return the user of a row, and why there is no configuration when there should be one."""
    config = problem = ""
    if entry.uses_softphone or any(entry.sip.values()):
        try:
            config = configuration.render(template, entry.values)
        except ValueError as error:
            problem = f"no configuration can be made of it: {error}"
    user = NewUser(
        uses_softphone=entry.uses_softphone,
        name=entry.name,
        surname=entry.surname,
        email=entry.email,
        password=entry.password,
        role=_role(entry.role),
        groups=entry.groups,
        manage_groups=entry.manage_groups,
        config=config,
    )
    return user, problem


def _role(text: str) -> Role:
    """Return the role; when it is none, one that nobody can be given, so that it is a fault."""
    try:
        return Role(text)
    except ValueError:
        return Role.ADMIN


def _faults(entry: Entry, user: NewUser, configuring: str) -> Iterator[RowFault]:
    """Yield what the cells do not say, and what the model does not take: one per column."""
    yield from entry.faults
    told = {fault.column for fault in entry.faults}
    if "" in told:
        return  # the row is cut wrong: what stands in which column nobody knows
    if configuring and told.isdisjoint(SIP):
        yield RowFault(entry.row, entry.line, "", configuring, WHAT_TO_WRITE["siplogin"])
    for name, problem in user.faults():
        column = _COLUMN_OF.get(name, "")
        if column in told:
            continue
        told.add(column)
        remedy = WHAT_TO_WRITE.get(column, "Look at the template.")
        if column == "groupsMan" and entry.manage_groups:
            remedy = _OTHER_ROLE
        yield RowFault(entry.row, entry.line, column, _IN_OUR_WORDS.get(column, problem), remedy)


def _place(fault: RowFault) -> tuple[int, int]:
    """Return where a fault belongs in the order of reading."""
    column = COLUMNS.index(fault.column) if fault.column in COLUMNS else len(COLUMNS)
    return fault.row or 0, column
