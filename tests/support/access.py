"""Letting other users get to a test's files."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def open_to_all(directory: Path) -> None:
    """Let every user enter and list `directory`, and those above it that pytest made.

    The directory of temporary files itself stays as it is: it belongs to the machine.
    """
    top = Path(tempfile.gettempdir())
    for path in (directory, *directory.parents):
        if path != top and path.is_relative_to(top):
            path.chmod(0o755)


def act_as(user: int) -> None:
    """Become a user without groups, for good."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def as_user(user: int, work: Callable[[], str]) -> str:
    """Do this work in a process of another user; return its result, or what it raised.

    The process is a fork, since that user may not be allowed to read our Python.
    """
    results, result = os.pipe()
    child = os.fork()
    if child == 0:
        said = "broke off"
        try:
            act_as(user)
            said = work()
        except BaseException as error:  # noqa: BLE001  # the parent judges it
            said = repr(error)
        finally:
            os.write(result, said.encode())
            os._exit(0)
    os.close(result)
    with os.fdopen(results) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def do_as(user: int, work: Callable[..., object], *arguments: object) -> None:
    """Do this as another user; what it raises there is a failure here."""

    def done() -> str:
        work(*arguments)
        return "done"

    assert as_user(user, done) == "done"


@contextmanager
def busy(user: int, work: Callable[[], object]) -> Iterator[None]:
    """Let another user do this work over and over while the block runs."""
    child = os.fork()
    if child == 0:
        try:
            act_as(user)
            while True:
                work()
        finally:
            os._exit(1)
    try:
        yield
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it has ended"
    finally:
        os.kill(child, 9)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)
