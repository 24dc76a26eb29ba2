"""The line for monitoring systems: its status, its words, its numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import pytest

from qlogship.check.monitor import MonitorSnapshot, MonitorStatus, Thresholds, failure, judge, line
from qlogship.errors import Fault, SettingsError, StateError
from qlogship.troubles.rows import Trouble
from qlogship.verdict.assessment import assess
from qlogship.verdict.facts import Amount, Facts, Kind
from tests.support.figures import figures_with

NOW: Final = 1_795_411_800.0
FIGURES: Final = figures_with(archive={"calls": 9}, held={"calls": 3}, last_accepted_at=NOW - 12)
RIGHT: Final = assess(Facts(records=9, there=3))
RUNS: Final = MonitorSnapshot(FIGURES, (), 7, NOW, RIGHT)

# By the guidelines: 'label'=value[unit];[warn];[crit];[min];[max], no blank in a label.
PERFORMANCE: Final = re.compile(r"[a-z_]+=\d+(?:\.\d+)?(?:s|c)?;[\d.]*;[\d.]*;0")


def with_figures(**parts: Any) -> MonitorSnapshot:  # noqa: ANN401
    """Return a running service with these figures."""
    return replace(RUNS, figures=figures_with(FIGURES, **parts))


# What nobody can end, and what is a trouble of its own.
TOLD: Final = (Kind.SHARED, Kind.NO_COUNT, Kind.UNDECIDED)


def with_reason(kind: Kind, uploads: int = 1) -> MonitorSnapshot:
    """Return a running service whose numbers are not right."""
    amount = Amount(uploads=uploads, calls=5, records=9, fewer=5, more=5)
    return replace(RUNS, verdict=assess(Facts(records=9, found={kind: amount})))


def with_trouble(kind: str, message: str = "it is so") -> MonitorSnapshot:
    """Return a running service with this trouble."""
    return replace(RUNS, troubles=(Trouble(kind, NOW, message, ""),))


@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (RUNS, MonitorStatus.OK),
        (replace(RUNS, holder=None), MonitorStatus.CRITICAL),
        (with_figures(waiting={"since": NOW - 900}), MonitorStatus.OK),
        (with_figures(waiting={"since": NOW - 901}), MonitorStatus.WARNING),
        (with_figures(waiting={"since": NOW - 3601}), MonitorStatus.CRITICAL),
        (with_figures(waiting={"since": NOW + 5}), MonitorStatus.OK),
        *((with_reason(kind), MonitorStatus.WARNING) for kind in Kind if kind not in TOLD),
        *((with_reason(kind), MonitorStatus.OK) for kind in TOLD),
        (with_figures(resync="shipping"), MonitorStatus.OK),
        (with_trouble("dashboard_refuses_credentials"), MonitorStatus.CRITICAL),
        (with_trouble("state"), MonitorStatus.CRITICAL),
        (with_trouble("source"), MonitorStatus.CRITICAL),
        (with_trouble("dashboard_unreachable"), MonitorStatus.WARNING),
        (with_trouble("file /var/log/asterisk/queue_log.1.gz"), MonitorStatus.WARNING),
        (with_trouble("count_unreadable"), MonitorStatus.OK),
    ],
)
def test_status(snapshot: MonitorSnapshot, status: MonitorStatus) -> None:
    """It is as grave as the gravest thing that is wrong."""
    assert judge(snapshot, Thresholds())[0] is status


def test_a_trouble_of_a_stopped_service_is_old() -> None:
    """What it complained about before it stopped may be over; that it is stopped is not."""
    snapshot = replace(with_trouble("source", "old"), holder=None)
    assert judge(snapshot, Thresholds()) == (MonitorStatus.CRITICAL, ["the service is not running"])


def test_the_gravest_comes_first() -> None:
    """Whoever reads the line on a telephone sees the beginning of it."""
    snapshot = replace(
        with_trouble("state", "disk full"), verdict=with_reason(Kind.UNKNOWN, uploads=2).verdict
    )
    _, text = line(snapshot, Thresholds())
    assert text.startswith(
        "QLOGSHIP CRITICAL - disk full; UNCERTAIN: up to 5 calls may be missing, or counted too"
        " often by up to 5: the outcome of 2 uploads is not known; `qlogship resync` ends it | "
    )


def test_the_line() -> None:
    """One line, words and numbers apart, the thresholds beside the lag."""
    status, text = line(with_figures(waiting={"since": NOW - 12}), Thresholds(60, 300.5))
    assert status is MonitorStatus.OK
    words, _, numbers = text.partition(" | ")
    assert (
        words
        == "QLOGSHIP OK - the oldest call has waited for 12 seconds, last upload 12 seconds ago"
    )
    assert numbers.split()[:4] == [
        *("lag=12s;60;300.5;0", "held=3;;;0", "unknown=0;0;;0", "quarantined=0;0;;0"),
    ]
    assert all(PERFORMANCE.fullmatch(one) for one in numbers.split())


def test_nothing_waits() -> None:
    """Held calls are no lag."""
    assert line(RUNS, Thresholds())[1].startswith(
        "QLOGSHIP OK - nothing waits, last upload 12 seconds ago | lag=0s;900;3600;0 held=3;"
    )


def test_a_resync_is_told() -> None:
    """While it is under way all is well, and the line says what goes on."""
    assert (
        "a resync is under way (shipping)" in line(with_figures(resync="shipping"), Thresholds())[1]
    )


@pytest.mark.parametrize("message", ["a | b", "a\nb", "a\x1b[2Jb"])
def test_foreign_words_cannot_break_the_line(message: str) -> None:
    """What the dashboard says has no power over the form."""
    _, text = line(with_trouble("state", message), Thresholds())
    assert text.isprintable()
    assert text.count("|") == 1


def test_what_may_not_be_read() -> None:
    """Whoever may not look is told how to be allowed to."""
    status, text = failure(StateError("/var/lib/qlogship: no permission"), closed=True)
    assert status is MonitorStatus.UNKNOWN
    assert text.startswith("QLOGSHIP UNKNOWN - /var/lib/qlogship: no permission. ")
    assert "NOPASSWD: /usr/bin/qlogship check --monitor" in text


def test_what_cannot_be_read() -> None:
    """What is wrong with settings or state is told with its own remedy."""
    status, text = failure(SettingsError([Fault("x.toml:1", "wrong", "Mend it.")]), closed=False)
    assert status is MonitorStatus.UNKNOWN
    assert "x.toml:1: wrong" in text
    assert "config check" in text
