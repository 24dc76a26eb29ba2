"""The family of the queue_log: the files beside it that rotation may have made of it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from qlogship.queue_log.records import time_of
from qlogship.source.rotated_names import is_related_name, is_rotated_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the family, not the live one: its whole name; `status` is that of stat(2).

    `rotated` is false for a name that no rotation makes (queue_log.old): such a
    file may continue a stream that is known, but never begins one.
    """

    name: str
    status: os.stat_result
    rotated: bool

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.name)

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.status.st_dev, self.status.st_ino


def members(path: Path, archives: Iterable[str]) -> Iterator[Member]:
    """Yield the regular files beside `path`, and under the `archives` globs, of its family.

    Only names that begin with that of `path` count. What cannot be listed is
    passed over: it is looked for again at the next scan. There may be very many: what
    is done for each is little.
    """
    base = path.name
    seen = {f"{str(path.parent).rstrip('/')}/{base}"}
    for directory, name in _candidates(path, archives):
        candidate = f"{directory}/{name}"
        rotated = is_rotated_name(name, base)
        if candidate in seen or not (rotated or is_related_name(name, base)):
            continue
        if not name.isprintable():
            continue  # no rotation makes such a name, and no database takes it
        seen.add(candidate)
        try:
            status = os.lstat(candidate)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            yield Member(candidate, status, rotated)


def began(start: bytes, status: os.stat_result) -> int:
    """Return the first time in the beginning of a file, in epoch seconds; its mtime without one."""
    times = (time for line in start.split(b"\n") if (time := time_of(line)) is not None)
    return next(times, int(status.st_mtime))


def _candidates(path: Path, archives: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield directories and names of files that may be meant."""
    with suppress(OSError):
        directory = str(path.parent).rstrip("/")
        names = os.listdir(path.parent)  # noqa: PTH208  # names are enough, and far cheaper
        base = path.name
        names = [name for name in names if name.startswith(base)]
        yield from ((directory, name) for name in sorted(names))
    for pattern in archives:
        # glob takes an absolute pattern, Path.glob does not.
        for found in sorted(glob(pattern)):  # noqa: PTH207
            yield str(Path(found).parent).rstrip("/"), Path(found).name
