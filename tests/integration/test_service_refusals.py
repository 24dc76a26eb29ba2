"""A dashboard that takes no large bodies, or not certain calls, or nothing at all: over real HTTP.

Time is simulated. `kill` stands for a power cut between two transactions.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.shipping.dividing import IN_A_ROW, LEAST_LIMIT
from tests.support.arrivals import (
    assert_each_line_once,
    assert_lines,
    calls_in,
    lines_of,
)
from tests.support.calls import call
from tests.support.sandbox import Sandbox
from tests.support.stepped import Clock, SteppedService
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from qlogship.shipping.ledger import Upload

EPOCH: Final = 1_795_411_800
BATCH: Final = {"linger": 0.0, "settle": 1.0, "max_bytes": 100_000}
LIMIT: Final = 30_000
MOST: Final = 3
"""Times that a body is sent while it is open what became of it."""


@pytest.fixture(scope="module")
def started() -> Iterator[Sandbox]:
    """Return a dashboard for all tests of this module."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(started: Sandbox) -> Sandbox:
    """Return a dashboard that holds nothing and does nothing wrong."""
    started.clear()
    return started


def backlog(count: int, *, first: int = 0) -> list[bytes]:
    """Return the lines of so many calls, one after the other."""
    return [call(2 * number + 1, EPOCH + 10 * number) for number in range(first, first + count)]


def write(service: SteppedService, calls: Sequence[bytes]) -> None:
    """Append calls to the queue_log."""
    service.path.parent.mkdir(exist_ok=True)
    with service.path.open("ab") as file:
        file.write(b"".join(calls))


def refuse(sandbox: Sandbox, calls: Sequence[bytes], *, code: int = 400) -> None:
    """Have every upload refused that holds one of these calls."""
    sandbox.script(
        [
            {"do": "refuse_containing", "text": lines.split(b"|")[1] + b"|", "status": code}
            for lines in calls
        ]
    )


def ship(service: SteppedService, *, kill: bool = False) -> None:
    """Let the service work until all is shipped; with `kill` it dies after each answer at first."""

    def answered() -> bool:
        service.shipper.settle_answer()
        return not service.shipper.sending

    if kill:
        for _ in range(80):
            service.step()
            until(answered)
            service.restart()
    service.live(120.0)


def by_state(service: SteppedService) -> dict[str, list[Upload]]:
    """Return the ledger by state."""
    found: dict[str, list[Upload]] = {}
    for upload in service.uploads():
        found.setdefault(upload.state, []).append(upload)
    return found


# Bodies that are too big


@pytest.mark.parametrize("kill", [False, True], ids=["in one life", "killed at every step"])
def test_a_limit_is_learnt(tmp_path: Path, sandbox: Sandbox, *, kill: bool) -> None:
    """Each call arrives whole and once, in bodies below the limit, and few are refused."""
    sandbox.script([{"do": "too_large", "limit": LIMIT}])
    text = backlog(1_000)
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, text)
        ship(service, kill=kill)
        assert_each_line_once(sandbox.bodies(), b"".join(text))
        assert max(map(len, sandbox.bodies())) <= LIMIT
        states = by_state(service)
        assert set(states) == {"accepted", "split"}
        refused = [row for row in sandbox.arrivals() if not row.kept]
        assert len(refused) == 2  # 100 kB, then 50 kB; 25 kB were taken
        assert (
            service.figures().shipped.calls == len(text) == service.figures().shipped.reported_calls
        )
        later = backlog(400, first=1_000)
        service.restart()
        write(service, later)
        ship(service)
        assert len([row for row in sandbox.arrivals() if not row.kept]) == len(refused)
        assert_each_line_once(sandbox.bodies(), b"".join(text + later))


def test_a_learnt_limit_is_forgotten_when_more_is_asked_for(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """It stays for the batch.max_bytes it was learnt under and any below; a raise tries anew."""
    sandbox.script([{"do": "too_large", "limit": LIMIT}])
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, backlog(500))
        ship(service)
        sandbox.script([])

        def largest(first: int) -> int:
            sandbox.clear()
            write(service, backlog(800, first=first))
            ship(service)
            return max(map(len, sandbox.bodies()))

        assert largest(500) <= LIMIT
        service.restart(batch={"max_bytes": 20_000})
        assert largest(1_300) <= 20_000
        service.restart(batch={"max_bytes": BATCH["max_bytes"]})
        assert largest(2_100) <= LIMIT
        service.restart(batch={"max_bytes": 120_000})
        assert 100_000 < largest(2_900) <= 120_000


def test_a_stray_413_to_little_teaches_little(tmp_path: Path, sandbox: Sandbox) -> None:
    """One that no server means for its size does not make tiny batches for ever."""
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        sandbox.script([{"do": "status", "status": 413}])
        write(service, backlog(2))
        ship(service)
        more = backlog(200, first=2)
        write(service, more)
        ship(service)
        assert max(map(len, sandbox.bodies())) > LEAST_LIMIT // 2
        assert_each_line_once(sandbox.bodies(), b"".join(backlog(202)))


def test_a_call_that_is_too_big_by_itself(tmp_path: Path, sandbox: Sandbox) -> None:
    """It is quarantined, for no cut could be counted right; all others go out."""
    sandbox.script([{"do": "too_large", "limit": LIMIT}])
    text = backlog(300)
    callid = text[150].split(b"|")[1]
    line = b"%d|%s|support|Alice Example|RINGNOANSWER|1000\n" % (EPOCH + 1_500, callid)
    start, connect, end = lines_of(text[150])
    big = b"".join((start, line * 600, connect, end))
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, [*text[:150], big, *text[151:]])
        ship(service)
        states = by_state(service)
        assert set(states) == {"accepted", "split", "rejected"}
        (quarantined,) = states["rejected"]
        assert (quarantined.composition.calls, quarantined.answer.http_status) == (1, 413)
        assert service.store.archive.text(quarantined.composition.runs) == big
        assert_each_line_once(sandbox.bodies(), b"".join(text[:150] + text[151:]))


# Calls that are refused


@pytest.mark.parametrize("kill", [False, True], ids=["in one life", "killed at every step"])
@pytest.mark.parametrize("places", [(0,), (137,), (298,), (3, 4, 290)], ids=str)
def test_the_offending_call_is_found(
    tmp_path: Path, sandbox: Sandbox, places: tuple[int, ...], *, kill: bool
) -> None:
    """The far end ends with every call but those, once; they are quarantined one by one."""
    text = backlog(300)
    bad = [text[place] for place in places]
    refuse(sandbox, bad)
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, text)
        ship(service, kill=kill)
        good = [lines for lines in text if lines not in bad]
        assert_each_line_once(sandbox.bodies(), b"".join(good))
        states = by_state(service)
        assert set(states) == {"accepted", "split", "rejected"}
        assert [
            service.store.archive.text(row.composition.runs) for row in states["rejected"]
        ] == bad
        assert {row.composition.calls for row in states["rejected"]} == {1}
        # Some nine halvings for each, and a second look.
        assert sum(not row.kept for row in sandbox.arrivals()) <= 12 * len(bad)
        assert all(row.parent is not None for row in states["rejected"])
        assert service.figures().uploads.quarantined == len(bad)
        assert service.figures().shipped.calls == len(good)
        assert service.figures().uploads.pending == 0
        assert service.store.troubles.all() == []


def test_parts_are_sent_before_what_was_decided_later(tmp_path: Path, sandbox: Sandbox) -> None:
    """Order stays but for the calls that are refused: parts go in the place of the whole."""
    text = backlog(1_000)
    refuse(sandbox, [text[100]])
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, text)
        ship(service)
        assert len(by_state(service)["split"]) > 1
        assert b"".join(sandbox.bodies()) == b"".join(text[:100] + text[101:])


def test_records_of_no_call_are_told_apart_too(tmp_path: Path, sandbox: Sandbox) -> None:
    """An offending record that belongs to no call is quarantined alone."""
    pauses = [
        b"%d|NONE|NONE|Agent/%d|PAUSE|%s\n" % (EPOCH, n, b"bad" if n == 7 else b"")
        for n in range(30)
    ]
    sandbox.script([{"do": "refuse_containing", "text": "PAUSE|bad", "status": 422}])
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, pauses)
        ship(service)
        (quarantined,) = by_state(service)["rejected"]
        assert (quarantined.composition.lines, quarantined.composition.calls) == (1, 0)
        assert b"".join(sandbox.bodies()) == b"".join(pauses[:7] + pauses[8:])


@pytest.mark.parametrize("seed", range(3))
def test_killed_while_answers_are_on_their_way(tmp_path: Path, sandbox: Sandbox, seed: int) -> None:
    """Answers that a kill swallowed lead to marked repeats, three at most, and to no loss."""
    text = backlog(300)
    bad = [text[200]]
    sandbox.script(
        [
            {"do": "refuse_containing", "text": bad[0].split(b"|")[1] + b"|"},
            {"do": "too_large", "limit": LIMIT},
        ]
    )
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, text)
        for number in range(40):
            service.step()
            if number % 4 == seed:
                service.crash()
        ship(service)
        states = by_state(service)
        assert {"accepted", "split"} <= set(states) <= {"accepted", "split", "rejected", "unknown"}

        def texts(state: str) -> list[bytes]:
            rows = states.get(state, [])
            return [service.store.archive.text(row.composition.runs) for row in rows]

        # What was killed three times while it was sent is set aside; it may have arrived.
        aside = b"".join(texts("unknown"))
        assert all(row.open_sends == MOST for row in states.get("unknown", []))
        assert texts("rejected") == ([] if bad[0] in aside else bad)
        good = [lines for lines in text if lines not in bad and lines not in aside]
        once = list(dict.fromkeys(sandbox.bodies()))
        there = [line for body in once for line in lines_of(body) if line not in aside]
        assert_lines(there, lines_of(b"".join(good)))
        assert max(Counter(sandbox.bodies()).values()) <= MOST
        marked = {
            row.composition.sha256
            for row in (*states["accepted"], *states.get("unknown", []))
            if row.possible_duplicate
        }
        for body, times in Counter(sandbox.bodies()).items():
            assert times == 1 or sha256(body).hexdigest() in marked


def test_a_part_whose_answer_is_lost_waits_for_a_person(tmp_path: Path, sandbox: Sandbox) -> None:
    """delivery.on_unknown holds for parts as for whole uploads."""
    text = backlog(200)
    sandbox.script(
        [{"do": "status", "status": 413}, {"do": "lose_reply"}, {"times": 9, "do": "pass"}]
    )
    with SteppedService(
        tmp_path,
        Clock(EPOCH),
        url=sandbox.url,
        batch=BATCH,
        delivery={"on_unknown": "hold"},
    ) as service:
        write(service, text)
        ship(service)
        states = by_state(service)
        (unknown,) = states["unknown"]
        assert (unknown.attempts, unknown.parent) == (1, states["split"][0].id)
        assert_each_line_once(sandbox.bodies(), b"".join(text))


# A dashboard that refuses everything


@pytest.mark.parametrize("code", [400, 413, 404], ids=str)
def test_a_dashboard_that_refuses_everything(tmp_path: Path, sandbox: Sandbox, code: int) -> None:
    """No call is blamed and no backlog is ground to pieces: it is said, and waited for."""
    sandbox.script([{"do": "status", "status": code, "times": None}])
    text = backlog(3_000)
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, text)
        service.live(3_600.0)
        assert [row.kind for row in service.store.troubles.all()] == [
            "dashboard_refuses_everything"
        ]
        states = by_state(service)
        assert set(states) <= {"prepared", "split"}
        assert len(service.uploads()) <= 3 * IN_A_ROW
        # At most one a minute, once it is known.
        assert service.attempts <= 60 + IN_A_ROW
        service.restart()
        service.live(600.0)
        assert "rejected" not in by_state(service)
        sandbox.script([])
        ship(service)
        assert set(by_state(service)) <= {"accepted", "split"}
        assert_each_line_once(sandbox.bodies(), b"".join(text))
        assert service.store.troubles.all() == []


def test_refused_one_by_one(tmp_path: Path, sandbox: Sandbox) -> None:
    """Calls that were quarantined while everything was refused are taken back."""
    sandbox.script([{"do": "status", "status": 400, "times": None}])
    text = backlog(IN_A_ROW + 4)
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        for number, lines in enumerate(text):
            write(service, [lines])
            service.live(30.0)
            quarantined = service.figures().uploads.quarantined
            assert quarantined == (number + 1 if number + 1 < IN_A_ROW else 0)
        assert [row.kind for row in service.store.troubles.all()] == [
            "dashboard_refuses_everything"
        ]
        refuse(sandbox, text[2:3])
        service.live(1_800.0)
        assert calls_in(b"".join(sandbox.bodies())) == calls_in(b"".join(text[:2] + text[3:]))
        (quarantined_upload,) = by_state(service)["rejected"]
        assert service.store.archive.text(quarantined_upload.composition.runs) == text[2]


def test_many_offenders_do_not_stop_the_others(tmp_path: Path, sandbox: Sandbox) -> None:
    """So many in a row put the dashboard in doubt, until something behind them is taken."""
    text = backlog(120)
    bad = text[20 : 20 + 3 * IN_A_ROW]
    refuse(sandbox, bad)
    with SteppedService(tmp_path, Clock(EPOCH), url=sandbox.url, batch=BATCH) as service:
        write(service, text)
        for number in range(120, 140):
            service.live(1_800.0)
            more = call(2 * number + 1, int(service.clock.wall_now))
            write(service, [more])
            text.append(more)
        service.live(1_800.0)
        good = [lines for lines in text if lines not in bad]
        assert_each_line_once(sandbox.bodies(), b"".join(good))
        assert service.figures().uploads.quarantined == len(bad)
        assert service.figures().uploads.pending == 0
        assert service.store.troubles.all() == []
