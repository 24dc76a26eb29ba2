"""Time and restarts: what the wall clock says, and what a restart forgets, changes nothing."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from tests.fixtures.queue_log import TREES
from tests.support.arrivals import calls_in, lines_of
from tests.support.calls import call
from tests.support.replay import Files, moves
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EPOCH: Final = 1_795_411_800
DAY: Final = 86_400.0
BATCH: Final = {"settle": 5.0, "linger": 3.0, "max_bytes": 6_000}


class FarEnd:
    """A dashboard that takes everything."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, filename: str, body: bytes) -> Outcome:
        """Take an upload."""
        self.bodies.append(body)
        return Outcome(Verdict.ACCEPTED, len(calls_in(body)), None, 200, "", "")


def replayed(
    directory: Path, tree: str, disturb: Callable[[SteppedService, int], None]
) -> list[bytes]:
    """Replay a tree; `disturb` may do something to the service before each move."""
    far_end = FarEnd()
    played = list(moves(tree, Random(tree)))
    clock = Clock(played[0].at)
    now = float(played[0].at)
    with SteppedService(directory, clock, upload=far_end, batch=BATCH) as service:
        files = Files(service.path, tree)
        for number, move in enumerate(played):
            disturb(service, number)
            if move.at > now:
                service.live(move.at - now)
                now = float(move.at)
            files.make(move)
            if number % 3 == 0:
                service.live(0.0)
        service.live(60.0)
        return far_end.bodies


@pytest.mark.parametrize("tree", TREES)
def test_setting_the_wall_clock_changes_nothing_that_is_shipped(tree: str, tmp_path: Path) -> None:
    """However the clock of the machine jumps, the same bytes leave in the same uploads."""
    random = Random(1)

    def jump(service: SteppedService, number: int) -> None:
        if number % 7 == 0:
            service.clock.set_wall(service.clock.wall_now + random.uniform(-2 * DAY, 2 * DAY))

    calm = replayed(tmp_path / "calm", tree, lambda _service, _number: None)
    jumpy = replayed(tmp_path / "jumpy", tree, jump)
    assert jumpy == calm
    assert len(calm) > 8


def test_a_wait_survives_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """After a restart on an earlier day, the next attempt is due within an hour, not in a day."""
    far_end = FarEnd()
    answers = [Outcome(Verdict.LATER, None, 900.0, 503, "not now", "")]

    def upload(filename: str, body: bytes) -> Outcome:
        return answers.pop() if answers else far_end(filename, body)

    clock = Clock(EPOCH)
    with SteppedService(tmp_path, clock, upload=upload, batch=BATCH) as service:
        service.path.parent.mkdir()
        service.path.write_bytes(call(1, EPOCH))
        service.live(60.0)
        assert far_end.bodies == []
        clock.set_wall(EPOCH - DAY)
        service.restart()
        service.live(3_700.0)
        assert far_end.bodies == [call(1, EPOCH)]


def test_a_call_that_a_start_of_asterisk_ended_is_not_held_after_a_restart(tmp_path: Path) -> None:
    """That QUEUESTART ended it is known, though that line has left already."""
    entering = b"%d|1.1|q|NONE|ENTERQUEUE||1|1\n" % EPOCH
    start = b"%d|NONE|NONE|NONE|QUEUESTART|\n" % (EPOCH + 2)
    filler = b"".join(
        b"%d|NONE|q|Agent/1|PAUSE|%d\n" % (EPOCH + 3, number) for number in range(200)
    )
    far_end = FarEnd()
    with SteppedService(tmp_path, Clock(EPOCH), upload=far_end, batch=BATCH) as service:
        service.path.parent.mkdir()
        service.path.write_bytes(entering + start + filler)
        service.live(0.0)
        assert any(start in body for body in far_end.bodies)
        service.restart()
        service.live(30.0)
        assert b"".join(sorted(far_end.bodies, reverse=True)).count(entering) == 1
        assert service.figures().held.lines == 0


def test_calls_that_swapped_their_ids_are_not_held_after_a_restart(tmp_path: Path) -> None:
    """A leg that ended under another callid is known to be over, whatever has left before."""

    def at(seconds: int, rest: bytes) -> bytes:
        return b"%d|%s\n" % (EPOCH + seconds, rest)

    text = (
        at(0, b"A|1501|NONE|ENTERQUEUE||1|1")
        + at(1, b"A|1501|Ann|CONNECT|1|X.1|1")
        + at(2, b"B|1501|Ann|COMPLETEAGENT|1|1|1")
    )
    later = at(6, b"A|1501|Ann|CUSTOM|x")
    filler = at(8, b"NONE|q|Agent/1|PAUSE|x") * 200
    far_end = FarEnd()
    with SteppedService(tmp_path, Clock(EPOCH + 2), upload=far_end, batch=BATCH) as service:
        service.path.parent.mkdir()
        service.path.write_bytes(text + later + filler)
        service.live(0.0)
        assert far_end.bodies
        service.restart()
        service.live(60.0)
        assert service.figures().held.lines == 0
        assert sum(len(lines_of(body)) for body in far_end.bodies) == 204


def test_a_stump_alone_in_a_file_spoils_no_other_file(tmp_path: Path) -> None:
    """A disk that was full for a moment leaves `17954` in a file of its own."""
    stump = (b"%d" % EPOCH)[:5]
    texts = [call(1, EPOCH), call(3, EPOCH + 600), call(5, EPOCH + 1200)]
    clock = Clock(EPOCH)
    with SteppedService(tmp_path, clock, upload=FarEnd(), batch=BATCH) as service:
        path = service.path
        path.parent.mkdir()
        path.write_bytes(texts[0])
        service.live(5.0)
        rotate(path, 1)
        path.write_bytes(stump)
        service.live(600.0)
        rotate(path, 2)
        path.write_bytes(texts[1])
        service.live(600.0)
        rotate(path, 3)
        path.write_bytes(texts[2])
        service.live(600.0)
        archived = lines_of(service.archived())
        assert sorted(archived) == sorted([*lines_of(b"".join(texts)), stump + b"\n"])


def test_two_rotations_between_two_looks_keep_the_order(tmp_path: Path) -> None:
    """What stands in an older file comes before what stands in a newer one."""
    texts = [call(number, EPOCH + 60 * number) for number in range(1, 9, 2)]
    with SteppedService(tmp_path, Clock(EPOCH), upload=FarEnd(), batch=BATCH) as service:
        path = service.path
        path.parent.mkdir()
        path.write_bytes(texts[0])
        service.live(1.0)
        with path.open("ab") as file:
            file.write(texts[1])
        rotate(path, 1)
        path.write_bytes(texts[2])
        rotate(path, 2)
        path.write_bytes(texts[3])
        service.live(60.0)
        assert service.archived() == b"".join(texts)


def test_a_directory_that_comes_later(tmp_path: Path) -> None:
    """Where nothing could be watched, the poll finds the file within ten seconds."""
    far_end = FarEnd()
    clock = Clock(EPOCH)
    with SteppedService(tmp_path, clock, upload=far_end, batch=BATCH) as service:
        service.live(60.0)
        (trouble,) = service.store.troubles.all()
        assert str(service.path) in trouble.message
        service.path.parent.mkdir()
        service.path.write_bytes(call(1, EPOCH))
        service.live(10.0)
        assert service.archived() == call(1, EPOCH)
        assert service.store.troubles.all() == []
        assert service.log.count("trouble_began") == service.log.count("trouble_ended") == 1


def rotate(path: Path, number: int) -> None:
    """Rename the live file."""
    os.rename(path, f"{path}.{number}")  # noqa: PTH104  # as Asterisk does
