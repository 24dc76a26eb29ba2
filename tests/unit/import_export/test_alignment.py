"""Which lines of a file are archived records, and which only look like them."""

from __future__ import annotations

import pytest

from qlogship.import_export.alignment import (
    End,
    Loose,
    Match,
    align,
    as_kept,
    ends,
    masked_spans,
)
from tests.fixtures.queue_log import record

TIME = 1_795_411_800
NUMBERS = (b"79161234567", b"74950000001")
RELOAD = record(TIME, b"NONE", b"NONE", b"NONE", b"CONFIGRELOAD")


def calls(first: int, last: int) -> list[bytes]:
    """Return records of calls, one in each second."""
    return [
        record(TIME + n, b"1.%d" % n, b"sales", b"NONE", b"ENTERQUEUE") for n in range(first, last)
    ]


RINGING = record(TIME + 50, b"1.9", b"sales", b"Ann", b"RINGNOANSWER", b"0")


@pytest.mark.parametrize(
    ("file", "known", "matches"),
    [
        (calls(0, 9), calls(0, 9), [Match(0, 0, 9)]),
        (calls(3, 6), calls(0, 9), [Match(0, 3, 3)]),
        (calls(0, 9), calls(3, 6), [Match(3, 0, 3)]),
        (calls(0, 6), calls(3, 9), [Match(3, 0, 3)]),
        (calls(3, 9), calls(0, 6), [Match(0, 3, 3)]),
        (calls(0, 9), calls(0, 3) + calls(5, 9), [Match(0, 0, 3), Match(5, 3, 4)]),
        (calls(0, 3) + calls(5, 9), calls(0, 9), [Match(0, 0, 3), Match(3, 5, 4)]),
        (calls(0, 4), calls(4, 9), []),
        ([], calls(0, 4), []),
        (calls(0, 4), [], []),
    ],
    ids=[
        "the same",
        "contained",
        "containing",
        "reaching out in front",
        "reaching out behind",
        "filling a gap",
        "with a gap",
        "nothing in common",
        "an empty file",
        "an empty archive",
    ],
)
def test_overlaps(file: list[bytes], known: list[bytes], matches: list[Match]) -> None:
    """A run of equal lines in the same order is the same records, wherever it lies."""
    assert align(file, known) == matches


@pytest.mark.parametrize(
    ("file", "known"),
    [
        (calls(0, 3) + calls(9, 10), calls(9, 10) + calls(20, 22)),
        ([*calls(0, 3), RELOAD], [RELOAD, *calls(5, 8)]),
        ([*calls(0, 3), RELOAD, b""], [RELOAD, b"", *calls(5, 8)]),
        ([*calls(0, 3), RINGING, RINGING], [RINGING, RINGING, *calls(60, 63)]),
    ],
    ids=["one record", "a reload", "a reload and no record", "repeats only"],
)
def test_what_may_be_chance_is_no_overlap(file: list[bytes], known: list[bytes]) -> None:
    """Neither a single line nor repeated ones prove that two texts are one."""
    assert align(file, known) == []


def test_repeats_within_an_overlap_are_paired_one_to_one() -> None:
    """Of identical lines, as many are new as the file has more than the archive."""
    known = [*calls(0, 5), RINGING, RINGING, *calls(51, 55)]
    assert align(known, known) == [Match(0, 0, 11)]
    more = [*calls(0, 5), RINGING, RINGING, RINGING, *calls(51, 55)]
    assert sum(match.length for match in align(more, known)) == 11


def test_a_single_line_between_two_overlaps_is_known() -> None:
    """Between runs that prove the overlap, an equal line is the same record."""
    file = [*calls(0, 4), b"fragment", *calls(10, 11), *calls(20, 24)]
    known = [*calls(0, 4), *calls(10, 11), b"other", *calls(20, 24)]
    assert align(file, known) == [Match(0, 0, 4), Match(5, 4, 1), Match(6, 6, 4)]


def test_what_goes_on_needs_no_proof() -> None:
    """Behind what is known to be the same, equal lines are the same records."""
    assert align([RELOAD, b"x"], [RELOAD, b"y"], goes_on=True) == [Match(0, 0, 1)]
    assert align([b"x", RELOAD], [RELOAD, b"y"], goes_on=True) == []


def test_runs_that_changed_places_are_matched_once() -> None:
    """Matches ascend on both sides: the longer order wins."""
    file = calls(0, 10) + calls(20, 23)
    known = calls(20, 23) + calls(0, 10)
    assert align(file, known) == [Match(0, 3, 10)]


def test_fragments_of_the_file_belong_to_known_records() -> None:
    """The cut first and last line of a file are parts of what stands there in the archive."""
    known = calls(0, 9)
    file = [known[2][7:], *known[3:6], known[6][:9]]
    matches = align(file, known)
    assert matches == [Match(1, 3, 3)]
    assert ends(file, known, matches, file_loose=Loose([0], [4]), known_loose=Loose()) == [
        End(0, 2, whole_in_file=False),
        End(4, 6, whole_in_file=False),
    ]
    assert ends(file, known, matches, file_loose=Loose(), known_loose=Loose()) == []


def test_fragments_in_the_archive_give_way() -> None:
    """The cut ends of what was archived are parts of what stands there in the file."""
    file = calls(0, 9)
    known = [file[2][7:], *file[3:6], file[6][:9]]
    matches = align(file, known)
    assert ends(file, known, matches, file_loose=Loose(), known_loose=Loose([0], [4])) == [
        End(2, 0, whole_in_file=True),
        End(6, 4, whole_in_file=True),
    ]


def test_what_is_no_part_is_no_fragment() -> None:
    """A loose end that the other text does not go on from stays a line of its own."""
    file = [b"something else", *calls(3, 6)]
    matches = align(file, calls(0, 9))
    loose = Loose([0], [])
    assert ends(file, calls(0, 9), matches, file_loose=loose, known_loose=loose) == []


def test_a_line_that_was_masked_counts_as_what_the_archive_has() -> None:
    """A line is a masked one of the same time and callid, but not where it is there as it is."""
    lines = [record(TIME, b"1.1", b"s", b"SIP/%s" % number, b"CONNECT") for number in NUMBERS]
    masked = record(TIME, b"1.1", b"s", b"SIP/" + b"*" * 11, b"CONNECT")
    other = record(TIME + 1, b"1.1", b"s", b"SIP/" + b"7" * 11, b"CONNECT")
    assert as_kept([*lines, other], [masked, lines[1]]) == [masked, lines[1], other]
    assert masked_spans(masked, lines[0]) == [(len(masked) - 19 - 1, len(masked) - 10)]


def test_a_fragment_of_a_masked_line_is_one() -> None:
    """A line that is cut off within a number is the beginning of the masked record."""
    whole = record(TIME + 9, b"1.9", b"s", b"NONE", b"ENTERQUEUE", b"", b"*" * 11, b"1")
    file = [*calls(0, 4), record(TIME + 9, b"1.9", b"s", b"NONE", b"ENTERQUEUE", b"", b"7916")]
    known = [*calls(0, 4), whole]
    matches = align(file, known)
    found = ends(file, known, matches, file_loose=Loose(lasts=[4]), known_loose=Loose())
    assert found == [End(4, 4, whole_in_file=False)]
