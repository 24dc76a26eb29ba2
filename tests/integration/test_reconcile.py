"""Reconciling a real state: what the store holds is what the report says, and how it looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from qlogship.cli.app import main
from qlogship.errors import ExitCode
from qlogship.reconcile.census import RecordPlace
from qlogship.reconcile.days import Days
from qlogship.reconcile.judging import reconcile
from qlogship.reconcile.snapshot import take_snapshot
from qlogship.reconcile.states import Severity
from qlogship.state.reader import Reader
from qlogship.verdict.circumstances import Circumstances
from tests.support import books as example
from tests.support.books import ZONE, Books, enter, epoch, whole
from tests.support.chromium import PROGRAM, Chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qlogship.reconcile.report import Report

DAY = example.FIRST
AT = epoch(DAY, 9)
NOW = float(epoch(example.LAST, 24))


def report_of(state: Path, *, past: bool = False) -> Report:
    """Reconcile a state directory."""
    days = Days(ZONE)
    with Reader(state) as reader:
        found = take_snapshot(reader, days, told=Circumstances(uploaded_before=False), past=past)
        return reconcile(found, days, now=NOW)


def settings_for(directory: Path) -> Path:
    """Write settings whose state directory is `directory`/state; return their file."""
    file = directory / "qlogship.toml"
    file.write_text(
        '[dashboard]\nurl = "https://company.example"\nemail = "a@example.com"\n'
        "[source]\nuploaded_before = false\n"
        f"[state]\ndirectory = {json.dumps(str(directory / 'state'))}\n"
    )
    return file


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the example month."""
    directory = tmp_path_factory.mktemp("month")
    example.month(directory / "state")
    return directory


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """Return a real browser."""
    if PROGRAM is None:
        pytest.skip("there is no chromium here: apt install chromium")
    with Chromium() as chromium:
        yield chromium


def test_an_empty_state(tmp_path: Path) -> None:
    """Before the first start there is nothing, which is in order."""
    assert report_of(tmp_path / "state").verdict == "There is nothing to compare yet."
    with Books(tmp_path / "state"):
        pass
    assert report_of(tmp_path / "state").level is Severity.GOOD


def test_every_place(tmp_path: Path) -> None:
    """Accepted, unknown, rejected, prepared, dropped, held, ahead, behind the frontier, nowhere."""
    with Books(tmp_path / "state") as books:
        runs = [books.archive(whole(f"{number}.1", AT)) for number in range(9)]
        books.upload(runs[0])
        books.upload(runs[1], state="unknown")
        books.upload(runs[2], state="rejected")
        books.upload(runs[3], state="prepared")
        books.upload(runs[4], state="dropped")
        books.upload(runs[5], state="split")
        books.stand(ahead=[runs[7]], frontier=runs[8][0], held=[runs[6]])
    (day,) = report_of(tmp_path / "state").days

    sums = day.sums
    assert (sums["archived"], sums["records"]) == (9, 27)
    assert (sums["shipped"], sums["reported"], sums["unknown"], sums["quarantined"]) == (1, 1, 1, 1)
    assert (sums["dropped"], sums["held"], sums["waiting"], sums["lost"]) == (1, 1, 3, 1)
    assert (sums["lost_records"], sums["difference"]) == (3, -8)


def test_imported_for_the_next_resync(tmp_path: Path) -> None:
    """Records of an imported file that are in no upload are not there before the next resync."""
    with Books(tmp_path / "state") as books:
        books.upload(books.archive(whole("1.1", AT)))
        books.archive(whole("2.1", AT), stream=2)
        books.upload(books.archive(whole("3.1", AT)))
        books.stand()
        with books.store.transaction():
            books.store._db.execute("INSERT INTO piece VALUES (1, 1, 0), (2, 1, 1)")
    found = report_of(tmp_path / "state")

    assert found.level is Severity.UNCERTAIN
    assert (found.total["later"], found.total["lost"]) == (1, 0)


def test_a_damaged_archive(tmp_path: Path) -> None:
    """What cannot be read is told as gone, also at the end; all else is counted as ever."""
    calls = b"".join(whole(f"{number}.1", AT) for number in range(2_000))
    with Books(tmp_path / "state") as books:
        good, bad, last = (books.archive(calls.replace(b".1|", b".%d|" % n)) for n in (1, 2, 3))
        for run in (good, bad):
            books.upload(run)
        books.stand(frontier=last[0], held=[(bad[1], bad[1])])
        books.damage(bad[0])
        books.damage(last[0])
    found = report_of(tmp_path / "state")

    assert (found.total["archived"], found.total["shipped"]) == (2_000, 2_000)
    assert (found.snapshot.gone, found.snapshot.given_up) == (12_000, 0)
    assert found.level is Severity.FAULT
    assert "6,000 records are damaged in the archive and not on the dashboard" in found.verdict
    assert "6,000 records are damaged in the archive and cannot be compared" in found.verdict
    assert [(finding.upload, finding.kind) for finding in found.findings] == [(2, "missing")]


def test_an_earlier_generation(tmp_path: Path) -> None:
    """The past is past, unless it is asked for; then it is counted beside the balance."""
    with Books(tmp_path / "state") as books:
        first, second = (books.archive(whole(f"{number}.1", AT)) for number in range(2))
        books.upload(first)
        books.upload(second, state="unknown")
        books.upload(second, state="prepared")
        books.upload(first, generation=2)
        with books.store.transaction():
            books.store._db.execute("UPDATE shipping SET generation = 2")
            books.store._db.execute("INSERT INTO generation (number, cleared) VALUES (2, 1)")
        books.stand(frontier=second[0])
    now, found = report_of(tmp_path / "state"), report_of(tmp_path / "state", past=True)

    assert now.total["superseded"] == 0
    assert now.verdict == found.verdict == "OK: 1 call is on the dashboard; 1 is waiting."
    assert (found.total["superseded"], found.total["shipped"], found.total["waiting"]) == (2, 1, 1)
    assert found.snapshot.uploads[RecordPlace.SUPERSEDED] == 2
    assert found.level is Severity.NOTE
    assert found.findings == ()


def test_far_end_that_drops_repeats(tmp_path: Path) -> None:
    """A repeat that was answered with 0 is explained, and what it shows is said."""
    with Books(tmp_path / "state") as books:
        run = books.archive(whole("1.1", AT))
        books.upload(run, failed=[(AT, "unknown")], at=AT + 60, reported=0)
        books.stand()
    found = report_of(tmp_path / "state")

    assert found.level is Severity.NOTE
    assert [learnt.kind for learnt in found.learnt] == ["drops_repeats"]
    assert found.days[0].causes[0].calls == -1


@pytest.mark.parametrize(("hours", "seen"), [(0.4, 0), (0.6, 1), (30, 1)])
def test_outages(tmp_path: Path, hours: float, seen: int) -> None:
    """Attempts that fail for half an hour are an outage, of the kind that most of them were."""
    tries = [
        (AT, "unknown"),
        (AT + hours * 1800, "unreachable"),
        (AT + hours * 3600, "unreachable"),
    ]
    with Books(tmp_path / "state") as books:
        books.upload(books.archive(whole("1.1", AT)), failed=tries, at=AT + hours * 3600)
        books.stand()
    found = report_of(tmp_path / "state")

    assert len(found.outages) == seen
    assert all(outage.verdict == "unreachable" for outage in found.outages)


def test_an_outage_that_goes_on(tmp_path: Path) -> None:
    """What is still tried in vain has no end."""
    with Books(tmp_path / "state") as books:
        tries = [(AT, "later"), (AT + 7200.0, "later")]
        books.upload(books.archive(whole("1.1", AT)), failed=tries, state="prepared")
        books.stand()
    found = report_of(tmp_path / "state")

    assert [(outage.begin, outage.end) for outage in found.outages] == [(AT, None)]
    assert found.findings[0].kind == "undelivered"


def test_the_month(month: Path) -> None:
    """Each thing that went wrong is found on its day, and no other day is blamed."""
    found = report_of(month / "state")
    levels = {day.day: day.level for day in found.days if day.level is not Severity.GOOD}

    assert levels == {
        example.UNKNOWN: Severity.UNCERTAIN,
        example.QUARANTINED: Severity.FAULT,
        example.REPEATED: Severity.UNCERTAIN,
        example.OUTAGE: Severity.NOTE,
        example.LAST: Severity.NOTE,
    }
    assert len(found.days) == 31
    assert found.total["quarantined"] == 1
    assert (found.total["waiting"], found.total["held"]) == (9, 2)
    assert [call.queue for call in found.held] == [b"sales", b"a <b>bold</b> queue"]
    assert not found.apart


# The command


def call(directory: Path, *options: str) -> int:
    """Run the command on a directory's state."""
    return main(["reconcile", "-c", str(settings_for(directory)), "--tz", str(ZONE), *options])


def test_plain_text(month: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal it is plain lines; the exit code says that it does not add up."""
    assert call(month) == ExitCode.IN_DOUBT
    shown = capsys.readouterr()
    lines = shown.out.splitlines()

    assert lines[0].split()[:6] == [
        *("day", "archived", "records", "shipped", "reported", "difference")
    ]
    assert len([line for line in lines if line.startswith("2026-10-")]) == 31
    assert "\x1b" not in shown.out
    assert lines[-1].startswith("MISMATCH: 1 call is missing: 1 upload is in quarantine; uncertain")
    assert any("qlogship quarantine show" in line for line in lines)


def test_json(month: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the whole report."""
    assert call(month, "--json") == ExitCode.IN_DOUBT
    found: dict[str, Any] = json.loads(capsys.readouterr().out)

    assert found["adds_up"] is False
    assert found["zone"] == str(ZONE)
    assert len(found["days"]) == 31
    assert found["total"]["quarantined"] == 1
    assert {finding["kind"] for finding in found["findings"]} == {
        *("unknown", "quarantined", "repeated")
    }
    assert found["days"][7]["causes"][0]["calls"] == -found["days"][7]["unknown"]
    assert found["held"][1]["queue"] == "a <b>bold</b> queue"
    assert found["outages"][0]["verdict"] == "unreachable"


def test_chosen_days(month: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The days before and behind are left out; nobody says that all is right without them."""
    options = ("--from", "2026-10-09", "--to", "2026-10-13", "--json")
    assert call(month, *options) == ExitCode.IN_DOUBT
    found = json.loads(capsys.readouterr().out)

    assert [day["day"] for day in found["days"]] == [f"2026-10-{day:02}" for day in range(9, 14)]
    assert {day["certainty"] for day in found["days"]} == {"right"}
    assert (found["certainty"], found["adds_up"]) == ("uncertain", False)
    assert found["verdict"].startswith("UNCERTAIN: only the days from 2026-10-09 to 2026-10-13")


@pytest.mark.parametrize(
    "options",
    [
        ("--tz", "Europe/Nowhere"),
        ("--tz", "../../etc/passwd"),
        ("--tz", "Europe"),
        ("--from", "yesterday"),
        ("--to", "2026-13-01"),
        ("--from", "2026-10-02", "--to", "2026-10-01"),
        ("--html", "/"),
        ("--html", "/dev/null"),
        ("--html", "/nowhere/at/all.html"),
    ],
)
def test_what_makes_no_sense(
    month: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused before any work is done, with a word about what would."""
    assert call(month, *options) == ExitCode.USAGE
    assert "hint: " in capsys.readouterr().err


def test_the_page_is_written_whole(month: Path, tmp_path: Path) -> None:
    """A new file is its owner's alone, an old one keeps its rights; nothing else is left behind."""
    page = tmp_path / "page.html"
    assert call(month, "--html", str(page)) == ExitCode.IN_DOUBT
    first = page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    page.write_text("old")
    page.chmod(0o644)
    link = tmp_path / "link.html"
    link.symlink_to(page)
    assert call(month, "--html", str(link)) == ExitCode.IN_DOUBT

    assert link.is_symlink()
    assert page.stat().st_mode & 0o777 == 0o644
    assert len(page.read_text()) == len(first)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link.html", "page.html"]


def test_many_uploads_in_order(tmp_path: Path) -> None:
    """Of many uploads in order, nothing is kept; a call in two of them is found."""
    with Books(tmp_path / "state") as books:
        text = b"".join(whole(f"{number}.1", AT + number) for number in range(3_000))
        first, last = books.archive(text + enter("5.1", AT + 4_000))
        for begin in range(first, last, 30):
            books.upload((begin, min(begin + 29, last - 1)))
        books.upload((last, last))
        books.stand()
    with Reader(tmp_path / "state") as reader:
        counted = take_snapshot(reader, Days(ZONE), told=Circumstances()).counted

    assert [(upload.shipment.id, upload.again) for upload in counted.uploads] == [(301, 1)]
    assert counted.repeats_counted == [301]
    assert sum(tally.calls[RecordPlace.SHIPPED] for tally in counted.days.values()) == 3_000


# In a real browser


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser(
    month: Path, tmp_path: Path, browser: Chromium, width: int, *, dark: bool
) -> None:
    """On a phone and a desk, by day and by night: it fits, asks for nothing, has no complaint."""
    page = tmp_path / "page.html"
    call(month, "--html", str(page))
    visit = browser.visit(page, width=width, dark=dark)

    assert visit.width == width
    assert visit.requests == [page.as_uri()]
    assert visit.complaints == []
    assert visit.contrast >= 4.5


@pytest.mark.parametrize("width", [390, 1280])
def test_one_day_and_long_names_in_a_browser(tmp_path: Path, browser: Chromium, width: int) -> None:
    """A callid and a queue of any length cannot push the page out of its width."""
    with Books(tmp_path / "state") as books:
        run = books.archive(enter("very-long-system-name-" * 8 + "1.1", AT, "q" * 200))
        books.stand(held=[run])
    page = tmp_path / "page.html"
    assert call(tmp_path, "--html", str(page)) == ExitCode.DONE

    assert browser.visit(page, width=width).width == width
