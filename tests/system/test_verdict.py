"""The words that are said about the numbers, beside the number that is really there."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.errors import ExitCode
from qlogship.queue_log.records import entered_calls
from tests.support.calls import call

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800
CALLS: Final = 5
AGAIN: Final = b"%d|%d.1|sales|NONE|ENTERQUEUE||1|1\n%d|%d.1|sales|NONE|ABANDON|1|1|9\n" % (
    *(NOON + 900, NOON),
    *(NOON + 909, NOON),
)


def calls(first: int, number: int = CALLS) -> bytes:
    """Return the lines of some calls."""
    return b"".join(call(one, NOON + (one - 1)) for one in range(first, first + number))


def there(dashboard: Sandbox) -> int:
    """Return how many calls the dashboard counts: each body's, as it keeps all it gets."""
    return sum(len(entered_calls(body)) for body in dashboard.bodies())


def said(installation: Installation) -> dict[str, Any]:
    """Return the verdict of `status`, which `reconcile` and the monitor's line share."""
    status: dict[str, Any] = installation.status()["verdict"]
    done = installation.call("reconcile", "--tz", "UTC", "--json")
    found = json.loads(done.stdout)
    assert (found["certainty"], found["verdict"]) == (status["level"], status["text"])
    right = status["level"] == "right"
    assert done.returncode == (ExitCode.DONE if right else ExitCode.IN_DOUBT)
    assert found["adds_up"] == right
    monitor = installation.call("check", "--monitor").stdout
    assert right or status["text"].removesuffix(".") in monitor
    return status


def resynced(installation: Installation, dashboard: Sandbox) -> None:
    """Assert that a resync ends it: in words, and at the dashboard."""
    done = installation.call("resync", "--yes")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    number = installation.figures().archive.calls
    assert f"OK: all {number} calls are on the dashboard." in done.stdout
    assert there(dashboard) == number
    assert said(installation)["text"] == f"OK: all {number} calls are on the dashboard."


def test_a_lost_answer(installation: Installation, dashboard: Sandbox) -> None:
    """An upload that was sent again is there twice: said as the most that may be too many."""
    installation.configure(dashboard={"timeout": 5.0})  # so long the clear waits
    dashboard.script([{"do": "lose_reply"}])
    installation.write(calls(1))
    installation.once()
    assert there(dashboard) == 2 * CALLS

    verdict = said(installation)
    assert verdict["level"] == "uncertain"
    assert verdict["text"].startswith("UNCERTAIN: up to 5 calls may be counted twice: 1 upload was")
    assert verdict["text"].endswith("; `qlogship resync` ends it.")
    assert [(one["fewer_calls"], one["more_calls"]) for one in verdict["reasons"]] == [(0, CALLS)]
    resynced(installation, dashboard)


@pytest.mark.parametrize("told", [None, True, False])
def test_uploaded_by_hand_before(
    installation: Installation, dashboard: Sandbox, *, told: bool | None
) -> None:
    """What somebody else may have uploaded before is not called right, unless somebody said so."""
    installation.configure(source={"uploaded_before": told})
    installation.write(calls(1))
    if told is not False:
        installation.once()
        shutil.rmtree(installation.state)  # as if by hand: this ledger knows nothing of it
    installation.once()

    assert there(dashboard) == (CALLS if told is False else 2 * CALLS)
    verdict = said(installation)
    if told is False:
        assert verdict["text"] == "OK: all 5 calls are on the dashboard."
        return
    assert verdict["text"].startswith("UNCERTAIN: up to 5 calls may be counted twice if this")
    resynced(installation, dashboard)


def test_a_call_that_travels_twice(installation: Installation, dashboard: Sandbox) -> None:
    """A call whose lines travelled in two uploads and was counted in each is wrong, by one."""
    installation.write(calls(1))
    installation.once()
    installation.write(AGAIN)
    installation.once()

    assert there(dashboard) == CALLS + 1
    verdict = said(installation)
    assert verdict["level"] == "wrong"
    assert verdict["text"].startswith("MISMATCH: 1 call is counted twice: its lines were sent in")
    assert [one["more_calls"] for one in verdict["reasons"]] == [1]


def test_dropped_by_hand(installation: Installation, dashboard: Sandbox) -> None:
    """What a person dropped is not there, and nobody says that it is."""
    installation.write(calls(2))
    installation.once()
    dashboard.script([{"do": "status", "status": 422, "times": None}])
    installation.write(call(9, NOON + 60))
    installation.once()
    dashboard.script([])
    assert said(installation)["text"].startswith("MISMATCH: 1 call is missing: 1 upload is in quar")
    assert installation.call("quarantine", "drop", "2", "--yes").returncode == 0

    assert there(dashboard) == CALLS
    text = said(installation)["text"]
    assert text.startswith("MISMATCH: 1 call is missing: 1 upload was dropped by hand")
    resynced(installation, dashboard)


def test_what_is_not_over(installation: Installation, dashboard: Sandbox) -> None:
    """All calls are only there when none waits or is held back."""
    installation.write(calls(1) + call(9, NOON + 60, ended=False))
    installation.once()

    assert there(dashboard) == CALLS
    assert said(installation)["text"] == (
        "OK: 5 calls are on the dashboard; 1 is held back: not over yet."
    )


def test_another_writer(installation: Installation, dashboard: Sandbox) -> None:
    """Of a shared tenant nobody here says that the numbers are right; it is no warning either."""
    installation.configure(dashboard={"shared": True})
    installation.write(calls(1))
    installation.once()

    verdict = installation.status()["verdict"]
    assert verdict["level"] == "uncertain"
    assert verdict["text"].startswith("UNCERTAIN: others upload to this dashboard, too")
    assert installation.call("reconcile").returncode == ExitCode.IN_DOUBT


def test_another_dashboard(installation: Installation, dashboard: Sandbox) -> None:
    """What one dashboard reported says nothing about the next one."""
    installation.write(calls(1))
    installation.once()
    installation.configure(dashboard={"email": "other@example.com"})

    verdict = installation.status()["verdict"]
    assert verdict["text"].startswith(f"UNCERTAIN: nothing was uploaded to {dashboard.url}")
    assert verdict["text"].endswith("; `qlogship destination` ends it.")
    assert installation.call("reconcile").returncode == ExitCode.IN_DOUBT
