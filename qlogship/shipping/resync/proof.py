"""The proof that the archive can be shipped again: all of it is read, a piece at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.archive.runs import merged, overlap, records_in, without
from qlogship.shipping.resync.rules import NO_UPLOAD, RETIRED, not_restorable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qlogship.archive.archive import Archive
    from qlogship.archive.chunks import Block
    from qlogship.archive.runs import Run
    from qlogship.shipping.ledger import Ledger

_CHUNKS_AT_ONCE: Final = 8


class ArchiveProof:
    """Read the archive to its end; `lost` are the runs that cannot be read.

    It is only in memory: after a crash the archive is read anew, so that no clear is
    sent that was not proved.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._seq = 1
        self.lost: list[Run] = []
        self.accepted = False
        """Whether all was read, and a clear may be sent."""

    @property
    def read(self) -> int:
        """How many records were read, or found missing."""
        return self._seq - 1

    def read_on(self, take: Callable[[Block], None] | None = None) -> bool:
        """Read some chunks and hand each to `take`; return whether the end was reached."""
        for _ in range(_CHUNKS_AT_ONCE):
            found = self._archive.chunks.check(self._seq)
            if found is None:
                return True
            behind, chunk = found
            if chunk is None:
                self.lost.append((self._seq, behind - 1))
            elif take is not None:
                take(chunk)
            self._seq = behind
        return False

    def missing(
        self, ledger: Ledger, *, given_up: Sequence[Run] = ()
    ) -> tuple[list[int], int, list[Run]]:
        """Return which uploads the archive cannot give back, how many records, and which.

        Records that are in no upload stand under `NO_UPLOAD`, but for those that were `given_up`
        before, ascending. Those that have left the archive stand under `RETIRED`, if the
        dashboard has them.
        """
        self.lost = without(self.lost, self._archive.chunks.retired())
        left = self.left_lines(ledger)
        ids, lines, lost = self._damaged(ledger, given_up)
        return ([RETIRED, *ids] if left else ids), lines + left, lost

    def left_lines(self, ledger: Ledger) -> int:
        """Return how many records the dashboard holds that have left the archive."""
        retired = self._archive.chunks.retired()
        if not retired:
            return 0
        return records_in(
            merged(run for _, runs in ledger.on_the_dashboard() for run in overlap(runs, retired))
        )

    def _damaged(self, ledger: Ledger, given_up: Sequence[Run]) -> tuple[list[int], int, list[Run]]:
        """Return which uploads damage has taken records from, how many, and which."""
        end = self._archive.next_seq
        uploads = list(ledger.on_the_dashboard())
        most = max((last for _, runs in uploads for _, last in runs), default=0)
        lost = [*self.lost, (end, most)] if most >= end else self.lost
        ids, lines = not_restorable(uploads, lost)
        if not lost:
            return [], 0, []
        carried = [*given_up, *(run for _, runs in uploads for run in overlap(runs, lost))]
        others = records_in(without(overlap(self._archive.order(), lost), merged(carried)))
        return ([NO_UPLOAD, *ids] if others else ids), lines + others, lost
