"""The vendor's limits on users, and what is secret of one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qlogship.dashboard.users import NewUser, Role

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


def test_a_user_within_the_limits_has_no_faults() -> None:
    """The outermost lengths are allowed, and so is every script."""
    largest = replace(
        JOHN,
        name="Ж" * 256,
        surname="O'Brien-Łódź",
        password="p" * 256,
        role=Role.MANAGER,
        manage_groups=(3,),
        config=CONFIG,
    )
    assert JOHN.faults() == []
    assert largest.faults() == []
    assert replace(largest, role=Role.RESTRICTED_ADMIN).faults() == []


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("uses_softphone", "yes", "must be true or false, not 'yes'"),
        ("name", "", "must not be empty"),
        ("name", " \t", "must not be empty"),
        ("name", "x" * 257, "must have 256 characters at most; it has 257"),
        ("name", "two\nlines", "must be one line without control characters"),
        ("surname", "", "must not be empty"),
        ("surname", "\ud83d", "must be one line without control characters"),
        ("email", "", "must not be empty"),
        ("email", "user", "must be an e-mail address, not 'user'"),
        ("email", "a@b@c", "must be an e-mail address, not 'a@b@c'"),
        ("email", "a b@c.d", "must be an e-mail address, not 'a b@c.d'"),
        ("email", "@c.d", "must be an e-mail address, not '@c.d'"),
        ("email", "a@c,d", "must be an e-mail address, not 'a@c,d'"),
        ("email", "a;b@c.d", "must be an e-mail address, not 'a;b@c.d'"),
        ("email", "<a@c.d>", "must be an e-mail address, not '<a@c.d>'"),
        ("email", "a@c..d", "must be an e-mail address, not 'a@c..d'"),
        ("email", "a@.c.d", "must be an e-mail address, not 'a@.c.d'"),
        ("email", "a@c.d.", "must be an e-mail address, not 'a@c.d.'"),
        ("email", "a@c-.d", "must be an e-mail address, not 'a@c-.d'"),
        ("email", ".a@c.d", "must be an e-mail address, not '.a@c.d'"),
        ("email", "a..b@c.d", "must be an e-mail address, not 'a..b@c.d'"),
        ("email", "a@c.d\u200b", "must be an e-mail address, not 'a@c.d\\u200b'"),
        ("email", f"a@{'c' * 253}", "must have 254 characters at most; it has 255"),
        ("password", "", "must have 6 to 256 characters; it is empty"),
        ("password", "12345", "must have 6 to 256 characters; it has 5"),
        ("password", "x" * 257, "must have 6 to 256 characters; it has 257"),
        ("password", "12345\udc00", "holds a character that cannot be sent"),
        (
            "role",
            Role.ADMIN,
            "must be one of EMPLOYEE, MANAGER, RESTRICTED_ADMIN, not 'ADMIN'",
        ),
        ("role", "agent", "must be one of EMPLOYEE, MANAGER, RESTRICTED_ADMIN, not 'agent'"),
        ("groups", (), "must name one team at least, by its id"),
        ("groups", (1, 0), "the id of a team is a whole number above 0, not 0"),
        ("groups", ("1",), "the id of a team is a whole number above 0, not '1'"),
        ("groups", (True,), "the id of a team is a whole number above 0, not True"),
        ("manage_groups", (1,), "only MANAGER and RESTRICTED_ADMIN supervise teams"),
        ("config", "\udc00", "holds a character that cannot be sent"),
    ],
)
def test_what_the_vendor_does_not_take_is_a_fault(field: str, value: object, problem: str) -> None:
    """Each fault names its field and says what is wrong, and a good field has none."""
    assert replace(JOHN, **{field: value}).faults() == [(field, problem)]  # type: ignore[arg-type]


def test_all_faults_are_told_at_once() -> None:
    """Who mends a file wants to see everything that is wrong with it, and no password."""
    wrong = replace(JOHN, name="", surname="", email="?", password="s3cre", groups=())

    faults = wrong.faults()

    assert [field for field, _ in faults] == ["name", "surname", "email", "password", "groups"]
    assert "s3cre" not in repr(faults)


def test_a_user_does_not_tell_the_password() -> None:
    """Nor the configuration, which may hold another one."""
    shown = repr(replace(JOHN, password="s3cret-word", config=CONFIG))

    assert "s3cret-word" not in shown
    assert "sip-secret" not in shown


def test_what_is_secret_in_a_configuration_is_known() -> None:
    """Whatever the far end repeats of it, whole, by lines or by values, can be blotted out."""
    known = replace(JOHN, config=CONFIG).secrets

    assert {JOHN.password, CONFIG, 'SipPassword = "sip-secret"', "sip-secret"} <= set(known)
