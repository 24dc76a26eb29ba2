"""Where a download goes: whole under its name, or not at all.

Theory of operation. A file is written beside its place under another name, which
starts with a dot and ends in `.part`, and gets its own name when it is whole and on
the disk. The dashboard cannot go on in the middle of a report, so what an
interrupted download left behind is of no use: the next one writes over it. Two
downloads to one place would spoil each other's part, so it is locked; a lock dies
with its process. A part that is a link, or somebody else's, is no left-over of ours
and is removed, never followed.

A place that is no ordinary file (a pipe, a terminal, a device) is written to as it
is, and so is a stream that the caller has opened.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from qlogship.atomic_file import NewFile, behind, is_stream, open_stream
from qlogship.errors import FileNotWritten

if TYPE_CHECKING:
    from collections.abc import Iterator

# How often a part may vanish or be replaced while it is opened.
_TRIES = 10
# Said of a link, of somebody else's file, and of a pipe that nobody reads.
_IN_THE_WAY = frozenset({errno.ELOOP, errno.EACCES, errno.ENXIO})


@contextmanager
def destination(to: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    """Lend what to write to; what was written counts when the block ends well.

    Raises FileNotWritten when the file cannot be written; what a stream raises is
    the caller's.
    """
    if not isinstance(to, str | Path):
        yield to
        return
    to = Path(to)
    try:
        if is_stream(to):
            with os.fdopen(open_stream(to), "wb") as out:
                yield out
        else:
            target = behind(to)
            with NewFile(target, path=part_name(target), opener=_open_part) as new:
                yield new.file
                new.put_in_place()
    except OSError as error:
        raise FileNotWritten(
            f"{to} cannot be written: {error.strerror or error}",
            hint="Give a file in a directory where you may write, on a disk with room.",
        ) from error


def part_name(target: Path) -> Path:
    """Return where a file is written until it is whole."""
    return target.with_name(f".{target.name}.part")


def _open_part(part: Path, mode: int) -> int:
    """Open the part, empty and locked; raises FileNotWritten when another download has it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    for _ in range(_TRIES):
        try:
            part_fd = os.open(part, flags, mode)
        except OSError as error:
            if error.errno not in _IN_THE_WAY or not os.path.lexists(part):
                raise
            part.unlink()
            continue
        try:
            if _is_ours(part_fd, part):
                os.ftruncate(part_fd, 0)
                return part_fd
        except BaseException:
            os.close(part_fd)
            raise
        os.close(part_fd)
    raise OSError(errno.EBUSY, f"somebody keeps replacing {part}")


def _is_ours(part_fd: int, part: Path) -> bool:
    """Lock the part; return whether it is a file of our own that still has its name."""
    found = os.fstat(part_fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid != os.geteuid():
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        return False
    try:
        fcntl.flock(part_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileNotWritten(
            f"{part} is being written by another download",
            hint="Wait until it has ended, or give another file.",
        ) from None
    try:
        return os.path.samestat(found, part.lstat())
    except FileNotFoundError:
        return False
