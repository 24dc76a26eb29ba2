"""Erasing a number: it is nowhere any more, and everything else is as before."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.dashboard.verdicts import Verdict
from qlogship.erase.erasing import erase
from qlogship.erase.numbers import Numbers
from qlogship.errors import StateError
from qlogship.queue_log.records import parse
from qlogship.state.database import bring_up_to_date
from qlogship.state.erasures import WORDS
from qlogship.state.reader import Reader
from qlogship.state.store import Store
from qlogship.verdict.circumstances import Circumstances
from qlogship.verdict.facts import Level
from qlogship.verdict.quick import quick_assessment
from qlogship.verify.verifying import verify
from tests.support.flips import Collector, outcome
from tests.support.forgotten import free_pages, packed_samples, places_of
from tests.support.importing import Importing
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkProcess
    from pathlib import Path

    from qlogship.dashboard.outcome import Outcome
    from qlogship.erase.erasing import Found

NUMBER: Final = b"79161234567"
NOON: Final = 1_795_411_800
MASKED: Final = b"*" * len(NUMBER)
OPTIONS: Final[dict[str, Any]] = {
    "batch": {"linger": 0.0, "settle": 1.0, "max_bytes": 200_000},
    "delivery": {"on_unknown": "hold"},
}


def text(first: int, calls: int, *, every: int = 7) -> bytes:
    """Return calls of which each `every`-th is from the number, in all places it may have."""
    random_number = random.Random(first)
    lines = []
    for call in range(first, first + calls):
        time = NOON + call
        number = NUMBER if call % every == 0 else b"7495%07d" % random_number.randrange(10**7)
        callid = b"%d.%d" % (time, call)
        lines += [
            b"%d|%s|sales|NONE|DID|+%s" % (time, callid, number),
            b"%d|%s|sales|NONE|ENTERQUEUE||+%s|1" % (time, callid, number),
            b"%d|%s|sales|Alice|CONNECT|3|%d.%d|3" % (time, callid, time, call + 1),
            b"%d|%s|sales|Alice|BLINDTRANSFER|%s|out|3|9|1" % (time, callid, number),
        ]
    return b"".join(line + b"\n" for line in lines)


def erased_from(state: Path, *, generation: int = 1) -> Found:
    """Erase the number from a state directory that nobody holds."""
    store = Store(state)
    try:
        return erase(
            store,
            Numbers([NUMBER.decode()]),
            generation=generation,
            at=float(NOON),
            show=lambda _done, _all: None,
            say=lambda _stage: None,
        )
    finally:
        store.close()


def without_it(data: bytes) -> bytes:
    """Return what a text is after the number was erased from it."""
    return data.replace(NUMBER, MASKED)


@pytest.fixture
def far_end() -> Collector:
    """Return a dashboard that keeps what it gets."""
    return Collector()


@pytest.fixture
def service(tmp_path: Path, far_end: Collector) -> Iterator[SteppedService]:
    """Return a service, with an empty queue_log that it follows."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "queue_log").touch()
    with SteppedService(
        tmp_path, Clock(NOON + 100_000.0), upload=far_end.upload, clear=far_end.clear, **OPTIONS
    ) as stepped:
        yield stepped


def write(service: SteppedService, data: bytes) -> None:
    """Append to the queue_log, and let the service ship it."""
    with service.path.open("ab") as file:
        file.write(data)
    service.live(60.0, flush=True)


def erase_beside(service: SteppedService) -> Found:
    """Erase while the service has lent its state, and let it go on."""
    service.shipper.settle_answer()
    service.close()
    found = erased_from(service.state)
    service.start()
    return found


def test_it_is_nowhere_and_all_else_is_as_before(
    service: SteppedService, far_end: Collector
) -> None:
    """No byte of the state directory has it, packed or free; each record, call and count stays."""
    write(service, text(1, 6_000))  # packed
    write(service, text(6_001, 300))  # not packed yet
    before, figures = service.archived(), service.figures()
    samples = packed_samples(service.state, NUMBER)
    assert samples
    assert places_of(service.state, NUMBER) != []
    found = erase_beside(service)
    assert (len(found.seqs), len(found.callids)) == (before.count(NUMBER), 6_300 // 7)
    service.close()
    try:
        assert places_of(service.state, NUMBER) == []
        assert free_pages(service.state) == 0
        files = [path.read_bytes() for path in service.state.iterdir()]
        assert not any(sample in file for sample in samples for file in files)
    finally:
        service.start()
    assert service.archived() == without_it(before)
    now = service.figures()
    assert now.uploads.erased == len(far_end.bodies)
    assert replace(now, uploads=replace(now.uploads, erased=0)) == figures
    assert b"".join(far_end.bodies) == before  # nothing was sent again


def test_old_text_in_free_pages_goes_too(service: SteppedService) -> None:
    """What the file still had of chunks that were folded is overwritten, and the log emptied."""
    for number in range(80):  # live chunks that are folded later
        write(service, text(1 + 60 * number, 60))
    assert free_pages(service.state) > 0
    erase_beside(service)
    assert places_of(service.state, NUMBER) == []
    assert free_pages(service.state) == 0


def test_the_ledger_knows(service: SteppedService, far_end: Collector) -> None:
    """Uploads that were sent with it are marked, all are whole, and the verdict is as before."""
    write(service, text(1, 700))
    write(service, text(701, 5, every=1_000))  # an upload without the number
    erase_beside(service)
    rows = service.uploads()
    assert [row.erased for row in rows] == [body.count(NUMBER) for body in far_end.bodies]
    assert rows[-1].erased == 0
    with Reader(service.state) as reader:
        found = verify(reader, say=lambda _: None, show=lambda _done, _all: None)
        with reader.moment() as database:
            assert database is not None
            level = quick_assessment(database, Circumstances(uploaded_before=False)).level
    assert found.whole
    assert found.erased == sum(row.erased > 0 for row in rows)
    assert level is Level.RIGHT


def test_a_resync_ships_the_masked_text(service: SteppedService, far_end: Collector) -> None:
    """After a resync the dashboard has the masked text, and nothing is marked any more."""
    write(service, text(1, 700))
    before = service.archived()
    erase_beside(service)
    with service.store.transaction():
        service.store.resyncs.ask(reason="asked", accepted_loss=(), at=float(NOON))
    service.live(600.0, flush=True)
    assert b"".join(far_end.bodies) == without_it(before)
    assert service.figures().uploads.erased == 0


def test_what_waits_goes_out_masked(service: SteppedService, far_end: Collector) -> None:
    """An upload that was decided and not sent yet is sent masked, and is not marked."""
    far_end.dead = True
    write(service, text(1, 700))
    assert {row.state for row in service.uploads()} == {"prepared"}
    sent = [row.attempts for row in service.uploads()]
    erase_beside(service)
    far_end.dead = False
    service.live(7_200.0, flush=True)
    assert b"".join(far_end.bodies) == without_it(text(1, 700))
    for attempts, row in zip(sent, service.uploads(), strict=False):
        assert (row.erased > 0) == (attempts > 0)


def test_the_files_are_known_as_before(service: SteppedService) -> None:
    """Live, rotated, renamed, touched, copied and compressed files are not archived again."""
    write(service, text(0, 700))  # the number is in the first line
    log = service.path
    log.rename(log.with_name("queue_log.1"))
    write(service, text(700, 700))  # here, too
    before = service.archived()
    erase_beside(service)
    os.utime(log.with_name("queue_log.1"), (NOON, NOON))
    service.live(120.0, flush=True)
    assert service.archived() == without_it(before)
    data = log.with_name("queue_log.1").read_bytes()
    log.with_name("queue_log.1").unlink()
    log.with_name("queue_log.2.gz").write_bytes(gzip.compress(data))
    shutil.copy(log, log.with_name("queue_log.3"))  # a copytruncate
    log.write_bytes(b"")
    write(service, text(1_401, 70, every=10_000))
    service.crash()
    service.live(120.0, flush=True)
    assert service.archived() == without_it(before) + text(1_401, 70, every=10_000)


def test_a_line_behind_it_is_read_on(service: SteppedService) -> None:
    """The live file is read on where it was, whatever of its beginning and end was masked."""
    write(service, text(1, 14, every=1))
    erase_beside(service)
    write(service, text(15, 10, every=10_000))
    assert service.archived() == without_it(text(1, 14, every=1)) + text(15, 10, every=10_000)


def test_a_file_that_lost_its_end_is_compared(service: SteppedService) -> None:
    """After a power cut a file is compared with the masked archive, and read on where they part."""
    write(service, text(1, 50))
    before = service.archived()
    erase_beside(service)
    service.close()
    kept = text(1, 40)
    service.path.write_bytes(kept + text(500, 3, every=10_000))
    service.start()
    service.live(60.0, flush=True)
    assert service.archived() == without_it(before) + text(500, 3, every=10_000)


def test_what_is_written_later_is_archived(service: SteppedService) -> None:
    """A new call from the number is a new record; erasing again masks that, too."""
    write(service, text(1, 14))
    erase_beside(service)
    write(service, text(21, 1))
    assert NUMBER in service.archived()
    assert len(erase_beside(service).seqs) == 3
    assert service.archived() == without_it(text(1, 14) + text(21, 1))
    assert places_of(service.state, NUMBER) == []


def test_files_that_were_not_wanted(tmp_path: Path, far_end: Collector) -> None:
    """What is known of a file that was never archived has it no more, and is known as before."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "queue_log.1").write_bytes(text(1, 50, every=1))
    (tmp_path / "log" / "queue_log").write_bytes(text(51, 50, every=1))
    clock = Clock(NOON + 100_000.0)
    options = OPTIONS | {"source": {"history": "none"}}
    with SteppedService(tmp_path, clock, upload=far_end.upload, **options) as service:
        service.live(60.0, flush=True)
        assert service.archived() == b""
        assert places_of(service.state, NUMBER) != []
        erase_beside(service)
        assert places_of(service.state, NUMBER) == []
        os.utime(tmp_path / "log" / "queue_log.1")
        write(service, text(200, 2, every=10_000))
        assert service.archived() == text(200, 2, every=10_000)


def test_an_answer_that_quotes_it(tmp_path: Path) -> None:
    """A refusal that quotes the record is masked in ledger, attempts and troubles."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "queue_log").write_bytes(text(0, 1))

    def refuse(_filename: str, body: bytes) -> Outcome:
        said = f"400 Bad Request: caller +{NUMBER.decode()} in {body[:30]!r}"
        return replace(outcome(Verdict.REFUSED), detail=said, answer=said)

    with SteppedService(tmp_path, Clock(NOON + 9e4), upload=refuse, **OPTIONS) as service:
        service.live(600.0, flush=True)
        row = service.uploads()[0]
        assert NUMBER.decode() in (row.answer.text or "")
        erase_beside(service)
        assert places_of(service.state, NUMBER) == []
        assert "caller +***********" in (service.uploads()[0].answer.text or "")


def test_every_text_of_the_schema_is_thought_of() -> None:
    """Each column of text is masked, or holds what no caller can write."""
    own = {
        "path", "url", "account", "state", "verdict", "kind", "history", "sha256", "reason",
        "ahead", "suspects", "accused", "accepted_loss", "given_up", "passed_over", "erased",
        "start", "name", "facts",
    }  # fmt: skip
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        bring_up_to_date(database, ":memory:")
        columns = {
            (table, row[1])
            for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            for row in database.execute(f"PRAGMA table_info({table})")
            if row[2] == "TEXT"
        }
    assert {column for column in columns if column[1] not in own} == set(WORDS)


def test_imported_files_are_known_as_before(tmp_path: Path) -> None:
    """A file that was imported has it no more, and is known when it is imported again."""
    files = Importing(tmp_path)
    parts = [text(1, 60), text(61, 60)]
    files.new(*parts, parts[0] + parts[1])
    before = files.text()
    erased_from(files.state)
    assert places_of(files.state, NUMBER) == []
    assert files.text() == without_it(before)
    assert files.new(*parts, parts[0] + parts[1]) == [0, 0, 0]
    assert places_of(files.state, NUMBER) == []


def test_without_room_nothing_is_changed(service: SteppedService) -> None:
    """The room that the file takes twice over is asked for before anything is masked."""
    write(service, text(1, 50))

    class Full(Store):
        def room(self) -> tuple[int, int]:
            return 100, 99

    service.close()
    full = Full(service.state)
    try:
        with pytest.raises(StateError, match="100 bytes of disk for a while, and 99 bytes are"):
            erase(
                full,
                Numbers([NUMBER.decode()]),
                generation=1,
                at=0.0,
                show=lambda _done, _all: None,
                say=lambda _stage: None,
            )
        assert NUMBER in full.archive.text([(1, 200)])
    finally:
        full.close()
        service.start()


def erasing(state: Path, stage: int) -> ForkProcess:
    """Erase in another process, which kills itself at a stage."""

    def run() -> None:
        left = stage

        def die(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        erase(Store(state), Numbers([NUMBER.decode()]), generation=1, at=0.0, show=die, say=die)

    process = get_context("fork").Process(target=run)
    process.start()
    return process


@pytest.fixture
def filled(service: SteppedService) -> Path:
    """Return a state directory with packed and other chunks, which nobody holds."""
    write(service, text(1, 1_400))
    write(service, text(1_401, 100))
    folder = service.directory / "filled"
    service.store.archive.chunks.finish()
    shutil.copytree(service.state, folder)
    return folder


def text_of(state: Path) -> bytes:
    """Return the whole archive."""
    with Reader(state) as reader:
        return b"".join(reader.text())


def test_killed_at_every_stage_it_goes_on_or_was_never_begun(filled: Path, tmp_path: Path) -> None:
    """Killed anywhere, the state is as before or, once it is opened, as after; never between."""
    whole = text_of(filled)
    ends = []
    for stage in range(40):
        state = tmp_path / f"state{stage}"
        shutil.copytree(filled, state)
        process = erasing(state, stage)
        process.join(60.0)
        now = text_of(state)
        assert now in {whole, without_it(whole)}
        with Reader(state) as reader:
            unfinished = [trouble.kind for trouble in reader.troubles()]
        assert unfinished == (["erase_unfinished"] if now != whole and process.exitcode else [])
        Store(state).close()
        if now == whole:
            ends.append("before")
            erased_from(state)
        else:
            ends.append("after")
        assert text_of(state) == without_it(whole)
        assert places_of(state, NUMBER) == []
        assert free_pages(state) == 0
        shutil.rmtree(state)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    else:
        pytest.fail("it was killed each time")
    assert ends.count("before") >= 4
    assert ends.count("after") >= 3  # before and within the scrubbing, and at the end
    assert all(parse(line) for line in without_it(whole).splitlines())


def test_killed_at_any_moment(filled: Path, tmp_path: Path) -> None:
    """Killed after any number of milliseconds it goes on or was never begun."""
    whole = text_of(filled)
    chance = random.Random(12)
    for round_ in range(10):
        state = tmp_path / f"state{round_}"
        shutil.copytree(filled, state)
        process = erasing(state, 10_000)
        process.join(chance.random() * 0.25)
        process.kill()
        process.join(60.0)
        assert text_of(state) in {whole, without_it(whole)}
        Store(state).close()
        if text_of(state) == whole:
            erased_from(state)
        assert text_of(state) == without_it(whole)
        assert places_of(state, NUMBER) == []
        shutil.rmtree(state)
