"""What waits to be shipped, and since when, as `status` tells it: real files, a real store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.import_export.importing import Importer
from qlogship.shipping.generations import Generation
from qlogship.source.files import OpenFile
from tests.support.arrivals import calls_in, lines_of
from tests.support.calls import call
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.import_export.importing import Ship

EPOCH: Final = 1_795_411_800
HOUR: Final = 3_600
YEAR: Final = 365 * 24 * HOUR
BATCH: Final = {"settle": 5.0, "linger": 15.0, "max_bytes": 6_000}


class FarEnd:
    """A dashboard that is away, loses its answers, or takes everything."""

    def __init__(self) -> None:
        self.verdict = Verdict.ACCEPTED

    def __call__(self, filename: str, body: bytes) -> Outcome:
        """Take an upload, or do not."""
        taken = len(calls_in(body)) if self.verdict is Verdict.ACCEPTED else None
        return Outcome(self.verdict, taken, None, 200, "", "")


class Centre:
    """A service, what it follows, and the dashboard that it ships to."""

    def __init__(self, directory: Path, *, on_unknown: str = "resend") -> None:
        self.far_end = FarEnd()
        self.clock = Clock(EPOCH)
        self.service = SteppedService(
            directory,
            self.clock,
            upload=self.far_end,
            batch=BATCH,
            delivery={"on_unknown": on_unknown},
        )
        self.service.path.parent.mkdir(exist_ok=True)
        self.service.path.touch()

    def write(self, text: bytes, *, then: float = 0.0) -> bytes:
        """Append to the queue_log and let so many seconds go by."""
        with self.service.path.open("ab") as file:
            file.write(text)
        self.service.live(then)
        return text

    def waits(self) -> tuple[int, float | None]:
        """Return how many records wait, and for how many seconds the oldest does."""
        now = self.service.figures()
        since = now.waiting.since
        return now.waiting.lines, since if since is None else self.clock.wall_now - since


def test_a_finished_call_waits_until_it_is_accepted(tmp_path: Path) -> None:
    """While it lingers for company it waits, and no longer."""
    centre = Centre(tmp_path)
    with centre.service:
        centre.write(call(1, EPOCH), then=40.0)
        assert centre.waits() == (0, None)
        centre.write(call(3, EPOCH + 40), then=10.0)
        assert centre.waits() == (3, 10.0)
        centre.service.live(30.0)
        assert centre.waits() == (0, None)


def test_a_long_call_waits_since_its_end(tmp_path: Path) -> None:
    """While a call is open it is held, not waiting; when it has ended, it waits since then."""
    centre = Centre(tmp_path)
    with centre.service:
        centre.write(call(1, EPOCH), then=40.0)
        at = EPOCH + 40
        lines = lines_of(call(3, at))
        for then in (2.0 * HOUR, 0.0):
            centre.write(lines.pop(0) if then else b"", then=then)
            assert centre.waits() == (0, None)
            assert centre.service.figures().held.lines == 1
        centre.write(b"".join(lines).replace(b"%d|" % at, b"%d|" % (at + 2 * HOUR)), then=10.0)
        assert centre.waits() == (3, 10.0)


def test_an_outage(tmp_path: Path) -> None:
    """All that was archived meanwhile waits, in an upload or not, since its beginning."""
    centre = Centre(tmp_path)
    with centre.service:
        centre.write(call(1, EPOCH), then=60.0)
        centre.far_end.verdict = Verdict.UNREACHABLE
        text = b"".join(
            centre.write(call(2 * number + 3, EPOCH + 60 + 600 * number), then=600.0)
            for number in range(20)
        )
        text += centre.write(call(99, EPOCH + 60 + 20 * 600, ended=False), then=60.0)
        lines, seconds = centre.waits()
        now = centre.service.figures()
        assert now.uploads.pending == 2
        assert lines == len(lines_of(text)) - now.held.lines
        assert seconds is not None
        assert 0.0 <= 20 * 600 + 60 - seconds <= 5 + 15 + 1
        centre.far_end.verdict = Verdict.ACCEPTED
        centre.service.live(120.0)
        assert centre.waits() == (0, None)
        assert centre.service.figures().held.lines == 2


def test_what_was_held_before_a_backlog(tmp_path: Path) -> None:
    """A call that was held once and is in an upload now is taken off nowhere."""
    centre = Centre(tmp_path)
    with centre.service as service:
        centre.write(call(1, EPOCH), then=60.0)
        at = EPOCH + 60
        entering, *rest = lines_of(call(3, at))
        centre.write(entering, then=60.0)
        assert service.figures().held.lines == 1
        centre.far_end.verdict = Verdict.UNREACHABLE
        backlog = b"".join(call(2 * n + 5, at + n) for n in range(200))
        centre.write(b"".join(rest) + backlog, then=60.0)
        now = service.figures()
        assert now.uploads.pending == 2
        held = sum(last - first + 1 for first, last in service.store.position.get().held)
        assert centre.waits()[0] == 3 + 600 - held
        assert now.held.lines == held


def test_a_lost_answer(tmp_path: Path) -> None:
    """An upload that is to be sent again waits; one that waits for a person is in doubt instead.

    That is: at once with hold, and after three tries with resend.
    """
    for on_unknown, seconds, waits in (("resend", 21.0, 3), ("resend", 60.0, 0), ("hold", 21.0, 0)):
        centre = Centre(tmp_path / f"{on_unknown}-{seconds}", on_unknown=on_unknown)
        centre.far_end.verdict = Verdict.UNKNOWN
        with centre.service:
            centre.write(call(1, EPOCH), then=seconds)
            assert centre.service.figures().uploads.unknown == 1
            assert centre.waits()[0] == waits


def test_years_of_history_at_the_first_start(tmp_path: Path) -> None:
    """They count, and wait since they could be shipped at all, not for years."""
    centre = Centre(tmp_path)
    centre.far_end.verdict = Verdict.UNREACHABLE
    text = b"".join(call(2 * n + 1, EPOCH - 3 * YEAR + 600 * n) for n in range(200))
    with centre.service:
        centre.write(text, then=600.0)
        lines, seconds = centre.waits()
        assert lines == len(lines_of(text)) - centre.service.figures().held.lines
        assert seconds is not None
        assert 590.0 <= seconds <= 600.0


def test_a_resync_waits_since_the_clear(tmp_path: Path) -> None:
    """From the clear on all of the archive waits, however old its records are."""
    centre = Centre(tmp_path)
    text = b"".join(call(2 * n + 1, EPOCH - YEAR + 600 * n) for n in range(100))
    with centre.service as service:
        centre.write(text, then=60.0)
        assert centre.waits() == (0, None)
        with service.store.transaction():
            resyncs, position = service.store.resyncs, service.store.position
            resyncs.ask(reason="asked", accepted_loss=(), at=centre.clock.wall_now)
            end = service.store.archive.next_seq
            generation = position.begin_generation(ahead=[(1, end - 1)], frontier=end)
            service.store.generations.write(
                Generation(generation, None, 1.0, cleared=True, first_seq=1, since=None)
            )
            resyncs.cleared(
                generation=generation, lines=end - 1, size=len(text), at=centre.clock.wall_now
            )
        centre.clock.advance(30.0)
        assert centre.waits() == (300, 30.0)


def test_imported_records(tmp_path: Path) -> None:
    """Those for the next resync do not wait; those for now do, since they are in an upload."""
    centre = Centre(tmp_path)

    def add(name: str, text: bytes, ship: Ship) -> None:
        (tmp_path / name).write_bytes(text)
        with OpenFile(tmp_path / name) as file:
            Importer(centre.service.store, ship=ship).add(file)

    with centre.service as service:
        centre.write(call(1, EPOCH), then=60.0)
        add("old", b"".join(call(n, EPOCH - YEAR + n) for n in range(1, 41, 2)), "resync")
        assert centre.waits() == (0, None)
        add("older", b"".join(call(n, EPOCH - 2 * YEAR + n) for n in range(1, 41, 2)), "now")
        assert centre.waits() == (60, None)
        centre.far_end.verdict = Verdict.UNREACHABLE
        service.crash()
        service.live(100.0)
        assert centre.waits()[0] == 60
        assert 80.0 <= (centre.waits()[1] or 0.0) <= 100.0
        centre.far_end.verdict = Verdict.ACCEPTED
        service.live(120.0)
        assert centre.waits() == (0, None)


def test_while_the_service_is_stopped(tmp_path: Path) -> None:
    """What was archived and not shipped goes on waiting without a service."""
    centre = Centre(tmp_path)
    with centre.service as service:
        centre.write(call(1, EPOCH), then=60.0)
        centre.write(call(3, EPOCH + 60), then=10.0)
        service.crash()
        centre.clock.advance(HOUR)
        assert centre.waits() == (3, HOUR + 10.0)
