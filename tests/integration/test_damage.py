"""What is damaged is named, stops nothing else, and comes back with the file it came from."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from qlogship.import_export.mending import mend
from qlogship.source.files import OpenFile
from qlogship.state.database import FILE_NAME
from qlogship.state.reader import Reader
from qlogship.state.requests import ask_for_resync
from qlogship.verify.verifying import verify
from tests.support.books import enter, whole
from tests.support.flips import NOW, OPTIONS, Collector
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qlogship.verify.verifying import Verification

AT = int(NOW)


@pytest.fixture
def clock() -> Clock:
    """Return the clock of one life."""
    return Clock(NOW)


@pytest.fixture
def far() -> Collector:
    """Return a far end that keeps what it gets."""
    return Collector()


@pytest.fixture
def service(tmp_path: Path, clock: Clock, far: Collector) -> Iterator[SteppedService]:
    """Return a service with an empty queue_log."""
    (tmp_path / "log").mkdir()
    with SteppedService(tmp_path, clock, upload=far.upload, clear=far.clear, **OPTIONS) as stepped:
        yield stepped


def write(service: SteppedService, text: bytes) -> None:
    """Append to the queue_log and let the service archive it, as a chunk of its own."""
    with service.path.open("ab") as file:
        file.write(text)
    service.live(5)


def spoil(service: SteppedService, seq: int) -> None:
    """Turn one bit of the chunk in which a record is, behind the service's back; start it anew."""
    service.close()
    with closing(sqlite3.connect(service.state / FILE_NAME)) as db, db:
        first, data = db.execute(
            "SELECT first_seq, data FROM chunk WHERE first_seq <= ? ORDER BY first_seq DESC", (seq,)
        ).fetchone()
        middle = len(data) // 2
        spoilt = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        db.execute("UPDATE chunk SET data = ? WHERE first_seq = ?", (spoilt, first))
    service.start()


def look(service: SteppedService) -> Verification:
    """Return what `qlogship verify` finds."""
    with Reader(service.state) as reader:
        return verify(reader, say=lambda _text: None, show=lambda _done, _all: None)


def test_a_held_record_that_is_damaged_stops_nothing(
    service: SteppedService, far: Collector
) -> None:
    """The service starts, names the record and its time, and ships what comes behind it."""
    write(service, enter("held", AT))
    assert service.figures().held.lines == 1

    spoil(service, 1)
    write(service, whole("next", AT + 10))

    assert far.bodies == [whole("next", AT + 10)]
    assert "record 1 (" in service.shipper.troubles["archive_damaged"]
    assert service.figures().held.lines == 0


def test_an_undelivered_record_that_is_damaged_stops_nothing(
    service: SteppedService, far: Collector
) -> None:
    """Of an upload that was never sent, the records that can be read go without the others."""
    far.dead = True
    for number in range(4):
        write(service, whole(f"call{number}", AT + number * 10))
    far.dead = False

    spoil(service, 1)
    service.live(120)

    sent = b"".join(far.bodies)
    assert b"call0" not in sent
    assert all(f"|call{number}|".encode() in sent for number in (1, 2, 3))
    assert "archive_damaged" in service.shipper.troubles


def test_a_record_in_no_upload_that_is_damaged_stops_nothing(
    service: SteppedService, far: Collector
) -> None:
    """What was not taken in yet is passed over, and the rest is shipped."""
    far.dead = True
    for number in range(9):
        write(service, whole(f"call{number}", AT + number * 10))
    far.dead = False

    spoil(service, 20)
    service.live(200)

    sent = b"".join(far.bodies)
    assert [n for n in range(9) if f"|call{n}|".encode() not in sent] == [6]
    assert service.figures().waiting.lines == 0


def test_the_tail_is_not_folded_over_damage(service: SteppedService) -> None:
    """A chunk that is damaged stays by itself when those around it are packed."""
    write(service, whole("before", AT))
    write(service, whole("spoilt", AT + 10))
    spoil(service, 4)
    write(service, whole("behind", AT + 20) + b"x" * 300_000 + b"\n")

    lost: list[tuple[int, int]] = []
    with Reader(service.state) as reader:
        text = b"".join(reader.text(lost.append))
    assert lost == [(4, 6)]
    assert text.startswith(whole("before", AT) + whole("behind", AT + 20))


def test_verify_names_what_is_damaged(service: SteppedService) -> None:
    """It tells the records, their time, the file they came from, and the upload they are in."""
    write(service, whole("first", AT))
    write(service, whole("second", AT + 60))
    assert look(service).whole

    spoil(service, 4)

    (found,) = look(service).damaged
    assert (found.records.first_seq, found.records.last_seq) == (4, 6)
    assert (found.records.first_time, found.records.last_time) == (AT + 60, AT + 61)
    assert found.paths == (str(service.path),)
    assert found.uploads == (2,)


def test_a_resync_needs_consent_for_damage_in_no_upload(
    service: SteppedService, far: Collector
) -> None:
    """Damaged records that no upload carries are left out when 0 is among the accepted losses."""
    write(service, whole("sent", AT))
    write(service, enter("held", AT + 10))
    spoil(service, 4)
    service.live(5)

    ask_for_resync(service.state, accepted_loss=(), at=NOW)
    service.live(60)
    assert "no upload (0)" in service.shipper.troubles["resync_refused"]
    assert far.bodies == [whole("sent", AT)]

    ask_for_resync(service.state, accepted_loss=(0,), at=NOW)
    service.live(60)
    assert far.bodies == [whole("sent", AT)]
    assert service.store.generations.current().cleared


def test_an_import_puts_damage_right(service: SteppedService, far: Collector) -> None:
    """The very chunk is there again, and what was passed over is shipped."""
    far.dead = True
    for number in range(9):
        write(service, whole(f"call{number}", AT + number * 10))
    far.dead = False
    spoil(service, 20)
    service.live(200)
    assert b"|call6|" not in b"".join(far.bodies)

    with OpenFile(service.path) as file:
        done = mend(service.store, [file])
    service.crash()
    service.live(60)

    assert [one.first_seq for one in done.mended] == [19]
    assert not done.left
    assert far.bodies[-1] == whole("call6", AT + 60)
    assert service.archived() == service.path.read_bytes()
    assert look(service).whole
    assert "archive_damaged" not in service.shipper.troubles


def test_another_file_puts_nothing_right(service: SteppedService, tmp_path: Path) -> None:
    """Text that looks like the damaged one, and is not it, changes nothing."""
    write(service, whole("call1", AT))
    spoil(service, 1)
    other = tmp_path / "other"
    other.write_bytes(whole("call2", AT))

    with OpenFile(other) as file:
        done = mend(service.store, [file])

    assert not done.mended
    assert [one.first_seq for one in done.left] == [1]
