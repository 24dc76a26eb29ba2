"""The room that is left for others on the disk: real files, a real store, a real file system."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlogship.dashboard.outcome import Outcome
from qlogship.dashboard.verdicts import Verdict
from qlogship.errors import StateError
from qlogship.import_export.importing import Importer
from qlogship.service.once import read_to_the_end
from qlogship.source.files import OpenFile
from qlogship.state.room import Room
from tests.support.arrivals import calls_in, lines_of
from tests.support.calls import call
from tests.support.stepped import Clock, SteppedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPOCH: Final = 1_795_411_800
MIB: Final = 1024 * 1024
BATCH: Final = {"settle": 5.0, "linger": 15.0, "max_bytes": 6_000}
NEVER: Final = {"reserve": "900000000 TiB"}

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


class FarEnd:
    """A dashboard that keeps what it takes, or is away."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.away = False

    def __call__(self, filename: str, body: bytes) -> Outcome:
        """Take an upload."""
        if self.away:
            return Outcome(Verdict.UNREACHABLE, None, None, None, "", "", sent=False)
        self.bodies.append(body)
        return Outcome(Verdict.ACCEPTED, len(calls_in(body)), None, 200, "", "")


def service_in(directory: Path, far_end: FarEnd, **state: Any) -> SteppedService:  # noqa: ANN401
    """Return a service that follows a queue_log in a directory."""
    log = directory / "log"
    log.mkdir(exist_ok=True)
    (log / "queue_log").touch()
    return SteppedService(directory, Clock(EPOCH), upload=far_end, batch=BATCH, state=state)


def write(service: SteppedService, text: bytes) -> bytes:
    """Append to the queue_log, as Asterisk does."""
    with service.path.open("ab") as file:
        file.write(text)
    return text


def test_below_the_reserve(tmp_path: Path) -> None:
    """Nothing is archived, and that is a trouble with what to type; then it goes on by itself."""
    far_end = FarEnd()
    with service_in(tmp_path, far_end, **NEVER) as service:
        text = write(service, call(1, EPOCH))
        service.live(60.0)
        assert service.archived() == b""
        assert far_end.bodies == []
        assert service.shipper.lag == len(text)
        (trouble,) = service.store.troubles.all()
        assert trouble.kind == "disk"
        assert str(service.state) in trouble.message
        assert "df -h" in trouble.hint
        assert service.log.count("trouble_began") == 1
        service.restart(state={"reserve": "0 MiB"})
        service.live(60.0)
        assert far_end.bodies == [text]
        assert service.store.troubles.all() == []
        assert service.log.count("trouble_ended") == 1


def test_what_is_ready_does_not_wait_for_what_cannot_be_read(tmp_path: Path) -> None:
    """A call that is archived goes out within a minute, though more stands there to be read."""
    far_end = FarEnd()
    with service_in(tmp_path, far_end, reserve="0 MiB") as service:
        text = write(service, call(1, EPOCH) + call(3, EPOCH + 60))
        service.live(10.0)
        assert service.archived() == text
        assert far_end.bodies == []
        service.restart(state=NEVER)
        write(service, call(5, EPOCH + 120))
        service.live(60.0)
        assert far_end.bodies == [call(1, EPOCH)]


def test_what_is_archived_is_shipped(tmp_path: Path) -> None:
    """Full batches of what is archived go out, and answers are written, whatever the disk has."""
    far_end = FarEnd()
    far_end.away = True
    with service_in(tmp_path, far_end, reserve="0 MiB") as service:
        text = write(service, b"".join(call(number, EPOCH + number) for number in range(1, 500, 2)))
        service.live(60.0)
        assert service.archived() == text
        waiting = len(service.shipper.waiting)
        service.restart(state=NEVER)
        far_end.away = False
        service.live(3_600.0)
        sent = b"".join(far_end.bodies)
        assert len(far_end.bodies) > waiting
        assert text.startswith(sent)
        assert len(text) - len(sent) < 3 * BATCH["max_bytes"]
        assert {upload.state for upload in service.uploads()} == {"accepted"}
        service.restart(state={"reserve": "0 MiB"})
        service.live(60.0)
        assert b"".join(far_end.bodies) == text


def test_a_call_whose_end_is_not_read_waits(tmp_path: Path) -> None:
    """Time does not let a call go in two parts while its lines stand where nobody reads them."""
    far_end = FarEnd()
    lines = lines_of(call(1, EPOCH))
    with service_in(tmp_path, far_end, reserve="0 MiB") as service:
        write(service, lines[0])
        service.live(10.0)
        service.restart(state=NEVER)
        write(service, b"".join(lines[1:]))
        service.live(13 * 3_600.0)  # longer than batch.hold
        assert far_end.bodies == []
        service.restart(state={"reserve": "0 MiB"})
        service.live(60.0)
        assert far_end.bodies == [b"".join(lines)]


def test_no_resync_begins(tmp_path: Path) -> None:
    """The dashboard is not cleared while what comes after could not be archived."""
    far_end, clears = FarEnd(), []

    def clear() -> Outcome:
        clears.append(1)
        return Outcome(Verdict.ACCEPTED, None, None, 200, "", "")

    with service_in(tmp_path, far_end, reserve="0 MiB") as service:
        service._clear = clear
        text = write(service, call(1, EPOCH))
        service.live(60.0)
        service.restart(state=NEVER)
        with service.store.transaction():
            service.store.resyncs.ask(reason="asked", accepted_loss=(), at=EPOCH)
        service.live(60.0)
        assert clears == []
        service.restart(state={"reserve": "0 MiB"})
        service.live(60.0)
        assert (clears, far_end.bodies) == ([1], [text, text])


def test_import_and_commands_leave_it_too(tmp_path: Path) -> None:
    """Whoever else archives stops there with an error, and nothing of the file stays."""
    far_end = FarEnd()
    file = tmp_path / "old"
    file.write_bytes(call(1, EPOCH))
    with service_in(tmp_path, far_end, **NEVER) as service:
        importer = Importer(service.store, ship="now", room=Room(service.settings.state))
        with OpenFile(file) as opened, pytest.raises(StateError, match="too little is free"):
            importer.add(opened)
        assert service.archived() == b""
        write(service, call(3, EPOCH))
        with pytest.raises(StateError, match=r"state\.reserve"):
            read_to_the_end(service.settings, service.store)
        assert service.archived() == b""


# A real file system that others fill


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


def fill(disk: Path) -> None:
    """Let somebody else take most of the disk."""
    with (disk / "voicemail").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 44 * MIB)


@is_root
@given(st.lists(st.sampled_from(["call", "call", "fill", "free", "rotate", "crash", "live"])))
@settings(max_examples=25, deadline=None)
def test_any_history_of_a_disk(disk: Path, moves: list[str]) -> None:
    """While little is free the archive stands still; afterwards each line is there once, in order.

    So it is whatever is rotated meanwhile, and whenever it crashes.
    """
    shutil.rmtree(disk / "own", ignore_errors=True)
    (disk / "voicemail").unlink(missing_ok=True)
    (disk / "own").mkdir()
    far_end, text, rotated = FarEnd(), b"", 0
    with service_in(disk / "own", far_end, reserve="32 MiB") as service:
        for number, move in enumerate(moves):
            before, full = service.archived(), (disk / "voicemail").exists()
            if move == "call":
                text += write(service, call(2 * number + 1, int(service.clock.wall_now)))
            elif move == "fill":
                fill(disk)
            elif move == "free":
                (disk / "voicemail").unlink(missing_ok=True)
            elif move == "rotate" and service.path.stat().st_size:
                service.path.rename(service.path.with_name(f"queue_log.{10_000 + rotated}"))
                service.path.touch()
                rotated += 1
            elif move == "crash":
                service.crash()
            service.live(30.0)
            if full and move != "free":
                assert service.archived() == before
                assert "disk" in service.shipper.troubles
        (disk / "voicemail").unlink(missing_ok=True)
        service.live(120.0)
        assert service.archived() == text
        assert b"".join(far_end.bodies) == text
        assert service.shipper.troubles == {}


@is_root
def test_a_backlog_stops_at_the_reserve(disk: Path) -> None:
    """However much there is to read, one look's worth at most is taken from the reserve."""
    shutil.rmtree(disk / "own", ignore_errors=True)
    (disk / "voicemail").unlink(missing_ok=True)
    (disk / "own").mkdir()
    far_end = FarEnd()
    far_end.away = True
    with service_in(disk / "own", far_end, reserve="56 MiB") as service:
        # Nothing that compresses: an archive of these numbers is as large as they are.
        for _ in range(40):
            noise = os.urandom(MIB // 2).hex().encode()
            lines = [noise[at : at + 1_000] for at in range(0, len(noise), 1_000)]
            write(
                service,
                b"".join(
                    b"%d|%d.1|q|NONE|ENTERQUEUE||%s|1\n" % (EPOCH, 2 * at + 1, line)
                    for at, line in enumerate(lines)
                ),
            )
            service.live(1.0)
            if service.shipper.shortage is not None:
                break
            service.path.write_bytes(b"")  # the logs are on a disk of their own
        found = os.statvfs(disk)
        free = found.f_bavail * found.f_frsize
        assert service.shipper.shortage is not None
        assert 56 * MIB - 4 * MIB < free < 56 * MIB
