"""Borrowing the state directory for a command that writes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from qlogship.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.config import Settings


@contextmanager
def borrowed(settings: Settings) -> Iterator[Store]:
    """Open the store for writing while the block runs."""
    store = Store(settings.state.directory)
    try:
        yield store
    finally:
        store.close()
