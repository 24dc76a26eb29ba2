"""Erasing a number where it is not expected: beside the archive, and in what comes later."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.dashboard.verdicts import Verdict
from qlogship.erase.erasing import erase
from qlogship.erase.numbers import Numbers
from qlogship.errors import StateError
from qlogship.import_export.importing import Importer
from qlogship.import_export.mending import mend
from qlogship.service import build
from qlogship.service.shipper import Shipper
from qlogship.source.files import OpenFile
from qlogship.state.reader import Reader
from qlogship.state.store import Store
from qlogship.verify.verifying import verify
from tests.support.flips import Collector, outcome
from tests.support.forgotten import places_of
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.dashboard.outcome import Outcome
    from qlogship.erase.erasing import Found
    from qlogship.verify.verifying import Verification

NUMBER: Final = b"79161234567"
MASKED: Final = b"*" * len(NUMBER)
NOON: Final = 1_795_411_800
OPTIONS: Final[dict[str, Any]] = {
    "batch": {"linger": 0.0, "settle": 1.0, "max_bytes": 200_000},
    "delivery": {"on_unknown": "hold"},
}


def text(first: int, calls: int, *, every: int = 3) -> bytes:
    """Return calls of which each `every`-th is from the number."""
    lines = []
    for call in range(first, first + calls):
        time = NOON + call
        number = NUMBER if call % every == 0 else b"7495%07d" % call
        lines += [
            b"%d|%d.%d|sales|NONE|ENTERQUEUE||+%s|1" % (time, time, call, number),
            b"%d|%d.%d|sales|Alice|CONNECT|3|%d.%d|3" % (time, time, call, time, call + 1),
            b"%d|%d.%d|sales|Alice|COMPLETEAGENT|3|9|1" % (time, time, call),
        ]
    return b"".join(line + b"\n" for line in lines)


def without_it(data: bytes) -> bytes:
    """Return what a text is after the number was erased from it."""
    return data.replace(NUMBER, MASKED)


def erased_from(state: Path) -> Found:
    """Erase the number from a state directory that nobody holds."""
    store = Store(state)
    try:
        return erase(
            store,
            Numbers([NUMBER.decode()]),
            generation=1,
            at=float(NOON),
            show=lambda _done, _all: None,
            say=lambda _stage: None,
        )
    finally:
        store.close()


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


def spoil(service: SteppedService, seq: int) -> None:
    """Turn one bit of the chunk in which a record is, behind the service's back."""
    service.close()
    with closing(sqlite3.connect(service.state / "qlogship.db")) as db, db:
        first, data = db.execute(
            "SELECT first_seq, data FROM chunk WHERE first_seq <= ? ORDER BY first_seq DESC", (seq,)
        ).fetchone()
        spoilt = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
        db.execute("UPDATE chunk SET data = ? WHERE first_seq = ?", (spoilt, first))
    service.start()


def verified(service: SteppedService) -> Verification:
    """Return what `qlogship verify` finds."""
    with Reader(service.state) as reader:
        return verify(reader, say=lambda _text: None, show=lambda _done, _all: None)


# Where nobody looks for it


@pytest.mark.parametrize("where", ["first", "amid", "last"])
def test_a_number_that_looks_like_a_time(
    service: SteppedService, far_end: Collector, where: str
) -> None:
    """A cut off line that begins with it is no record: it is masked, and in the ledger's times."""
    cut = b"%s|1\n" % NUMBER
    parts = {
        "first": cut + text(1, 20, every=100),
        "amid": text(1, 10, every=100) + cut + text(11, 10, every=100),
        "last": text(1, 20, every=100) + cut,
    }
    write(service, parts[where])
    before = service.archived()
    erase_beside(service)
    service.close()
    assert places_of(service.state, NUMBER) == []
    service.start()
    assert service.archived() == without_it(before)
    assert verified(service).whole
    assert b"".join(far_end.bodies) == before
    write(service, text(50, 3, every=100))
    assert service.archived() == without_it(before) + text(50, 3, every=100)


# What is imported later


@pytest.mark.parametrize("first_line", [0, 4, 100])
def test_an_import_of_a_part_brings_nothing_back(
    service: SteppedService, tmp_path: Path, first_line: int
) -> None:
    """A file with records that were masked is known by its other records: no call comes twice."""
    write(service, text(1, 200))
    erase_beside(service)
    before = service.archived()
    part = tmp_path / "part"
    part.write_bytes(b"".join(text(1, 200).splitlines(keepends=True)[first_line : first_line + 90]))
    with OpenFile(part) as file:
        assert Importer(service.store, ship="now").add(file).new == 0
    assert service.archived() == before
    service.close()
    assert places_of(service.state, NUMBER) == []
    service.start()


def test_an_import_still_brings_what_is_new(service: SteppedService, tmp_path: Path) -> None:
    """Of a file that goes on behind what is archived, the new records come, as they are."""
    write(service, text(1, 60))
    erase_beside(service)
    file = tmp_path / "more"
    file.write_bytes(text(31, 60))
    with OpenFile(file) as opened:
        assert Importer(service.store, ship="now").add(opened).new == 30 * 3
    assert service.archived() == without_it(text(1, 60)) + text(61, 30)


# What is damaged


@pytest.mark.parametrize("kinds", ["live", "packed"])
def test_what_was_masked_and_is_damaged_then_comes_back_masked(
    service: SteppedService, kinds: str
) -> None:
    """A chunk that was masked is put right from the file that has the number still, masked."""
    calls = 60 if kinds == "live" else 6_000
    write(service, text(1, 12))
    write(service, text(13, calls))
    erase_beside(service)
    spoil(service, 50)
    assert not verified(service).whole
    with OpenFile(service.path) as file:
        assert len(mend(service.store, [file]).mended) == 1
    assert verified(service).whole
    assert service.archived() == without_it(text(1, 12 + calls))


def test_an_upload_of_which_a_part_was_damaged_is_whole_afterwards(
    service: SteppedService,
) -> None:
    """An upload that could not be compared at the erase, for it was damaged, can be after it."""
    service._changes["batch"] = {**OPTIONS["batch"], "linger": 1_000.0, "settle": 1_000.0}
    service.restart()
    for first in (1, 13):
        with service.path.open("ab") as file:
            file.write(text(first, 12, every=3 if first == 1 else 1_000))
        service.live(5.0)
    service.live(5_000.0, flush=True)
    assert len(service.uploads()) == 1
    spoil(service, 40)
    erase_beside(service)
    with OpenFile(service.path) as file:
        assert len(mend(service.store, [file]).mended) == 1
    assert verified(service).whole


# What is on its way meanwhile


def lend_and_erase(service: SteppedService) -> None:
    """Erase while an upload is under way, which goes on, as in a service that lends its state."""
    service._source.close()
    service.store.close()
    erased_from(service.state)
    service.store = Store(service.state)
    clocks = service.clock.clocks()
    service._source = build.queue_log(service.settings, service.store, clocks)
    service.shipper = Shipper(
        settings=service.settings,
        store=service.store,
        source=service._source,
        uploads=service._worker,
        clocks=clocks,
        log=service.log,
    )


@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN])
def test_an_answer_that_comes_after_it_is_not_kept(tmp_path: Path, verdict: Verdict) -> None:
    """What is answered to an upload that was under way may quote what was erased: it is not kept.

    What it means is.
    """
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "queue_log").write_bytes(text(1, 6))
    asked, go_on = Event(), Event()

    def slow(_filename: str, body: bytes) -> Outcome:
        asked.set()
        go_on.wait(20.0)
        said = f"caller +{NUMBER.decode()} in {body[:200]!r}"
        calls = 6 if verdict is Verdict.ACCEPTED else None
        return replace(outcome(verdict, calls=calls), detail=said, answer=said)

    with SteppedService(tmp_path, Clock(NOON + 9e4), upload=slow, **OPTIONS) as service:
        for _ in range(50):
            service.shipper.step(flush=True)
            service.clock.advance(2.0)
            if service.shipper.sending:
                break
        assert asked.wait(20.0)
        lend_and_erase(service)
        go_on.set()
        assert service._worker.wait(20.0)
        service.shipper.settle_answer()
        upload = service.uploads()[0]
        state = {"accepted": "accepted", "refused": "split", "unknown": "unknown"}[verdict]
        assert upload.state == state
        assert upload.answer.reported_calls == (6 if verdict is Verdict.ACCEPTED else None)
        assert "erased" in (upload.answer.detail or "")
        service.close()
        assert places_of(service.state, NUMBER) == []
        service.start()


def test_a_service_that_finishes_an_erase_shows_that_it_lives(service: SteppedService) -> None:
    """Whoever opens a state that is still to be scrubbed is called meanwhile: a watchdog waits."""
    write(service, text(1, 1_000))
    with service.store.transaction():
        service.store.erasures.note(records=1, uploads=0, at=0.0)
    service.close()
    signs: list[int] = []
    store = Store(service.state, alive=lambda: signs.append(1))
    try:
        assert store.unscrubbed is None
        assert signs
    finally:
        store.close()
        service.start()


def test_what_was_masked_is_not_written_again_with_each_line(service: SteppedService) -> None:
    """A stream of which very much was masked is followed on without writing that anew."""
    write(service, text(1, 300, every=1))
    erase_beside(service)
    said: list[str] = []
    service.store._db.set_trace_callback(said.append)
    for call in range(400, 404):
        write(service, text(call, 1))
    written = [line for line in said if "stream_erased" in line and not line.startswith("SELECT")]
    assert written == []
    assert any("UPDATE SET head" in line for line in said)


# On a disk that others fill


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a file system of 64 MiB."""
    mount = tmp_path_factory.mktemp("disk")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", mount], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield mount
    subprocess.run(["umount", "--lazy", mount], check=True)


@pytest.fixture(scope="module")
def shipped_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the state directory of a service that shipped some MiB, which nobody holds."""
    directory, far = tmp_path_factory.mktemp("shipped"), Collector()
    (directory / "log").mkdir()
    # Nothing that compresses well, so that the chunks fill pages.
    lines = [
        b"%d|%d.%d|q|NONE|ENTERQUEUE|%s|%s|1\n" % (NOON + n, NOON + n, n, noise, number)
        for n in range(6_000)
        for noise, number in [(os.urandom(300).hex().encode(), NUMBER if n % 3 == 0 else b"1")]
    ]
    (directory / "log" / "queue_log").write_bytes(b"".join(lines))
    clock = Clock(NOON + 100_000.0)
    with SteppedService(directory, clock, upload=far.upload, **OPTIONS) as service:
        service.live(60.0, flush=True)
    return service.state


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("stage", ["reading", "masking", "overwriting", "emptying"])
@pytest.mark.parametrize("left", [0.0, 0.9])
def test_a_disk_that_is_full_amid_it(
    disk: Path, shipped_state: Path, stage: str, left: float
) -> None:
    """It was never begun, or goes on when there is room again.

    `left` is what others leave free, as a part of the file's size.
    """
    shutil.rmtree(disk / "state", ignore_errors=True)
    (disk / "others").unlink(missing_ok=True)
    state = Path(shutil.copytree(shipped_state, disk / "state"))
    with Reader(state) as reader:
        before = b"".join(reader.text())
    size = (state / "qlogship.db").stat().st_size
    others = disk / "others"

    def fill(said: str) -> None:
        if said.startswith(stage) and not others.exists():
            others.touch()
            found = os.statvfs(disk)
            room = found.f_bavail * found.f_frsize - int(left * size)
            with others.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, room)

    store, failed = Store(state), ""
    try:
        erase(
            store,
            Numbers([NUMBER.decode()]),
            generation=1,
            at=0.0,
            show=lambda _done, _all: fill("reading"),
            say=fill,
        )
    except StateError as error:
        failed = error.message
    finally:
        store.close()
    assert failed or left > 0 or stage == "emptying"
    assert others.exists()
    # What was committed, and what is in the file; nothing that was only begun.
    assert sum(path.stat().st_size for path in state.iterdir()) < 2.5 * size
    # SQLite needs some room even to read.
    os.truncate(others, max(0, others.stat().st_size - 2**17))
    with Reader(state) as reader:
        now = b"".join(reader.text())
        kinds = [trouble.kind for trouble in reader.troubles()]
    assert now in {before, without_it(before)}
    assert kinds == (["erase_unfinished"] if failed and now != before else [])
    others.unlink()
    Store(state).close()
    if now == before:
        erased_from(state)
    assert places_of(state, NUMBER) == []
    with Reader(state) as reader:
        assert b"".join(reader.text()) == without_it(before)
        assert not reader.troubles()
