"""A dashboard that is away for a day, and what becomes of what happens meanwhile."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.arrivals import assert_in_order, assert_lines, lines_of
from tests.support.calls import call
from tests.support.sandbox import Sandbox
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPOCH: Final = 1_795_411_800
HOUR: Final = 3_600.0
MOST_A_MINUTE: Final = 2
"""Attempts; the longest backoff is a minute, and half of it is chance."""
FIRST: Final = 10
"""Attempts while the backoff grows."""
MOST: Final = 3
"""Times that a body is sent while it is open what became of it."""
MOST_OPEN: Final = 20
"""Attempts in three hours of answers that tell nothing: the waits grow to an hour."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return a dashboard of this test's own."""
    with Sandbox() as sandbox:
        yield sandbox


def lives_through(service: SteppedService, hours: int, *, calls_an_hour: int = 6) -> bytes:
    """Let hours go by, with a call now and then; return what stood in the queue_log."""
    text = b""
    service.path.parent.mkdir(exist_ok=True)
    for number in range(hours * calls_an_hour):
        lines = call(2 * number + 1, int(service.clock.wall_now))
        with service.path.open("ab") as file:
            file.write(lines)
        text += lines
        service.live(HOUR / calls_an_hour)
    return text


def test_a_day_without_a_network(tmp_path: Path, sandbox: Sandbox) -> None:
    """Nothing is lost or sent twice, all goes out in order, and attempts stay few."""
    sandbox.stop()
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url) as service:
        text = lives_through(service, 24)
        assert service.attempts <= 24 * 60 * MOST_A_MINUTE + FIRST
        assert [trouble.kind for trouble in service.store.troubles.all()] == [
            "dashboard_unreachable"
        ]
        assert service.log.count("trouble_began") == 1
        # What waits is few uploads; the rest makes full ones later.
        assert len(service.uploads()) <= 3
        before = service.attempts
        sandbox.start()
        service.live(120.0)
        assert sandbox.bodies() == uploads_in_order(service)
        assert b"".join(sandbox.bodies()) == text
        uploads = service.uploads()
        assert {(row.state, row.possible_duplicate) for row in uploads} == {("accepted", False)}
        assert service.attempts - before <= len(uploads) + 1
        assert service.store.troubles.all() == []
        assert service.log.count("trouble_ended") == 1
        assert max(seen.concurrency for seen in sandbox.requests()) == 1


@pytest.mark.parametrize(
    "step",
    [
        {"do": "status", "status": 503},
        {"do": "status", "status": 503, "headers": {"Retry-After": "900"}},
        {"do": "status", "status": 500},
        {"do": "lose_reply"},
        {"do": "html"},
    ],
    ids=lambda step: f"{step['do']} {step.get('status', '')} {step.get('headers', '')}".strip(),
)
def test_hours_of_wrong_answers(step: dict[str, Any], tmp_path: Path, sandbox: Sandbox) -> None:
    """However the dashboard fails, what was written is shipped when it is itself again.

    But for the uploads that were sent three times: these are set aside, and named.
    """
    sandbox.script([{"on": "upload", "times": None, **step}])
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url) as service:
        text = lives_through(service, 3)
        asked_for = float(step.get("headers", {}).get("Retry-After", 0.0))
        most = 3 * HOUR / asked_for + 2 if asked_for else 3 * 60 * MOST_A_MINUTE + FIRST
        assert service.attempts <= min(most, MOST_OPEN)
        sandbox.script([])
        service.live(2 * HOUR)
        uploads = service.uploads()
        aside = {one.composition.sha256 for one in uploads if one.state == "unknown"}
        assert all(one.open_sends == MOST for one in uploads if one.state == "unknown")
        assert {row.state for row in uploads} == {"accepted", "unknown"}
        copies = Counter(sandbox.bodies())
        assert max(copies.values()) <= MOST
        stores = step["do"] == "lose_reply"
        bodies = list(dict.fromkeys(sandbox.bodies()))
        decided = uploads_in_order(service)
        there = [body for body in decided if stores or sha256(body).hexdigest() not in aside]
        assert bodies == there
        assert_lines([line for body in decided for line in lines_of(body)], lines_of(text))
        assert_in_order(decided, text)
        assert max(seen.concurrency for seen in sandbox.requests()) == 1


def test_restarts_during_an_outage_do_not_hurry_what_the_dashboard_put_off(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """A wait that was asked for with Retry-After is kept over restarts."""
    sandbox.script([{"do": "status", "status": 503, "headers": {"Retry-After": "600"}}])
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url) as service:
        service.path.parent.mkdir()
        service.path.write_bytes(call(1, EPOCH))
        service.live(60.0)
        asked = service.clock.wall_now
        for _ in range(10):
            service.restart()
            service.live(10.0)
        assert service.attempts == 1
        service.live(700.0)
        (upload,) = service.uploads()
        assert upload.state == "accepted"
        assert upload.answer.answered_at is not None
        assert upload.answer.answered_at >= asked + 400.0


def uploads_in_order(service: SteppedService) -> list[bytes]:
    """Return the bytes of every upload of the ledger."""
    return [service.store.archive.text(row.composition.runs) for row in service.uploads()]
