"""What need not be looked at again: files that were read to their end, and damaged ones."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from qlogship.source.cursor import key_of, look_of

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    from qlogship.errors import SourceUnreadable
    from qlogship.source.cursor import Cursor, FileKey, Look


_AT_ONCE: Final = 5_000
"""Files that are written down, or forgotten there, at once: very many may have gone."""


class Sightings:
    """How files looked that were read to their end, whatever their names; kept over a restart.

    What `stored` has is asked for file by file until all is loaded: a short look is at few.
    """

    def __init__(self, stored: Cursor | None) -> None:
        self._stored = stored
        self._seen: dict[FileKey, Look] = {}
        self._new: dict[FileKey, Look] = {}
        self._gone: set[FileKey] = set()

    def has(self, status: os.stat_result) -> bool:
        """Return whether a file looks as it did when it was read to its end."""
        key = key_of(status)
        seen = self._seen.get(key)
        if seen is None and self._stored is not None:
            seen = self._stored.sighting(key)
        return seen == look_of(status)

    def load(self) -> None:
        """Load what is stored, before very many files are looked at."""
        if self._stored is not None:
            self._seen = self._stored.sightings() | self._seen
            self._stored = None

    def see(self, status: os.stat_result) -> None:
        """Note how a file looks that was read to its end."""
        key = key_of(status)
        self._seen[key] = self._new[key] = look_of(status)
        self._gone.discard(key)

    def forget_all_but(self, there: Collection[FileKey]) -> None:
        """Forget the files that are not there any more."""
        self.load()
        for key in self._seen.keys() - there:
            del self._seen[key]
            self._gone.add(key)
            self._new.pop(key, None)

    def save_changes(self, cursor: Cursor) -> None:
        """Write what was seen, and what is gone, since the last time; of very many only some.

        What is not written yet costs nothing but another look after a restart.
        """
        if not (self._new or self._gone):
            return
        gone = set(islice(self._gone, _AT_ONCE))
        self._gone -= gone
        new = {key: self._new[key] for key in islice(self._new, _AT_ONCE)}
        for key in new:
            del self._new[key]
        cursor.save_sightings(new, gone)


class Damaged:
    """What is wrong with files, by path, and how they looked then."""

    def __init__(self) -> None:
        self.errors: dict[str, SourceUnreadable] = {}
        self._looks: dict[str, tuple[FileKey, Look]] = {}

    def note(self, path: str, error: SourceUnreadable, status: os.stat_result | None) -> None:
        """Note what is wrong; with a `status`, a file that looks the same is not tried again."""
        self.errors[path] = error
        self._looks.pop(path, None)
        if status is not None:
            self._looks[path] = key_of(status), look_of(status)

    def is_settled(self, path: str, status: os.stat_result) -> bool:
        """Return whether another look at a file would find the same damage."""
        return path in self._looks and self._looks[path] == (key_of(status), look_of(status))

    def forget(self, path: str) -> None:
        """Note that nothing is wrong with a file, or that it is gone."""
        self.errors.pop(path, None)
        self._looks.pop(path, None)
