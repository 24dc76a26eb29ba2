"""How a service that was just started stands, and whether emphasis is shown."""

from __future__ import annotations

from typing import Any

import pytest

from qlogship.installation.unit import Action, reason
from qlogship.setup.dialogue import shows_emphasis
from qlogship.setup.service import Shipped, needed, started


def report(
    *,
    running: bool = True,
    accepted: int = 0,
    lines: int = 0,
    held: int = 0,
    lag: int = 0,
    trouble: str = "",
    generation: int = 1,
) -> dict[str, Any]:
    """Return as much of a status as matters."""
    return {
        "service": {"running": running},
        "source": {"lag_bytes": lag},
        "uploads": {"accepted": accepted, "pending": 0},
        "calls": {"shipped": accepted * 10},
        "generation": generation,
        "lines": {"shipped": 0},
        "held": {"lines": held, "calls": held},
        "archive": {"lines": lines},
        "troubles": [{"kind": "x", "message": trouble}] if trouble else [],
    }


def test_an_upload_accepted_since_is_the_end_of_waiting() -> None:
    """However much time is left; one of before the start proves nothing, and is not counted."""
    before = Shipped.of(report(accepted=1))
    found = started(report(accepted=3, lines=5), before=before, patient=True)
    assert found is not None
    assert found.ok is True
    assert found.detail == "the dashboard took an upload: 20 calls since the start"
    before = Shipped.of(report(accepted=2))
    assert started(report(accepted=2, lines=5), before=before, patient=True) is None


def test_what_another_dashboard_took_is_not_told_of_this_one() -> None:
    """A generation that began since the start has taken all that is in it, and nothing else."""
    before = Shipped.of(report(accepted=500, generation=1))
    assert started(report(lines=5, generation=2), before=before, patient=True) is None
    found = started(report(accepted=1, generation=2), before=before, patient=True)
    assert found is not None
    assert found.detail == "the dashboard took an upload: 10 calls since the start"


def test_where_nothing_waits_nobody_waits() -> None:
    """An empty queue_log makes no upload."""
    found = started(report(), before=Shipped(), patient=True)
    assert found is not None
    assert found.ok is True


@pytest.mark.parametrize(
    ("state", "ok"),
    [
        (report(running=False), False),
        (report(trouble="the dashboard is away"), False),
        (report(lines=5), None),
        (report(lag=5), None),
        (report(lines=3, held=3), True),
    ],
)
def test_everything_else_may_still_change(state: dict[str, Any], *, ok: bool | None) -> None:
    """What starts, a first trouble, a batch that waits, calls not over: until time is up."""
    assert started(state, before=Shipped(), patient=True) is None
    found = started(state, before=Shipped(), patient=False)
    assert found is not None
    assert found.ok is ok


@pytest.mark.parametrize(
    ("state", "enabled", "changed", "password", "actions"),
    [
        ("inactive", False, True, True, [Action.ENABLE]),
        ("failed", True, False, False, [Action.ENABLE]),
        ("active", True, False, False, []),
        ("active", True, True, False, [Action.RELOAD]),
        ("active", True, True, True, [Action.RESTART]),
        ("active", False, True, False, [Action.ENABLE, Action.RELOAD]),
        ("activating", True, True, False, [Action.RESTART]),
        ("activating", False, True, True, [Action.RESTART, Action.ENABLE]),
    ],
)
def test_a_service_is_disturbed_no_more_than_needed(
    *, state: str, enabled: bool, changed: bool, password: bool, actions: list[Action]
) -> None:
    """A start takes everything; settings take a reload, only a new secret takes a restart.

    One that fails again and again is waiting for its next try: it is started at once.
    """
    found = needed(state=state, enabled=enabled, changed=changed, credentials=password)
    assert found == actions


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param(
            "Created symlink /etc/systemd/system/x.wants/qlogship.service.\n"
            "Job for qlogship.service failed: exit code.\n"
            'See "systemctl status qlogship.service" for details.\n',
            "Job for qlogship.service failed: exit code.",
            id="link",
        ),
        ("Failed to connect to bus\n", "Failed to connect to bus"),
        ("", "no reason given"),
    ],
)
def test_a_failed_start_is_told_with_its_reason(said: str, shown: str) -> None:
    """Not with the link that was made before it."""
    assert reason(said) == shown


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
