"""Files of users for tests, as the vendor describes them."""

from __future__ import annotations

from typing import Final

HEADER: Final = (
    "usesSP;name;surname;email;password;role;groupsIn;groupsMan;"
    "siplogin;sippassword;sipdisplayname;sipauthname;ext"
)

COLUMNS: Final = HEADER.split(";")


def cells(number: int, **other: str) -> list[str]:
    """Return the cells of user `number`; `other` says which are different."""
    usual = {
        "usesSP": "true",
        "name": "John",
        "surname": f"Doe {number}",
        "email": f"user{number}@example.com",
        "password": password(number),
        "role": "EMPLOYEE",
        "groupsIn": "1",
        "siplogin": f"sip{number}",
        "sippassword": sip_password(number),
        "ext": str(number),
    }
    return [(usual | other).get(column, "") for column in COLUMNS]


def row(number: int, **other: str) -> str:
    """Return the row of user `number`."""
    return ";".join(cells(number, **other))


def password(number: int) -> str:
    """Return the password of user `number`, which must turn up nowhere."""
    return f"hush-{number:05}-hush"


def sip_password(number: int) -> str:
    """Return the SIP password of user `number`."""
    return f"quiet-{number:05}-quiet"


def text(count: int) -> str:
    """Return a file of so many users."""
    return "\r\n".join([HEADER, *map(row, range(1, count + 1)), ""])


def with_faults() -> tuple[str, list[tuple[int, str]], str]:
    """Return a file of 1,000 users of which 30 are faulty, where, and the mended file.

    Each faulty row has one fault, of a kind of its own. "Where" is row and column; the
    column of a row that is cut wrong is empty.
    """
    long = "x" * 257
    kinds: list[tuple[str, dict[str, str]]] = [
        ("usesSP", {"usesSP": "yes"}),
        ("usesSP", {"usesSP": ""}),
        ("name", {"name": ""}),
        ("name", {"name": long}),
        ("name", {"name": "a\x07b"}),
        ("surname", {"surname": "  "}),
        ("surname", {"surname": long}),
        ("email", {"email": ""}),
        ("email", {"email": "nobody"}),
        ("email", {"email": "two words@example.com"}),
        ("email", {"email": "USER2@example.COM"}),
        ("password", {"password": ""}),
        ("password", {"password": "12345"}),
        ("password", {"password": long}),
        ("role", {"role": ""}),
        ("role", {"role": "ADMIN"}),
        ("role", {"role": "employee"}),
        ("groupsIn", {"groupsIn": ""}),
        ("groupsIn", {"groupsIn": "sales"}),
        ("groupsIn", {"groupsIn": "2.4"}),
        ("groupsMan", {"groupsMan": "1"}),
        ("groupsMan", {"role": "MANAGER", "groupsMan": "all"}),
        ("siplogin", {"siplogin": long}),
        ("sippassword", {"sippassword": "{% include 'x' %}"}),
        ("sipdisplayname", {"sipdisplayname": "a\x1bb"}),
        ("ext", {"ext": "{{7}}"}),
    ]
    rows = {number: row(number) for number in range(1, 1001)}
    faults = []
    for index, (column, wrong) in enumerate(kinds):
        number = 30 + 37 * index
        rows[number] = row(number, **wrong)
        faults.append((number, column))
    rows[10] = rows[10] + ";one;two"
    rows[11] = "true;John"
    rows[12] = rows[12].replace("John", '"John')
    rows[13] = rows[13].replace("John", '"Jo"hn')
    faults += [(number, "") for number in (10, 11, 12, 13)]
    return "\r\n".join([HEADER, *rows.values(), ""]), sorted(faults), text(1000)
