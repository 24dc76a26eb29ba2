"""The order of time: records of several texts in one sequence, whoever came first.

Theory of operation
-------------------
A *piece* is one text of which the archive knows the order: a stream, or several
that were found to overlap. Within a piece that order stands, whatever the times
in it; a record with a time that goes back, or without one, stays with its
neighbours: it counts as of the latest second before it.

Between pieces the seconds decide. Within one second, the piece that ends there
goes first and the one that begins there last, for that is what a rotation looks
like; beyond that the text decides. Nothing depends on which piece was archived
first, so the same texts always give the same order.

A stretch is a part of a piece, records of consecutive seq. It is taken as a
whole where nothing else is near in time, and looked into otherwise.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from qlogship.archive.runs import extend, without
from qlogship.queue_log.records import time_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qlogship.archive.runs import Run

    Lines = Callable[[int, int], Sequence[bytes]]

SLACK: Final = 60
"""Seconds by which the times within one text may go back unnoticed."""


_DAY: Final = 86_400
_YEAR: Final = 366 * _DAY


class Stretch(NamedTuple):
    """Records `first` to `last` of a piece; the time of the first and the latest one.

    Both are epoch seconds, -1 while they are not known. A time beyond `latest` is false.
    """

    first: int
    last: int
    piece: int
    begins: int
    latest: int

    def part(self, first: int, last: int) -> Stretch:
        """Return some of the records."""
        return self._replace(first=first, last=last)


class Item(NamedTuple):
    """Records of a text that is woven in: new ones, or known ones of a `piece` (else None).

    `time` is that of the first one, in epoch seconds, and counts for known ones. Those
    that are not `kept` are in the archive twice, and stay out.
    """

    first: int
    last: int
    piece: int | None
    time: int
    kept: bool


class _Head(NamedTuple):
    """What a side may give next; `key` is None while a stretch was not looked into."""

    low: int
    high: int
    key: tuple[int, int, bytes] | None
    stretch: Stretch


class _Side:
    """One of two sequences that are merged: stretches of complete pieces."""

    def __init__(self, stretches: Iterable[Stretch], lines: Lines, *, edges: bool) -> None:
        self._lines = lines
        self._edges = edges
        self._heads: deque[_Head] = deque()
        self._begins: dict[int, int] = {}
        self._last: dict[int, _Head] = {}
        self._ends: dict[int, int] = {}
        self._keys: dict[int, tuple[int, int, bytes]] = {}
        latest: dict[int, int] = {}
        for stretch in stretches:
            low = max(latest.get(stretch.piece, stretch.begins), stretch.begins)
            high = max(low, stretch.latest)
            latest[stretch.piece] = high
            head = _Head(low, high, None, stretch)
            self._begins.setdefault(stretch.piece, low)
            self._last[stretch.piece] = head
            self._heads.append(head)

    @property
    def head(self) -> _Head | None:
        return self._heads[0] if self._heads else None

    def take(self) -> Run:
        stretch = self._heads.popleft().stretch
        return stretch.first, stretch.last

    def look_into(self) -> None:
        """Cut the first stretch into its seconds."""
        head = self._heads.popleft()
        piece = head.stretch.piece
        heads = []
        for time, first, last, line in _seconds(head, self._lines):
            key = self._keys.get(piece)
            if key is None or key[0] != time:  # else the second goes on from the stretch before
                key = self._keys[piece] = (time, self._class(piece, time), line)
            heads.append(_Head(time, time, key, head.stretch.part(first, last)))
        self._heads.extendleft(reversed(heads))

    def _class(self, piece: int, time: int) -> int:
        if not self._edges:
            return 1
        begins = time == self._begins[piece]
        ends = self._last[piece].high <= time + SLACK and time == self._end(piece)
        return 1 + begins - ends

    def _end(self, piece: int) -> int:
        """Return the last second of a piece."""
        if piece not in self._ends:
            self._ends[piece] = _seconds(self._last[piece], self._lines)[-1][0]
        return self._ends[piece]


def merge(
    one: Iterable[Stretch], other: Iterable[Stretch], lines: Lines, *, edges: bool = True
) -> list[Run]:
    """Merge two sequences of stretches, no piece in both, into runs in the order of time.

    Within each the order stands. `lines` gives the records of a run. Without
    `edges` they are not complete pieces, and it does not count where they end.
    """
    left, right = _Side(one, lines, edges=edges), _Side(other, lines, edges=edges)
    runs: list[Run] = []
    while (a := left.head) is not None and (b := right.head) is not None:
        if a.key is not None and b.key is not None:
            extend(runs, left.take() if a.key <= b.key else right.take())
        elif a.high + SLACK < b.low:
            extend(runs, left.take())
        elif b.high + SLACK < a.low:
            extend(runs, right.take())
        else:
            for side, head in ((left, a), (right, b)):
                if head.key is None:
                    side.look_into()
    for side in (left, right):
        while side.head is not None:
            extend(runs, side.take())
    return runs


def weave(
    items: Sequence[Item],
    pieces: Mapping[int, Iterable[Stretch]],
    lines: Lines,
    *,
    stretches_of: Callable[[Iterable[Run]], list[Stretch]],
) -> list[Run]:
    """Make one piece of a text and the pieces that it has records of; return its runs.

    `items` are all records of the text, in its order; a known one lies in one
    stretch. What only one of them has
    goes between the neighbours that they share; where both have something there,
    the times decide.
    """
    rests = {piece: deque(stretches) for piece, stretches in pieces.items()}
    runs: list[Run] = []
    pending: list[Stretch] = []
    current: int | None = None
    for item in items:
        if item.piece is None:
            pending += stretches_of([(item.first, item.last)])
            continue
        before = _cut_before(rests[item.piece], item)
        if current != item.piece:
            for piece, rest in rests.items():
                if piece != item.piece:
                    early = _cut_until(rest, item.time, lines)
                    before = stretches_of(merge(before, early, lines, edges=False))
        current = item.piece
        for run in merge(pending, before, lines, edges=False):
            extend(runs, run)
        if item.kept:
            extend(runs, (item.first, item.last))
        pending = []
    tail = pending
    for rest in filter(None, rests.values()):
        tail = stretches_of(merge(tail, rest, lines, edges=False))
    for stretch in tail:
        extend(runs, (stretch.first, stretch.last))
    return runs


class Excerpt:
    """Cut out of texts in a row what lies between two times, in epoch seconds; None for no limit.

    `since` is included, `until` is not. Lines without a time go with the one before.
    """

    def __init__(self, since: float | None, until: float | None) -> None:
        self._since = float("-inf") if since is None else since
        self._until = float("inf") if until is None else until
        self._all = since is None and until is None
        self._within = since is None

    def of(self, text: bytes) -> bytes:
        """Return what is wanted of whole lines."""
        if self._all:
            return text
        wanted: list[bytes] = []
        for line in text.split(b"\n")[:-1]:
            time = time_of(line)
            if time is not None:
                self._within = self._since <= time < self._until
            if self._within:
                wanted += line, b"\n"
        return b"".join(wanted)


def range_of(times: Sequence[int]) -> tuple[int, int] | None:
    """Return the first and the latest of the times of consecutive records; None without any.

    A fragment may begin with digits that look like a time: one that stands alone
    far off its neighbours does not count.
    """
    if len(times) < 2:
        return (times[0], times[0]) if times else None
    # The second one may be the false one; then the third agrees with the first.
    is_false = all(is_false_start(times[0], following) for following in times[1:3])
    first = times[1] if is_false else times[0]
    latest = max(first, times[-1] if times[-1] <= times[-2] + _YEAR else times[-2])
    inner = (
        time
        for before, time, after in zip(times, times[1:], times[2:], strict=False)
        if time <= max(before, after) + _DAY
    )
    return first, max(latest, max(inner, default=latest))


def is_false_start(time: int, following: int) -> bool:
    """Return whether the time at the beginning of a text cannot be, by the one that follows."""
    return not following - _YEAR <= time <= following + _DAY


def complete(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Give stretches without a time, or with one that is false, that of their neighbour."""
    found = list(stretches)
    following: dict[int, int] = {}
    for index in range(len(found) - 1, -1, -1):
        stretch = found[index]
        after = following.get(stretch.piece)
        alone = stretch.first == stretch.last and stretch.latest >= 0
        if after is not None and alone and is_false_start(stretch.latest, after):
            found[index] = stretch = stretch._replace(begins=-1, latest=-1)
        if stretch.latest >= 0:
            following[stretch.piece] = stretch.begins
    before: dict[int, int] = {}
    for index, stretch in enumerate(found):
        if stretch.latest >= 0:
            before[stretch.piece] = stretch.latest
        elif (time := before.get(stretch.piece)) is not None:
            found[index] = stretch._replace(begins=time, latest=time)
    for index in range(len(found) - 1, -1, -1):
        stretch = found[index]
        if stretch.latest >= 0:
            following[stretch.piece] = stretch.begins
        elif (time := following.get(stretch.piece)) is not None:
            found[index] = stretch._replace(begins=time, latest=time)
    return found


def stretches_without(stretches: Iterable[Stretch], runs: Iterable[Run]) -> list[Stretch]:
    """Return the stretches without the records of some runs, of which there are few."""
    gone = sorted(runs)
    return [
        stretch.part(first, last)
        for stretch in stretches
        for first, last in without([(stretch.first, stretch.last)], gone)
    ]


def _seconds(head: _Head, lines: Lines) -> list[tuple[int, int, int, bytes]]:
    """Cut a stretch into seconds: the time, the first and last seq, the first line."""
    stretch = head.stretch
    found: list[tuple[int, int, int, bytes]] = []
    now = head.low
    for seq, line in enumerate(lines(stretch.first, stretch.last), stretch.first):
        time = time_of(line)
        if time is not None and time <= stretch.latest:
            now = max(now, time)
        if found and found[-1][0] == now:
            found[-1] = (now, found[-1][1], seq, found[-1][3])
        else:
            found.append((now, seq, seq, line))
    return found


def _cut_before(rest: deque[Stretch], item: Item) -> list[Stretch]:
    """Take from a piece what stands before the item, and the item itself."""
    before = []
    while rest:
        stretch = rest.popleft()
        if stretch.first <= item.first <= stretch.last:
            if item.first > stretch.first:
                before.append(stretch.part(stretch.first, item.first - 1))
            if item.last < stretch.last:
                rest.appendleft(stretch.part(item.last + 1, stretch.last))
            return before
        before.append(stretch)
    raise ValueError(f"record {item.first} is not where it was found")


def _cut_until(rest: deque[Stretch], time: int, lines: Lines) -> list[Stretch]:
    """Take from a piece what is earlier than a time."""
    taken = []
    while rest and rest[0].begins < time:
        stretch = rest.popleft()
        if stretch.latest < time:
            taken.append(stretch)
            continue
        head = _Head(stretch.begins, stretch.latest, None, stretch)
        end = max((last for at, _, last, _ in _seconds(head, lines) if at < time), default=0)
        if end:
            taken.append(stretch.part(stretch.first, end))
        if end < stretch.last:
            rest.appendleft(stretch.part(max(end + 1, stretch.first), stretch.last))
        break
    return taken
