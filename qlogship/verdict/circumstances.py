"""What bears on the verdict besides the uploads: the settings, and how the generation began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlogship.archive.runs import merged, without
from qlogship.shipping.destination import destination_of
from qlogship.shipping.generations import NO_GENERATION, Generations
from qlogship.source.cursor import Cursor
from qlogship.verdict.facts import Amount, Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from qlogship.archive.archive import Archive
    from qlogship.archive.runs import Run
    from qlogship.config import Settings
    from qlogship.shipping.destination import Destination
    from qlogship.shipping.generations import Generation


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What only a person knows, and says in the settings.

    `destination` is where the settings want uploads to go. `shared`: others upload there,
    too. `uploaded_before`: whether this queue_log was uploaded there by other means before
    qlogship; None: nobody said.
    """

    destination: Destination | None = None
    shared: bool = False
    uploaded_before: bool | None = None

    @classmethod
    def of(cls, settings: Settings) -> Circumstances:
        """Return what these settings say."""
        return cls(
            destination_of(settings.dashboard),
            settings.dashboard.shared,
            settings.source.uploaded_before,
        )


def reasons_of(
    connection: sqlite3.Connection, circumstances: Circumstances
) -> Iterator[tuple[Kind, Amount]]:
    """Yield what speaks against the numbers, whatever the uploads are; within a transaction."""
    generation = Generations(connection).effective(circumstances.destination)
    if circumstances.shared:
        yield Kind.SHARED, Amount()
    if generation.number == NO_GENERATION:
        yield Kind.UNDECIDED, Amount()
        return
    if late := generation.late_calls:
        yield Kind.OVERTAKEN, Amount(calls=late, more=late)
    if circumstances.uploaded_before is not False:
        yield from _uploaded_before(connection, generation)
    yield from _sent_before(connection, generation)
    # Behind a clear the dashboard has what is archived, and nothing else.
    if not generation.cleared and Cursor(connection).skipped_text():
        yield Kind.SKIPPED, Amount()
    # Sent but not acknowledged: what the ledger calls shipped may be gone already.
    if connection.execute(
        "SELECT 1 FROM resync WHERE state = 'clearing' AND clears > 0 AND ended_at IS NULL"
    ).fetchone():
        yield Kind.CLEARING, Amount()


def _uploaded_before(
    connection: sqlite3.Connection, generation: Generation
) -> Iterator[tuple[Kind, Amount]]:
    """Yield how much there is that another one than qlogship may have uploaded before.

    Not behind a clear, which wiped it; nor what is younger than the first upload.
    """
    if generation.cleared or generation.begun_at is None:
        return
    uploads, calls, records = connection.execute(
        "SELECT count(*), coalesce(sum(calls), 0), coalesce(sum(lines), 0) FROM upload"
        " WHERE generation = ? AND state IN ('accepted', 'unknown') AND first_time < ?",
        (generation.number, generation.begun_at),
    ).fetchone()
    if uploads:
        yield Kind.UPLOADED_BEFORE, Amount(uploads, calls, records, more=calls)


def _sent_before(
    connection: sqlite3.Connection, generation: Generation
) -> Iterator[tuple[Kind, Amount]]:
    """Yield how much an earlier generation sent to the same dashboard, and no clear has wiped.

    So it is when the uploads went to another dashboard for a while, and came back; not if
    only what came from then on is shipped there.
    """
    number = generation.number
    if generation.cleared or generation.first_seq > 1 or generation.destination is None:
        return
    earlier = []
    for other in reversed(Generations(connection).all()):
        if other.number < number and other.destination == generation.destination:
            earlier.append(other.number)
            if other.cleared:
                break
    marks = ", ".join("?" * len(earlier))
    uploads, calls, records, more = connection.execute(
        "SELECT count(*), coalesce(sum(calls), 0), coalesce(sum(lines), 0),"  # noqa: S608
        " coalesce(sum(calls * (open_sends + (state = 'accepted'))), 0) FROM upload"
        f" WHERE generation IN ({marks}) AND (state = 'accepted' OR open_sends > 0)",
        earlier,
    ).fetchone()
    if uploads:
        yield Kind.SENT_BEFORE, Amount(uploads, calls, records, more=more)


def left_out(
    connection: sqlite3.Connection, archive: Archive, generation: Generation
) -> list[tuple[Kind | None, list[Run]]]:
    """Return the records that need not be in an upload of a generation, and why.

    The first that names a record counts. None: a piece of a record, of which an import
    brought the whole; it is in no order of time any more, and nothing is missing.
    """
    end = archive.next_seq - 1
    first_seq = generation.first_seq
    before = [(1, min(first_seq - 1, end))] if first_seq > 1 and end else []
    rows = connection.execute(
        "SELECT first_seq, coalesce(lead(first_seq) OVER (ORDER BY first_seq) - 1, ?),"
        " stream IN (SELECT stream FROM piece WHERE imported) FROM origin ORDER BY first_seq",
        (end,),
    )
    imported = [(first, last) for first, last, is_imported in rows if is_imported]
    replaced = without([(1, end)] if end else [], merged(archive.order()))
    return [(Kind.BEFORE, before), (None, replaced), (Kind.LATER, imported)]
