"""A file of users as a whole: the users in it, or all that is wrong with it."""

from __future__ import annotations

import pytest

from qlogship.dashboard import NewUser, Role
from qlogship.users.csv_file.configuration import INCLUDES
from qlogship.users.csv_file.reading import read_users
from tests.support import agents


def test_users() -> None:
    """Each row becomes a user with what is to be sent, and keeps its ordinal and its line."""
    rows = (
        'TRUE;"Doe; ""Jo""";Ray;jo@example.com;123456;MANAGER;"2,4";[7];sip1;s3cret;;;101',
        "false;Ann;Lee;ann@example.com;123456;EMPLOYEE;1;;;;;;",
    )
    text = "\n".join([agents.HEADER, "", *rows])
    first, second = read_users(text.encode("utf-8-sig")).users
    assert (first.row, first.line, second.row, second.line) == (1, 3, 2, 4)
    assert first.user == NewUser(
        uses_softphone=True,
        name='Doe; "Jo"',
        surname="Ray",
        email="jo@example.com",
        password="123456",
        role=Role.MANAGER,
        groups=(2, 4),
        manage_groups=(7,),
        config=f"{INCLUDES}\nAccount1.Login=sip1\nAccount1.Password=s3cret\nAccount1.Extension=101",
    )
    assert (second.user.uses_softphone, second.user.config) == (False, "")


def test_a_thousand_rows_with_thirty_faults() -> None:
    """Every fault of every kind is told at once, with row, line, column and what to write."""
    text, wanted, mended = agents.with_faults()
    found = read_users(text.encode())
    assert found.users == ()
    assert [(fault.row, fault.column) for fault in found.faults] == wanted
    assert len(wanted) == len({row for row, _ in wanted}) == 30
    assert all(fault.line == (fault.row or 0) + 1 for fault in found.faults)
    assert all(fault.problem and fault.remedy for fault in found.faults)
    whole = read_users(mended.encode())
    assert (len(whole.users), whole.faults) == (1000, ())


def test_no_fault_repeats_a_cell() -> None:
    """In a row that is shifted the password stands anywhere: no cell is repeated at all."""
    secret = "hush-hush-hush"
    rows = [agents.cells(number) for number in range(1, len(agents.COLUMNS) + 1)]
    for place, row in enumerate(rows):
        row[place] = secret
    rows += [[secret, *agents.cells(90)[:-1]], [*agents.cells(91)[1:], secret]]
    text = "\n".join([agents.HEADER, *(";".join(row) for row in rows)])
    found = read_users(text.encode())
    assert len(found.faults) > 10
    assert secret not in repr(found)


@pytest.mark.parametrize("text", ["", "\n\n", agents.HEADER, f"{agents.HEADER}\n;;;\n"])
def test_nobody(text: str) -> None:
    """A file without a user is a fault, not an import of nobody."""
    found = read_users(text.encode())
    assert (found.users, len(found.faults)) == ((), 1)


def test_the_same_address_twice() -> None:
    """The later row is told, with the earlier one; capitals make no other address."""
    text = "\n".join(
        [agents.HEADER, agents.row(1), agents.row(2), agents.row(3, email=" USER1@Example.com ")]
    )
    (fault,) = read_users(text.encode()).faults
    assert (fault.row, fault.line, fault.column) == (3, 4, "email")
    assert "user #1, line 2" in fault.problem


def test_values_that_make_a_mark_together() -> None:
    """SIP values that are plain alone and a template's mark together are a fault of the row."""
    text = f"{agents.HEADER}\n{agents.row(1, siplogin='{', ext='%')}"
    (fault,) = read_users(text.encode(), template="@siplogin@@ext@").faults
    assert (fault.row, fault.column) == (1, "")
    assert read_users(text.encode()).faults == ()


def test_several_faults_in_one_row() -> None:
    """All columns of a row are looked at, whatever is wrong with one of them."""
    wrong = agents.row(1, email="x", password="1", role="BOSS", groupsIn="a", ext="{{")
    found = read_users(f"{agents.HEADER}\n{wrong}".encode())
    assert [fault.column for fault in found.faults] == [
        "email",
        "password",
        "role",
        "groupsIn",
        "ext",
    ]


def test_encodings_say_what_they_are() -> None:
    """What is not UTF-8 is converted, and the encoding is told."""
    text = f"{agents.HEADER}\n{agents.row(1, name='Иван', surname='Петров')}"
    for encoding in ("cp1251", "utf-16"):
        found = read_users(text.encode(encoding))
        assert found.encoding == encoding
        assert found.users[0].user.name == "Иван"
