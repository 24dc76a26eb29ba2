"""How a service that was just started stands, and whether emphasis is shown."""

from __future__ import annotations

from typing import Any

import pytest

from qlogship.cli.setup.dialogue import shows_emphasis
from qlogship.cli.setup.unit import standing


def report(
    *, running: bool = True, accepted: int = 0, lines: int = 0, trouble: str = ""
) -> dict[str, Any]:
    """Return as much of a status as matters."""
    return {
        "service": {"running": running},
        "uploads": {"accepted": accepted},
        "calls": {"shipped": accepted * 10},
        "archive": {"lines": lines},
        "troubles": [{"kind": "x", "message": trouble}] if trouble else [],
    }


def test_an_accepted_upload_is_the_end_of_waiting() -> None:
    """However much time is left."""
    found = standing(report(accepted=2, lines=5), patient=True)
    assert found is not None
    assert found.ok is True
    assert "20 calls" in found.words


@pytest.mark.parametrize(
    "state",
    [
        report(running=False),
        report(trouble="the dashboard is away"),
        report(lines=5),
        report(),
    ],
)
def test_everything_else_may_still_change(state: dict[str, Any]) -> None:
    """A service that starts, a first trouble and an empty ledger are waited for."""
    assert standing(state, patient=True) is None


@pytest.mark.parametrize(
    ("state", "ok"),
    [
        (report(running=False), False),
        (report(trouble="the dashboard is away"), False),
        (report(lines=5), None),
        (report(), True),
    ],
)
def test_what_stands_when_time_is_up(state: dict[str, Any], *, ok: bool | None) -> None:
    """A dead service and trouble are problems, an idle one is fine."""
    found = standing(state, patient=False)
    assert found is not None
    assert found.ok is ok


@pytest.mark.parametrize(
    ("environ", "terminal", "shown"),
    [
        ({"TERM": "vt220"}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm"}, False, False),
    ],
)
def test_emphasis_only_where_it_can_be_shown(
    environ: dict[str, str], *, terminal: bool, shown: bool
) -> None:
    """Not on a dumb console, not in a file, and not where it is unwanted (no-color.org)."""
    assert shows_emphasis(environ, terminal=terminal) is shown
