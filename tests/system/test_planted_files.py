"""The whole program among hostile neighbours: Asterisk's user, and its own user against root."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.errors import ExitCode
from tests.support.access import do_as
from tests.support.calls import call
from tests.support.installation import PASSWORD, PROGRAM, Installation
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800
ASTERISK: Final = 61_001
SERVICE: Final = 61_002

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else"),
]

# Every command that looks into the state directory.
COMMANDS: Final = [
    ("run", "--once"),
    ("status",),
    ("check", "--monitor"),
    ("check", "--offline"),
    ("import", "FILE"),
    ("export",),
    ("verify",),
    ("reconcile",),
    ("uploads",),
    ("uploads", "show", "1"),
    ("uploads", "resolve", "1", "--lost", "--yes"),
    ("quarantine", "list"),
    ("quarantine", "drop", "1", "--yes"),
    ("destination",),
    ("resync", "--yes"),
]


@pytest.fixture
def among(dashboard: Sandbox) -> Iterator[Installation]:
    """Return an installation of the service's user; the log directory is Asterisk's user's."""
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="qlogship-") as directory:
        installation = Installation(Path(directory), dashboard.url)
        installation.belong_to(SERVICE)
        os.chown(installation.log.parent, ASTERISK, ASTERISK)
        yield installation


@pytest.fixture
def running(among: Installation) -> Installation:
    """Return the installation where its user may run this Python."""
    try:
        subprocess.run(
            [PROGRAM, "--version"], user=SERVICE, extra_groups=[], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("other users may not run this Python")
    return among


def append(path: Path, text: bytes) -> None:
    """Write to the queue_log as Asterisk's user."""

    def work() -> None:
        with path.open("ab") as log:
            log.write(text)

    do_as(ASTERISK, work)


def test_links_to_the_services_own_files(running: Installation, dashboard: Sandbox) -> None:
    """Asterisk's user has nothing of the service's uploaded, and does not loosen its locks."""
    path, aside = running.log, running.log.with_name("aside")
    text = call(1, NOON)
    append(path, text)
    targets = [
        running.password_file,
        running.state / "qlogship.db-wal",
        running.state / "lock",
        running.state / "qlogship.db",
    ]
    with running.start() as service:
        service.wait_for("batch_accepted")
        for number, target in enumerate(targets, 2):
            do_as(ASTERISK, path.rename, aside)
            do_as(ASTERISK, path.symlink_to, target)
            until(
                lambda: "of qlogship's own" in running.troubles().get("source", ""),
                what=str(target),
            )
            do_as(ASTERISK, path.unlink)
            do_as(ASTERISK, aside.rename, path)
            append(path, call(number, NOON + number))
            text += call(number, NOON + number)
            service.wait_for("batch_accepted", number)
            assert running.once().returncode == ExitCode.LOCKED
            assert running.troubles() == {}
        assert service.stop() == ExitCode.DONE
    assert running.archived() == text
    assert PASSWORD.encode() not in b"".join(dashboard.bodies())
    assert running.call("verify").returncode == ExitCode.DONE


def test_a_fifo_in_place_of_the_queue_log(running: Installation) -> None:
    """A FIFO stops neither the service nor a command that looks at it."""
    do_as(ASTERISK, os.mkfifo, running.log)
    do_as(ASTERISK, os.mkfifo, running.log.with_name("queue_log.1"))
    with running.start() as service:
        service.wait_for("service_started")
        until(lambda: "is a FIFO" in running.troubles().get("source", ""))
        running.user = None
        for arguments in (("status",), ("check", "--offline")):
            assert "is a FIFO" in running.call(*arguments).stdout
        assert running.call("import", str(running.log)).returncode == ExitCode.SOURCE
        assert service.stop() == ExitCode.DONE


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_root_follows_no_link_to_the_state(among: Installation, arguments: tuple[str, ...]) -> None:
    """The service's user leads root nowhere by a state directory that is a link."""
    among.user = None
    file = among.directory / "old"
    file.write_bytes(call(1, NOON))
    append(among.log, call(2, NOON))
    victim = among.directory / "victim"
    victim.mkdir()
    lock = victim / "lock"
    lock.write_text("a long text that must stay as it is")
    south = among.state / "south"
    south.symlink_to(victim)
    os.lchown(south, SERVICE, SERVICE)
    among.configure(state={"directory": str(south)})
    done = among.call(*(str(file) if one == "FILE" else one for one in arguments))
    assert done.returncode != ExitCode.DONE
    assert f"the link {south}" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert list(victim.iterdir()) == [lock]
    assert lock.read_text() == "a long text that must stay as it is"


@pytest.mark.parametrize("arguments", COMMANDS[:5], ids=" ".join)
def test_root_is_stopped_by_no_lock(running: Installation, arguments: tuple[str, ...]) -> None:
    """A lock that is a FIFO or a link ends a command of root's in words, and nothing is changed."""
    running.user = None
    file = running.directory / "old"
    file.write_bytes(call(1, NOON))
    append(running.log, call(2, NOON))
    assert running.once().returncode == ExitCode.DONE
    victim = running.directory / "victim"
    victim.write_text("a long text that must stay as it is")
    lock = running.state / "lock"
    plants: list[tuple[Callable[..., object], Path]] = [
        (os.mkfifo, lock),
        (lock.symlink_to, victim),
    ]
    for plant, of in plants:
        lock.unlink()
        do_as(SERVICE, plant, of)
        done = running.call(*(str(file) if one == "FILE" else one for one in arguments))
        assert done.returncode != ExitCode.DONE
        assert str(lock) in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert victim.read_text() == "a long text that must stay as it is"


def test_root_exports_to_where_only_root_may(running: Installation) -> None:
    """The archive is read as its owner; the file is made and named as who called."""
    append(running.log, call(1, NOON))
    running.user = None
    assert running.once().returncode == ExitCode.DONE
    closed = running.directory / "closed"
    closed.mkdir(mode=0o700)
    for arguments in (("export", "-o"), ("reconcile", "--html")):
        out = closed / arguments[0]
        done = running.call(*arguments, str(out))
        assert done.returncode == ExitCode.DONE, done.stderr
        assert out.stat().st_uid == 0
    assert (closed / "export").read_bytes() == call(1, NOON)
