"""What one upload says against the numbers: held against all that the dashboard may have done."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from qlogship.verdict.facts import Amount, Kind, Level, worst
from qlogship.verdict.reasons import REASONS
from qlogship.verdict.uploads import UploadFacts, reasons_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def upload(state: str = "accepted", calls: int = 5, **facts: object) -> UploadFacts:
    """Return an upload of some records; accepted and counted right, if nothing else is said."""
    told = {"reported": calls if state == "accepted" else None, "records": 15, **facts}
    return UploadFacts(state=state, calls=calls, **told)  # type: ignore[arg-type]  # by name


def reasons(facts: UploadFacts, *, zero_tells: bool = True) -> dict[Kind, Amount]:
    """Return what is said of an upload."""
    return dict(reasons_of(facts, zero_tells=zero_tells))


def level(facts: UploadFacts) -> Level:
    """Return the verdict on one upload."""
    return worst(REASONS[kind].level for kind in reasons(facts))


def worlds(sends: int, calls: int, again: int, *, dropped: bool) -> Iterator[tuple[int, int]]:
    """Yield what a dashboard answers to the last attempt, and how many calls it holds of it.

    `again` of the calls are there from another upload. Each of the earlier attempts, whose
    answer was lost, may have been stored. One that drops repeats (`dropped`) counts a callid
    once, another counts each body.
    """
    for stored in range(sends + 1):
        if dropped:
            new = calls - again
            yield (0 if stored else new), new
        else:
            yield calls, (stored + 1) * calls


@pytest.mark.parametrize("dropped", [False, True])
def test_it_is_right_only_if_no_dashboard_differs(*, dropped: bool) -> None:
    """Whatever is answered: the calls there are off by no more than is said, or none are.

    A dashboard that never drops repeats never answers 0 to calls.
    """
    for sends, calls, again in product(range(4), range(1, 4), range(4)):
        if again > calls:
            continue
        for answer, there in worlds(sends, calls, again, dropped=dropped):
            facts = upload(calls=calls, reported=answer, again=again, open_sends=sends)
            found = reasons(facts)
            off = there - facts.expected
            fewer = sum(amount.fewer for amount in found.values())
            more = sum(amount.more for amount in found.values())

            assert -fewer <= off <= more, (facts, there)
            if level(facts) is Level.RIGHT:
                assert off == 0, facts
            if level(facts) is Level.WRONG:
                assert off != 0, facts


def test_every_combination() -> None:
    """Bounds are never negative, a vouched upload counts once, and what is right is as sent."""
    for state, calls, records, reported, again, sends, vouched, sending in product(
        ("accepted", "unknown", "rejected", "prepared", "dropped", "split"),
        (0, 1, 3),
        (4,),
        (None, 0, 1, 2, 3, 7),
        (None, 0, 1),
        (0, 1, 3),
        (False, True),
        (False, True),
    ):
        if (again or 0) > calls or (sending and not sends):
            continue
        facts = upload(
            state,
            calls,
            records=records,
            reported=reported,
            again=again,
            open_sends=sends,
            vouched=vouched,
            sending=sending,
        )
        for tells in (False, True):
            found = reasons(facts, zero_tells=tells)
            assert all(min(amount.fewer, amount.more) >= 0 for amount in found.values())
            assert all((one.uploads, one.calls) == (1, calls) for one in found.values())
            if state == "split":
                assert not found
            elif vouched:
                assert set(found) <= {Kind.DOUBLES, Kind.NOT_COUNTED}
                assert sum(amount.more for amount in found.values()) == (again or 0)
            if state in {"unknown", "rejected", "dropped"} and not vouched:
                assert found
            # Right is only what was answered as it was sent, or waits for its first answer.
            if not found and not vouched and state == "accepted":
                recognised = sends > 0 and reported == 0 and tells
                assert reported == facts.expected or recognised or (reported is None and not calls)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (upload(), {}),
        (upload(reported=4, again=1), {}),
        (upload(reported=5, again=1), {Kind.COUNTED_TWICE: Amount(1, 5, 15, more=1)}),
        (upload(reported=3), {Kind.DIFFERS: Amount(1, 5, 15, fewer=2)}),
        (upload(reported=9), {Kind.DIFFERS: Amount(1, 5, 15, more=4)}),
        (upload(reported=None), {Kind.NO_COUNT: Amount(1, 5, 15, fewer=5)}),
        (upload(open_sends=1), {Kind.DOUBLES: Amount(1, 5, 15, more=5)}),
        (upload(open_sends=2), {Kind.DOUBLES: Amount(1, 5, 15, more=10)}),
        (upload(open_sends=1, reported=0), {}),
        (
            upload(open_sends=1, reported=2),
            {Kind.REPEAT_DIFFERS: Amount(1, 5, 15, fewer=3, more=5)},
        ),
        (
            upload(open_sends=1, reported=None),
            {
                Kind.DOUBLES: Amount(1, 5, 15, more=5),
                Kind.NO_COUNT: Amount(1, 5, 15, fewer=5),
            },
        ),
        (upload(open_sends=3, vouched=True), {}),
        (upload(open_sends=3, vouched=True, again=2), {Kind.DOUBLES: Amount(1, 5, 15, more=2)}),
        (upload(reported=None, again=2), {Kind.NO_COUNT: Amount(1, 5, 15, fewer=3, more=2)}),
        (upload(again=None), {Kind.NOT_COUNTED: Amount(1, 5, 15)}),
        (upload(again=None, reported=4), {Kind.NOT_COUNTED: Amount(1, 5, 15)}),
        (upload("unknown", open_sends=1), {Kind.UNKNOWN: Amount(1, 5, 15, fewer=5)}),
        (upload("unknown", open_sends=3), {Kind.UNKNOWN: Amount(1, 5, 15, fewer=5, more=10)}),
        (upload("rejected"), {Kind.QUARANTINED: Amount(1, 5, 15, fewer=5)}),
        (upload("rejected", open_sends=1), {Kind.UNKNOWN: Amount(1, 5, 15, fewer=5)}),
        (upload("dropped"), {Kind.DROPPED: Amount(1, 5, 15, fewer=5)}),
        (upload("dropped", open_sends=2), {Kind.UNKNOWN: Amount(1, 5, 15, fewer=5, more=5)}),
        (upload("prepared"), {}),
        (upload("prepared", open_sends=1, sending=True), {}),
        (upload("prepared", open_sends=1), {Kind.REPEAT_WAITS: Amount(1, 5, 15, more=5)}),
        (upload("split", open_sends=1), {}),
    ],
)
def test_one_upload(facts: UploadFacts, found: dict[Kind, Amount]) -> None:
    """Each state and answer, and by how much the numbers may be off because of it."""
    assert reasons(facts) == found


def test_a_dashboard_that_counts_nothing() -> None:
    """Where a first attempt was answered with 0, a 0 for a repeat proves nothing."""
    assert upload(reported=0).answers_nothing
    assert not upload(reported=0, again=5).answers_nothing
    assert not upload(reported=0, open_sends=1).answers_nothing
    assert reasons(upload(reported=0, open_sends=1), zero_tells=False) == {
        Kind.REPEAT_DIFFERS: Amount(1, 5, 15, fewer=5, more=5)
    }


def test_a_repeat_that_was_recognised_and_shares_calls() -> None:
    """A 0 tells that the upload was there, and not how its calls of an earlier one were counted."""
    found = reasons(upload(calls=5, reported=0, again=2, open_sends=1))
    assert found == {Kind.DOUBLES: Amount(1, 5, 15, more=2)}
    assert reasons(upload(calls=5, reported=0, open_sends=1)) == {}
