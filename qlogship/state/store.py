"""The store as the service holds it: the lock, the connection, and the parts."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from time import time
from typing import TYPE_CHECKING, Final

from qlogship.archive.archive import Archive
from qlogship.archive.retention import Retention
from qlogship.archive.spans import Timeline
from qlogship.errors import StateError
from qlogship.shipping.erased import ErasedUploads
from qlogship.shipping.generations import Generations
from qlogship.shipping.ledger import Ledger
from qlogship.shipping.position import ShippingPosition
from qlogship.shipping.repeated_calls import RepeatedCalls
from qlogship.shipping.resync.rows import Resyncs
from qlogship.source.cursor import Cursor
from qlogship.state.database import FILE_NAME, connect, reported, transaction, user_name
from qlogship.state.erasures import Erasures, scrub
from qlogship.state.figures import figures
from qlogship.state.lock import StateLock
from qlogship.state.repairs import repair
from qlogship.state.requests import Requests
from qlogship.state.sent_mark import SentMark
from qlogship.troubles.rows import Troubles
from qlogship.wording import typed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qlogship.shipping.destination import Destination
    from qlogship.state.figures import Figures
    from qlogship.troubles.rows import Trouble


_SPARE: Final = 16 * 1024 * 1024
"""Bytes that stay free besides when the file is built anew."""


class Store:
    """Open a state directory for writing; one process at a time.

    `alive` is called every now and then while that takes long.
    Makes the directory when it is missing. Raises `LockedError` when another
    process has it and `StateError` when it cannot be used.
    """

    def __init__(self, directory: Path, *, alive: Callable[[], None] = lambda: None) -> None:
        self._directory = directory
        self._alive = alive
        with reported(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(directory, os.W_OK | os.X_OK):
                raise StateError(
                    f"the state directory {directory} may not be written by {user_name()}",
                    hint=f"Run this as its owner, or `chown -h {user_name()} {typed(directory)}`.",
                )
            self._lock = StateLock(directory)
        with ExitStack() as undo:
            undo.callback(self._lock.release)
            self._mark = SentMark(directory)
            undo.callback(self._mark.close)
            self._open()
            self.unscrubbed = self._finish_erasing()
            undo.pop_all()

    def _open(self) -> None:
        self._db, self.repairs = connect(self._directory)
        try:
            with reported(self._directory):
                self.archive = Archive(self._db)
                self.cursor = Cursor(self._db)
                self.erasures = Erasures(self._db)
                self.erased_uploads = ErasedUploads(self._db, self.archive)
                self.generations = Generations(self._db)
                self.ledger = Ledger(self._db)
                self.position = ShippingPosition(self._db)
                self.repeated_calls = RepeatedCalls(self._db, self.archive)
                self.requests = Requests(self._db)
                self.resyncs = Resyncs(self._db)
                self.troubles = Troubles(self._db)
        except BaseException:
            self._db.close()
            raise

    def reopen(self) -> None:
        """Open the database anew, after a failure; the lock is kept all the while.

        `archive`, `cursor`, `ledger` and the other parts are new ones then. Raises
        `StateError` when it still cannot be used.
        """
        with reported(self._directory):
            self.archive.chunks.close()
            self._db.close()
        self._open()

    def _finish_erasing(self) -> StateError | None:
        """Overwrite what an erase has left that was interrupted; return why that fails."""
        with reported(self._directory):
            due = self.erasures.due
        try:
            if due:
                self.scrub()
        except StateError as error:
            return error
        return None

    def scrub(self, *, say: Callable[[str], None] = lambda _stage: None) -> None:
        """Overwrite what was erased wherever the file still holds it; `say` hears each stage.

        The parts of the store are new ones then. Raises `StateError`.
        """
        path = self._directory / FILE_NAME
        with reported(path):
            self.archive.chunks.close()
            self._db.close()
            try:
                scrub(path, say=say, alive=self._alive)
            finally:
                self._open()
        with self.transaction():
            self.erasures.scrubbed(at=time())

    def room(self) -> tuple[int, int]:
        """Return the bytes that a `scrub` takes for a while, and those that are free."""
        with reported(self._directory):
            pages, size = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "page_size")
            )
            found = os.statvfs(self._directory)
            return 2 * pages * size + _SPARE, found.f_bavail * found.f_frsize

    def complain(self, trouble: Trouble | None) -> None:
        """Say, outside of the database, what keeps it from being used; None when nothing does."""
        self._lock.complain(trouble)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block writes, or none of it."""
        with transaction(self._db, self._directory / FILE_NAME):
            try:
                yield
                self.archive.chunks.finish()
            except BaseException:
                self.archive.chunks.forget_unwritten()
                raise

    def put_right(self) -> None:
        """Compare every row with its copy and put right what differs; within a transaction."""
        repair(self._db, large=True)

    def marked_sends(self) -> int:
        """Return how many attempts were begun by the mark outside of the database."""
        return self._mark.read()

    def mark_sends(self) -> None:
        """Write that mark; to be done before the attempt that was begun leaves."""
        with reported(self._directory):
            sends = self.ledger.sends()
        self._mark.write(sends)

    def retention(self, before: int) -> Retention:
        """Begin to let leave what is older; within a transaction."""
        given_up = self.resyncs.given_up()
        return Retention(self._db, self.archive, before=before, given_up=given_up)

    def timeline(self) -> Timeline:
        """Return the order of time, to read and to write."""
        with reported(self._directory):
            return Timeline(self._db, self.archive)

    def figures(self, destination: Destination | None = None) -> Figures:
        """Return the sums that `status` shows, but for calls that are not counted yet."""
        with reported(self._directory):
            return figures(self._db, count_all=False, destination=destination)

    @contextmanager
    def moment(self) -> Iterator[sqlite3.Connection]:
        """Hold the database as it is at one moment, to read."""
        with reported(self._directory):
            self.archive.chunks.finish()
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.rollback()

    def close(self) -> None:
        """Close the file and let go of the lock."""
        try:
            self.archive.chunks.close()
            self._db.close()
            self._mark.close()
        finally:
            self._lock.release()
