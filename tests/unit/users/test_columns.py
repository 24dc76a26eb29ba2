"""Header and cells: what they say, and what is wrong with them."""

from __future__ import annotations

import pytest

from qlogship.users.csv_file.columns import (
    COLUMNS,
    REQUIRED,
    FileUser,
    RowFault,
    read_groups,
    read_header,
    read_row,
)
from qlogship.users.csv_file.configuration import DEFAULT
from qlogship.users.csv_file.table import Row, rows_of


def header_of(text: str) -> tuple[str, ...] | list[tuple[str, str]]:
    """Return the header in a line, or column and problem of each fault."""
    found = read_header(rows_of(text)[0])
    return found if isinstance(found, tuple) else [(one.column, one.problem) for one in found]


def test_any_order_and_any_case() -> None:
    """Columns stand in any order, in any letters, with spaces around; optional ones may miss."""
    found = header_of(" EMAIL ;groupsin;Role;password;surname;name;usessp;;")
    assert found == ("email", "groupsIn", "role", "password", "surname", "name", "usesSP")


def test_all_that_is_wrong_with_the_header_at_once() -> None:
    """Unknown, repeated, nameless and missing columns are all named."""
    assert header_of("usesSP;name;name;fax;;email;password;role") == [
        ("fax", "there is no such column"),
        ("", "column 5 has no name"),
        ("name", "the column is there twice"),
        ("surname", "the column is missing"),
        ("groupsIn", "the column is missing"),
    ]


@pytest.mark.parametrize(("sign", "called"), [(",", "commas"), ("\t", "tabs"), ("|", "bars")])
@pytest.mark.parametrize("quote", ["", '"'])
def test_another_separator_is_recognised(sign: str, called: str, quote: str) -> None:
    """A file with commas, tabs or bars is refused with the remedy, which is the semicolon."""
    line = sign.join(f"{quote}{column}{quote}" for column in COLUMNS)
    (fault,) = read_header(rows_of(line)[0])
    assert isinstance(fault, RowFault)
    assert called in fault.problem
    assert "semicolons" in fault.remedy


def test_a_header_that_is_cut_wrong() -> None:
    """A quote that is not closed is told as what it is."""
    (fault,) = header_of('usesSP;"name;surname;email;password;role;groupsIn')
    assert fault == ("", "the header row: a quote is opened and never closed")


def test_a_file_without_header_shows_no_cell() -> None:
    """The first row of a file without a header is a user, whose password is not repeated."""
    (fault,) = header_of("true;John;Doe;john@example.com;hunter2secret;EMPLOYEE;1")
    assert fault == ("", "the first row is not the header row")


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("1", (1,)),
        ("2,4,7", (2, 4, 7)),
        ("[2,4,7]", (2, 4, 7)),
        (" [ 2 , 4 ] ", (2, 4)),
        ("3,3,1", (3, 1)),
        ("", ()),
        ("[]", ()),
    ],
)
def test_teams(text: str, groups: tuple[int, ...]) -> None:
    """Teams are numbers divided by commas, with brackets or without; each counts once."""
    assert read_groups(text) == groups


@pytest.mark.parametrize(
    "text", ["x", "1;2", "1,", ",1", "2.4", "-1", "0", "1 2", "[1", "99999999999", "١", "1,,2"]
)
def test_what_is_no_list_of_teams(text: str) -> None:
    """Anything else is told to be none."""
    assert isinstance(read_groups(text), str)


def row(**cells: str) -> Row:
    """Return a row that is right but for these cells."""
    usual = {
        "usesSP": "true",
        "name": "John",
        "surname": "Doe",
        "email": "john@example.com",
        "password": "123456",
        "role": "EMPLOYEE",
        "groupsIn": "1",
    }
    return Row(2, tuple((usual | cells).get(column, "") for column in COLUMNS))


def read(row: Row, ordinal: int = 1) -> tuple[FileUser | None, list[RowFault]]:
    """Read a row below the usual header."""
    return read_row(row, COLUMNS, ordinal=ordinal, template=DEFAULT)


def test_a_row_of_all_columns() -> None:
    """Cells are trimmed, but for the passwords; a broken name is one line."""
    one, faults = read(
        row(
            usesSP="FALSE",
            name="  John\r\n Paul ",
            email=" john@example.com ",
            password=" secret ",
            role=" MANAGER",
            groupsIn="[2,4]",
            groupsMan="7",
            siplogin=" sip101 ",
            sippassword=" p w ",
            ext="101",
        )
    )
    assert one is not None
    assert faults == []
    user = one.user
    assert (user.uses_softphone, user.name, user.password) == (False, "John Paul", " secret ")
    assert (user.email, user.role) == ("john@example.com", "MANAGER")
    assert (user.groups, user.manage_groups) == ((2, 4), (7,))
    assert "Account1.Login=sip101\nAccount1.Password= p w \n" in user.config


def test_every_required_column_must_be_filled() -> None:
    """Each required cell that is empty is a fault of its own, all at once."""
    _, faults = read(row(**dict.fromkeys(REQUIRED, " "), ext="1"), 3)
    assert [(one.row, one.line, one.column) for one in faults] == [
        (3, 2, column) for column in COLUMNS if column in REQUIRED
    ]


@pytest.mark.parametrize(
    ("cells", "columns"),
    [
        ({"usesSP": "yes"}, ["usesSP"]),
        ({"groupsIn": "sales"}, ["groupsIn"]),
        ({"groupsMan": "1;2"}, ["groupsMan"]),
        ({"siplogin": "x" * 257}, ["siplogin"]),
        ({"sippassword": "a\nb"}, ["sippassword"]),
        ({"sipdisplayname": "{% include 'x' %}"}, ["sipdisplayname"]),
        ({"ext": "{{ 7 }}"}, ["ext"]),
        ({"usesSP": "1", "groupsIn": "2.4", "ext": "\x07"}, ["usesSP", "groupsIn", "ext"]),
    ],
)
def test_cells_that_cannot_be_read(cells: dict[str, str], columns: list[str]) -> None:
    """Each is named by its column, with what to write, and without what was there."""
    _, faults = read(row(**cells))
    assert [fault.column for fault in faults] == columns
    for fault in faults:
        assert fault.remedy.startswith("Write")
        assert not any(cell in f"{fault}" for cell in cells.values() if len(cell) > 2)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("true;John;Doe;j@example.com;123456;EMPLOYEE;1", False),
        ("true;John;Doe;j@example.com;123456;EMPLOYEE;1;;;;;;;;;", False),
        ("true;John;Doe;j@example.com;123456;EMPLOYEE", True),
        ("true;John;Doe;j@example.com;123456;EMPLOYEE;1;;;;;;;101", True),
        ("true", True),
    ],
)
def test_rows_of_another_width(line: str, *, wrong: bool) -> None:
    """Optional cells may miss and empty ones be too many; anything else is one fault."""
    _, faults = read(rows_of(line)[0])
    assert len(faults) == int(wrong)
    assert all("cell" in fault.problem for fault in faults)
