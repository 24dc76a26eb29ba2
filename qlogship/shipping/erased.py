"""Uploads whose records were masked after they were decided: their digests, and a mark.

The digest of an upload is made anew from what the archive has now. The one of what was sent
is not kept: whoever has the masked text could find out from it which digits were there. What
was sent before is marked instead: as long as a row has the mark and its generation counts,
the dashboard may have what was masked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from qlogship.errors import StateError
from qlogship.queue_log.records import times_still_in
from qlogship.shipping.ledger import Ledger
from qlogship.shipping.upload_contents import Contents

if TYPE_CHECKING:
    import sqlite3

    from qlogship.archive.archive import Archive
    from qlogship.shipping.batching import Composition

_MAY_HOLD = "(state = 'accepted' OR open_sends > 0)"


@dataclass(frozen=True, slots=True)
class Carriers:
    """The uploads that carry some records: how many, were sent, and may be on the dashboard."""

    uploads: int = 0
    sent: int = 0
    there: int = 0


class ErasedUploads:
    """Mark uploads, and tell of those that are marked; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection, archive: Archive) -> None:
        self._db = connection
        self._archive = archive
        self._ledger = Ledger(connection)
        self._contents = Contents(connection, archive)

    def carriers(self, seqs: list[int], *, generation: int) -> Carriers:
        """Return which uploads carry these ascending records; `there` are of one generation."""
        found = [self._ledger.find(number) for number, _ in self._contents.carriers(seqs)]
        uploads = [upload for upload in found if upload is not None]
        return Carriers(
            len(uploads),
            sum(upload.attempts > 0 for upload in uploads),
            sum(
                upload.generation == generation
                and (upload.state == "accepted" or upload.open_sends > 0)
                for upload in uploads
            ),
        )

    def rebind(self, seqs: list[int]) -> None:
        """Make the digests of uploads with these records anew; mark those that were sent."""
        for number, records in self._contents.carriers(seqs):
            upload = self._ledger.find(number)
            if upload is None:
                continue
            digest, times = self._bound(upload.composition)
            self._db.execute(
                "UPDATE upload SET sha256 = ?, first_time = ?, last_time = ?, erased = CASE"
                " WHEN attempts > 0 THEN min(lines, erased + ?) ELSE 0 END WHERE id = ?",
                (digest, *times, records, number),
            )

    def bind_mended(self) -> None:
        """Make the digests of uploads that could not be made, for some of it was damaged."""
        for (number,) in self._db.execute("SELECT id FROM upload WHERE sha256 = ''").fetchall():
            upload = self._ledger.find(number)
            if upload is not None:
                digest, _ = self._bound(upload.composition)
                self._db.execute("UPDATE upload SET sha256 = ? WHERE id = ?", (digest, number))

    def _bound(self, composition: Composition) -> tuple[str, tuple[int | None, int | None]]:
        """Return the digest of an upload, and its times; no digest when some of it is damaged."""
        times = composition.first_time, composition.last_time
        try:
            text = self._archive.text(composition.runs)
        except StateError:  # it cannot be sent as it was anyway
            return "", times
        return sha256(text).hexdigest(), times_still_in(text, *times)


def erased_there(connection: sqlite3.Connection, generation: int) -> int:
    """Return how many uploads of a generation the dashboard may have as they were before."""
    number: int = connection.execute(
        f"SELECT count(*) FROM upload WHERE generation = ? AND erased > 0 AND {_MAY_HOLD}",  # noqa: S608
        (generation,),
    ).fetchone()[0]
    return number
