"""Two readers, one verdict: the ledger alone is never more confident than the whole archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qlogship.queue_log.records import entered_calls
from qlogship.reconcile.days import Days
from qlogship.reconcile.judging import reconcile
from qlogship.reconcile.snapshot import take_snapshot
from qlogship.shipping.destination import Destination
from qlogship.state.reader import Reader
from qlogship.verdict.assessment import assess
from qlogship.verdict.circumstances import Circumstances
from qlogship.verdict.facts import Kind, Level
from qlogship.verdict.quick import quick_facts
from tests.support.books import Books, enter, whole

if TYPE_CHECKING:
    from qlogship.archive.runs import Run

DAY = 86_400
NOON = 1_795_435_200
RANK = list(Level)
THERE = Destination("https://company.example", "a@example.com")

# What an upload came to; most are in order, so that all may be, too.
FATES: Any = st.sampled_from(
    [
        *[{}] * 6,
        {"reported": None},
        {"reported": 0},
        {"reported": 1},
        {"reported": 9},
        {"failed": [(NOON + 9 * DAY, "unknown")]},
        {"failed": [(NOON + 9 * DAY, "unknown")] * 2, "reported": 0},
        {"failed": [(NOON + 9 * DAY, "unreachable")]},
        {"failed": [(NOON + 9 * DAY, "unknown")], "reported": None},
        {"state": "unknown"},
        {"state": "rejected"},
        {"state": "rejected", "failed": [(NOON + 9 * DAY, "unknown")]},
        {"state": "dropped"},
        {"state": "prepared"},
        {"state": "prepared", "failed": [(NOON + 9 * DAY, "later")]},
        {"state": "prepared", "failed": [(NOON + 9 * DAY, "unknown")]},
    ]
)
PLACES: Any = st.sampled_from(["upload"] * 9 + ["held", "ahead", "lost", "imported", "old"])


@st.composite
def lives(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what was archived, and what became of each piece of it, in this order."""
    pieces = []
    for number in range(draw(st.integers(0, 6))):
        own = draw(st.integers(0, 3))
        again = draw(st.sets(st.integers(0, 3), max_size=2)) if draw(st.booleans()) else set()
        text = b"".join(whole(f"{number}.{index}", NOON + number * 60) for index in range(own))
        text += b"".join(enter(f"again.{index}", NOON + number * DAY) for index in again)
        pieces.append((text or b"odd\n", draw(PLACES), draw(FATES), draw(st.booleans())))
    return {
        "pieces": pieces,
        "waits": draw(st.booleans()),
        "first_seq": draw(st.sampled_from([1, 1, 1, 4])),
        "cleared": draw(st.booleans()),
        "since": draw(st.sampled_from([None, None, None, NOON + 90])),
        "late": draw(st.sampled_from([0, 0, 3])),
        "another": draw(st.sampled_from([False, False, False, True])),
        "resync": draw(st.sampled_from([None, None, None, "asked", "clearing", "shipping"])),
        "told": Circumstances(
            shared=draw(st.sampled_from([False, False, True])),
            uploaded_before=draw(st.sampled_from([False, False, None, True])),
        ),
        "counted": draw(st.integers(0, 6)),
    }


def write(books: Books, life: dict[str, Any]) -> None:
    """Write the state of a life."""
    ahead: list[Run] = []
    held: list[Run] = []
    lines = 0
    for number, (text, place, fate, vouched) in enumerate(life["pieces"]):
        run = books.archive(text, stream=2 if place == "imported" else 1)
        lines = run[1]
        if place in {"upload", "old"}:
            generation = 1 if place == "old" else 2
            made = books.upload(run, at=NOON + 10 * DAY + number, generation=generation, **fate)
            with books.store.transaction():
                books.store._db.execute(
                    "UPDATE upload SET vouched = ? WHERE id = ?", (vouched and number == 0, made)
                )
        elif place == "held":
            held.append(run)
        elif place == "ahead":
            ahead.append(run)
    frontier = lines + 1
    if life["waits"]:
        books.archive(whole("waits.1", NOON + 9 * DAY))
    books.stand(ahead=ahead, frontier=frontier, held=held)
    with books.store.transaction():
        database = books.store._db
        database.execute("UPDATE shipping SET generation = 2, held_calls = 0")
        database.execute("DELETE FROM generation")
        database.execute(
            "INSERT INTO generation (number, url, account, begun_at, cleared, first_seq, since,"
            " late_calls) VALUES (2, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(THERE.url, THERE.account, NOON + 10 * DAY, life["cleared"]),
                *(life["first_seq"], life["since"], life["late"]),
            ),
        )
        if any(place == "imported" for _, place, _, _ in life["pieces"]):
            database.execute("INSERT INTO piece VALUES (2, 2, 1)")
        if life["resync"]:
            database.execute(
                "INSERT INTO resync (state, reason, asked_at, clears) VALUES (?, 'asked', 1, 1)",
                (life["resync"],),
            )
        for _ in range(life["counted"]):
            books.store.repeated_calls.count_next()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(life=lives())
def test_the_ledger_alone_is_never_more_confident(life: dict[str, Any]) -> None:
    """Whatever is in the books, the quick verdict and that of reconcile have the same level.

    They name the same reasons, and the same number of calls on the dashboard.
    """
    with TemporaryDirectory() as directory:
        state = Path(directory) / "state"
        with Books(state) as books:
            write(books, life)
        days = Days(ZoneInfo("Europe/Berlin"))
        wanted = replace(THERE, account="b@example.com") if life["another"] else THERE
        told = replace(life["told"], destination=wanted)
        with Reader(state, wanted) as reader:
            with reader.moment() as connection:
                assert connection is not None
                facts = quick_facts(connection, told)
                in_passing = quick_facts(connection, told, count_all=False)
            snapshot = take_snapshot(reader, days, told=told)
        report = reconcile(snapshot, days, now=NOON + 20.0 * DAY)

    quick, slow = assess(facts), report.assessment
    assert RANK.index(quick.level) >= RANK.index(slow.level), (quick.text, slow.text)
    if life["since"] is None:  # of a line without a time only who reads it all knows its age
        assert [one.kind for one in quick.reasons] == [one.kind for one in slow.reasons]
    elif quick.level is slow.level is Level.RIGHT:
        assert quick.text == slow.text
    bounds = {reason.kind: (reason.fewer, reason.more) for reason in slow.reasons}
    for reason in quick.reasons:
        if reason.kind in bounds and reason.kind not in {
            Kind.LOST,
            Kind.LATER,
            Kind.BEFORE,
            Kind.NO_COUNT,
        }:
            assert bounds[reason.kind] == (reason.fewer, reason.more)
    if slow.level is Level.RIGHT:
        assert " all " not in quick.text or " all " in slow.text
    # What was not counted yet is never called right.
    uncounted = Kind.NOT_COUNTED in in_passing.found
    assert not uncounted or assess(in_passing).level is not Level.RIGHT
    if not uncounted:
        assert in_passing.found == facts.found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    uploads=st.lists(st.lists(st.integers(0, 5), max_size=5), max_size=6),
    data=st.data(),
)
def test_calls_that_travel_twice(uploads: list[list[int]], data: st.DataObject) -> None:
    """A call counts as carried before when an upload that was accepted earlier has it.

    In the order of acceptance, whatever that of the ids is; counted as it comes, after a
    restart, or when it is looked at: the number is the same.
    """
    order = data.draw(st.permutations(range(len(uploads))))
    with TemporaryDirectory() as directory:
        state, texts = Path(directory) / "state", {}
        with Books(state) as books:
            for slot, callids in enumerate(uploads):
                text = b"".join(enter(f"1.{one}", NOON) for one in callids) or b"odd\n"
                made = books.upload(books.archive(text), at=float(order[slot]) * 10)
                texts[made] = (order[slot], entered_calls(text))
            for _ in range(data.draw(st.integers(0, len(uploads)))):
                with books.store.transaction():
                    books.store.repeated_calls.count_next()
                if data.draw(st.booleans()):
                    books.store.reopen()
            rows = books.store._db.execute("SELECT id, again FROM upload").fetchall()
            found = {number: again for number, again in rows if again is not None}
            found |= books.store.repeated_calls.uncounted()
    seen: set[bytes] = set()
    expected = {}
    for number, (_, carried) in sorted(texts.items(), key=lambda item: item[1][0]):
        expected[number] = len(carried & seen)
        seen |= carried
    assert found == expected
