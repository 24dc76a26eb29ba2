"""What leaves the archive under `state.keep`, and what is said of it: real files, a real store."""

from __future__ import annotations

import random
import shutil
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlogship.archive.retention import left
from qlogship.archive.runs import merged, overlap, records_in, without
from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.erase.erasing import erase
from qlogship.erase.numbers import Numbers
from qlogship.errors import SourceUnreadable
from qlogship.import_export.importing import Importer
from qlogship.import_export.mending import mend
from qlogship.queue_log.records import line_times
from qlogship.reconcile.days import Days
from qlogship.reconcile.judging import reconcile
from qlogship.reconcile.snapshot import take_snapshot
from qlogship.shipping.destination import destination_of
from qlogship.shipping.resync.rules import RETIRED
from qlogship.source.files import OpenFile
from qlogship.state.reader import Reader
from qlogship.state.store import Store
from qlogship.verdict.circumstances import Circumstances
from qlogship.verdict.quick import read_assessment
from qlogship.verify.verifying import verify
from tests.support.arrivals import calls_in
from tests.support.calls import call
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qlogship.reconcile.report import Report

DAY: Final = 86_400
BEGIN: Final = int(datetime(2026, 1, 20, 12).timestamp())  # noqa: DTZ001
BATCH: Final = {"settle": 5.0, "linger": 15.0, "max_bytes": 6_000}
KEEP: Final = {"keep": "2 months", "reserve": "0 MiB"}


class FarEnd:
    """A dashboard that takes everything, or answers as it is told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.verdicts: list[Verdict] = []
        self.refused = b"nothing"

    def __call__(self, filename: str, body: bytes) -> Outcome:
        """Take an upload."""
        verdict = self.verdicts.pop(0) if self.verdicts else Verdict.ACCEPTED
        verdict = Verdict.REFUSED if self.refused in body else verdict
        if verdict is not Verdict.ACCEPTED:
            return Outcome(verdict, None, None, 400, "", "")
        self.bodies.append(body)
        return Outcome(Verdict.ACCEPTED, len(calls_in(body)), None, 200, "", "")

    def clear(self) -> Outcome:
        """Forget all."""
        self.bodies.clear()
        return Outcome(Verdict.ACCEPTED, None, None, 200, "", "")


class Centre:
    """A service that lives through months, with some calls a day."""

    def __init__(self, directory: Path, **state: Any) -> None:  # noqa: ANN401
        self.far_end = FarEnd()
        self.clock = Clock(BEGIN)
        (directory / "log").mkdir(exist_ok=True)
        (directory / "log" / "queue_log").touch()
        self.service = SteppedService(
            directory,
            self.clock,
            upload=self.far_end,
            clear=self.far_end.clear,
            batch=BATCH,
            state={"reserve": "0 MiB", **state},
            source={"path": str(directory / "log" / "queue_log"), "uploaded_before": False},
            delivery={"on_unknown": "hold"},
        )
        self.text = b""
        self.calls = 0

    def write(self, text: bytes) -> None:
        """Append to the queue_log."""
        with self.service.path.open("ab") as file:
            file.write(text)
        self.text += text

    def live(self, days: int, *, calls: int = 3) -> None:
        """Let days go by, with some calls on every third."""
        for _ in range(-(-days // 3)):
            now = int(self.clock.wall_now)
            for at in range(calls):
                self.calls += 1
                self.write(call(2 * self.calls + 1, now - 60 * (calls - at)))
            self.service.live(60.0)
            self.clock.advance(3 * DAY - 60.0)

    def keep(self, months: str = "2 months") -> None:
        """Begin anew with a limit, and let it work."""
        self.service.restart(state={"keep": months})
        self.service.live(60.0)

    def retired(self) -> list[tuple[int, int]]:
        """Return the records that have left."""
        return self.service.store.archive.chunks.retired()

    def rest(self) -> bytes:
        """Return the text of what is there."""
        archive = self.service.store.archive
        return b"".join(archive.blocks(archive.order()))

    def report(self) -> Report:
        """Reconcile."""
        there = destination_of(self.service.settings.dashboard)
        with Reader(self.service.state, there) as reader:
            told = Circumstances.of(self.service.settings)
            snapshot = take_snapshot(reader, Days(), told=told)
        return reconcile(snapshot, Days(), now=self.clock.wall_now)

    def verdict(self) -> str:
        """Return the quick verdict, which must be that of reconcile."""
        with Reader(self.service.state, destination_of(self.service.settings.dashboard)) as reader:
            quick = read_assessment(reader, self.service.settings)
        report = self.report()
        assert (quick.level, quick.text) == (report.assessment.level, report.verdict)
        return quick.text

    def plan(self) -> Any:  # noqa: ANN401
        """Return what a resync would do."""
        with Reader(self.service.state) as reader:
            return reader.plan(max_bytes=6_000, say=lambda _done, _all: None)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Centre:
    """Return a call centre that has lived from January to May, and keeps all; it is closed."""
    found = Centre(tmp_path_factory.mktemp("lived"))
    with found.service:
        found.live(110)
    return found


@pytest.fixture
def centre(lived: Centre, tmp_path: Path) -> Iterator[Centre]:
    """Return a copy of it."""
    shutil.copytree(lived.service.directory, tmp_path / "copy")
    found = Centre(tmp_path / "copy")
    found.clock.reach(lived.clock.wall_now)
    found.text, found.calls = lived.text, lived.calls
    found.far_end.bodies = list(lived.far_end.bodies)
    with found.service:
        yield found


def month(year: int, number: int) -> int:
    """Return when a month begins."""
    return int(datetime(year, number, 1).timestamp())  # noqa: DTZ001


def test_whole_months_leave(centre: Centre) -> None:
    """What is older than the months that are kept is gone, to the record; the rest is as it was."""
    centre.keep()
    lines = centre.text.splitlines(keepends=True)
    kept = b"".join(line for line in lines if int(line.split(b"|")[0]) >= month(2026, 3))
    assert centre.rest() == kept
    with Reader(centre.service.state) as reader:
        assert b"".join(reader.text()) == kept
        figures = reader.figures().archive
        assert figures.begins_at == month(2026, 3)
        assert figures.left_lines == len(lines) - len(kept.splitlines())
        assert figures.lines == len(lines)
    assert centre.service.log.count("records_left_archive") == 1
    centre.clock.advance(2 * DAY)
    centre.service.live(60.0)
    assert centre.rest() == kept


def test_its_pages_are_overwritten_and_used_again(centre: Centre) -> None:
    """What has left is nowhere in the database, which grows no more while it is refilled."""
    centre.keep()
    store = centre.service.store
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database = (centre.service.state / "qlogship.db").read_bytes()
    gone = centre.text[: len(centre.text) - len(centre.rest())]
    # The first bytes of the queue_log are kept, by which it is known again.
    assert not any(line in database for line in gone.splitlines()[30:])
    free = store._db.execute("PRAGMA freelist_count").fetchone()[0]
    assert free > 0


def test_the_verdict_stays(centre: Centre) -> None:
    """The dashboard has every call still, as both verdicts say; the archive begins later."""
    before = centre.verdict()
    centre.keep()
    assert centre.verdict() == before
    assert "OK: all 111 calls" in before
    report = centre.report()
    assert report.remarks[0].startswith("the archive begins on 2026-03-01; ")
    assert report.total["archived"] == report.total["reported"] == report.total["sent"]
    assert report.findings == ()
    assert min(day.day for day in report.days).isoformat() == "2026-03-03"


def test_verify_is_right(centre: Centre) -> None:
    """What has left is no damage."""
    centre.keep()
    with Reader(centre.service.state) as reader:
        found = verify(reader, say=lambda _text: None, show=lambda _done, _all: None)
    assert found.whole
    assert found.left == records_in(centre.retired())


def test_a_wrong_count_stays_wrong(tmp_path: Path) -> None:
    """An upload that the dashboard counted wrongly is a mismatch, also when its text has left."""
    centre = Centre(tmp_path)
    with centre.service:
        counted = centre.far_end.__call__
        centre.service._upload = lambda name, body: Outcome(
            Verdict.ACCEPTED, len(calls_in(body)) - 1, None, 200, "", ""
        )
        centre.service.restart()
        centre.live(1)
        centre.service._upload = counted
        centre.service.restart()
        centre.live(110)
        before = centre.verdict()
        assert before.startswith("MISMATCH")
        centre.keep()
        assert centre.retired()
        assert centre.verdict() == before


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.REFUSED])
def test_what_was_not_accepted_stays(tmp_path: Path, verdict: Verdict) -> None:
    """Uploads that are unknown or refused keep their records, whatever their age."""
    centre = Centre(tmp_path)
    with centre.service:
        if verdict is Verdict.REFUSED:
            centre.far_end.refused = b".9|"
        else:
            centre.far_end.verdicts = [Verdict.ACCEPTED, *[verdict] * 12]
        centre.live(112)
        (odd,) = {upload.state for upload in centre.service.uploads()} - {"accepted", "split"}
        uploads = [upload for upload in centre.service.uploads() if upload.state == odd]
        before = centre.verdict()
        centre.keep()
        archive = centre.service.store.archive
        assert centre.retired()
        for upload in uploads:
            assert overlap(upload.composition.runs, centre.retired()) == []
            assert archive.unreadable(upload.composition.runs) == []
        assert centre.verdict() == before


def test_an_open_call_stays(tmp_path: Path) -> None:
    """A call that is held back leaves only after it was shipped."""
    centre = Centre(tmp_path)
    centre.service._changes["batch"] = {**BATCH, "hold": 2_000_000.0}
    with centre.service:
        centre.service.restart()
        centre.live(20)
        centre.write(call(9_999, int(centre.clock.wall_now), ended=False))
        centre.service.live(60.0)
        held = centre.service.store.position.get().held
        centre.service.restart(state={"keep": "1 month"})
        centre.clock.advance(70 * DAY)
        with centre.service.store.transaction():
            passing = centre.service.store.retention(int(centre.clock.wall_now))
            while passing.go_on(at=0.0):
                pass
        assert overlap(held, centre.retired()) == []


def test_a_resync_asks(centre: Centre) -> None:
    """A clear would delete from the dashboard what has left: nobody does so without saying it."""
    centre.keep()
    plan = centre.plan()
    assert (plan.lost, plan.lost_lines) == ((RETIRED,), records_in(centre.retired()))
    assert plan.left_lines == plan.lost_lines
    assert plan.restorable.lines == len(centre.rest().splitlines())
    store, bodies = centre.service.store, list(centre.far_end.bodies)
    with store.transaction():
        store.resyncs.ask(reason="asked", accepted_loss=(), at=0.0)
    centre.service.live(60.0)
    resync = store.resyncs.last()
    assert resync is not None
    assert resync.phase == "refused"
    assert "left the archive (old)" in (resync.detail or "")
    assert centre.far_end.bodies == bodies


def test_a_resync_with_consent(centre: Centre) -> None:
    """The dashboard has what the archive has then, as both verdicts say; the next one asks anew."""
    centre.keep()
    store = centre.service.store
    with store.transaction():
        store.resyncs.ask(reason="asked", accepted_loss=(RETIRED,), at=0.0)
    centre.service.live(120.0)
    assert b"".join(centre.far_end.bodies) == centre.rest()
    calls = len(calls_in(centre.rest()))
    assert centre.verdict() == f"OK: all {calls:,} calls are on the dashboard."
    assert (centre.plan().lost, centre.plan().left_lines) == ((), 0)
    centre.live(70)
    centre.service.restart()
    centre.service.live(60.0)
    assert centre.verdict().startswith("OK: all ")
    assert centre.plan().lost == (RETIRED,)


def test_an_import_brings_nothing_back(centre: Centre, tmp_path: Path) -> None:
    """A file of before is refused, unless it is known as a whole; nothing is archived again."""
    centre.keep()
    rest, store = centre.rest(), centre.service.store
    old, known = tmp_path / "old", tmp_path / "known"
    lines = centre.text.splitlines(keepends=True)
    old.write_bytes(b"".join(lines[30:60]))
    known.write_bytes(centre.text)
    importer = Importer(store, ship="now")
    with OpenFile(old) as file, pytest.raises(SourceUnreadable, match="the archive begins"):
        importer.add(file)
    with OpenFile(known) as file:
        assert importer.add(file).new == 0
    with OpenFile(known) as file:
        assert mend(store, [file]).mended == ()
    assert centre.rest() == rest


def test_a_file_that_was_shortened(centre: Centre) -> None:
    """A power cut takes the end of a file of which the beginning has left: it is followed on."""
    centre.keep("1 month")
    centre.service.close()
    whole = centre.service.path.read_bytes()
    centre.service.path.write_bytes(whole[:-50])
    centre.service.start()
    centre.service.live(60.0)
    centre.live(1)
    assert centre.service.shipper.troubles == {}


class Crash(Exception):
    """The power goes."""


def settled(centre: Centre) -> list[tuple[int, int]]:
    """Return the records of accepted uploads, ascending."""
    uploads = centre.service.uploads()
    return merged(run for one in uploads if one.state == "accepted" for run in one.composition.runs)


def cut_off(store: Store, limit: int) -> None:
    """Begin to let leave what is older, and crash."""
    with store.transaction():
        store.retention(limit).go_on(at=0.0)
        raise Crash


@given(
    seed=st.integers(0, 10_000),
    months=st.sampled_from(["1 month", "2 months", "3 months"]),
    crashes=st.integers(0, 3),
)
@settings(max_examples=6, deadline=None)
def test_any_life(
    tmp_path_factory: pytest.TempPathFactory, seed: int, months: str, crashes: int
) -> None:
    """Only what is old and accepted leaves, all else is as it was, and a crash leaves either."""
    chance = random.Random(seed)
    centre = Centre(tmp_path_factory.mktemp("life"))
    with centre.service:
        for _ in range(12):
            centre.far_end.verdicts = [
                chance.choice([Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.REFUSED])
                for _ in range(chance.randrange(3))
            ]
            centre.live(chance.randrange(1, 25), calls=chance.randrange(1, 30))
        lines = centre.text.splitlines(keepends=True)
        may, before = settled(centre), centre.verdict()
        sums = centre.service.figures()
        store = centre.service.store
        limit = int(centre.clock.wall_now - chance.randrange(200) * DAY)
        for _ in range(crashes):
            order = store.archive.order()
            with pytest.raises(Crash):
                cut_off(store, limit)
            centre.service.crash()
            store = centre.service.store
            assert store.archive.order() == order
            assert centre.rest() == centre.text
        centre.keep(months)
        retired = centre.retired()
        assert without(retired, may) == []
        begins = left(centre.service.store._db).begins_at
        for first, last in retired:
            times = line_times(b"".join(lines[first - 1 : last]), None)
            assert begins is not None
            assert all(time is not None and time < begins for time in times)
        kept = without([(1, len(lines))], retired)
        assert centre.rest() == b"".join(b"".join(lines[a - 1 : z]) for a, z in kept)
        after = centre.service.figures()
        assert (after.archive.lines, after.archive.calls) == (
            sums.archive.lines,
            sums.archive.calls,
        )
        assert after.archive.torn_lines == sums.archive.torn_lines
        assert centre.verdict() == before
        with Reader(centre.service.state) as reader:
            assert verify(reader, say=lambda _t: None, show=lambda _d, _a: None).whole
        report = centre.report()
        assert sum(day.sums["records"] for day in report.days) == len(centre.rest().splitlines())


def test_a_number_is_erased_from_what_is_there(tmp_path: Path) -> None:
    """What has left is neither damaged nor looked into; the file is still known by the rest.

    It was begun within a piece of the archive that has left.
    """
    centre = Centre(tmp_path)
    number = b"4930777"
    with centre.service as service:
        for first in (1, 1_000):  # a rotated file, and the live one; all in one packed piece
            if service.path.stat().st_size:
                service.path.rename(service.path.with_name("queue_log.1"))
            for part in range(4):
                now = int(centre.clock.wall_now)
                calls = range(first + 200 * part, first + 200 * (part + 1))
                centre.write(b"".join(call(2 * each + 1, now - 60) for each in calls))
                service.live(60.0)
        centre.clock.advance(120 * DAY)
        now = int(centre.clock.wall_now)
        kept = b"".join(call(2 * each + 1, now - 60) for each in range(3_000, 3_020))
        kept += call(777, now - 60) + call(9_001, now - 60)
        centre.write(kept)
        service.live(60.0)
        centre.keep()
        gone = centre.text.index(kept)
        assert centre.rest() == kept
        service.shipper.settle_answer()
        service.close()
        store = Store(service.state)
        found = erase(
            store,
            Numbers([number.decode()]),
            generation=1,
            at=0.0,
            show=lambda _done, _all: None,
            say=lambda _stage: None,
        )
        store.close()
        lines = centre.text[:gone].count(b"\n")
        assert (found.damaged, merged(found.left)) == ([], [(1, lines)])
        # A power cut takes the end of the file: it is compared with the masked text.
        data = service.path.read_bytes()
        cut = data[: data.index(call(9_001, now - 60))]
        service.path.write_bytes(cut)
        service.start()
        centre.write(call(9_003, now))
        service.live(60.0)
        masked = kept.replace(number, b"*" * len(number))
        assert centre.rest() == masked + call(9_003, now)
