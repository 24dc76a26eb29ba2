"""A state directory that files are imported into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.import_export.importing import Imported, Importer, Ship
from qlogship.source.files import OpenFile
from qlogship.state.reader import Reader
from qlogship.state.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.shipping.position import Position
    from qlogship.state.figures import Figures


class Importing:
    """Import texts as files, each into the store as it was left by the one before."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self._count = 0

    def add(
        self,
        *texts: bytes | Path,
        ship: Ship = "resync",
        live: Path | None = None,
        any_text: bool = False,
    ) -> list[Imported]:
        """Import texts, or files, in one go; return what became of them."""
        store = Store(self.state)
        status = live.stat() if live is not None else None
        key = (status.st_dev, status.st_ino) if status is not None else None
        try:
            importer = Importer(store, ship=ship, live=key, any_text=any_text)
            return [self._add(importer, text) for text in texts]
        finally:
            store.close()

    def _add(self, importer: Importer, text: bytes | Path) -> Imported:
        if isinstance(text, bytes):
            self._count += 1
            path = self.directory / f"file{self._count}"
            path.write_bytes(text)
        else:
            path = text
        with OpenFile(path) as file:
            return importer.add(file)

    def new(self, *texts: bytes | Path) -> list[int]:
        """Import texts; return how many records of each were new."""
        return [done.new for done in self.add(*texts)]

    def text(self) -> bytes:
        """Return the archive in the order of time."""
        with Reader(self.state) as reader:
            return b"".join(reader.text())

    def figures(self) -> Figures:
        """Return the sums over the archive."""
        with Reader(self.state) as reader:
            return reader.figures()

    def position(self) -> Position:
        """Return where shipping stands."""
        store = Store(self.state)
        try:
            return store.position.get()
        finally:
            store.close()
