"""Reading everything: the database's structure, every row, every chunk, every upload's bytes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from qlogship.archive.archive import Archive
from qlogship.archive.damage import damaged
from qlogship.archive.runs import merged, overlap, records_in, without
from qlogship.errors import StateError
from qlogship.shipping.ledger import Ledger
from qlogship.shipping.position import ShippingPosition

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlogship.archive.damage import DamagedRecords
    from qlogship.archive.runs import Run
    from qlogship.state.reader import Reader
    from qlogship.state.repairs import Repairs

_MOST: Final = 20
"""What SQLite says of its structure is cut to so many lines: one flaw can make thousands."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Damaged records, and the files that they were read from, as they were named then."""

    records: DamagedRecords
    paths: tuple[str, ...]
    uploads: tuple[int, ...]


@dataclass(slots=True)
class Verification:
    """What was read, and what of it is not as it was written.

    `structure` is what SQLite says of its file, `uploads` are those whose bytes the archive
    does not give any more, apart from those with damaged records. `erased` ones were sent
    before a number was masked in them: what is compared is what the archive had after it.
    """

    records: int = 0
    chunks: int = 0
    uploads_read: int = 0
    left: int = 0
    erased: int = 0
    structure: list[str] = field(default_factory=list)
    repairs: Repairs | None = None
    damaged: list[Origin] = field(default_factory=list)
    uploads: list[int] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether everything is as it was written."""
        return not (self.structure or self.repairs or self.damaged or self.uploads)


def verify(
    reader: Reader, *, say: Callable[[str], None], show: Callable[[int, int], None]
) -> Verification:
    """Read all there is; `say` hears what is done, `show` how many records of how many.

    Raises `StateError` when so much is damaged that nothing can be read.
    """
    found = Verification()
    with reader.moment() as database:
        if database is None:
            return found
        found.repairs = reader.repairs
        say("checking the structure of the database")
        found.structure = _structure(database)
        say("reading the archive")
        archive, ledger = Archive(database), Ledger(database)
        lost = _read_chunks(archive, found, show)
        retired = archive.chunks.retired()
        found.left = records_in(retired)
        found.records -= found.left
        found.damaged = _origins(database, archive, ledger, without(lost, retired))
        say("comparing the uploads with the archive")
        generation = ShippingPosition(database).get().generation
        uploads = [one for one in ledger.uploads() if one.generation == generation]
        for number, upload in enumerate(reversed(uploads), 1):
            composition = upload.composition
            if not overlap(composition.runs, lost):
                try:
                    same = sha256(archive.text(composition.runs)).hexdigest() == composition.sha256
                except StateError:
                    same = False
                found.uploads += [] if same else [upload.id]
            found.uploads_read = number
            found.erased += upload.erased > 0
            show(number, len(uploads))
    return found


def _structure(database: sqlite3.Connection) -> list[str]:
    try:
        rows = database.execute(f"PRAGMA main.integrity_check({_MOST})").fetchall()
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [line for (text,) in rows if text != "ok" for line in str(text).splitlines()]


def _read_chunks(
    archive: Archive, found: Verification, show: Callable[[int, int], None]
) -> list[Run]:
    """Read every chunk; return the records of those that cannot be read."""
    lost: list[Run] = []
    seq, end = 1, archive.next_seq - 1
    while (checked := archive.chunks.check(seq)) is not None:
        behind, block = checked
        if block is None:
            lost.append((seq, behind - 1))
        seq = behind
        found.chunks += 1
        found.records = seq - 1
        show(seq - 1, end)
    return lost


def _origins(
    database: sqlite3.Connection, archive: Archive, ledger: Ledger, lost: list[Run]
) -> list[Origin]:
    """Return where damaged records came from, and which uploads carried them."""
    if not lost:
        return []
    facts = archive.chunks.facts()
    paths: dict[int, str] = dict(database.execute("SELECT id, path FROM stream"))
    origins = archive.origins.all()
    carriers = [
        (number, carried)
        for number, runs in ledger.on_the_dashboard()
        if (carried := overlap(runs, merged(lost)))
    ]
    found = []
    for first, last in lost:
        behind = [origin.first_seq for origin in origins[1:]] + [archive.next_seq]
        streams = [
            paths.get(origin.stream, "")
            for origin, end in zip(origins, behind, strict=True)
            if origin.first_seq <= last and end > first
        ]
        holders = [number for number, runs in carriers if overlap(runs, [(first, last)])]
        found.append(
            Origin(
                damaged(facts, first, last),
                tuple(filter(None, dict.fromkeys(streams))),
                tuple(holders),
            )
        )
    return found
