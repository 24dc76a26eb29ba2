"""Files that are no queue_log, and text in one that is of none: looked at, and said.

What is of a queue_log is decided in `qlogship.queue_log.recognition`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qlogship.errors import NotAQueueLog
from qlogship.queue_log.recognition import (
    SAMPLE_BYTES,
    OddRun,
    first_part,
    has_record,
    is_foreign,
    lines_in,
    run_before,
)
from qlogship.source.files import LONGEST_RECORD
from qlogship.wording import count, typed

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.source.files import OpenFile

_LOOKED_BACK: Final = 64 * 1024

RIGHT_FILE: Final = (
    "Set source.path to the file that Asterisk writes, usually /var/log/asterisk/queue_log; its"
    " `full` and `messages` logs are other files."
)


def refusal_of(file: OpenFile, *, complete: bool = False) -> NotAQueueLog | None:
    """Return why a file is no queue_log, by its beginning; None when nothing speaks against it.

    Of an empty file nothing is said. `complete`: nobody will finish its last line. Raises
    `SourceUnreadable`.
    """
    if has_record(file.start()):
        return None
    start = file.start(SAMPLE_BYTES)
    if len(start) == SAMPLE_BYTES and b"\n" not in start:
        start = file.start(LONGEST_RECORD)  # a torn first line may be long
        complete = complete or len(start) == LONGEST_RECORD
    if not is_foreign(start, complete=complete):
        return None
    lines = lines_in(start)
    which = f"none of its first {lines:,} lines is" if lines > 1 else "its first line is not"
    return NotAQueueLog(
        f"{file.path} is not a queue_log: {which} a record of Asterisk's queue_log", hint=RIGHT_FILE
    )


def run_in(file: OpenFile, offset: int) -> OddRun:
    """Return the run of odd lines that stands before an offset of a plain file."""
    if offset == 0 or file.compression is not None:
        return OddRun()
    for size in (_LOOKED_BACK, LONGEST_RECORD):
        start = max(0, offset - size)
        text = file.read_at(start, offset - start)
        if start == 0 or b"\n" in text:
            break
    return run_before(text, from_start=start == 0)


class Passage:
    """What is known of one file's text as it is read: is it of a queue_log, and since where not."""

    def __init__(self) -> None:
        self._at = -1
        self._run = OddRun()
        self._begin: int | None = None  # of the foreign text that was met first
        self._lines = 0
        self._looked: tuple[int, int] | None = None
        self._refusal: NotAQueueLog | None = None

    def refusal(self, file: OpenFile) -> NotAQueueLog | None:
        """Return what `refusal_of` says of a file of which nothing was read yet."""
        look = file.status.st_size, file.status.st_mtime_ns
        if look != self._looked:
            self._refusal = refusal_of(file)
            self._looked = look
        return self._refusal

    def take(self, file: OpenFile, offset: int, data: bytes) -> tuple[bytes, bool]:
        """Return the first part of what was read at an offset, and whether it is foreign."""
        self._go_to(file, offset)
        part = first_part(data, self._run)
        self._at, self._run = offset + part.size, part.run
        if part.foreign:
            self._begin = offset if self._begin is None else self._begin
            self._lines += part.lines
        return data[: part.size], part.foreign

    def turned(self, file: OpenFile, offset: int) -> NotAQueueLog | None:
        """Return that the text before an offset, as far as it was read, is foreign; else None."""
        self._go_to(file, offset)
        if not self._run.foreign:
            return None
        since = "" if self._begin is None else f" from byte {self._begin:,} on"
        return NotAQueueLog(
            f"{file.path} is not written as a queue_log any more: its last"
            f" {count(max(self._lines, self._run.lines), 'line')}{since} are no records; they are"
            " not archived and not uploaded",
            hint=f"Find out what writes to it (`lsof {typed(file.path)}`), or set source.path to"
            " the file that Asterisk writes; qlogship goes on by itself when records follow.",
        )

    def passed_over(self, path: Path) -> NotAQueueLog | None:
        """Return that foreign text was passed over; None when there was none."""
        if self._begin is None:
            return None
        begin = self._begin
        return NotAQueueLog(
            f"{count(self._lines, 'line')} from byte {begin:,} on in {path} are no records of a"
            " queue_log: they were passed over, not archived and not uploaded",
            hint=f"Look at them: `tail -c +{begin + 1} {typed(path)} | head`. If they belong to the"
            " queue_log, take them with `qlogship import --any-text FILE`.",
        )

    def _go_to(self, file: OpenFile, offset: int) -> None:
        if offset != self._at:
            self._at, self._run = offset, run_in(file, offset)
