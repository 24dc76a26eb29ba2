"""The lock on a state directory: one process at a time, freed however that ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.errors import ExitCode, LockedError, StateError
from qlogship.state.lock import StateLock, complaint, holder
from qlogship.troubles.rows import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
    import sys
    from pathlib import Path
    from qlogship.state.lock import StateLock
    lock = StateLock(Path(sys.argv[1]))
    print("held", flush=True)
    sys.stdin.read()
    lock.release()
    print("released", flush=True)
    sys.stdin.close()
"""


def start(code: str, directory: Path) -> subprocess.Popen[str]:
    """Start another Python with this code."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


COMPLAIN: Final = """
    import sys
    from pathlib import Path
    from qlogship.state.lock import StateLock
    from qlogship.troubles.rows import Trouble
    lock = StateLock(Path(sys.argv[1]))
    for message in ("a long story that is told at first", "the disk is full", None):
        lock.complain(message and Trouble("state", 1795411800.5, message, "Free some space."))
        print("said", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a process that holds the lock."""
    with start(HOLD, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_second_process(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """The second one is refused with the first one's pid, in words and as a number."""
    with pytest.raises(LockedError) as caught:
        StateLock(tmp_path)
    error = caught.value

    assert error.pid == other.pid
    assert str(other.pid) in error.message
    assert str(tmp_path) in error.message
    assert f"kill {other.pid}" in error.hint
    assert error.exit_code == ExitCode.LOCKED


def test_refusal_disturbs_nobody(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """Being refused, and asking, take nothing from the one that holds it."""
    for _ in range(3):
        with pytest.raises(LockedError):
            StateLock(tmp_path)
        assert holder(tmp_path) == other.pid


def test_killed(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """After a kill -9 the lock is free, though its file still names the dead."""
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / "lock").read_text() == f"{other.pid}\n"
    assert holder(tmp_path) is None

    lock = StateLock(tmp_path)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_released(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """Once it is released another can have it."""
    assert other.stdin is not None
    other.stdin.close()
    other.wait(timeout=10)
    assert holder(tmp_path) is None

    StateLock(tmp_path).release()
    StateLock(tmp_path).release()


def test_nobody_holds_it(tmp_path: Path) -> None:
    """Of a directory without a lock file, or that is missing, nobody is the holder."""
    assert holder(tmp_path) is None
    assert holder(tmp_path / "missing") is None
    assert list(tmp_path.iterdir()) == []


def test_held_through_fork(tmp_path: Path) -> None:
    """A child that the holder starts neither has the lock nor takes it away when it ends."""
    lock = StateLock(tmp_path)
    subprocess.run([sys.executable, "-c", "pass"], check=True, close_fds=False)
    asking = """
        import sys
        from pathlib import Path
        from qlogship.state.lock import holder
        print(holder(Path(sys.argv[1])))
    """
    with start(asking, tmp_path) as process:
        said = process.communicate()[0]
    lock.release()

    assert said.strip() == str(os.getpid())


def test_many_at_once(tmp_path: Path) -> None:
    """Of many that start at the same time exactly one gets it."""
    with ExitStack() as stack:
        processes = [stack.enter_context(start(HOLD, tmp_path)) for _ in range(4)]
        first = [process.stdout.readline() for process in processes if process.stdout]
        for process in processes:
            process.communicate()

    assert first.count("held\n") == 1


def test_long_file(tmp_path: Path) -> None:
    """The lock file holds the pid of the holder, and nothing that was longer before it."""
    (tmp_path / "lock").write_text("1234567890123\n")
    lock = StateLock(tmp_path)

    assert re.fullmatch(r"\d+\n", (tmp_path / "lock").read_text())
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_complaint(tmp_path: Path) -> None:
    """What the holder says last is read, beside its pid; what a dead one said is not."""
    assert complaint(tmp_path) is None
    with start(COMPLAIN, tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = []
        for _ in range(3):
            process.stdout.readline()
            seen.append(complaint(tmp_path))
            assert holder(tmp_path) == process.pid
            process.stdin.write("\n")
            process.stdin.flush()
    assert [found and found.message for found in seen] == [
        "a long story that is told at first",
        "the disk is full",
        None,
    ]
    assert seen[1] == Trouble("state", 1_795_411_800.5, "the disk is full", "Free some space.")
    lock = StateLock(tmp_path)
    lock.complain(seen[1])
    lock.release()
    assert complaint(tmp_path) is None


def test_a_complaint_that_is_too_long(tmp_path: Path) -> None:
    """What might need another block of the disk is not said; the pid stays."""
    lock = StateLock(tmp_path)
    lock.complain(Trouble("state", 1.0, "x" * 5_000, ""))
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_unreadable_lock(tmp_path: Path) -> None:
    """A lock that cannot be looked at is a StateError, not an exception of the system."""
    (tmp_path / "lock").symlink_to(tmp_path / "lock")

    with pytest.raises(StateError, match="lock"):
        holder(tmp_path)


def test_looking_at_the_lock_does_not_loosen_it(tmp_path: Path) -> None:
    """The holder may look at its own lock file, and close that: nobody else gets the lock."""
    lock = StateLock(tmp_path)
    assert holder(tmp_path) == os.getpid()
    with (tmp_path / "lock").open("rb"):
        pass
    with start(HOLD, tmp_path) as another:
        assert another.communicate()[0] == ""
    lock.release()
