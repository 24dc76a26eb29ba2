"""The ledger, the cursor and the troubles: what is written is what is read."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from hashlib import sha256

import pytest

from qlogship.shipping.batching import Batch, Composition
from qlogship.shipping.ledger import Attempt, AttemptResult, Ledger, Upload, UploadAnswer
from qlogship.shipping.position import ShippingPosition
from qlogship.source.cursor import Cursor
from qlogship.source.streams import Stream
from qlogship.state.figures import Figures, figures
from qlogship.troubles.rows import Trouble, Troubles
from tests.support.memory import state_in_memory


@pytest.fixture
def db() -> sqlite3.Connection:
    """Return a state database in memory."""
    return state_in_memory()


@pytest.fixture
def ledger(db: sqlite3.Connection) -> Ledger:
    """Return its ledger."""
    return Ledger(db)


def batch(first: int = 1, last: int = 3, *, calls: int = 1) -> Batch:
    """Return a batch of these records."""
    body = b"".join(b"1795411800|%d.1|q|NONE|X|\n" % seq for seq in range(first, last + 1))
    composition = Composition(
        runs=((first, last),),
        lines=last - first + 1,
        calls=calls,
        bytes=len(body),
        first_time=1_795_411_800,
        last_time=None,
        sha256=sha256(body).hexdigest(),
    )
    return Batch(composition, body)


def result(state: str, **changes: object) -> AttemptResult:
    """Return what an attempt came to."""
    plain = AttemptResult(
        state=state,
        verdict=state,
        is_open=state == "unknown",
        reported_calls=None,
        http_status=200,
        detail="",
        answer="",
        not_before=None,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name


def send(ledger: Ledger, upload: Upload, outcome: AttemptResult, *, at: float = 10.0) -> Upload:
    """Make one attempt."""
    return ledger.end_attempt(ledger.begin_attempt(upload, at=at), outcome, at=at + 1.0)


# Uploads


def test_prepared(ledger: Ledger) -> None:
    """A decided batch is written with all that is known of it, and nothing that is not."""
    runs = ((3, 4), (7, 9), (5_000_000_000, 5_000_000_001))
    composition = replace(batch(3, 9, calls=2).composition, runs=runs)
    upload = ledger.prepare(Batch(composition, b"..."), generation=4, at=1.5)

    assert upload == Upload(
        id=1,
        generation=4,
        state="prepared",
        composition=composition,
        attempts=0,
        open_sends=0,
        prepared_at=1.5,
        not_before=None,
        parent=None,
        answer=UploadAnswer(),
    )
    assert ledger.uploads() == [upload]


def test_ids_are_never_used_again(db: sqlite3.Connection, ledger: Ledger) -> None:
    """An id names one upload for ever, though rows were removed by hand."""
    ledger.prepare(batch(), generation=1, at=0.0)
    second = ledger.prepare(batch(), generation=1, at=0.0)
    db.execute("DELETE FROM upload WHERE id = ?", (second.id,))

    assert ledger.prepare(batch(), generation=1, at=0.0).id == second.id + 1


def test_attempts(ledger: Ledger) -> None:
    """Each attempt is counted before it is made, and its outcome is written behind it."""
    upload = ledger.prepare(batch(), generation=1, at=1.0)
    upload = ledger.begin_attempt(upload, at=2.0)
    assert (upload.state, upload.attempts, upload.answer.answered_at) == ("prepared", 1, None)
    upload = ledger.end_attempt(
        upload, result("prepared", http_status=503, detail="busy", not_before=9.0), at=3.0
    )
    assert (upload.state, upload.answer.http_status, upload.answer.detail) == (
        "prepared",
        503,
        "busy",
    )
    assert (upload.answer.answered_at, upload.not_before) == (3.0, 9.0)
    upload = ledger.begin_attempt(upload, at=9.5)
    assert (upload.attempts, upload.not_before) == (2, None)
    upload = ledger.end_attempt(
        upload, result("accepted", reported_calls=0, answer='{"calls": 0}'), at=10.0
    )

    assert (upload.state, upload.answer.reported_calls, upload.answer.text) == (
        "accepted",
        0,
        '{"calls": 0}',
    )
    assert ledger.uploads() == [upload]


@pytest.mark.parametrize(
    "state", ["prepared", "accepted", "unknown", "rejected", "split", "dropped"]
)
def test_states(ledger: Ledger, state: str) -> None:
    """Every state that exists can be written."""
    upload = ledger.prepare(batch(), generation=1, at=0.0)

    assert send(ledger, upload, result(state)).state == state


def test_no_other_state(ledger: Ledger) -> None:
    """The schema refuses a state that nobody knows."""
    upload = ledger.prepare(batch(), generation=1, at=0.0)

    with pytest.raises(sqlite3.IntegrityError):
        send(ledger, upload, result("lost"))


def test_same_attempt_twice(ledger: Ledger) -> None:
    """Two attempts of the same number cannot both be begun: somebody holds an old row."""
    upload = ledger.prepare(batch(), generation=1, at=0.0)
    ledger.begin_attempt(upload, at=1.0)

    with pytest.raises(sqlite3.IntegrityError):
        ledger.begin_attempt(upload, at=2.0)


def test_cut_off(ledger: Ledger) -> None:
    """An attempt without an outcome is found after a crash; one with an outcome is not."""
    first, second, third = (
        ledger.prepare(batch(), generation=1, at=float(number)) for number in range(3)
    )
    assert ledger.cut_off() == []
    send(ledger, first, result("accepted"))
    second = ledger.begin_attempt(second, at=5.0)
    assert ledger.cut_off() == [second]
    second = ledger.end_attempt(second, result("unknown"), at=6.0)
    assert ledger.cut_off() == []
    assert (second.open_sends, second.possible_duplicate) == (1, False)
    second = ledger.begin_attempt(second, at=7.0)
    assert (second.open_sends, second.possible_duplicate) == (2, True)
    third = ledger.begin_attempt(third, at=8.0)

    assert ledger.cut_off() == [second, third]


def test_waiting(db: sqlite3.Connection, ledger: Ledger) -> None:
    """Prepared uploads wait, unknown ones if they are resent, oldest first, this generation's."""
    states = ["prepared", "accepted", "unknown", "rejected", "prepared"]
    uploads = [ledger.prepare(batch(), generation=1, at=0.0) for _ in states]
    for upload, state in zip(uploads, states, strict=True):
        if state != "prepared":
            send(ledger, upload, result(state))
    ledger.prepare(batch(), generation=2, at=0.0)

    assert [upload.id for upload in ledger.waiting(unknown_too=False)] == [1, 5]
    assert [upload.id for upload in ledger.waiting(unknown_too=True)] == [1, 3, 5]
    db.execute("UPDATE shipping SET generation = 2")
    assert [upload.id for upload in ledger.waiting(unknown_too=True)] == [6]


def test_listing(ledger: Ledger) -> None:
    """Uploads are listed newest first, so many at most, and none from before a time."""
    for number in range(5):
        ledger.prepare(batch(), generation=1, at=100.0 + number)

    assert [upload.id for upload in ledger.uploads()] == [5, 4, 3, 2, 1]
    assert [upload.id for upload in ledger.uploads(limit=2)] == [5, 4]
    assert [upload.id for upload in ledger.uploads(since=102.0)] == [5, 4, 3]
    assert [upload.id for upload in ledger.uploads(limit=1, since=102.0)] == [5]
    assert ledger.uploads(limit=0) == []
    assert ledger.uploads(since=105.0) == []


# What was refused


def test_parts(ledger: Ledger) -> None:
    """Parts take the place of what was split, in order, before what was decided later."""
    first, second = (ledger.prepare(batch(), generation=1, at=0.0) for _ in range(2))
    ledger.divide(first, [batch(1, 1), batch(2, 3)], at=5.0)
    left, right = ledger.waiting(unknown_too=False)[:2]
    assert [left.composition.runs, right.composition.runs] == [((1, 1),), ((2, 3),)]
    ledger.divide(left, [batch(1, 1), batch(1, 1)], at=6.0)
    whole = ledger.find(first.id)

    assert whole is not None
    assert whole.state == "split"
    assert ledger.parts(first) == [left.id, right.id]
    assert [upload.parent for upload in ledger.waiting(unknown_too=True)] == [
        left.id,
        left.id,
        first.id,
        None,
    ]
    assert ledger.waiting(unknown_too=True)[-1] == second
    assert ledger.parts(second) == []


def test_parts_of_what_may_have_arrived(ledger: Ledger) -> None:
    """They may be there as often as the whole."""
    upload = ledger.prepare(batch(), generation=1, at=0.0)
    upload = send(ledger, upload, result("unknown"))
    upload = send(ledger, upload, result("split"))
    ledger.divide(upload, [batch(1, 1), batch(2, 3)], at=5.0)

    assert [part.open_sends for part in ledger.waiting(unknown_too=False)] == [1, 1]


def test_split_and_dropped_uploads_count_for_nothing(
    db: sqlite3.Connection, ledger: Ledger
) -> None:
    """They are neither shipped nor waiting nor in doubt."""
    for state in ("split", "dropped"):
        send(ledger, ledger.prepare(batch(), generation=1, at=0.0), result(state))

    assert figures(db) == Figures()
    assert not ledger.in_doubt()
    assert ledger.waiting(unknown_too=True) == ledger.quarantined() == []


def test_quarantined_uploads_are_taken_back(db: sqlite3.Connection, ledger: Ledger) -> None:
    """Only what is quarantined, in this generation, and asked for."""
    states = ["rejected", "accepted", "rejected", "split", "dropped", "rejected"]
    uploads = [ledger.prepare(batch(), generation=1, at=0.0) for _ in states]
    for upload, state in zip(uploads, states, strict=True):
        send(ledger, upload, result(state))

    assert ledger.take_back([2, 3, 4, 5, 6]) == [3, 6]
    assert [upload.id for upload in ledger.waiting(unknown_too=False)] == [3, 6]
    assert [upload.id for upload in ledger.quarantined()] == [1]
    db.execute("UPDATE shipping SET generation = 2")
    assert ledger.take_back([1]) == []
    assert ledger.quarantined() == []


def test_what_a_person_decides(ledger: Ledger) -> None:
    """Resent, an upload waits again, attempts and all; dropped, it is nobody's business."""
    one, two, three = (
        send(ledger, ledger.prepare(batch(), generation=1, at=0.0), result(state, detail="no"))
        for state in ("rejected", "rejected", "accepted")
    )
    for upload in (one, three):
        ledger.resend(upload)
    for upload in (two, three):
        ledger.drop(upload)

    assert [upload.state for upload in ledger.uploads()] == ["accepted", "dropped", "prepared"]
    assert ledger.attempts(one) == [Attempt(1, 10.0, 11.0, "rejected", 200, "no")]
    assert ledger.begin_attempt(ledger.waiting(unknown_too=False)[0], at=20.0).attempts == 2
    assert ledger.attempts(one)[1] == Attempt(2, 20.0, None, None, None, None)


def test_figures(db: sqlite3.Connection, ledger: Ledger) -> None:
    """The figures count each state of this generation, and what was accepted in it."""
    assert figures(db) == Figures()
    old = ledger.prepare(batch(calls=50), generation=1, at=0.0)
    send(ledger, old, result("accepted", reported_calls=50), at=1.0)
    db.execute("UPDATE shipping SET generation = 2")
    states = ["accepted", "accepted", "accepted", "unknown", "rejected", "prepared", "prepared"]
    for number, state in enumerate(states):
        upload = ledger.prepare(batch(1, 10, calls=4), generation=2, at=10.0)
        if state != "prepared":
            send(
                ledger,
                upload,
                result(
                    state,
                    reported_calls=None if number == 0 else 3,
                    is_open=number == 1 or state == "unknown",
                ),
                at=20.0 + number,
            )
    position = ShippingPosition(db)
    position.save_held(calls=5, lines=17)
    position.save(ahead=(), frontier=1, held=(), clock=None, odd=6)
    now = figures(db)

    assert (
        now.uploads.accepted,
        now.uploads.unknown,
        now.uploads.quarantined,
        now.uploads.pending,
    ) == (3, 1, 1, 2)
    assert now.superseded == 1
    assert (now.shipped.calls, now.shipped.lines, now.shipped.reported_calls) == (12, 30, 6)
    assert (now.uploads.possible_duplicates, now.generation, now.resync) == (1, 2, "idle")
    assert (now.held.calls, now.held.lines, now.archive.odd_lines) == (5, 17, 6)
    assert now.last_accepted_at == 23.0


# Streams, sightings, troubles


def test_streams(db: sqlite3.Connection) -> None:
    """A stream comes back as it was saved last, any bytes in head and tail; oldest first."""
    cursor = Cursor(db)
    streams = [
        Stream(7, b"\0\xff head", b"\n tail", 5_000_000_000, 2**40, 2**50, "/log/q \udcff", True),
        Stream(2, b"", b"", 0, 1, 2, "/log/queue_log"),
    ]
    for stream in streams:
        path = stream.path.encode("utf-8", "replace").decode()
        cursor.save(replace(stream, path=path))
    moved = replace(streams[1], head=b"x", tail=b"x\n", offset=2, inode=9, path="/log/queue_log.1")
    cursor.save(moved)

    assert [stream.id for stream in cursor.streams()] == [2, 7]
    assert cursor.streams()[0] == moved
    assert cursor.streams()[1].head == b"\0\xff head"
    assert cursor.streams()[1].skipped is True


def test_sightings(db: sqlite3.Connection) -> None:
    """How a file looked is kept by what file it is, replaced, and forgotten when it has gone."""
    cursor = Cursor(db)
    one, two = (3, 1_795_411_800_123_456_789), (0, 4)
    cursor.save_sightings({(1, 2): one, (2**40, 2**50): one}, gone=[])
    cursor.save_sightings({(1, 2): two}, gone=[(2**40, 2**50), (7, 7)])

    assert cursor.sightings() == {(1, 2): two}


def test_history(db: sqlite3.Connection) -> None:
    """Before the first start there is no applied history; then it is the one that was applied."""
    cursor = Cursor(db)
    assert cursor.applied_history() is None
    cursor.save_history("none")

    assert cursor.applied_history() == "none"


def test_troubles(db: sqlite3.Connection) -> None:
    """A trouble keeps its beginning while it lasts, whatever is said of it; longest first."""
    troubles = Troubles(db)
    troubles.save("source", at=20.0, message="one", hint="do")
    troubles.save("dashboard", at=10.0, message="two", hint="")
    troubles.save("source", at=30.0, message="three", hint="do that")
    assert troubles.all() == [
        Trouble("dashboard", 10.0, "two", ""),
        Trouble("source", 20.0, "three", "do that"),
    ]
    troubles.clear("dashboard")
    troubles.clear("never")
    troubles.clear("source")
    assert troubles.all() == []
    troubles.save("source", at=40.0, message="again", hint="")

    assert troubles.all() == [Trouble("source", 40.0, "again", "")]
