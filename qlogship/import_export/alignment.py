"""Which records of a file are the same as archived ones, told by aligned runs of them.

Theory of operation
-------------------
Equal lines prove nothing: two identical lines in one second are two records,
and every reload writes the same CONFIGRELOAD. What proves that a stretch of a
file and a stretch of the archive are one text is that the same lines stand in
the same order in both.

`align` looks for lines that occur once on either side and stand in the same
order on both (the anchors of a patience diff), and extends them to runs of equal
lines. Runs with nothing in between on one side at least make a cluster: the
other side then only has a gap there. A cluster is proof when it holds two
different anchors that are of a call, or of more than one second. What is no
proof counts only between two clusters that are.

The ends need care. The first line of a file that was cut out of another may be
the end of a record, the last line without a newline the beginning of one. `ends`
tells such a fragment from the record it is a part of; the whole one stays.

A record in which a number was erased is not equal to the line that it was: `as_kept` makes
the lines of a file what the archive has in their place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from qlogship.archive.runs import extend
from qlogship.queue_log.events import NO_CALL
from qlogship.queue_log.records import parse
from qlogship.source.streams import MASK

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


_ERASED: Final = MASK * 3
"""No number that is erased is shorter."""

_OF_NUMBERS: Final = frozenset(b"0123456789 ()./-" + MASK)
"""What may stand where something was erased."""


class Match(NamedTuple):
    """`length` lines from `file` on in the file are those from `known` on in the archive."""

    file: int
    known: int
    length: int


class End(NamedTuple):
    """A line at an end of a text, and the line of the other text that it is a fragment of.

    `whole_in_file` says which of them is whole.
    """

    file: int
    known: int
    whole_in_file: bool


class Loose(NamedTuple):
    """The lines of a text that may be fragments: first ones of a file, and last ones of a file."""

    firsts: Collection[int] = ()
    lasts: Collection[int] = ()


class _Cluster(NamedTuple):
    runs: list[Match]
    proof: bool


def align(file: Sequence[bytes], known: Sequence[bytes], *, goes_on: bool = False) -> list[Match]:
    """Find the lines of a file that are known, as ascending runs of equal lines.

    Both are lines without newlines, `known` in the archive's order. With
    `goes_on` what stands before both is known to be the same.
    """
    start = _common(file, known) if goes_on else 0
    runs = _runs(file, known, start)
    clusters = _clusters(file, runs)
    if start:
        runs_on = [Match(0, 0, start)]
        if clusters and _touch(runs_on[-1], clusters[0].runs[0]):
            runs_on += clusters.pop(0).runs
        clusters.insert(0, _Cluster(runs_on, proof=True))
    proofs = [index for index, cluster in enumerate(clusters) if cluster.proof]
    if not proofs:
        return []
    return [run for cluster in clusters[proofs[0] : proofs[-1] + 1] for run in cluster.runs]


def masked_spans(kept: bytes, line: bytes) -> list[tuple[int, int]]:
    """Return which bytes of a line are masked in the kept one: first and last of each part."""
    found: list[tuple[int, int]] = []
    for at, (one, other) in enumerate(zip(kept, line, strict=True)):
        if one != other:
            extend(found, (at, at))
    return found


def may_be_erased(line: bytes) -> bool:
    """Return whether something may have been erased in an archived line."""
    return _ERASED in line


def as_kept(file: Sequence[bytes], known: Sequence[bytes]) -> Sequence[bytes]:
    """Return the lines of a file, in place of those that were masked in the archive what it has.

    They have the same time and callid, and the same bytes but where a number was erased.
    """
    masked: dict[tuple[int, bytes], list[bytes]] = {}
    for line in known:
        if may_be_erased(line):
            masked.setdefault(_place_of(line), []).append(line)
    if not masked:
        return file
    as_they_are = set(known)
    return [
        line
        if line in as_they_are
        else next(
            (one for one in masked.get(_place_of(line), ()) if _is_masked_in(one, line)), line
        )
        for line in file
    ]


def _place_of(line: bytes) -> tuple[int, bytes]:
    """Return what an erase leaves of a record: its length, its time and callid."""
    return len(line), b"|".join(line.split(b"|", 2)[:2])


def _is_masked_in(kept: bytes, line: bytes) -> bool:
    """Return whether a line is the kept one, but for parts of numbers; both are as long."""
    return all(
        one == other or (one == MASK[0] and other in _OF_NUMBERS)
        for one, other in zip(kept, line, strict=True)
    )


def _begins_with(whole: bytes, part: bytes) -> bool:
    return _is_part(whole[: len(part)], part)


def _ends_with(whole: bytes, part: bytes) -> bool:
    return _is_part(whole[max(0, len(whole) - len(part)) :], part)


def _is_part(found: bytes, part: bytes) -> bool:
    """Return whether both are the same text; a number may be erased in one of them."""
    return found == part or (
        len(found) == len(part) and (_is_masked_in(found, part) or _is_masked_in(part, found))
    )


def ends(
    file: Sequence[bytes],
    known: Sequence[bytes],
    matches: Sequence[Match],
    *,
    file_loose: Loose,
    known_loose: Loose,
) -> list[End]:
    """Find the fragments beside what was aligned, among the `Loose` lines of either text."""
    found = []
    nothing = Match(0, 0, 0)
    for before, match in zip([nothing, *matches], matches, strict=False):
        i, j = match.file - 1, match.known - 1
        if i >= before.file + before.length and j >= before.known + before.length:
            if i in file_loose.firsts and _ends_with(known[j], file[i]):
                found.append(End(i, j, whole_in_file=False))
            elif j in known_loose.firsts and _ends_with(file[i], known[j]):
                found.append(End(i, j, whole_in_file=True))
    nothing = Match(len(file), len(known), 0)
    for match, after in zip(matches, [*matches[1:], nothing], strict=False):
        i, j = match.file + match.length, match.known + match.length
        if i < after.file and j < after.known:
            if i in file_loose.lasts and _begins_with(known[j], file[i]):
                found.append(End(i, j, whole_in_file=False))
            elif j in known_loose.lasts and _begins_with(file[i], known[j]):
                found.append(End(i, j, whole_in_file=True))
    return found


def _runs(file: Sequence[bytes], known: Sequence[bytes], start: int) -> list[Match]:
    """Extend the anchors behind `start` to runs of equal lines."""
    runs: list[Match] = []
    i = j = start  # behind the last run
    for anchor_i, anchor_j in _anchors(file, known, start):
        if anchor_i < i or anchor_j < j:
            continue  # within the last run
        first_i, first_j = anchor_i, anchor_j
        while first_i > i and first_j > j and file[first_i - 1] == known[first_j - 1]:
            first_i, first_j = first_i - 1, first_j - 1
        # Compared as slices: a file that is known is one run.
        i, j = anchor_i + 1, anchor_j + 1
        more = _common(file, known, i, j)
        i, j = i + more, j + more
        runs.append(Match(first_i, first_j, i - first_i))
    return runs


def _anchors(file: Sequence[bytes], known: Sequence[bytes], start: int) -> list[tuple[int, int]]:
    """Return the places of lines that occur once on either side, ascending on both."""
    counted, counted_known = Counter(file[start:]), Counter(known[start:])
    place = {line: index for index, line in enumerate(known[start:], start)}
    pairs = [
        (index, place[line])
        for index, line in enumerate(file[start:], start)
        if counted_known.get(line) == 1 and counted[line] == 1
    ]
    return _longest_ascending(pairs)


def _longest_ascending(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest part of the pairs in which the second numbers ascend, too."""
    if all(one[1] < other[1] for one, other in pairwise(pairs)):
        return list(pairs)
    tops: list[int] = []  # the least last number of an ascending part, by its length
    top_at: list[int] = []
    before: list[int] = []
    for index, (_, number) in enumerate(pairs):
        length = bisect_left(tops, number)
        before.append(top_at[length - 1] if length else -1)
        tops[length : length + 1] = [number]
        top_at[length : length + 1] = [index]
    found = []
    index = top_at[-1]
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]


def _clusters(file: Sequence[bytes], runs: Sequence[Match]) -> list[_Cluster]:
    """Join runs with nothing between them on one side, and say which are proof."""
    groups: list[list[Match]] = []
    for run in runs:
        if groups and _touch(groups[-1][-1], run):
            groups[-1].append(run)
        else:
            groups.append([run])
    return [_Cluster(group, _is_proof(file, group)) for group in groups]


def _touch(one: Match, other: Match) -> bool:
    return one.file + one.length == other.file or one.known + one.length == other.known


def _is_proof(file: Sequence[bytes], runs: Sequence[Match]) -> bool:
    """Return whether so many lines in the same order cannot be chance."""
    lines: set[bytes] = set()
    times: set[int] = set()
    of_a_call = False
    for first, _, count in runs:
        for line in file[first : first + count]:
            record = parse(line)
            if record is not None:
                lines.add(line)
                times.add(record.time)
                of_a_call = of_a_call or record.callid not in NO_CALL
            if len(lines) > 1 and (of_a_call or len(times) > 1):
                return True
    return False


def _common(one: Sequence[bytes], other: Sequence[bytes], i: int = 0, j: int = 0) -> int:
    """Return how many lines are equal from the places `i` and `j` on."""
    count, step = 0, 64
    most = min(len(one) - i, len(other) - j)
    while count < most:
        step = min(step, most - count)
        if one[i + count : i + count + step] == other[j + count : j + count + step]:
            count += step
            step *= 2
        elif step == 1:
            break
        else:
            step //= 2
    return count
