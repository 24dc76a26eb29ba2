"""A state that is older than what was sent is noticed, and no number is vouched for any more."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from qlogship.shipping.destination import destination_of
from qlogship.state.database import FILE_NAME
from qlogship.state.reader import Reader
from qlogship.verdict.facts import Level
from qlogship.verdict.quick import read_assessment
from tests.support.books import whole
from tests.support.flips import NOW, OPTIONS, Collector
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qlogship.verdict.assessment import Assessment

AT = int(NOW)
UNTOUCHED = OPTIONS | {"source": {"uploaded_before": False}}


@pytest.fixture
def far() -> Collector:
    """Return a far end that keeps what it gets."""
    return Collector()


@pytest.fixture
def service(tmp_path: Path, far: Collector) -> Iterator[SteppedService]:
    """Return a service with an empty queue_log."""
    (tmp_path / "log").mkdir()
    clock = Clock(NOW)
    with SteppedService(
        tmp_path, clock, upload=far.upload, clear=far.clear, **UNTOUCHED
    ) as stepped:
        yield stepped


def ship(service: SteppedService, callid: str) -> None:
    """Let one call happen, and be uploaded."""
    with service.path.open("ab") as file:
        file.write(whole(callid, AT))
    service.live(60)


def verdict_of(service: SteppedService) -> Assessment:
    """Return what is said of the numbers."""
    with Reader(service.state, destination_of(service.settings.dashboard)) as reader:
        return read_assessment(reader, service.settings)


@pytest.mark.parametrize("lost", [1, 3])
def test_a_database_from_a_backup(
    service: SteppedService, far: Collector, tmp_path: Path, lost: int
) -> None:
    """What was sent after the backup was made is sent again, and that is said until a resync."""
    ship(service, "1.1")
    service.close()
    backup = shutil.copy(service.state / FILE_NAME, tmp_path / "backup")
    service.start()
    for number in range(lost):
        ship(service, f"{number}.2")
    service.close()
    assert len(far.bodies) == 1 + lost
    shutil.copy(backup, service.state / FILE_NAME)
    service.start()
    service.live(60)

    assert b"".join(far.bodies).count(b"0.2") > b"".join(far.bodies[: 1 + lost]).count(b"0.2")
    assert "state_older" in service.shipper.troubles
    assert f"{lost} upload" in service.shipper.troubles["state_older"]
    assert verdict_of(service).level is Level.UNCERTAIN
    service.restart()
    service.live(60)
    assert verdict_of(service).level is Level.UNCERTAIN


def test_a_state_that_is_as_it_was_left(service: SteppedService) -> None:
    """A restart, also one amid a send, makes no state older."""
    ship(service, "1.1")
    service.restart()
    ship(service, "1.2")

    assert service.shipper.troubles == {}
    assert verdict_of(service).level is Level.RIGHT
