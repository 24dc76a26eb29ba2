"""The columns of a file of users: which there are, and what is in a row's cells.

Here live the header and the reading of cells into a user; the limits of the values
(lengths, the form of an e-mail address) are the dashboard model's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from qlogship.dashboard.users import NewUser, Role
from qlogship.users.csv_file.configuration import PLACEHOLDERS, SIP, is_plain, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlogship.users.csv_file.table import Row

REQUIRED: Final = ("usesSP", "name", "surname", "email", "password", "role", "groupsIn")
COLUMNS: Final = (*REQUIRED, "groupsMan", *SIP)

WHAT_TO_WRITE: Final = {
    "usesSP": "Write true or false.",
    "name": "Write a first name of 1 to 256 characters.",
    "surname": "Write a last name of 1 to 256 characters.",
    "email": "Write an address such as user@company.com.",
    "password": "Write a password of 6 to 256 characters.",
    "role": "Write EMPLOYEE, MANAGER or RESTRICTED_ADMIN.",
    "groupsIn": "Write the numbers of teams, such as 1 or 2,4,7.",
    "groupsMan": "Write the numbers of teams, such as 1 or 2,4,7; or leave it empty.",
    **dict.fromkeys(
        ("", *SIP), "Write up to 256 characters, without line ends and without {% or {{."
    ),
}
"""What belongs into each column, as a person is told; "" is the configuration made of them."""

# What the model of a user calls otherwise.
_COLUMN_OF: Final = {
    "uses_softphone": "usesSP",
    "groups": "groupsIn",
    "manage_groups": "groupsMan",
    "config": "",
}
# These the model explains with the value, which may be a password out of its place.
_IN_OUR_WORDS: Final = {
    "email": "it is no e-mail address",
    "role": "it is no role that can be given",
}
_OTHER_ROLE: Final = "Leave it empty, or make the role MANAGER or RESTRICTED_ADMIN."
_PASSWORDS: Final = ("password", "sippassword")
_SIP_MAX: Final = 256
_GROUP_MAX: Final = 2**31 - 1
_SEPARATORS: Final = {",": "commas", "\t": "tabs", "|": "bars"}
_TEAM: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_SHOWN_NAME_MAX: Final = 40
_LINE_BREAK: Final = re.compile(r"\s*[\r\n]\s*")


@dataclass(frozen=True, slots=True)
class RowFault:
    """One thing that is wrong with a file of users.

    `row` is the ordinal of the user, the header left out, as the vendor's script
    counts; `line` is the line of the file. Each is None where it concerns no one.
    `column` is empty when it is about the whole row. No cell is repeated in it.
    """

    row: int | None
    line: int | None
    column: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class FileUser:
    """A user of the file: the ordinal of the row, the line it begins in, what is to be sent."""

    row: int
    line: int
    user: NewUser


def read_header(row: Row) -> tuple[str, ...] | list[RowFault]:
    """Return the columns in the order of the file, or all that is wrong with the header row."""
    names = [cell.strip() for cell in row.cells]
    while names and not names[-1]:
        names.pop()  # separators at the end of the line
    spelled = {column.lower(): column for column in COLUMNS}
    fault = partial(RowFault, None, row.line)
    known = [spelled.get(name.lower()) for name in names]
    columns = tuple(column for column in known if column is not None)
    if row.problem or len(columns) * 2 <= len(names):
        # It may be a user: no cell is shown.
        for sign, called in _SEPARATORS.items():
            parts = [part.strip().strip('"').lower() for name in names for part in name.split(sign)]
            if sum(part in spelled for part in parts) * 2 > len(parts):
                remedy = "Save it with semicolons (;) between the columns."
                return [fault("", f"the columns are separated by {called}", remedy)]
        if row.problem:
            return [fault("", f"the header row: {row.problem}", row.remedy)]
        remedy = f"Begin the file with {';'.join(COLUMNS)}"
        return [fault("", "the first row is not the header row", remedy)]
    faults = [
        fault(
            name if len(name) <= _SHOWN_NAME_MAX else f"{name[:_SHOWN_NAME_MAX]}…",
            "there is no such column" if name else f"column {index} has no name",
            f"Take it out, or write one of {', '.join(COLUMNS)}.",
        )
        for index, (name, column) in enumerate(zip(names, known, strict=True), 1)
        if column is None
    ]
    faults += [
        fault(column, "the column is there twice", "Keep one of them.")
        for column in COLUMNS
        if columns.count(column) > 1
    ]
    faults += [
        fault(column, "the column is missing", "Add it; it is required.")
        for column in REQUIRED
        if column not in columns
    ]
    return faults or columns


def read_row(
    row: Row, header: Sequence[str], *, ordinal: int, template: str
) -> tuple[FileUser | None, list[RowFault]]:
    """Return the user of a row, with all that is wrong; None for a row that is cut wrong.

    `template` makes the configuration of those who use Softphone.Pro, or have an
    entry in a SIP column; the others get none. Where there are faults, the value of a
    cell that cannot be read is an empty one.
    """
    fault = partial(RowFault, ordinal, row.line)
    whole = _fault_of_whole(row, header)
    if whole is not None:
        return None, [fault("", *whole)]
    cells = dict.fromkeys(COLUMNS, "") | dict(zip(header, row.cells, strict=False))
    # A space that is part of a password is somebody's secret, and stays.
    cells |= {name: _line(cell) for name, cell in cells.items() if name not in _PASSWORDS}
    problems = _unreadable(cells)
    groups: dict[str, tuple[int, ...]] = {}
    for column in ("groupsIn", "groupsMan"):
        found = read_groups(cells[column])
        if isinstance(found, str):
            problems.setdefault(column, found)
        groups[column] = found if not isinstance(found, str) else ()
    uses_softphone = cells["usesSP"].lower() == "true"
    config = ""
    if problems.keys().isdisjoint(SIP) and (uses_softphone or any(map(cells.get, SIP))):
        try:
            config = render(template, {name: cells[name] for name in PLACEHOLDERS})
        except ValueError as error:
            problems[""] = f"no configuration can be made of it: {error}"
    user = NewUser(
        uses_softphone=uses_softphone,
        name=cells["name"],
        surname=cells["surname"],
        email=cells["email"],
        password=cells["password"],
        # What is no role becomes one that nobody can be given, so that it is a fault.
        role=Role(cells["role"]) if cells["role"] in set(Role) else Role.ADMIN,
        groups=groups["groupsIn"],
        manage_groups=groups["groupsMan"],
        config=config,
    )
    for name, problem in user.faults():
        column = _COLUMN_OF.get(name, name)
        problems.setdefault(column, _IN_OUR_WORDS.get(column, problem))
    remedies = WHAT_TO_WRITE | ({"groupsMan": _OTHER_ROLE} if user.manage_groups else {})
    return FileUser(ordinal, row.line, user), [
        fault(column, problems[column], remedies[column])
        for column in (*COLUMNS, "")
        if column in problems
    ]


def read_groups(text: str) -> tuple[int, ...] | str:
    """Return the numbers of teams in `2`, `2,4,7` or `[2,4,7]`, each once; or what is wrong."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1].strip()
    if not text:
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(_TEAM.fullmatch(part) and 0 < int(part) <= _GROUP_MAX for part in parts):
        return "it is no list of team numbers"
    return tuple(dict.fromkeys(int(part) for part in parts))


def same_email(email: str) -> str:
    """Return what two spellings of one e-mail address have in common."""
    return email.strip().casefold()


def repeated_emails(users: Sequence[FileUser]) -> list[RowFault]:
    """Return a fault for each row whose e-mail address stands in an earlier one."""
    first: dict[str, FileUser] = {}
    faults = []
    for one in users:
        email = same_email(one.user.email)
        before = first.setdefault(email, one)
        if email and before is not one:
            faults.append(
                RowFault(
                    one.row,
                    one.line,
                    "email",
                    f"the same address stands in user #{before.row}, line {before.line}",
                    "Take one of the two rows out, or give it another address.",
                )
            )
    return faults


def _unreadable(cells: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with cells by themselves, by column."""
    problems = {column: "it is empty" for column in REQUIRED if not cells[column].strip()}
    if cells["usesSP"].lower() not in {"true", "false"}:
        problems.setdefault("usesSP", "it is neither true nor false")
    for column in SIP:
        if len(cells[column]) > _SIP_MAX:
            problems[column] = f"it has {len(cells[column])} characters, and may have {_SIP_MAX}"
        elif not is_plain(cells[column]):
            problems[column] = "it holds what a configuration takes for more than text"
    return problems


def _fault_of_whole(row: Row, header: Sequence[str]) -> tuple[str, str] | None:
    """Return problem and remedy of a row that is cut wrong."""
    if row.problem:
        return row.problem, row.remedy
    count = len(row.cells)
    needed = 1 + max(map(header.index, REQUIRED))
    extra = any(cell.strip() for cell in row.cells[len(header) :])
    if count < needed or extra:
        return (
            f"it has {count} cell{'s' if count != 1 else ''}, the header has {len(header)}",
            "Look for a semicolon too many or too few; quote a cell that holds one.",
        )
    return None


def _line(cell: str) -> str:
    """Return a cell as one line: a quoted cell may be broken over several."""
    return _LINE_BREAK.sub(" ", cell.strip())
