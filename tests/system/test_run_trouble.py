"""`qlogship run` where the machine is at fault: files, disks, owners."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.errors import ExitCode
from tests.support.calls import call
from tests.support.installation import PROGRAM, Installation, Running
from tests.support.notify import Manager
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800
NOBODY: Final = 65_534
UNKNOWN: Final = 54_321
AS_ROOT: Final = os.geteuid() == 0


@pytest.fixture
def somebody(dashboard: Sandbox) -> Iterator[Installation]:
    """Return an installation that runs as an ordinary user: nobody, when root runs the tests."""
    if AS_ROOT:
        try:
            subprocess.run(
                [PROGRAM, "--version"],
                user=NOBODY,
                extra_groups=[],
                capture_output=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("nobody may not run this Python")
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="qlogship-") as directory:
        installation = Installation(Path(directory), dashboard.url)
        if AS_ROOT:
            installation.belong_to(NOBODY)
        yield installation


@pytest.fixture
def powerless(installation: Installation) -> Installation:
    """Return an installation for which the modes of files count, also when root runs the tests."""
    if AS_ROOT:
        if shutil.which("setpriv") is None:
            pytest.skip("there is no setpriv to take root's powers away")
        installation.prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    return installation


# --- the queue_log


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "unreadable"])
def test_a_queue_log_that_heals(kind: str, powerless: Installation, dashboard: Sandbox) -> None:
    """It stays up, says what is wrong once, and ships all when it can be read."""
    path = powerless.log
    text = call(1, NOON)
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "unreadable":
        path.write_bytes(text)
        path.chmod(0)
    with powerless.start() as service:
        service.wait_for("trouble_began")
        (message,) = until(powerless.troubles).values()
        assert str(path) in message
        if kind == "directory":
            path.rmdir()
        elif kind == "fifo":
            path.unlink()
        elif kind == "unreadable":
            path.chmod(0o644)  # its owner is no more allowed to write than to read
        path.write_bytes(text)
        path.chmod(0o644)
        service.wait_for("trouble_ended")
        service.wait_for("batch_accepted")
        assert dashboard.bodies() == [text]
        assert len(service.events("trouble_began")) == 1
        until(lambda: powerless.troubles() == {})
        assert service.stop() == ExitCode.DONE


def test_a_queue_log_that_goes_away_under_way(
    installation: Installation, dashboard: Sandbox
) -> None:
    """What was written to it before and after is shipped."""
    installation.write(call(1, NOON))
    with installation.start() as service:
        service.wait_for("batch_accepted")
        installation.write(call(3, NOON + 60))
        installation.log.unlink()
        service.wait_for("trouble_began")
        installation.write(call(5, NOON + 120))
        service.wait_for("trouble_ended")
        until(lambda: len(dashboard.calls()) == 3)
        assert b"".join(dashboard.bodies()) == call(1, NOON) + call(3, NOON + 60) + call(
            5, NOON + 120
        )
        assert service.stop() == ExitCode.DONE


# --- the state directory


def limit(service: Running, *, size: int | None) -> None:
    """Let the service write no file beyond `size` bytes; None takes the limit away."""
    _, most = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (most if size is None else size, most))


@pytest.mark.slow
def test_a_state_directory_that_cannot_be_written_for_a_while(
    installation: Installation, dashboard: Sandbox
) -> None:
    """It stays up and alive, says so once, sends nothing unrecorded; then all goes out once."""
    texts = [call(number, NOON + number) for number in range(1, 9, 2)]
    installation.write(texts[0])
    with Manager() as manager, installation.start(**manager.environment(watchdog=1.0)) as service:
        service.wait_for("batch_accepted")
        limit(service, size=1)
        installation.write(texts[1])
        failed = service.wait_for("state_failed")
        assert failed["level"] == "error"
        assert failed["hint"]
        until(lambda: "state directory" in manager.statuses()[-1], what=str(manager.said))
        pings = len(manager.times("WATCHDOG=1"))
        installation.write(texts[2])
        # Long enough for a try that is in vain.
        manager.wait_for("WATCHDOG=1", pings + 12)
        assert len(service.events("state_failed")) == 1
        assert service.events("state_recovered") == []
        assert dashboard.bodies() == texts[:1]
        # Whoever moves the state to another disk, because this one is full, must be heard.
        service.send(signal.SIGHUP)
        limit(service, size=None)
        service.wait_for("state_recovered")
        service.wait_for("settings_reloaded")
        installation.write(texts[3])
        until(lambda: b"".join(dashboard.bodies()) == b"".join(texts), what=str(dashboard.bodies()))
        assert {row.possible_duplicate for row in installation.ledger()} == {False}
        assert installation.troubles() == {}
        assert service.stop() == ExitCode.DONE


@pytest.mark.slow
def test_an_upload_under_way_survives_a_failing_state_directory(
    installation: Installation, dashboard: Sandbox
) -> None:
    """Its answer is written down when that can be done again; it is not sent twice."""
    dashboard.script([{"do": "delay", "seconds": 1.0}])
    installation.write(call(1, NOON))
    with installation.start() as service:
        assert dashboard.wait_for(lambda: not dashboard.faults_left())
        limit(service, size=1)
        installation.write(call(3, NOON + 60))
        service.wait_for("state_failed")
        assert dashboard.wait_for(lambda: len(dashboard.bodies()) == 1)
        limit(service, size=None)
        service.wait_for("batch_accepted", 2)
        assert dashboard.bodies() == [call(1, NOON), call(3, NOON + 60)]
        assert [(row.attempts, row.possible_duplicate) for row in installation.ledger()] == [
            (1, False),
            (1, False),
        ]
        assert service.stop() == ExitCode.DONE


@pytest.mark.parametrize("under_way", [False, True])
def test_stop_while_the_state_directory_fails(
    installation: Installation, dashboard: Sandbox, *, under_way: bool
) -> None:
    """It ends all the same, with the answer to an upload lost if that cannot be helped."""
    if under_way:
        dashboard.script([{"do": "delay", "seconds": 1.0}])
    installation.write(call(1, NOON))
    with installation.start() as service:
        if under_way:
            assert dashboard.wait_for(lambda: not dashboard.faults_left())
        else:
            service.wait_for("batch_accepted")
        limit(service, size=1)
        if not under_way:
            installation.write(call(3, NOON))
            service.wait_for("state_failed")
        try:
            assert service.stop(8.0) == ExitCode.DONE
        except subprocess.TimeoutExpired:
            pytest.fail("it does not end")


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.skipif(not AS_ROOT, reason="only root can mount")
def test_a_full_disk(installation: Installation, dashboard: Sandbox) -> None:
    """With no space left nothing is lost: status says so, and it reads on when there is some."""
    installation.state.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k,mode=700", "qlogship-test", installation.state],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        text = b"".join(call(number, NOON + number) for number in range(1, 20_000, 2))
        installation.write(text[:5_000])
        with installation.start() as service:
            service.wait_for("batch_accepted")
            installation.write(text[5_000:])
            failed = service.wait_for("state_failed")
            assert "full" in failed["message"]
            (trouble,) = installation.status()["troubles"]
            assert (trouble["kind"], trouble["message"]) == ("state", failed["message"])
            assert trouble["hint"] == failed["hint"]
            assert trouble["since"] > NOON
            subprocess.run(["mount", "-o", "remount,size=64m", installation.state], check=True)
            service.wait_for("state_recovered")
            until(lambda: sum(map(len, dashboard.bodies())) >= len(text), 20)
            assert b"".join(dashboard.bodies()) == text
            assert installation.status()["troubles"] == []
            assert service.stop() == ExitCode.DONE
    finally:
        subprocess.run(["umount", installation.state], check=True)


@pytest.mark.root
@pytest.mark.skipif(not AS_ROOT, reason="only root can mount")
def test_a_disk_with_too_little_room(installation: Installation, dashboard: Sandbox) -> None:
    """Below the reserve it says so everywhere and archives nothing; with room it goes on itself."""
    installation.state.mkdir(mode=0o700)
    figures = installation.directory / "figures.prom"
    installation.configure(state={"reserve": "16 MiB"}, metrics={"textfile": str(figures)})
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m,mode=0700", "qlogship-test", installation.state],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    voicemail = installation.state / "voicemail"
    try:
        texts = [call(number, NOON + number) for number in range(1, 7, 2)]
        installation.write(texts[0])
        with installation.start() as service:
            service.wait_for("batch_accepted")
            with voicemail.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, 20 * 1024 * 1024)
            installation.write(texts[1])
            said = service.wait_for("trouble_began")
            assert (said["kind"], said["level"]) == ("disk", "error")
            assert "16.0 MiB (state.reserve)" in said["message"]
            (trouble,) = installation.status()["troubles"]
            assert (trouble["kind"], trouble["message"]) == ("disk", said["message"])
            assert trouble["hint"] == said["hint"]
            assert "16.8 MiB" in trouble["hint"]
            until(lambda: 'kind="disk"' in figures.read_text(), 20)
            monitor = installation.call("check", "--monitor")
            assert (monitor.returncode, said["message"] in monitor.stdout) == (2, True)
            assert "disk.state-full" in installation.call("check", "--json", "--offline").stdout
            assert installation.status()["source"]["lag_bytes"] == len(texts[1])
            service.stop()
        once = installation.once()
        assert once.returncode == ExitCode.FAILED
        assert said["message"] in once.stderr
        assert installation.archived() == texts[0]
        with installation.start() as service:
            service.wait_for("trouble_began")
            voicemail.unlink()
            installation.write(texts[2])
            service.wait_for("trouble_ended")
            until(lambda: b"".join(dashboard.bodies()) == b"".join(texts), 20)
            assert service.stop() == ExitCode.DONE
        assert installation.troubles() == {}
    finally:
        subprocess.run(["umount", installation.state], check=True)


def test_a_corrupt_state_is_refused(installation: Installation, dashboard: Sandbox) -> None:
    """Nothing is read or sent before the state can be trusted; the file is left as it was."""
    installation.state.mkdir()
    database = installation.state / "qlogship.db"
    database.write_bytes(b"this was a database once" * 1000)
    before = database.read_bytes()
    installation.write(call(1, NOON))
    for arguments in (("run",), ("run", "--once"), ("status",)):
        done = installation.call(*arguments)
        assert done.returncode == ExitCode.FAILED
        assert str(database) in done.stderr
        assert "backup" in done.stderr
        assert "Traceback" not in done.stderr
    assert database.read_bytes() == before
    assert dashboard.requests() == []


def test_a_state_of_a_newer_version_is_refused(
    installation: Installation, dashboard: Sandbox
) -> None:
    """An older qlogship does not touch what it does not know."""
    installation.write(call(1, NOON))
    assert installation.once().returncode == ExitCode.DONE
    with sqlite3.connect(installation.state / "qlogship.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    for arguments in (("run", "--once"), ("status",)):
        done = installation.call(*arguments)
        assert done.returncode == ExitCode.FAILED
        assert "version 99" in done.stderr
        assert "newer" in done.stderr
    assert len(dashboard.bodies()) == 1


def test_a_state_directory_that_may_not_be_written(powerless: Installation) -> None:
    """It is named, and what to do about it."""
    powerless.write(call(1, NOON))
    powerless.state.mkdir()
    powerless.state.chmod(0o500)
    try:
        for arguments in (("run",), ("run", "--once")):
            refused(powerless, powerless.call(*arguments))
    finally:
        powerless.state.chmod(0o700)


@pytest.mark.root
@pytest.mark.skipif(not AS_ROOT, reason="only root can give a directory away")
def test_a_state_directory_of_another_user(somebody: Installation) -> None:
    """It is named, and what to do about it."""
    somebody.write(call(1, NOON))
    os.chown(somebody.state, 0, 0)
    for arguments in (("run",), ("run", "--once"), ("status",)):
        refused(somebody, somebody.call(*arguments))


def refused(installation: Installation, done: subprocess.CompletedProcess[str]) -> None:
    """The state directory was refused in plain words."""
    assert done.returncode == ExitCode.FAILED
    assert str(installation.state) in done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


# --- root


@pytest.mark.root
@pytest.mark.skipif(not AS_ROOT, reason="only root can be somebody else")
def test_root_leaves_nothing_of_its_own(somebody: Installation, dashboard: Sandbox) -> None:
    """Commands that root runs on the service's state leave no file the service cannot write."""
    somebody.write(call(1, NOON))
    somebody.user = None
    assert somebody.once().returncode == ExitCode.DONE
    assert owners(somebody.state) == {NOBODY}
    for arguments in (("status",), ("uploads",), ("status", "--json")):
        assert somebody.call(*arguments).returncode == ExitCode.DONE
        assert owners(somebody.state) == {NOBODY}
    somebody.write(call(3, NOON))
    with somebody.start() as service:
        service.wait_for("batch_accepted")
        assert owners(somebody.state) == {NOBODY}
        assert service.stop() == ExitCode.DONE
    somebody.user = NOBODY
    somebody.write(call(5, NOON))
    with somebody.start() as service:
        service.wait_for("batch_accepted")
        somebody.user = None
        assert somebody.call("status").returncode == ExitCode.DONE
        assert owners(somebody.state) == {NOBODY}
        service.send(signal.SIGKILL)
        service.wait()
    # Beside what a kill left behind, too.
    assert somebody.call("status").returncode == ExitCode.DONE
    assert owners(somebody.state) == {NOBODY}
    assert len(dashboard.bodies()) == 3


@pytest.mark.root
@pytest.mark.skipif(not AS_ROOT, reason="only root can be somebody else")
def test_a_resync_by_root_leaves_nothing_of_its_own(
    somebody: Installation, dashboard: Sandbox
) -> None:
    """Root may resync beside the service and in its stead, and no file becomes root's."""
    somebody.write(call(1, NOON))
    assert somebody.once("--flush").returncode == ExitCode.DONE
    with somebody.start() as service:
        service.wait_for("service_started")
        somebody.user = None
        assert somebody.call("resync", "--yes").returncode == ExitCode.DONE
        assert owners(somebody.state) == {NOBODY}
        service.kill()
    done = somebody.call("resync", "--yes")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert owners(somebody.state) == {NOBODY}
    somebody.user = NOBODY
    somebody.write(call(3, NOON))
    assert somebody.once("--flush").returncode == ExitCode.DONE
    assert len(dashboard.calls()) == 2


@pytest.mark.root
@pytest.mark.skipif(not AS_ROOT, reason="only root can give a directory away")
def test_a_state_directory_of_a_user_without_a_name(somebody: Installation) -> None:
    """An owner that no passwd knows, as in containers, is an owner all the same."""
    somebody.write(call(1, NOON))
    somebody.user = None
    for path in (somebody.state, somebody.password_file):
        os.chown(path, UNKNOWN, UNKNOWN)
    done = somebody.once()
    assert done.returncode == ExitCode.DONE, done.stderr
    assert owners(somebody.state) == {UNKNOWN}


def owners(directory: Path) -> set[int]:
    """Return who owns a directory and what is in it."""
    return {path.stat().st_uid for path in (directory, *directory.iterdir())}
