"""Another address, another account, another PBX: what each dashboard holds, and what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qlogship.errors import ExitCode
from tests.support.cases import (
    assert_right,
    assert_uncertain,
    calls,
    done,
    reconciled,
)
from tests.support.installation import Installation
from tests.support.tenant import Tenant
from tests.support.vendor_server import VendorServer, upload_by_hand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS = 18


@pytest.fixture
def first() -> Iterator[VendorServer]:
    """Return the dashboard of the first try."""
    with VendorServer(other=Tenant()) as server:
        yield server


@pytest.fixture
def second() -> Iterator[VendorServer]:
    """Return the dashboard that was meant."""
    with VendorServer() as server:
        yield server


@pytest.fixture
def moved(tmp_path: Path, first: VendorServer, second: VendorServer) -> Installation:
    """Return an installation that shipped to the first dashboard and now names the second."""
    installation = Installation(tmp_path, first.url)
    installation.configure(source={"uploaded_before": False})
    installation.write(calls(CALLS))
    done(installation.once())
    assert first.tenant.calls == CALLS
    assert_right(installation)
    move(installation, second.url)
    return installation


def move(installation: Installation, url: str) -> None:
    """Type another address."""
    installation.url = url
    installation.configure()


def assert_undecided(installation: Installation, *empty: VendorServer) -> None:
    """Nothing is sent, the three decisions are named, and no figure is another dashboard's."""
    installation.write(calls(2, first=CALLS))
    shipped = installation.once()
    assert shipped.returncode == ExitCode.IN_DOUBT
    assert "qlogship destination" in shipped.stderr
    assert [server.tenant.arrived for server in empty] == [[]] * len(empty)
    status = installation.status()
    assert status["archive"]["calls"] == CALLS + 2
    assert status["calls"]["reported"] == status["calls"]["shipped"] == 0
    assert "destination" in [trouble["kind"] for trouble in status["troubles"]]
    assert_uncertain(installation, "waits for a decision")
    shown = installation.call("destination")
    assert shown.returncode == ExitCode.IN_DOUBT
    for option in ("--everything", "--from-now", "--same"):
        assert option in shown.stdout


def test_another_address_is_a_question(moved: Installation, second: VendorServer) -> None:
    """Calls are archived and not sent, and what the first dashboard said counts for nothing."""
    assert_undecided(moved, second)


def test_another_account_is_a_question(moved: Installation, first: VendorServer) -> None:
    """At the same address, another account is another tenant."""
    moved.url = first.url
    moved.configure(dashboard={"email": "other@example.com"})
    installation_of_other = first.accounts["other@example.com"]
    moved.write(calls(1, first=CALLS))
    assert moved.once().returncode == ExitCode.IN_DOUBT
    assert installation_of_other.arrived == []
    assert_uncertain(moved, "waits for a decision")


def test_back_at_the_first_address_nothing_is_asked(
    moved: Installation, first: VendorServer, second: VendorServer
) -> None:
    """Whoever types the old address again, before a decision, goes on as before."""
    assert_undecided(moved, second)
    move(moved, first.url)
    done(moved.once())
    assert (first.tenant.calls, second.tenant.calls) == (CALLS + 2, 0)
    assert_right(moved)


def test_everything_goes_there(
    moved: Installation, first: VendorServer, second: VendorServer
) -> None:
    """The new dashboard holds all calls, the old one what it held."""
    done(moved.call("destination", "--everything", "--yes"))
    moved.write(calls(2, first=CALLS))
    done(moved.once())
    assert (first.tenant.calls, second.tenant.calls) == (CALLS, CALLS + 2)
    assert moved.status()["calls"]["reported"] == CALLS + 2
    assert_right(moved)


def test_everything_goes_there_behind_a_clear(moved: Installation, second: VendorServer) -> None:
    """What was there is gone, and no doubt is left, whoever uploaded before."""
    upload_by_hand(second.url, calls(7, first=500))
    moved.configure(source={"uploaded_before": True})
    done(moved.call("destination", "--everything", "--clear", "--yes"))
    done(moved.once())
    assert (second.tenant.calls, second.tenant.clears) == (CALLS, 1)
    assert_right(moved)


def test_only_what_comes_goes_there(moved: Installation, second: VendorServer) -> None:
    """The new dashboard holds the new calls only, and nobody says that all are there."""
    done(moved.call("destination", "--from-now", "--yes"))
    moved.write(calls(2, first=CALLS))
    done(moved.once())
    assert second.tenant.calls == 2
    assert moved.status()["calls"]["reported"] == 2
    assert_uncertain(moved, "left out")
    done(moved.call("resync", "--yes"))
    assert second.tenant.calls == CALLS + 2
    assert_right(moved)


def test_another_name_of_the_same(moved: Installation, first: VendorServer) -> None:
    """What was reported stays reported, and nothing is sent again."""
    with VendorServer(first.tenant) as alias:
        move(moved, alias.url)
        done(moved.call("destination", "--same", "--yes"))
        moved.write(calls(2, first=CALLS))
        done(moved.once())
        assert first.tenant.calls == CALLS + 2
        assert set(first.tenant.copies.values()) == {1}
        assert_right(moved)


def test_there_and_back_again(
    moved: Installation, first: VendorServer, second: VendorServer
) -> None:
    """A dashboard that was sent everything twice is never called right."""
    done(moved.call("destination", "--everything", "--yes"))
    done(moved.once())
    move(moved, first.url)
    done(moved.call("destination", "--everything", "--yes"))
    done(moved.once())
    assert (first.tenant.calls, second.tenant.calls) == (2 * CALLS, CALLS)
    assert_uncertain(moved, f"up to {CALLS} calls may be counted twice")
    done(moved.call("resync", "--yes"))
    assert first.tenant.calls == CALLS
    assert_right(moved)


# Another PBX


@pytest.fixture
def pair(tmp_path: Path, second: VendorServer) -> tuple[Installation, Installation]:
    """Return two installations that ship to one tenant, and say so."""
    both = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        one = Installation(tmp_path / str(number), second.url)
        one.configure(source={"uploaded_before": False}, dashboard={"shared": True})
        one.write(calls(CALLS, first=1_000 * number))
        one.once()
        both.append(one)
    assert second.tenant.calls == 2 * CALLS
    return both[0], both[1]


def test_a_resync_does_not_wipe_what_others_uploaded(
    pair: tuple[Installation, Installation], second: VendorServer
) -> None:
    """It is refused, and says whose data would go."""
    refused = pair[0].call("resync", "--yes")
    assert refused.returncode not in {ExitCode.DONE, ExitCode.IN_DOUBT}
    assert "--clears-others" in refused.stderr
    assert (second.tenant.calls, second.tenant.clears) == (2 * CALLS, 0)


def test_a_resync_that_wipes_them_is_no_news_to_the_other(
    pair: tuple[Installation, Installation], second: VendorServer
) -> None:
    """Neither is ever told that the numbers are right: others are not in them."""
    pair[0].call("resync", "--yes", "--clears-others")
    assert (second.tenant.calls, second.tenant.clears) == (CALLS, 1)
    for one in pair:
        assert reconciled(one)[0] == ExitCode.IN_DOUBT
        assert_uncertain(one, "others upload")


def test_a_shared_tenant_is_not_cleared_unattended(
    pair: tuple[Installation, Installation], second: VendorServer
) -> None:
    """The setting that clears after a lost answer is refused there."""
    pair[0].configure(delivery={"on_unknown": "resync"})
    refused = pair[0].once()
    assert refused.returncode == ExitCode.SETTINGS
    assert "on_unknown" in refused.stderr
    assert second.tenant.clears == 0
