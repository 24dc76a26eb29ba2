"""The verdict: the worst reason decides, the sentence names each, and nothing else is said."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from qlogship.verdict.assessment import assess
from qlogship.verdict.facts import Amount, Facts, Kind, Level, worst
from qlogship.verdict.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

AMOUNT = Amount(uploads=2, calls=5, records=15, fewer=3, more=4)
WORDS = {Level.UNCERTAIN: "UNCERTAIN: ", Level.WRONG: "MISMATCH: "}


def several() -> Iterator[tuple[Kind, ...]]:
    """Yield every choice of one, two, three, and of all but one kinds of reasons; and all."""
    for number in (1, 2, 3, len(Kind) - 1, len(Kind)):
        yield from combinations(Kind, number)


def test_every_kind_has_its_row() -> None:
    """There is no reason without a level, a text and a rank, and none makes things right."""
    assert REASONS.keys() == set(Kind)
    assert all(row.level is not Level.RIGHT for row in REASONS.values())
    levels = [REASONS[kind].level for kind in Kind]
    assert levels == sorted(levels, key=[Level.WRONG, Level.UNCERTAIN].index)


def test_every_combination_of_reasons() -> None:
    """The level is the worst of the reasons; each is in the sentence, the gravest first."""
    for kinds in several():
        found = assess(Facts(records=9, there=3, found=dict.fromkeys(kinds, AMOUNT)))

        assert {reason.kind for reason in found.reasons} == set(kinds)
        assert found.level is worst(REASONS[kind].level for kind in kinds)
        assert found.text.startswith(WORDS[found.level])
        places = [found.text.index(reason.text) for reason in found.reasons]
        assert places == sorted(places)
        ends = {reason.ends for reason in found.reasons}
        assert found.text.endswith(" ends it.") == (len(ends) == 1 and ends != {""})


@pytest.mark.parametrize("kind", Kind)
def test_bounds_of_a_reason(kind: Kind) -> None:
    """A reason says by how much the numbers may be off, in both directions."""
    (reason,) = assess(Facts(records=1, found={kind: AMOUNT})).reasons

    assert (reason.fewer, reason.more) == (3, 4)
    assert bool(reason.hint) == bool(reason.ends)


@pytest.mark.parametrize("number", [1, 2, 1_000])
@pytest.mark.parametrize("kind", Kind)
def test_words_of_a_reason(kind: Kind, number: int) -> None:
    """One is not said to be several, nor several to be one; numbers have separators."""
    amount = Amount(number, number, number, number, number)
    (reason,) = assess(Facts(records=1, found={kind: amount})).reasons

    for noun in ("call", "record", "upload", "answer"):
        if number == 1:
            assert f"1 {noun}s" not in reason.text
            assert f"1 {noun} are" not in reason.text
        else:
            assert f"{number:,} {noun} " not in reason.text
    assert "1000" not in reason.text
    assert not reason.text.endswith(".")


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (Facts(), "There is nothing to compare yet."),
        (Facts(records=2), "OK: no call is missing on the dashboard."),
        (Facts(records=2, there=1), "OK: the one call is on the dashboard."),
        (Facts(records=9, there=1_204), "OK: all 1,204 calls are on the dashboard."),
        (
            Facts(records=9, there=1_199, waiting=5, waiting_records=15),
            "OK: 1,199 calls are on the dashboard; 5 are waiting.",
        ),
        (
            Facts(records=9, there=1, waiting=1, waiting_records=1, held=1),
            "OK: 1 call is on the dashboard; 1 is waiting, 1 is held back: not over yet.",
        ),
        (
            Facts(records=9, there=7, waiting_records=1),
            "OK: 7 calls are on the dashboard; 1 record is waiting.",
        ),
        (
            Facts(records=9, there=7, waiting=2, waiting_records=3, resync="shipping"),
            "OK: 7 calls are on the dashboard; 2 are waiting, a resync is under way (shipping).",
        ),
    ],
)
def test_all_is_right(facts: Facts, text: str) -> None:
    """Without a reason all is right; all calls are there only when none waits or is held."""
    found = assess(facts)

    assert (found.level, found.reasons, found.text) == (Level.RIGHT, (), text)


@pytest.mark.parametrize(
    ("kind", "amount", "text"),
    [
        (
            Kind.DOUBLES,
            Amount(1, 899, 2_700, more=899),
            (
                "UNCERTAIN: up to 899 calls may be counted twice: 1 upload was sent again after its"
                " answer was lost; `qlogship resync` ends it."
            ),
        ),
        (
            Kind.DOUBLES,
            Amount(2, 10, 30, more=25),
            (
                "UNCERTAIN: 10 calls may be counted several times (up to 25 too many): 2 uploads"
                " were sent again after their answers were lost; `qlogship resync` ends it."
            ),
        ),
        (
            Kind.COUNTED_TWICE,
            Amount(3, 9, 9, more=3),
            (
                "MISMATCH: 3 calls are counted twice: their lines were sent in two uploads; a"
                " longer `batch.settle` and `batch.hold`, then `qlogship resync` ends it."
            ),
        ),
        (
            Kind.DIFFERS,
            Amount(2, 9, 9, fewer=1, more=1_000),
            (
                "MISMATCH: the dashboard counted 1 call fewer and 1,000 calls more than were sent,"
                " in 2 uploads; `qlogship resync` ends it."
            ),
        ),
        (
            Kind.UNKNOWN,
            Amount(1, 12, 40, fewer=12),
            (
                "UNCERTAIN: up to 12 calls may be missing: the outcome of 1 upload is not known;"
                " `qlogship resync` ends it."
            ),
        ),
        (
            Kind.QUARANTINED,
            Amount(1, 0, 2),
            (
                "MISMATCH: 2 records are missing: 1 upload is in quarantine;"
                " `qlogship quarantine resend` ends it."
            ),
        ),
        (
            Kind.SHARED,
            Amount(),
            (
                "UNCERTAIN: others upload to this dashboard, too, and what they"
                " upload is not in these numbers."
            ),
        ),
    ],
)
def test_sentences(kind: Kind, amount: Amount, text: str) -> None:
    """Each says by how much, why, and what ends it."""
    assert assess(Facts(records=9, found={kind: amount})).text == text


def test_wrong_and_uncertain_are_told_apart() -> None:
    """What is surely wrong stands before what only may be."""
    facts = Facts(records=9).having(
        (Kind.DOUBLES, Amount(1, 5, 9, more=5)),
        (Kind.DROPPED, Amount(1, 2, 9, fewer=2)),
        (Kind.DROPPED, Amount(1, 1, 9, fewer=1)),
    )

    assert assess(facts).text == (
        "MISMATCH: 3 calls are missing: 2 uploads were dropped by hand; uncertain besides: up to 5"
        " calls may be counted twice: 1 upload was sent again after its answer was lost;"
        " `qlogship resync` ends it."
    )


@pytest.mark.parametrize("way", [Kind.UPLOADED_BEFORE, Kind.UNKNOWN, Kind.REPEAT_WAITS])
def test_calls_that_may_have_come_another_way(way: Kind) -> None:
    """A count that is too small is uncertain where the calls may have been there before."""
    differs, perhaps = Amount(1, calls=5, fewer=3), Amount(1, calls=3, more=3)
    found = assess(Facts(records=9, found={Kind.DIFFERS: differs, way: perhaps}))
    assert found.level is Level.UNCERTAIN
    assert {reason.kind: reason.fewer for reason in found.reasons}[Kind.KNOWN_BEFORE] == 3

    for surely in (Amount(1, calls=5, fewer=4), Amount(1, calls=5, fewer=3, more=1)):
        found = assess(Facts(records=9, found={Kind.DIFFERS: surely, way: perhaps}))
        assert found.level is Level.WRONG
