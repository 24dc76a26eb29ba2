"""Answers that are lost, late, or say little: what the dashboard holds, and what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qlogship.errors import ExitCode
from tests.support.calls import call
from tests.support.cases import (
    NOON,
    assert_right,
    assert_uncertain,
    assert_wrong,
    calls,
    done,
    reconciled,
)
from tests.support.installation import Installation
from tests.support.tenant import Conduct
from tests.support.vendor_server import VendorServer, upload_by_hand

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tenant import Answer, Tenant

CALLS = 90


@pytest.fixture
def installation(tmp_path: Path, server: VendorServer) -> Installation:
    """Return an installation that ships to it, and alone."""
    one = Installation(tmp_path, server.url)
    # So long a resync waits before the clear, for requests that may still be stored.
    one.configure(source={"uploaded_before": False}, dashboard={"timeout": 1.0})
    return one


def test_an_answer_was_lost(installation: Installation, tenant: Tenant) -> None:
    """Sent again, the calls may be there twice: so it is said, and a resync ends it."""
    tenant.script.append(Conduct(answer="lost"))
    installation.write(calls(CALLS))
    installation.once()
    assert tenant.calls == 2 * CALLS
    assert_uncertain(installation, f"up to {CALLS} calls may be counted twice", "qlogship resync")
    done(installation.call("resync", "--yes"))
    assert tenant.calls == CALLS
    assert_right(installation)
    assert "twice" not in installation.call("reconcile").stdout


def test_a_repeat_that_the_dashboard_drops(installation: Installation, tenant: Tenant) -> None:
    """A repeat that is answered with 0 was recognised: all is right."""
    tenant.drops_repeats = True
    tenant.script.append(Conduct(answer="lost"))
    installation.write(calls(CALLS))
    done(installation.once())
    assert (tenant.calls, len(tenant.arrived)) == (CALLS, 2)
    assert_right(installation)


@pytest.mark.parametrize("answer", ["page", 302, 408, 425, 429, 500, 502, 503, 504, "cut"])
def test_stored_and_answered_with_something_else(
    installation: Installation, tenant: Tenant, answer: Answer | int
) -> None:
    """Whatever is no count and no refusal leaves open what was stored; the repeat is named."""
    tenant.script.append(Conduct(answer=answer))
    installation.write(calls(CALLS))
    for _ in range(2):
        installation.once()
        if len(tenant.arrived) > 1:
            break
    assert tenant.calls == CALLS * len(tenant.arrived)
    code, verdict = reconciled(installation)
    assert (code, verdict.partition(":")[0]) == (ExitCode.IN_DOUBT, "UNCERTAIN"), verdict


@pytest.mark.parametrize("answer", [503, 504, "late", "lost"])
def test_a_dashboard_that_stores_and_never_says_so(
    installation: Installation, tenant: Tenant, answer: Answer | int
) -> None:
    """No body comes more than three times, the rest goes on, and what is open is said."""
    installation.configure(dashboard={"timeout": 0.3})
    tenant.usual = Conduct(answer=answer)
    installation.write(calls(CALLS))
    for _ in range(5):
        installation.once()
    assert max(tenant.copies.values()) <= 3
    assert_uncertain(installation)
    tenant.usual = Conduct()
    installation.write(calls(5, first=CALLS))
    installation.once()
    assert max(tenant.copies.values()) <= 3
    assert set(calls(5, first=CALLS).split(b"\n")[:-1]) <= tenant.lines.keys()
    assert_uncertain(installation)
    done(installation.call("resync", "--yes"))
    assert tenant.calls == CALLS + 5
    assert_right(installation)


@pytest.mark.parametrize("answer", ["failed", "no count"])
def test_an_answer_without_a_count(
    installation: Installation, tenant: Tenant, answer: Answer
) -> None:
    """Of a dashboard that has counted, an answer without a count proves nothing."""
    installation.write(calls(1))
    done(installation.once())
    tenant.script.append(Conduct(stores=False, answer=answer))
    installation.configure(delivery={"on_unknown": "hold"})
    installation.write(calls(CALLS, first=1))
    assert installation.once().returncode == ExitCode.IN_DOUBT
    assert tenant.calls == 1
    assert_uncertain(installation, f"up to {CALLS} calls may be missing")


def test_a_dashboard_that_never_counts(installation: Installation, tenant: Tenant) -> None:
    """Where no count can be read nobody says that the numbers agree."""
    tenant.usual = Conduct(answer="no count")
    installation.write(calls(CALLS))
    installation.once()
    assert tenant.calls == CALLS
    assert_uncertain(installation)


def test_more_is_reported_than_was_archived(installation: Installation, tenant: Tenant) -> None:
    """A dashboard that counts each leg shows more calls than there are: that is wrong."""
    tenant.counting = "entrances"
    twice = call(1, NOON) + call(1, NOON)
    installation.write(twice + calls(5, first=10))
    installation.once()
    assert tenant.calls == 7
    assert_wrong(installation, "1 call more")


def test_a_call_that_travels_in_two_uploads(installation: Installation, tenant: Tenant) -> None:
    """Where each file is counted by itself such a call is there twice, which is wrong."""
    for _ in range(2):
        installation.write(call(1, NOON))
        installation.once()
    assert (tenant.calls, len(tenant.arrived)) == (2, 2)
    assert_wrong(installation, "1 call is counted twice")


def test_it_is_counted_once_over_all_files(installation: Installation, tenant: Tenant) -> None:
    """Where calls are counted over all files it is there once, which is right."""
    tenant.counting = "once"
    for _ in range(2):
        installation.write(call(1, NOON))
        done(installation.once())
    assert (tenant.calls, len(tenant.arrived)) == (1, 2)
    assert_right(installation)


# Uploaded by hand before


@pytest.mark.parametrize("told", [None, True])
def test_it_was_uploaded_by_hand_before(
    installation: Installation, server: VendorServer, tenant: Tenant, *, told: bool | None
) -> None:
    """With all of the history the calls are there twice; a clear ends that."""
    installation.configure(source={"uploaded_before": told})
    installation.write(calls(CALLS))
    upload_by_hand(server.url, installation.log.read_bytes())
    installation.once()
    assert tenant.calls == 2 * CALLS
    assert_uncertain(installation, f"up to {CALLS} calls may be counted twice")
    done(installation.call("resync", "--yes"))
    assert tenant.calls == CALLS
    assert_right(installation)


def test_only_what_comes_after_the_hand_upload(
    installation: Installation, server: VendorServer, tenant: Tenant
) -> None:
    """With none of the history nothing is counted twice, and nobody vouches for what is older."""
    installation.configure(source={"uploaded_before": True, "history": "none"})
    installation.write(calls(CALLS))
    upload_by_hand(server.url, installation.log.read_bytes())
    installation.once()
    installation.write(calls(5, first=CALLS))
    installation.once()
    assert tenant.calls == CALLS + 5
    assert set(tenant.lines.values()) == {1}
    assert_uncertain(installation, "older text was left out")
    installation.call("resync", "--yes")
    assert tenant.calls == 5
    assert_right(installation)


def test_a_dashboard_that_knew_the_calls(
    installation: Installation, server: VendorServer, tenant: Tenant
) -> None:
    """One that counts a call once over all files is right after a hand upload: never wrong."""
    tenant.counting = "once"
    installation.configure(source={"uploaded_before": True})
    installation.write(calls(CALLS))
    upload_by_hand(server.url, installation.log.read_bytes())
    installation.once()
    assert tenant.calls == CALLS
    assert_uncertain(installation)
