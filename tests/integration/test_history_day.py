"""`source.history` as a day: all is archived, and only what is from that day on is uploaded."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING

import pytest

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.queue_log.records import entered_calls
from qlogship.reconcile.census import RecordPlace
from qlogship.reconcile.days import Days
from qlogship.reconcile.snapshot import take_snapshot
from qlogship.state.reader import Reader
from tests.support.calls import call
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = date(2026, 11, 20)
MIDNIGHT = int(datetime.combine(DAY, time()).timestamp())
OLD = b"".join(call(number, MIDNIGHT - 6_000 + number) for number in range(1, 900, 3))
EDGE = call(2_000, MIDNIGHT - 1) + call(2_003, MIDNIGHT)
NEW = b"".join(call(number, MIDNIGHT + number) for number in range(3_000, 3_090, 3))
OLD_CALLS = len(entered_calls(OLD)) + 1


class FarEnd:
    """Keep each body."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def upload(self, _name: str, body: bytes) -> Outcome:
        """Take a body and count its calls."""
        self.bodies.append(body)
        calls = len(entered_calls(body))
        return Outcome(Verdict.ACCEPTED, calls, None, 200, "", str(calls))

    @property
    def text(self) -> bytes:
        """All that came."""
        return b"".join(self.bodies)


@pytest.fixture
def far_end() -> FarEnd:
    """Return a dashboard that takes everything."""
    return FarEnd()


@pytest.fixture
def service(tmp_path: Path, far_end: FarEnd) -> Iterator[SteppedService]:
    """Return a service that has not looked yet; a rotated file and a live one are there."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "queue_log.1").write_bytes(OLD)
    (tmp_path / "log" / "queue_log").write_bytes(b"a fragment\n" + EDGE + NEW)
    with SteppedService(
        tmp_path,
        Clock(MIDNIGHT + 7_200.0),
        upload=far_end.upload,
        source={"history": DAY.isoformat()},
        batch={"max_bytes": 2_000},
    ) as service:
        yield service


def counted(service: SteppedService) -> dict[RecordPlace, int]:
    """Return how many calls there are in each place."""
    with Reader(service.state) as reader:
        snapshot = take_snapshot(reader, Days(None))
    places: dict[RecordPlace, int] = {}
    for tally in snapshot.counted.days.values():
        for place, number in tally.calls.items():
            places[place] = places.get(place, 0) + number
    return places


def lost_records(service: SteppedService) -> int:
    """Return how many records are in no place at all."""
    with Reader(service.state) as reader:
        snapshot = take_snapshot(reader, Days(None))
    return sum(tally.records[RecordPlace.LOST] for tally in snapshot.counted.days.values())


@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_older_is_archived_and_not_uploaded(
    service: SteppedService, far_end: FarEnd, *, restarts: bool
) -> None:
    """Local midnight parts what is uploaded from what is only archived, over restarts too."""
    for _ in range(3 if restarts else 0):
        service.step()
        service.restart()
    service.live(600.0, flush=True)
    newer = call(2_003, MIDNIGHT) + NEW
    assert far_end.text == newer
    assert service.archived() == OLD + b"a fragment\n" + EDGE + NEW
    assert counted(service) == {
        RecordPlace.BEFORE: OLD_CALLS,
        RecordPlace.SHIPPED: len(entered_calls(newer)),
    }
    assert lost_records(service) == 0
    assert service.store.generations.current().since == MIDNIGHT


def test_it_does_not_count_as_waiting(service: SteppedService) -> None:
    """While the old text passes by, and when a restart finds only that, nothing waits for it."""
    service.path.write_bytes(EDGE[: len(call(2_000, MIDNIGHT))])
    for _ in range(20):
        service.live(1.0)
        figures = service.figures()
        assert (figures.waiting.lines, figures.waiting.since) == (0, None)
        service.crash()
    assert service.figures().archive.calls == OLD_CALLS


def test_an_older_file_that_is_found_later(service: SteppedService, far_end: FarEnd) -> None:
    """A rotated file of before that day is archived whenever it turns up, and not uploaded."""
    service.live(600.0, flush=True)
    sent = far_end.text
    late = b"".join(call(number, MIDNIGHT - 90_000 + number) for number in range(1, 90, 3))
    service.path.with_name("queue_log.2").write_bytes(late)
    service.live(600.0, flush=True)
    assert far_end.text == sent
    assert service.archived().endswith(late)
    assert service.figures().waiting.lines == 0
    assert lost_records(service) == 0


def test_a_resync_uploads_it_too(service: SteppedService) -> None:
    """A clear would lose what was uploaded otherwise; so behind it, everything is uploaded."""
    service.live(600.0, flush=True)
    generation = service.store.position.begin_generation
    with service.store.transaction():
        first = service.store.generations.current()
        order = service.store.archive.order()
        number = generation(ahead=order, frontier=service.store.archive.next_seq)
        service.store.generations.write(
            type(first)(number, first.destination, 1.0, cleared=True, first_seq=1, since=None)
        )
    service.restart()
    service.live(600.0, flush=True)
    assert counted(service)[RecordPlace.SHIPPED] == len(entered_calls(service.archived()))
    assert RecordPlace.BEFORE not in counted(service)


@pytest.mark.parametrize("history", ["current", "none"])
def test_text_that_was_never_archived_is_told(tmp_path: Path, history: str) -> None:
    """With the other two values older text is skipped for good, and that can be asked."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "queue_log.1").write_bytes(OLD)
    (tmp_path / "log" / "queue_log").write_bytes(NEW)
    source = {"history": history}
    far_end = FarEnd()
    clock = Clock(MIDNIGHT + 7_200.0)
    with SteppedService(tmp_path, clock, upload=far_end.upload, source=source) as service:
        service.live(60.0, flush=True)
        assert service.store.cursor.skipped_text()
