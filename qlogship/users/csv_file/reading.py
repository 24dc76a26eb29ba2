"""A file of users, read into users that can be made, or into all that is wrong with it.

Nothing is sent, and the same bytes always come to the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from qlogship.users.csv_file import configuration
from qlogship.users.csv_file.columns import (
    COLUMNS,
    FileUser,
    RowFault,
    read_header,
    read_row,
    repeated_emails,
)
from qlogship.users.csv_file.table import rows_of
from qlogship.users.csv_file.text import Unreadable, decode


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

    `template` is for the configurations, see `read_row`.
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
    read = [
        read_row(row, header, ordinal=number, template=template)
        for number, row in enumerate(rows[1:], 1)
    ]
    users = tuple(user for user, _ in read if user is not None)
    faults = repeated_emails(users)
    for _, found in read:
        faults += found
    if not read:
        faults.append(
            RowFault(None, rows[0].line, "", "there is no user in it", "Write a row per user.")
        )
    if faults:
        return UserFile((), tuple(sorted(faults, key=_place)), decoded.encoding)
    return UserFile(users, (), decoded.encoding)


def _place(fault: RowFault) -> tuple[int, int]:
    """Return where a fault belongs in the order of reading."""
    column = COLUMNS.index(fault.column) if fault.column in COLUMNS else len(COLUMNS)
    return fault.row or 0, column
