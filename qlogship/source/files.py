"""Open files of the queue_log family, plain or compressed, behind one way of reading."""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.installation.doors import NotOpened, open_to_read
from qlogship.source.compression import (
    MAGIC_BYTES,
    DamagedError,
    Decompressing,
    TooLongError,
    compression,
)
from qlogship.source.streams import HEAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from qlogship.installation.doors import Own

LONGEST_RECORD: Final = 8 * 1024 * 1024


class OpenFile:
    """One file, open for reading; closed by `close` or at the end of a `with`.

    Raises `SourceUnreadable` when it is missing, may not be read, or is not opened for
    what it is: `installation/doors.py` says what is. `own` tells which files are qlogship's
    own. A `plain` file is never taken for a compressed one, whatever it begins with. More than
    `patience` seconds are not spent on finding a place in a compressed one.
    """

    def __init__(
        self,
        path: Path,
        *,
        plain: bool = False,
        own: Own = frozenset,
        patience: float = math.inf,
    ) -> None:
        self.path = path
        self._patience = patience
        with readable(path):
            self._handle = open_to_read(path, own)
            try:
                self.status = os.fstat(self._handle)
                self.compression = (
                    None
                    if plain
                    else compression(os.pread(self._handle, MAGIC_BYTES, 0), suffix=path.suffix)
                )
            except BaseException:
                os.close(self._handle)
                raise
        self._text: Decompressing | None = None
        self._kept_at, self._kept = 0, b""  # what was decompressed last

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.status.st_dev, self.status.st_ino

    def refresh(self) -> os.stat_result:
        """Ask for the status again; it is kept in `status`."""
        with readable(self.path):
            self.status = os.fstat(self._handle)
        return self.status

    def start(self, size: int = HEAD_BYTES) -> bytes:
        """Return the first bytes of the text, decompressed."""
        if self.compression is None:
            return self.read_at(0, size)
        with readable(self.path):
            return self._decompressing(self.compression).read(size)[:size]

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes of the text at `offset`; fewer only at its end.

        In a compressed file, going forward is cheap, going back starts anew.
        """
        with readable(self.path):
            if self.compression is None:
                return os.pread(self._handle, size, offset)
            if self._text is None or offset < self._kept_at:
                self._text, self._kept_at, self._kept = (
                    self._decompressing(self.compression),
                    0,
                    b"",
                )
            until = monotonic() + self._patience
            while self._text.position <= offset:
                self._kept_at, self._kept = self._text.position, self._text.read(1 << 18)
                if not self._kept:
                    return b""
                if self._text.position <= offset and monotonic() > until:
                    raise TooLongError
            # Callers cut at the last newline and come back for the rest.
            self._kept = self._kept[offset - self._kept_at :]
            self._kept_at = offset
            if len(self._kept) < size:
                try:
                    self._kept += self._text.read(size - len(self._kept))
                except DamagedError:
                    if not self._kept:
                        raise
            return self._kept[:size]

    def read_lines(self, offset: int, limit: int) -> bytes:
        """Return whole lines at `offset`, about `limit` bytes, but at least one line."""
        if limit <= 0:
            return b""
        data = self.read_at(offset, limit)
        end = data.rfind(b"\n") + 1
        while end == 0 and len(data) >= limit and limit < LONGEST_RECORD:
            limit *= 8
            data = self.read_at(offset, limit)
            end = data.rfind(b"\n") + 1
        # No newline in megabytes: this is no text, and waiting would stop everything.
        return data[:end] if end or len(data) < LONGEST_RECORD else data

    def end_of_lines(self) -> int:
        """Return the offset behind the last whole line of a plain file, as of its `status`.

        It is the end itself where no line ends in megabytes: as in `read_lines`, this is no text.
        """
        end = self.status.st_size
        lowest = max(0, end - LONGEST_RECORD)
        while end > lowest:
            start = max(0, end - HEAD_BYTES)
            newline = self.read_at(start, end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
        return self.status.st_size if lowest else 0

    @property
    def whole(self) -> bool:
        """Whether the end that `read_at` met is the real end of the text."""
        return self.compression is None or (self._text is not None and self._text.whole)

    def _decompressing(self, kind: str) -> Decompressing:
        """Return what reads the text from its beginning on."""
        position = 0

        def read(size: int) -> bytes:
            nonlocal position
            data = os.pread(self._handle, size, position)
            position += len(data)
            return data

        return Decompressing(read, kind, patience=self._patience)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the system says about a file into `SourceUnreadable`."""
    try:
        yield
    except NotOpened as error:
        raise SourceUnreadable(f"the queue_log {error.problem}", hint=error.hint) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except TooLongError as error:
        raise SourceUnreadable(
            f"the compressed file {path} is not read to its end: that would take too long",
            hint="If it is a queue_log, decompress it, and take it with `qlogship import FILE`.",
        ) from error
    except DamagedError as error:
        raise SourceUnreadable(
            f"the compressed file {path} is damaged: {error}",
            hint="Restore it from a backup if there is one; what could be read was archived.",
        ) from error


def unreadable(path: Path, error: OSError) -> SourceUnreadable:
    """Return in words why a file cannot be read, and what to do; `error` is its cause."""
    said = _said(path, error)
    said.__cause__ = error
    return said


def _said(path: Path, error: OSError) -> SourceUnreadable:
    match error:
        case FileNotFoundError():
            return SourceUnreadable(
                f"the queue_log {path} does not exist",
                hint="Check source.path, and that Asterisk writes a queue_log "
                "(logger.conf: queue_log = yes).",
            )
        case PermissionError():
            return SourceUnreadable(
                f"the queue_log {path} may not be read: {error.strerror}",
                # No name of a group or file: who owns this file may be whoever wants it opened.
                hint="Run `qlogship check` as root: it tells what lets the service read it.",
            )
        case _:
            return SourceUnreadable(
                f"the queue_log {path} cannot be read: {error.strerror or error}",
                hint="Check the file system it lies on.",
            )
