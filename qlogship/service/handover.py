"""The state directory changes hands: a command borrows it from the service for a moment.

Theory of operation. A command that must write asks with a row and wakes the
service with SIGUSR1. The service ends its step, closes the store and so lets go
of the lock; an upload under way goes on meanwhile. When the command is done, or
has died, the lock is free again and the service takes it back. The lock itself
is the only truth: nobody writes without it.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.errors import LockedError
from qlogship.state.requests import ask_for_handover
from qlogship.state.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.config import Settings

HINT: Final = signal.SIGUSR1
"""The signal that tells the service to look at what commands ask."""

_LONGEST: Final = 30.0
_AGAIN: Final = 0.05


@contextmanager
def borrowed(settings: Settings) -> Iterator[Store]:
    """Hold the state directory while the block runs; a running service lends it.

    Raises `LockedError` when it is not lent within half a minute: by a service
    that hangs, or by another command. Raises `StateError`.
    """
    no_hints()
    store = _taken(settings.state.directory)
    try:
        yield store
    finally:
        store.close()


def no_hints() -> None:
    """Ignore the hint from now on: this process holds the lock and is not the service."""
    signal.signal(HINT, signal.SIG_IGN)


def wake(pid: int | None) -> None:
    """Tell the service to look at once; without it, it looks within seconds.

    A process that is no qlogship is left alone: the number stands in a file, and in a
    container, or after the service has gone, it may be that of something else.
    """
    if pid:
        with suppress(OSError):  # another user's, or just gone
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"qlogship" in map(os.path.basename, words):
                os.kill(pid, HINT)


def _taken(directory: Path) -> Store:
    asked: int | None = 0  # nobody
    until = time.monotonic() + _LONGEST
    while True:
        try:
            store = Store(directory)
        except LockedError as error:
            if time.monotonic() >= until:
                raise
            if error.pid != asked:  # also one that was started meanwhile
                asked = error.pid
                ask_for_handover(directory, pid=os.getpid(), at=time.time())
                wake(asked)
            time.sleep(_AGAIN)
        else:
            with store.transaction():
                store.requests.forget()
            return store
