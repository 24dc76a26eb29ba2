"""Importing files into a real store, beside what the service archives and ships."""

from __future__ import annotations

import gzip
import lzma
from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.errors import NotAQueueLog, SourceUnreadable
from qlogship.import_export.importing import Importer
from qlogship.source.files import OpenFile
from qlogship.state.store import Store
from tests.fixtures.queue_log import TREES, record, sample, text_of
from tests.support.importing import Importing
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.import_export.importing import Ship

ROTATE = [sample(f"rotate/{name}") for name in TREES["rotate"]]
TIME = 1_795_411_800
LATER = 31.0


@pytest.fixture
def archive(tmp_path: Path) -> Importing:
    """Return an empty state directory to import into."""
    return Importing(tmp_path)


def calls(first: int, last: int) -> bytes:
    """Return records of calls, two in each second."""
    return text_of(
        record(
            TIME + n // 2, b"%d.%d" % (TIME, n), b"sales", b"NONE", b"ENTERQUEUE", b"", b"%d" % n
        )
        for n in range(first, last)
    )


# --- each record once ---


def test_the_same_file_adds_nothing(archive: Importing, tmp_path: Path) -> None:
    """A file that was imported is known again, compressed or not, under any name."""
    packed, squeezed = tmp_path / "old.gz", tmp_path / "old.xz"
    packed.write_bytes(gzip.compress(ROTATE[0]))
    squeezed.write_bytes(lzma.compress(ROTATE[0]))
    assert archive.new(packed, ROTATE[0], squeezed) == [ROTATE[0].count(b"\n"), 0, 0]
    assert archive.text() == ROTATE[0]


def test_a_file_of_one_record_is_known_again(archive: Importing) -> None:
    """What proves nothing as a beginning is the same file when it is the same throughout."""
    reload = text_of([record(TIME, b"NONE", b"NONE", b"NONE", b"CONFIGRELOAD")])
    assert archive.new(reload, reload) == [1, 0]


def test_a_file_that_grew_adds_what_is_new(archive: Importing) -> None:
    """Of a longer copy of a file, only the rest is archived, behind what was there."""
    text = ROTATE[0]
    half = text.index(b"\n", len(text) // 2) + 1
    assert archive.new(text[:half], text) == [text[:half].count(b"\n"), text[half:].count(b"\n")]
    assert archive.text() == text


def test_identical_records_are_all_kept(archive: Importing) -> None:
    """Two identical lines in one second of one file are two records."""
    twice = record(TIME, b"1.1", b"sales", b"Ann", b"RINGNOANSWER", b"0")
    text = calls(0, 4) + text_of([twice, twice, twice]) + calls(4, 8)
    assert archive.new(text) == [11]
    assert archive.text() == text


def test_a_single_equal_line_is_no_overlap(archive: Importing) -> None:
    """Two files that meet in the same record of a reload are not taken for one."""
    reload = text_of([record(TIME + 5, b"NONE", b"NONE", b"NONE", b"CONFIGRELOAD")])
    older, newer = calls(0, 10) + reload, reload + calls(10, 20)
    assert archive.new(newer, older) == [11, 11]
    assert archive.text() == older + newer


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_files_that_meet_in_a_second(archive: Importing, order: tuple[int, int]) -> None:
    """The file that ends in a second stands before the one that begins in it."""
    parts = [calls(0, 11), calls(11, 20)]
    archive.add(*(parts[number] for number in order))
    assert archive.text() == calls(0, 20)


@pytest.mark.parametrize(("first", "last"), [(0, 30), (20, 50), (10, 60), (30, 40), (50, 90)])
def test_overlaps_are_told(archive: Importing, first: int, last: int) -> None:
    """A file that reaches into what is archived adds only what stands before or behind it."""
    archive.add(calls(20, 60))
    known = len(set(range(first, last)) & set(range(20, 60)))
    assert archive.new(calls(first, last)) == [last - first - known]
    assert archive.text() == calls(min(first, 20), max(last, 60))


def test_gaps_are_filled(archive: Importing) -> None:
    """A whole file fills the gaps of one that lost records here and there."""
    archive.add(calls(0, 20) + calls(25, 60) + calls(61, 80))
    assert archive.new(calls(0, 80)) == [6]
    assert archive.text() == calls(0, 80)


def test_a_filtered_file_adds_nothing(archive: Importing) -> None:
    """A file that lacks some of the archived records has nothing new."""
    archive.add(calls(0, 80))
    assert archive.new(calls(0, 20) + calls(25, 60) + calls(61, 80)) == [0]
    assert archive.text() == calls(0, 80)


def test_times_that_go_back_stay_where_they_are(archive: Importing) -> None:
    """The order within a file stands, whatever the times in it."""
    text = calls(0, 10) + calls(14, 20) + calls(10, 14) + b"\nfragment\n" + calls(20, 30)
    archive.add(calls(30, 40), text)
    assert archive.text() == text + calls(30, 40)


def test_an_unfinished_line_gets_a_newline_until_the_whole_is_there(archive: Importing) -> None:
    """A torn last line is archived; the whole record takes its place when a file has it."""
    whole = calls(0, 20)
    torn = whole[: len(calls(0, 11)) - 5]
    assert archive.new(torn) == [11]
    assert archive.text() == torn + b"\n"
    assert archive.figures().archive.torn_lines == 1
    assert archive.new(whole) == [10]
    assert archive.text() == whole


def test_an_export_makes_an_equal_archive(archive: Importing, tmp_path: Path) -> None:
    """Import of an export into an empty state: equal text, records and calls."""
    archive.add(sample("scenarios.queue_log"), *ROTATE[::-1])
    (tmp_path / "other").mkdir()
    other = Importing(tmp_path / "other")
    other.add(archive.text())
    one, two = archive.figures(), other.figures()
    assert other.text() == archive.text()
    assert (two.archive.lines, two.archive.calls, two.archive.bytes) == (
        one.archive.lines,
        one.archive.calls,
        one.archive.bytes,
    )


# --- what cannot be imported ---


@pytest.mark.parametrize(
    "damaged",
    [gzip.compress(ROTATE[0])[:-400], b"\x1f\x8b" + b"nonsense", gzip.compress(b"x")[:5]],
    ids=["cut", "nonsense", "beginning"],
)
def test_a_damaged_file_is_not_imported_in_part(archive: Importing, damaged: bytes) -> None:
    """Nothing of a file that cannot be read to its end is archived, and the next one is."""
    store = Store(archive.state)
    importer = Importer(store, ship="resync")
    bad, good = archive.directory / "bad.gz", archive.directory / "good"
    bad.write_bytes(damaged)
    good.write_bytes(ROTATE[1])
    with OpenFile(bad) as file, pytest.raises(SourceUnreadable):
        importer.add(file)
    with OpenFile(good) as file:
        importer.add(file)
    store.close()
    assert archive.text() == ROTATE[1]


def test_what_is_no_queue_log_is_refused(archive: Importing) -> None:
    """A file without a record is imported only on demand."""
    letter = b"Dear all,\nthe queue log is attached.\n"
    with pytest.raises(NotAQueueLog, match="is not a queue_log") as caught:
        archive.add(letter)
    assert "--any-text" in caught.value.hint
    archive.add(letter, any_text=True)
    assert archive.text() == letter
    assert archive.new(b"") == [0]


def test_a_file_that_turns_into_something_else_is_refused(archive: Importing) -> None:
    """Of a file with another log behind its records nothing is imported, unless on demand."""
    text = calls(0, 40_000) + b"[2026-11-28] pbx.c: Executing\n" * 200
    with pytest.raises(NotAQueueLog, match="200 lines from byte"):
        archive.add(text)
    assert archive.text() == b""
    archive.add(text, any_text=True)
    assert archive.text() == text


def test_odd_lines_among_records_are_imported(archive: Importing) -> None:
    """More odd lines than records are no reason to refuse a file."""
    odd = b"a value with\nnewlines\n\n" * 10
    text = odd + calls(0, 3) + odd + calls(5, 8)
    archive.add(text)
    assert archive.text() == text


def test_an_import_that_is_cut_off_leaves_nothing(archive: Importing) -> None:
    """An import that ends half-way, and is repeated, gives the same archive."""
    text = calls(0, 30_000)
    path = archive.directory / "large"
    path.write_bytes(text)
    archive.add(calls(40_000, 40_010))
    before = archive.text()
    store = Store(archive.state)

    def pull_the_plug(read: int) -> None:
        if read > len(text) // 3:
            raise KeyboardInterrupt

    with OpenFile(path) as file, pytest.raises(KeyboardInterrupt):
        Importer(store, ship="now").add(file, progress=pull_the_plug)
    store.close()
    assert archive.text() == before
    assert archive.position().ahead == ()
    assert archive.new(path) == [30_000]
    assert archive.text() == text + before


# --- beside the service ---


def accepted(_name: str, body: bytes) -> Outcome:
    """Answer as a dashboard that takes everything."""
    SENT.append(body)
    return Outcome(Verdict.ACCEPTED, 1, None, 200, "", "1")


SENT: list[bytes] = []


@pytest.fixture
def service(tmp_path: Path) -> SteppedService:
    """Return a service that has shipped the last of five files."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "queue_log").write_bytes(calls(100, 120))
    SENT.clear()
    service = SteppedService(
        tmp_path,
        Clock(TIME + 3600.0),
        upload=accepted,
        batch={"hold": 60.0},
    )
    service.live(LATER, flush=True)
    return service


def import_beside(
    service: SteppedService, text: bytes | Path, *, ship: Ship = "resync"
) -> tuple[int, bytes]:
    """Import while the service is stopped; return what was new, and the archive then."""
    service.close()
    archive = Importing(service.directory)
    (done,) = archive.add(text, ship=ship, live=service.path)
    service.start()
    return done.new, archive.text()


def order(service: SteppedService) -> bytes:
    """Return the archive in the order of time."""
    return service.store.archive.text(service.store.archive.order())


@pytest.mark.parametrize("ship", ["now", "resync"])
def test_old_records_stand_first_and_new_ones_follow(service: SteppedService, ship: Ship) -> None:
    """An import is put before what the service archived; its records go on at the end."""
    with service:
        assert [calls(100, 120)] == SENT
        import_beside(service, calls(0, 50), ship=ship)
        with service.path.open("ab") as file:
            file.write(calls(120, 130))
        service.live(LATER, flush=True)
        assert order(service) == calls(0, 50) + calls(100, 130)
        sent = b"".join(SENT)
        if ship == "now":
            assert sent == calls(100, 120) + calls(0, 50) + calls(120, 130)
        else:
            assert sent == calls(100, 120) + calls(120, 130)


def test_what_waits_is_still_shipped_once(tmp_path: Path) -> None:
    """Records that were archived and not yet shipped go out, also behind two imports."""
    archive = Importing(tmp_path)
    archive.add(calls(50, 60), ship="now")
    archive.add(calls(0, 10), ship="resync")
    archive.add(calls(20, 30), calls(15, 25), ship="now")
    position = archive.position()
    store = Store(archive.state)
    assert store.archive.text(position.ahead) == calls(50, 60) + calls(20, 30) + calls(15, 20)
    assert position.frontier == store.archive.next_seq
    store.close()


def test_the_live_queue_log_adds_nothing_twice(service: SteppedService) -> None:
    """Importing the file that the service follows leaves what is new in it to the service."""
    with service:
        with service.path.open("ab") as file:
            file.write(calls(120, 125) + b"17954")
        new, text = import_beside(service, service.path)
        assert (new, text) == (0, calls(100, 120))
        service.live(LATER, flush=True)
        assert order(service) == calls(100, 125)
        assert b"".join(SENT) == calls(100, 125)


def test_a_copy_of_the_live_queue_log_adds_nothing_twice(
    service: SteppedService, tmp_path: Path
) -> None:
    """A copy that goes further than the service has read leaves the rest to it, too."""
    with service:
        with service.path.open("ab") as file:
            file.write(calls(120, 125))
        copy = tmp_path / "copy"
        copy.write_bytes(service.path.read_bytes())
        assert import_beside(service, copy)[0] == 0
        service.live(LATER, flush=True)
        assert order(service) == calls(100, 125)


def test_the_service_goes_on_where_an_import_ended(tmp_path: Path) -> None:
    """A queue_log that was imported before the service first ran is read on, not again."""
    log = tmp_path / "log" / "queue_log"
    log.parent.mkdir()
    log.write_bytes(calls(0, 20) + b"179541")
    archive = Importing(tmp_path)
    (done,) = archive.add(log, live=log)
    assert (done.new, done.left_bytes) == (20, 6)
    with log.open("ab") as file:
        file.write(calls(20, 25)[6:] + calls(25, 30))
    SENT.clear()
    with SteppedService(tmp_path, Clock(TIME + 3600.0), upload=accepted) as service:
        service.live(LATER, flush=True)
        assert order(service) == calls(0, 30)


def test_the_service_knows_a_rotated_file_that_was_imported(service: SteppedService) -> None:
    """A rotated file beside the live one, imported by hand, is not archived again."""
    with service:
        for name, suffix in (("old", ""), ("queue_log.2", ""), ("queue_log.3.gz", ".gz")):
            path = service.directory / ("log" if name != "old" else ".") / name
            path.write_bytes(gzip.compress(calls(0, 50)) if suffix else calls(0, 50))
        new, _ = import_beside(service, service.directory / "old")
        assert new == 50
        service.shipper.scan()
        service.live(2 * LATER, flush=True)
        assert order(service) == calls(0, 50) + calls(100, 120)


def test_what_history_left_out_can_be_imported(tmp_path: Path) -> None:
    """Files that source.history passed over are new to an import, and the service goes on."""
    log = tmp_path / "log" / "queue_log"
    log.parent.mkdir()
    (log.parent / "queue_log.1").write_bytes(calls(0, 50))
    log.write_bytes(calls(100, 120))
    SENT.clear()
    with SteppedService(
        tmp_path, Clock(TIME + 3600.0), upload=accepted, source={"history": "none"}
    ) as service:
        service.live(LATER, flush=True)
        assert order(service) == b""
        with log.open("ab") as file:
            file.write(calls(120, 130))
        service.live(LATER, flush=True)
        assert import_beside(service, log.parent / "queue_log.1")[0] == 50
        assert import_beside(service, log)[0] == 20
        assert import_beside(service, log)[0] == 0
        with log.open("ab") as file:
            file.write(calls(130, 140))
        service.live(LATER, flush=True)
        assert order(service) == calls(0, 50) + calls(100, 140)
        assert b"".join(SENT) == calls(120, 140)
