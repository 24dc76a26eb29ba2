"""The demo's verdict, its screen and its lines, from made-up snapshots."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import pytest
from rich.console import Console

from qlogship.demo import lines, screen
from qlogship.demo.snapshot import (
    ROTATION,
    CentreSnapshot,
    DemoPhase,
    DemoSnapshot,
    ServiceSnapshot,
)
from qlogship.demo.verdict import DemoVerdict, compare
from qlogship.queue_log.records import entered_calls
from qlogship.sandbox.storage import Summary
from qlogship.sandbox.tally import QueueTally
from qlogship.shipping.batching import Composition
from qlogship.shipping.ledger import Upload, UploadAnswer
from qlogship.troubles.rows import Trouble
from tests.support.figures import figures_with

ONE = (
    b"1700000000|1.1|sales|NONE|ENTERQUEUE||74955550001|1\n"
    b"1700000003|1.1|sales|NONE|ABANDON|1|1|3\n"
)
TWO = (
    b"1700000001|1.2|sales|NONE|ENTERQUEUE||74955550002|2\n"
    b"1700000002|1.2|sales|\xd0\x98\xd0\xb2\xd0|CONNECT|1|1.3|1\n"
    b"1700000009|1.2|sales|\xd0\x98\xd0\xb2\xd0|COMPLETECALLER|1|7|2\n"
)
NOISE = b"1700000004|NONE|NONE|NONE|CONFIGRELOAD|\n"


def upload(body: bytes, *, number: int = 1, state: str = "accepted", again: int = 0) -> Upload:
    """Return the ledger's row of a body; `again` is how often it was sent once more."""
    calls = len(entered_calls(body))
    return Upload(
        id=number,
        generation=1,
        state=state,
        composition=Composition(
            runs=(),
            lines=body.count(b"\n"),
            calls=calls,
            bytes=len(body),
            first_time=None,
            last_time=None,
            sha256=hashlib.sha256(body).hexdigest(),
        ),
        attempts=1 + again,
        open_sends=again,
        prepared_at=100.0,
        not_before=None,
        parent=None,
        answer=UploadAnswer(calls, 200, 100.012),
    )


def judged(written: bytes, *bodies: bytes, ledger: tuple[Upload, ...] | None = None) -> DemoVerdict:
    """Return the verdict on these bodies; the ledger knows each of them once."""
    return compare(
        written,
        bodies,
        archived_records=written.count(b"\n"),
        archived_calls=len(entered_calls(written)),
        ledger=tuple(map(upload, dict.fromkeys(bodies))) if ledger is None else ledger,
    )


def test_exact() -> None:
    """When every record is there as often as it was written, in any order, the verdict is OK."""
    verdict = judged(ONE + NOISE + TWO + NOISE, NOISE + TWO, NOISE, ONE)
    assert verdict.exact
    assert (verdict.calls.written, verdict.calls.shipped, verdict.calls.arrived) == (2, 2, 2)
    assert (verdict.records.written, verdict.records.shipped, verdict.records.arrived) == (7, 7, 7)
    assert verdict.lines()[-1].startswith("OK: ")


def test_missing() -> None:
    """A record that did not arrive is missing, and so is the call that entered with it."""
    verdict = judged(ONE + TWO, TWO)
    assert not verdict.exact
    assert (verdict.calls.missing, verdict.records.missing) == (1, 2)
    assert verdict.lines()[-1].startswith("NOT OK: ")


def test_doubled() -> None:
    """A record that is there once too often is doubled, whatever upload it came in."""
    verdict = judged(ONE + TWO, ONE, TWO + ONE)
    assert not verdict.exact
    assert (verdict.calls.doubled, verdict.records.doubled) == (1, 2)


def test_altered() -> None:
    """One byte that differs makes a record that is missing and one that nobody wrote."""
    verdict = judged(NOISE, NOISE.replace(b"RELOAD", b"RELOAF"))
    assert (verdict.records.missing, verdict.records.foreign, verdict.exact) == (1, 1, False)


def test_unfinished() -> None:
    """A record without its newline is not the record that was written."""
    assert not judged(NOISE, NOISE.rstrip()).exact


def test_split_call() -> None:
    """A call that enters in two uploads is counted twice, though no record is there twice."""
    again = TWO.replace(b"|2\n", b"|3\n", 1)
    verdict = judged(TWO + again, TWO, again)
    assert (verdict.records.exact, verdict.calls.doubled) == (True, 1)


def test_repeat_explained() -> None:
    """Copies that the ledger calls possible duplicates are counted apart; nothing is wrong."""
    verdict = judged(ONE + TWO, ONE, TWO, ONE, ledger=(upload(ONE, again=1), upload(TWO)))
    assert (verdict.exact, verdict.repeats, verdict.records.arrived) == (True, 1, 5)
    assert "1 of 3 uploads came again" in "\n".join(verdict.lines())


@pytest.mark.parametrize("copies", [2, 4])
def test_repeat_unexplained(copies: int) -> None:
    """More copies than attempts are doubled, and so is any copy that was sent once."""
    ledger = (upload(ONE, again=0 if copies == 2 else 2),)
    verdict = judged(ONE, *[ONE] * copies, ledger=ledger)
    assert (verdict.exact, verdict.calls.doubled) == (False, 1)


def test_repeat_hides_nothing() -> None:
    """A repeat that was expected does not make up for a record that is missing."""
    verdict = judged(ONE + TWO, ONE, ONE, ledger=(upload(ONE, again=1), upload(TWO)))
    assert (verdict.exact, verdict.calls.missing) == (False, 1)


SNAPSHOT = DemoSnapshot(
    phase=DemoPhase.PLAYING,
    elapsed=83.0,
    speed=30.0,
    centre=CentreSnapshot(
        going_on=11,
        entered=1234,
        answered=1001,
        abandoned=107,
        records=8765,
        size=700_000,
        rotations=9,
        tail=(*ONE.splitlines(), ROTATION, NOISE.rstrip(), *TWO.splitlines(), b"no record \x1b[2J"),
    ),
    service=ServiceSnapshot(
        pid=4321,
        figures=figures_with(
            archive={"lines": 8701, "calls": 1230, "bytes": 699_000},
            held={"calls": 13},
            uploads={"accepted": 88},
            shipped={"calls": 1217},
        ),
        uploads=(
            upload(TWO, number=90, state="prepared"),
            upload(TWO, number=89, state="unknown", again=1),
            upload(TWO, number=88),
        ),
        troubles=(Trouble("dashboard_unreachable", 0.0, "no \x1b[31mway", "Wait."),),
    ),
    url="http://127.0.0.1:8642",
    summary=Summary(
        uploads=88,
        refused=0,
        lines=8600,
        bytes=680_000,
        calls=1217,
        distinct_calls=1216,
        answered=991,
        abandoned=103,
        other=42,
        queues=(QueueTally("sales", 700, 90, 30), QueueTally("x" * 40 + "\x07", 1, 0, 0)),
        queue_count=2,
    ),
)


def shown(snapshot: DemoSnapshot, width: int, height: int) -> str:
    """Return what a terminal of that size gets to see, as text."""
    terminal = Console(
        file=io.StringIO(), record=True, force_terminal=True, width=width, height=height
    )
    terminal.print(screen.picture(snapshot, width=width, height=height), height=height)
    return terminal.export_text()


@pytest.mark.parametrize("snapshot", [SNAPSHOT, DemoSnapshot()], ids=["full", "opening"])
@pytest.mark.parametrize(
    "size", [(200, 60), (100, 30), (80, 24), (76, 12), (75, 40), (40, 15), (20, 6), (1, 1)], ids=str
)
def test_screen_fits(snapshot: DemoSnapshot, size: tuple[int, int]) -> None:
    """The picture has the size of the terminal, whatever that is."""
    rows = shown(snapshot, *size).splitlines()
    assert (len(rows), max(map(len, rows))) == (size[1], size[0])


@pytest.mark.parametrize("size", [(100, 30), (80, 24)], ids=str)
def test_screen_tells(size: tuple[int, int]) -> None:
    """The usual terminals show each number, the newest lines and uploads, and the address."""
    text = shown(SNAPSHOT, *size)
    for words in (
        "11 going on   1,234 entered   1,001 answered   107 abandoned",
        "8,765 records, rotated 9 times",
        "queue_log is now queue_log.0",
        "1.2|sales|Ив�|COMPLETECALLER|1|7|2",
        "8,701 records, 1,230 calls",
        "13 calls not over yet",
        "1,217 calls in 88 uploads",
        "process 4321",
        "? 89 ×2",
        "12 ms",
        "1,216 calls",
        "1 counted again",
        "820",
        "http://127.0.0.1:8642",
        "1:23",
    ):
        assert words in text


def test_screen_is_safe() -> None:
    """Nothing that a line, a queue's name or an answer holds can command the terminal."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100, height=30)
    terminal.print(screen.picture(SNAPSHOT, width=100, height=30), height=30)
    assert isinstance(terminal.file, io.StringIO)
    sent = terminal.file.getvalue()
    assert "\x1b[2J" not in sent
    assert "\x07" not in sent
    assert "no \\x1b[31mway" in sent


def test_lines() -> None:
    """A plain line is plain: the main numbers in ASCII, the trouble with them."""
    text = lines.line(SNAPSHOT)
    assert text.isascii()
    assert text.isprintable()
    for words in ("1,234 calls (11 going on)", "8,701 archived", "1,217 calls shipped", "1,216"):
        assert words in text


def test_lines_introduce(capsys: pytest.CaptureFixture[str]) -> None:
    """Every phase is announced once, and a line follows when a second has passed."""
    view = lines.Lines()
    for elapsed in (0.0, 0.5, 0.9, 1.0, 1.5):
        view.draw(replace(SNAPSHOT, elapsed=elapsed))
    view.draw(replace(SNAPSHOT, elapsed=1.6, phase=DemoPhase.SHIPPING))
    first, second, third = capsys.readouterr().out.splitlines()
    assert "http://127.0.0.1:8642" in first
    assert "process 4321" in first
    assert second == lines.line(replace(SNAPSHOT, elapsed=1.0))
    assert third.endswith(DemoPhase.SHIPPING.value)
