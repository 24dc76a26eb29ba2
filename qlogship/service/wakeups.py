"""Hints from the file system that a look at the queue_log may be worth it.

Two kinds of watches, so that a busy directory does not wake us: the directories
of the family for files that come, go or are renamed, and the live file alone
for growth. Where the system gives no watches (inotify's limit, some network
mounts), the slow poll does the work alone.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.events import (
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from qlogship.installation.doors import NotOpened, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchdog.observers.api import ObservedWatch

_COMES_AND_GOES = [FileCreatedEvent, FileDeletedEvent, FileMovedEvent]


class _Handler(FileSystemEventHandler):
    """Pass on an event that concerns a name of the family; nothing else."""

    def __init__(self, prefix: str, tell: Callable[[], None]) -> None:
        self._prefix = prefix
        self._tell = tell

    def dispatch(self, event: FileSystemEvent) -> None:
        """Look at source and destination of an event."""
        for path in (event.src_path, event.dest_path):
            name = path if isinstance(path, str) else bytes(path).decode(errors="replace")
            if name.startswith(self._prefix):
                self._tell()
                return


class Wakeups:
    """Watch a queue_log; call `grown` or `changed`, on a thread of watchdog's.

    Both must do next to nothing: put a word into a mailbox.
    """

    def __init__(
        self,
        path: Path,
        archives: Iterable[str],
        *,
        grown: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._path = path
        self._grown = grown
        # Two observers: in one, a watch on a file swallows the events of its
        # directory about that file (seen with watchdog 7.1).
        self._directories = Observer()
        self._files = Observer()
        self._live: tuple[tuple[int, int], ObservedWatch] | None = None
        self.complete = True
        """Whether the system gave all the watches that were asked for."""
        for directory in {path.parent, *(Path(pattern).parent for pattern in archives)}:
            handler = _Handler(str(directory / path.name), changed)
            try:
                self._directories.schedule(handler, str(directory), event_filter=_COMES_AND_GOES)
            except OSError:
                self.complete = False
        for observer in (self._directories, self._files):
            try:
                observer.start()
            except OSError:
                self.complete = False
        self.follow()

    def follow(self) -> None:
        """Watch the file that the path leads to now for growth."""
        try:
            status = look(self._path)
        except (OSError, NotOpened):
            return
        key = status.st_dev, status.st_ino
        if self._live is not None:
            if self._live[0] == key:
                return
            with suppress(KeyError, OSError):
                self._files.unschedule(self._live[1])
            self._live = None
        handler = _Handler(str(self._path), self._grown)
        try:
            watch = self._files.schedule(handler, str(self._path), event_filter=[FileModifiedEvent])
        except OSError:
            self.complete = False
            return
        self._live = key, watch

    def close(self) -> None:
        """End the watching."""
        for observer in (self._directories, self._files):
            if observer.is_alive():
                observer.stop()
                observer.join(timeout=2)
