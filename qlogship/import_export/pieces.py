"""Where in the archive the lines of a file may be, and where they were found.

The archive's pieces (archive/timeline.py) are shown as windows, parts near in time
to some lines of the file; what an import finds there is noted, each line once.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from qlogship.archive.runs import overlap, without
from qlogship.archive.timeline import SLACK
from qlogship.import_export.alignment import may_be_erased

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from qlogship.archive.runs import Run
    from qlogship.archive.spans import Timeline
    from qlogship.archive.timeline import Stretch

_MANY_LINES: Final = 65_536
_FAR_OFF: Final = 4
_YEAR: Final = 366 * 86_400

_TIMES: Final = re.compile(rb"^([0-9]{9,11})\|", re.MULTILINE)
_OTHER: Final = b"\n"  # stands for lines that are not in the file


class Pieces:
    """The archive's pieces while a file is read, and how far the file has come in each."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.order = timeline.stretches()
        self._starts, self._torn = timeline.starts(), timeline.torn()
        self._stretches: dict[int, list[Stretch]] = {}
        for stretch in self.order:
            self._stretches.setdefault(stretch.piece, []).append(stretch)
        self._range = {
            piece: (min(part.begins for part in parts), max(part.latest for part in parts))
            for piece, parts in self._stretches.items()
        }
        self._at: dict[int, tuple[int, int]] = {}
        self.following: int | None = None

    def stretches(self, piece: int) -> list[Stretch]:
        """Return a piece, in its order."""
        return self._stretches[piece]

    def windows(self, lines: Sequence[bytes]) -> Iterator[PieceWindow]:
        """Yield the parts of pieces that such lines may be in; first where they went on before."""
        times = time_range(lines)
        if not times:
            return
        low, high = times[0] - SLACK, times[1] + SLACK
        near = [
            piece
            for piece, (begins, latest) in self._range.items()
            if begins <= high and latest >= low
        ]
        near.sort(key=lambda piece: (piece != self.following, self._range[piece], piece))
        for piece in near:
            window = self._window(piece, low, high, lines)
            if window.lines:
                yield window

    def _window(self, piece: int, low: int, high: int, lines: Sequence[bytes]) -> PieceWindow:
        stretches = self._stretches[piece]
        index, skip = self._at.get(piece, (0, 0))
        goes_on = piece == self.following
        wanted: set[bytes] | None = None
        window = PieceWindow(piece, goes_on=False)
        while index < len(stretches) and stretches[index].begins <= high:
            stretch = stretches[index]
            if (
                not window.lines
                and stretch.latest < low
                and not self._fragment_before(stretches, index, low)
            ):
                goes_on = False
            else:
                known = self._timeline.lines(stretch.first + skip, stretch.last)
                if wanted is None and len(window.lines) + len(known) > _MANY_LINES:
                    wanted = set(lines)
                    window.lines = _only(wanted, window.lines)
                if wanted is not None:
                    known = _only(wanted, known)
                if not window.lines:
                    window.goes_on = goes_on
                start = len(window.lines)
                for seqs, loose in ((self._starts, window.firsts), (self._torn, window.lasts)):
                    at = bisect_left(seqs, stretch.first + skip)
                    while at < len(seqs) and seqs[at] <= stretch.last:
                        loose.add(start + seqs[at] - stretch.first - skip)
                        at += 1
                window.parts.append((start, index, skip))
                window.lines += known
            index, skip = index + 1, 0
        return window

    @staticmethod
    def _fragment_before(stretches: Sequence[Stretch], index: int, low: int) -> bool:
        """Return whether a stretch may be a fragment, whose time is false, of the first record."""
        return (
            index == 0
            and stretches[0].first == stretches[0].last
            and len(stretches) > 1
            and stretches[1].latest >= low
        )

    def places(self, window: PieceWindow, first: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield runs of seq for lines of a window, each within one stretch."""
        stretches = self._stretches[window.piece]
        at = bisect_right(window.parts, first, key=lambda part: part[0]) - 1
        while length > 0:
            start, index, skip = window.parts[at]
            seq = stretches[index].first + skip + first - start
            here = min(length, stretches[index].last - seq + 1)
            yield seq, seq + here - 1
            first, length, at = first + here, length - here, at + 1

    def go_behind(self, window: PieceWindow, line: int) -> None:
        """Note that the file has come as far as behind a line of the window."""
        at = bisect_right(window.parts, line, key=lambda part: part[0]) - 1
        start, index, skip = window.parts[at]
        skip += line - start + 1
        stretch = self._stretches[window.piece][index]
        if stretch.first + skip > stretch.last:
            index, skip = index + 1, 0
        self._at[window.piece] = index, skip


def _only(wanted: set[bytes], lines: Iterable[bytes]) -> list[bytes]:
    """Return lines with nothing in place of those that are not wanted, nor may be in part."""
    return [line if line in wanted or may_be_erased(line) else _OTHER for line in lines]


@dataclass(slots=True)
class PieceWindow:
    """Records of a piece near in time, and where they are.

    A part is the index of its first line, that of its stretch, and how many records
    of the stretch stand before it.
    """

    piece: int
    goes_on: bool
    lines: list[bytes] = field(default_factory=list)
    parts: list[tuple[int, int, int]] = field(default_factory=list)
    firsts: set[int] = field(default_factory=set)
    lasts: set[int] = field(default_factory=set)


class KnownLines(NamedTuple):
    """Lines of the file that need not be archived, and the records that they are.

    Of two pieces that turn out to have the same records, those of one are not `kept`.
    A line without a run is a fragment of a record.
    """

    line: int
    kept: bool
    length: int
    piece: int
    run: Run | None


class FoundLines:
    """What was found of the first `decided` lines of a file, each line kept once."""

    def __init__(self, decided: int) -> None:
        self._found: list[KnownLines] = []
        self._free: list[Run] = [(0, decided - 1)]

    def add(self, line: int, piece: int, runs: Iterable[Run]) -> None:
        """Note that the lines from `line` on are these records."""
        for first, last in runs:
            whole = line, line + last - first
            taken = self._take(whole)
            for kept, parts in ((True, taken), (False, without([whole], taken))):
                for start, stop in parts:
                    run = first + start - line, first + stop - line
                    self._found.append(KnownLines(start, kept, stop - start + 1, piece, run))
            line = whole[1] + 1

    def add_fragment(self, line: int, piece: int) -> None:
        """Note that a line is a fragment of a record."""
        if self._take((line, line)):
            self._found.append(KnownLines(line, True, 1, piece, None))

    def all(self) -> list[KnownLines]:
        """Return what was found, in the order of the lines."""
        return sorted(self._found, key=lambda found: (found.line, found.kept))

    def _take(self, lines: Run) -> list[Run]:
        """Return those of these lines that were not found before."""
        taken = overlap([lines], self._free)
        self._free = without(self._free, [lines])
        return taken


def time_range(lines: Sequence[bytes]) -> list[int]:
    """Return the earliest and the latest time of some lines, but for single ones far off."""
    times = sorted(map(int, _TIMES.findall(b"\n".join(lines))))
    for _ in range(_FAR_OFF):
        if len(times) > _FAR_OFF and times[1] - times[0] > _YEAR:
            del times[0]
        if len(times) > _FAR_OFF and times[-1] - times[-2] > _YEAR:
            del times[-1]
    return [times[0], times[-1]] if times else []
