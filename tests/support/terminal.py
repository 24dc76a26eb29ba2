"""A program on a terminal of its own, and somebody who types there."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

CTRL_C = b"\x03"
CTRL_D = b"\x04"

_LAST = "\0the end\0"


class Terminal:
    """Run a command with a terminal as stdin, stdout, stderr and /dev/tty; use it in a `with`."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        # A terminal becomes the session leader's own when that one opens it.
        shell = 'exec "$@" <>"$0" >&0 2>&0'
        self.process = subprocess.Popen(
            ["sh", "-c", shell, os.ttyname(theirs), *command],
            env=environ,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        self._theirs = theirs
        self.shown = ""
        self._read_to = 0

    def expect(self, text: str, seconds: float = 20.0) -> None:
        """Wait until this is shown, behind what was waited for before."""
        deadline = time.monotonic() + seconds
        while (at := self.shown.find(text, self._read_to)) < 0:
            if not self._read(deadline):
                raise AssertionError(f"{text!r} is not shown, only:\n{self.shown[self._read_to :]}")
        self._read_to = at + len(text)

    def type(self, text: str | bytes) -> None:
        """Type a line, or bytes as they are."""
        os.write(self._ours, text if isinstance(text, bytes) else f"{text}\n".encode())

    def answer(self, *pairs: tuple[str, str]) -> None:
        """Type each answer when its question is shown."""
        for question, text in pairs:
            self.expect(question)
            self.type(text)

    def end(self, seconds: float = 20.0) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            self._read(deadline, at_most=0.01)
            assert time.monotonic() < deadline, f"it does not end:\n{self.shown}"
        # What the program has written comes before what is written now.
        os.write(self._theirs, _LAST.encode())
        self.expect(_LAST)
        self.shown = self.shown.removesuffix(_LAST)
        return self.process.returncode

    @property
    def arguments_and_environment(self) -> bytes:
        """What others can see of the process, as `ps` and /proc show it."""
        directory = Path("/proc", str(self.process.pid))
        return (directory / "cmdline").read_bytes() + (directory / "environ").read_bytes()

    def _read(self, deadline: float, *, at_most: float = 20.0) -> bool:
        wait = min(max(0.0, deadline - time.monotonic()), at_most)
        if not select.select([self._ours], [], [], wait)[0]:
            return False
        # Our own end of the other side stays open, so this never fails.
        self.shown += os.read(self._ours, 65536).decode(errors="replace").replace("\r\n", "\n")
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)
