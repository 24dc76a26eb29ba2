"""A far end that stores what it does not acknowledge: how many copies there are, and what is said.

The far end keeps everything it gets. Time is simulated, but for the client's own timeouts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.shipping.sizing import LEAST_BYTES
from tests.support.arrivals import assert_lines, calls_in, lines_of
from tests.support.calls import call
from tests.support.sandbox import Sandbox
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPOCH: Final = 1_795_411_800
HOUR: Final = 3_600.0
MOST: Final = 3
LARGE: Final = 100_000
BATCH: Final = {"linger": 0.0, "settle": 1.0, "max_bytes": LARGE}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return a dashboard of this test's own."""
    with Sandbox() as sandbox:
        yield sandbox


def backlog(service: SteppedService, calls: int, *, first: int = 0) -> bytes:
    """Write so many whole calls to the queue_log; return their text."""
    service.path.parent.mkdir(exist_ok=True)
    numbers = range(first, first + calls)
    text = b"".join(call(2 * number + 1, EPOCH + 10 * number) for number in numbers)
    with service.path.open("ab") as file:
        file.write(text)
    return text


def sent_at_most_thrice(service: SteppedService, bodies: list[bytes]) -> None:
    """No body came more than three times, nor any record; the ledger says how often it may have."""
    assert max(Counter(bodies).values()) <= MOST
    copies = Counter(line for body in bodies for line in lines_of(body))
    assert max(copies.values()) <= MOST
    for upload in service.uploads():
        if upload.state in {"accepted", "unknown"}:
            told = 1 if upload.state == "accepted" else 0
            text = service.store.archive.text(upload.composition.runs)
            assert max(copies[line] for line in lines_of(text)) <= upload.open_sends + told


@pytest.mark.parametrize(
    "step",
    [
        {"do": "hang", "apply": True},
        {"do": "status", "status": 504, "apply": True},
        {"do": "lose_reply"},
        {"do": "status", "status": 503, "apply": True},
    ],
    ids=lambda step: f"{step['do']} {step.get('status', '')}".strip(),
)
@pytest.mark.parametrize("restarts", [0, 6], ids=["in one life", "restarted"])
def test_a_far_end_that_stores_each_try(
    step: dict[str, Any], restarts: int, tmp_path: Path, sandbox: Sandbox
) -> None:
    """Slow, behind a gateway, or broken: three copies at most, said so, and the rest goes on."""
    sandbox.script([{"on": "upload", "times": None, **step}])
    with SteppedService(
        tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH, dashboard={"timeout": 0.3}
    ) as service:
        text = backlog(service, 1_500)
        for _ in range(restarts):
            service.live(HOUR / 2)
            service.restart()
        service.live(3 * HOUR)
        assert service.attempts <= 40
        first = service.uploads()[0]
        assert (first.state, first.open_sends, first.attempts) == ("unknown", MOST, MOST)
        assert service.log.count("upload_set_aside") >= 1
        sent_at_most_thrice(service, sandbox.bodies())

        sandbox.script([])
        service.live(3 * HOUR)
        aside = [one for one in service.uploads() if one.state == "unknown"]
        before = len(sandbox.bodies())
        service.restart()
        service.live(3 * HOUR)
        assert len(sandbox.bodies()) == before
        assert {one.state for one in service.uploads()} <= {"accepted", "unknown", "split"}
        assert all(one.open_sends == MOST for one in aside)
        assert service.figures().uploads.unknown == len(aside)
        sent_at_most_thrice(service, sandbox.bodies())
        assert_lines(set(lines_of(b"".join(sandbox.bodies()))), lines_of(text))
        last = backlog(service, 1, first=1_500)
        service.live(60.0)
        assert sandbox.bodies()[-1] == last
        assert service.store.troubles.all() == []


class Gateway:
    """A dashboard behind a gateway that waits for `patience` bytes, and answers 504 to more."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.bodies: list[bytes] = []

    def upload(self, _: str, body: bytes) -> Outcome:
        """Store a body; acknowledge it when there is time for that."""
        self.bodies.append(body)
        if len(body) > self.patience:
            return Outcome(Verdict.UNKNOWN, None, None, 504, "a gateway timed out", "")
        taken = len(calls_in(body))
        return Outcome(Verdict.ACCEPTED, taken, None, 200, "", str(taken))


def test_uploads_become_as_small_as_the_dashboard_is_slow(tmp_path: Path) -> None:
    """After 504 the next ones are halved until they are in time, and grow when all are."""
    gateway = Gateway(40_000)
    with SteppedService(tmp_path, Clock(EPOCH), upload=gateway.upload, batch=BATCH) as service:
        text = backlog(service, 2_000)
        service.live(4 * HOUR)
        assert set(lines_of(b"".join(gateway.bodies))) == set(lines_of(text))
        sent_at_most_thrice(service, gateway.bodies)
        lost = [one for one in service.uploads() if one.state == "unknown"]
        assert len(lost) <= 2
        slow = [body for body in gateway.bodies if len(body) > gateway.patience]
        assert len(slow) <= 2 * MOST
        assert max(map(len, gateway.bodies[-20:])) > LEAST_BYTES

        gateway.patience = LARGE
        backlog(service, 4_000, first=2_000)
        service.live(4 * HOUR)
        assert max(map(len, gateway.bodies[-8:])) > LARGE // 2


def test_a_dashboard_that_restarts_behind_its_gateway_costs_one_copy(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """While no login works nothing is sent: half an hour of 502 leaves one outcome open."""
    sandbox.script([{"on": "upload", "do": "status", "status": 502, "apply": True}])
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        backlog(service, 1)
        while not service.attempts:
            service.clock.advance(service.step())
        sandbox.script([{"on": "any", "times": None, "do": "status", "status": 502}])
        service.live(HOUR / 4)
        service.restart()
        service.live(HOUR / 4)
        assert service.attempts == 1
        assert 20 <= service.probes <= 80
        sandbox.script([])
        service.live(120.0)
        (upload,) = service.uploads()
        assert (upload.state, upload.attempts, upload.open_sends) == ("accepted", 2, 1)
        assert len(sandbox.bodies()) == 2


def test_a_count_that_is_missing_for_once_is_open(tmp_path: Path, sandbox: Sandbox) -> None:
    """A dashboard that counts, and then answers 200 without a count, may not have stored it."""
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        backlog(service, 1)
        service.live(60.0)
        sandbox.script([{"on": "upload", "times": None, "do": "pass", "form": "empty"}])
        backlog(service, 1, first=1)
        service.live(HOUR)
        counted, open_one = service.uploads()
        assert (counted.state, open_one.state) == ("accepted", "unknown")
        assert open_one.open_sends == MOST
        assert "counted before" in (open_one.answer.detail or "")


def test_smaller_uploads_by_the_settings_hold_for_what_was_decided(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Whoever lowers batch.max_bytes has what was never stored divided, too."""
    sandbox.stop()
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        text = backlog(service, 1_000)
        service.live(60.0)
        assert max(one.composition.bytes for one in service.uploads()) > LARGE // 2
        service.restart(batch={"max_bytes": 20_000})
        sandbox.start()
        service.live(HOUR)
        assert max(map(len, sandbox.bodies())) <= 20_000
        assert_lines([line for body in sandbox.bodies() for line in lines_of(body)], lines_of(text))


def test_a_clear_waits_for_a_request_that_was_cut_off(tmp_path: Path, sandbox: Sandbox) -> None:
    """It may still be at work there: stored after the clear, its calls would be there twice."""
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        backlog(service, 5)
        while not service.shipper.sending:
            service.clock.advance(0.5)
            service.shipper.step()
        sent = service.clock.wall_now
        service.crash()
        with service.store.transaction():
            service.store.resyncs.ask(reason="asked", accepted_loss=(), at=EPOCH)
        service.live(200.0)
        assert service.store.resyncs.open() is None
        generation = service.store.generations.current()
        assert generation.begun_at is not None
        assert generation.begun_at - sent >= service.settings.dashboard.timeout
        assert generation.late_calls == 0
