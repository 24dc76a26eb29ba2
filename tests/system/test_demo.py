"""`qlogship demo` as it is started from a shell: what it says, how it ends, what it leaves."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from qlogship.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., subprocess.Popen[str]]

PROGRAM = Path(sys.executable).with_name("qlogship")
OK = "OK: the dashboard holds exactly the calls that were written."
DEADLINE = 30


@contextmanager
def demos(directory: Path) -> Iterator[Start]:
    """Yield a function that starts a demo with its files in `directory`; end what still runs."""
    environment = {name: value for name, value in os.environ.items() if "QLOGSHIP" not in name}
    environment |= {"TMPDIR": str(directory), "TERM": "xterm-256color"}
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, out: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [PROGRAM, "demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a demo."""
    with demos(tmp_path) as run:
        yield run


@dataclass(frozen=True)
class Played:
    """How a demo ended that nobody interfered with; `left` is what it left behind."""

    exit_code: int
    out: str
    errors: str
    left: list[Path]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Return two demos, played side by side: with an honest dashboard, and with one that lies."""
    lies = tmp_path_factory.mktemp("lies") / "faults.json"
    lies.write_text(json.dumps([{"on": "upload", "do": "status", "status": 200, "body": "3"}]))
    directory = tmp_path_factory.mktemp("played")
    usual = ("--seconds", "1", "--speed", "1000")
    with demos(directory) as run:
        running = {"honest": run(*usual), "lying": run(*usual, "--faults", str(lies))}
        ended = {
            name: (demo.communicate(timeout=DEADLINE), demo.returncode)
            for name, demo in running.items()
        }
    left = list(directory.iterdir())
    return {name: Played(code, *texts, left) for name, (texts, code) in ended.items()}


def service_of(demo: subprocess.Popen[str]) -> int:
    """Return the service's process, as a file descriptor that can be read when it has ended."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if found := re.search(r"the service is process (\d+)", line):
            return os.pidfd_open(int(found[1]))
    raise AssertionError(demo.communicate()[1])


def has_ended(service: int) -> bool:
    """Wait for a process to end, and say whether it did."""
    try:
        return bool(select.select([service], [], [], DEADLINE)[0])
    finally:
        os.close(service)


def rows(out: str) -> dict[str, tuple[int, int]]:
    """Return the calls and the records that the verdict speaks of, by the words before them."""
    found = re.findall(r"^(\S.*?) +([\d,]+) +([\d,]+)$", out, re.MULTILINE)
    return {
        words: (int(calls.replace(",", "")), int(records.replace(",", "")))
        for words, calls, records in found
    }


def test_plain(played: dict[str, Played]) -> None:
    """Without a terminal: plain lines, a verdict, exit code 0, and nothing stays."""
    demo = played["honest"]
    assert (demo.exit_code, demo.errors, demo.left) == (ExitCode.DONE, "", [])
    assert demo.out.isascii()
    assert "\x1b" not in demo.out
    assert demo.out.splitlines()[-1] == OK
    written, archived, shipped, held, *wrong = rows(demo.out).values()
    assert written == archived == shipped == held
    assert min(written) > 10
    assert wrong == [(0, 0)] * 3


def test_lying_dashboard(played: dict[str, Played]) -> None:
    """What the dashboard says it took and does not hold is found missing: exit code 1."""
    demo = played["lying"]
    assert (demo.exit_code, demo.errors) == (ExitCode.FAILED, "")
    assert demo.out.splitlines()[-1].startswith("NOT OK: ")
    verdict = rows(demo.out)
    assert verdict["shipped, says its ledger"] == verdict["written by the call centre"]
    assert verdict["missing there"][1] > 0


def test_terminal(start: Start, tmp_path: Path) -> None:
    """On a terminal: a screen. Ctrl-C closes the call centre; a lost reply is no loss."""
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"on": "upload", "do": "lose_reply"}]))
    kept = tmp_path / "kept"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        demo = start("--speed", "1000", "--faults", str(faults), "--keep", str(kept), out=terminal)
    seen = b""
    while b"ENTERQUEUE" not in seen:
        seen += os.read(ours, 65536)
    demo.send_signal(signal.SIGINT)
    while True:
        try:
            seen += os.read(ours, 65536)
        except OSError:  # this is how the end of a terminal is told
            break
    os.close(ours)
    assert demo.wait(DEADLINE) == ExitCode.DONE
    for words in ("Call centre", "qlogship", "Dashboard", "http://127.0.0.1:", "came again", OK):
        assert words.encode() in seen
    listed = subprocess.run(
        [PROGRAM, "uploads", "--json", "-c", kept / "qlogship.toml"],
        stdout=subprocess.PIPE,
        check=True,
    )
    assert [upload["id"] for upload in json.loads(listed.stdout) if upload["attempts"] > 1] == [1]


def test_cut_short(start: Start, tmp_path: Path) -> None:
    """A second Ctrl-C ends it without a verdict, and leaves nothing behind."""
    demo = start()
    service = service_of(demo)
    demo.send_signal(signal.SIGINT)
    assert demo.stdout is not None
    assert any("clos" in line for line in demo.stdout)
    demo.send_signal(signal.SIGINT)
    out, _ = demo.communicate(timeout=DEADLINE)
    assert (demo.returncode, OK in out) == (ExitCode.INTERRUPTED, False)
    assert has_ended(service)
    assert list(tmp_path.iterdir()) == []


def test_terminated(start: Start, tmp_path: Path) -> None:
    """SIGTERM ends it at once, and leaves nothing behind."""
    demo = start()
    service = service_of(demo)
    demo.terminate()
    assert demo.wait(DEADLINE) == ExitCode.INTERRUPTED
    assert has_ended(service)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_killed(start: Start) -> None:
    """Even kill -9 leaves no service behind."""
    demo = start()
    service = service_of(demo)
    demo.kill()
    assert has_ended(service)


def test_service_dies(start: Start) -> None:
    """When the service ends by itself, the demo shows its last lines and fails."""
    demo = start()
    service = service_of(demo)
    signal.pidfd_send_signal(service, signal.SIGTERM)
    _, errors = demo.communicate(timeout=DEADLINE)
    assert demo.returncode == ExitCode.FAILED
    assert "error: the service ended by itself" in errors
    assert has_ended(service)


def test_nobody_reads(start: Start) -> None:
    """When nobody reads any more, it ends, and the service with it."""
    demo = start()
    service = service_of(demo)
    assert demo.stdout is not None
    demo.stdout.close()
    assert demo.wait(DEADLINE) != 0
    assert has_ended(service)


def test_keep_refuses(start: Start, tmp_path: Path) -> None:
    """A directory that holds something is not played in."""
    (tmp_path / "mine").touch()
    demo = start("--keep", str(tmp_path))
    out, errors = demo.communicate(timeout=DEADLINE)
    assert (demo.returncode, out) == (ExitCode.USAGE, "")
    assert "is not empty" in errors
