"""The independent dashboard does what it is told, and counts what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard.auth import EmailPassword
from qlogship.dashboard.client import TeamDashboard
from qlogship.dashboard.verdicts import Verdict
from tests.support.calls import call
from tests.support.tenant import Conduct, Tenant
from tests.support.vendor_server import EMAIL, PASSWORD, VendorServer, upload_by_hand

if TYPE_CHECKING:
    from tests.support.tenant import Answer, Counting

NOON = 1_795_411_800
TEXT = call(1, NOON) + call(3, NOON) + b"1795411800|NONE|q|NONE|ENTERQUEUE||1|1\nodd\n"


def client(server: VendorServer, email: str = EMAIL) -> TeamDashboard:
    """Return the program's own client."""
    account = EmailPassword(email, PASSWORD)
    return TeamDashboard(url=server.url, credentials=account, timeout=0.5)


@pytest.mark.parametrize(("counting", "number"), [("per file", 4), ("once", 2), ("entrances", 4)])
def test_what_is_uploaded_by_hand_is_kept_and_counted(counting: Counting, number: int) -> None:
    """A file that is uploaded twice counts as the tenant counts; a clear removes it."""
    with VendorServer(Tenant(counting=counting)) as server:
        assert upload_by_hand(server.url, TEXT) == '{"uploadedCalls": 2}'
        upload_by_hand(server.url, TEXT)
        assert server.tenant.kept == [TEXT, TEXT]
        assert server.tenant.calls == number
        server.tenant.clear()
        assert (server.tenant.calls, len(server.tenant.stored)) == (0, 2)


def test_a_repeat_is_dropped_if_told_so() -> None:
    """Then the number stays, and 0 is answered."""
    with VendorServer(Tenant(drops_repeats=True)) as server:
        upload_by_hand(server.url, TEXT)
        assert upload_by_hand(server.url, TEXT) == '{"uploadedCalls": 0}'
        assert (server.tenant.kept, server.tenant.calls) == ([TEXT], 2)


@pytest.mark.parametrize(
    ("answer", "verdict", "counted"),
    [
        ("count", Verdict.ACCEPTED, 2),
        ("no count", Verdict.ACCEPTED, None),
        ("page", Verdict.NOT_ACCEPTED, None),
        ("cut", Verdict.UNKNOWN, None),
        ("late", Verdict.UNKNOWN, None),
        ("lost", Verdict.UNKNOWN, None),
        ("unread", Verdict.UNKNOWN, None),
        (422, Verdict.REFUSED, None),
        (503, Verdict.LATER, None),
        (504, Verdict.UNKNOWN, None),
        (302, Verdict.REDIRECTED, None),
    ],
)
def test_what_is_answered(answer: Answer | int, verdict: Verdict, counted: int | None) -> None:
    """Each answer is what its name says, whether the body is stored or not."""
    with VendorServer() as server, client(server) as dashboard:
        server.tenant.script.append(Conduct(stores=answer != "unread", answer=answer))
        outcome = dashboard.upload("queue_log", TEXT)
        assert (outcome.verdict, outcome.reported_calls) == (verdict, counted)
        assert server.tenant.kept == ([] if answer == "unread" else [TEXT])


def test_what_is_stored_afterwards_may_come_behind_a_clear() -> None:
    """A request that is stored late is there when the tenant catches up."""
    with VendorServer() as server, client(server) as dashboard:
        server.tenant.script.append(Conduct(answer="late", afterwards=True))
        dashboard.upload("queue_log", TEXT)
        assert dashboard.clear().verdict is Verdict.ACCEPTED
        assert server.tenant.calls == 0
        server.tenant.catch_up()
        assert (server.tenant.calls, server.tenant.clears) == (2, 1)


def test_accounts_are_tenants() -> None:
    """At one address each account has a tenant of its own."""
    with VendorServer(other=Tenant()) as server, client(server, "other@example.com") as dashboard:
        assert dashboard.upload("queue_log", TEXT).reported_calls == 2
        assert server.tenant.calls == 0
        assert server.accounts["other@example.com"].calls == 2
