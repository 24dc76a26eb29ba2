"""What commands ask of the service, from beside it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.errors import StateError
from qlogship.state.database import FILE_NAME
from qlogship.state.requests import ask_for_handover, waits_for_handover
from qlogship.state.store import Store

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE: Final = 2.0
"""Seconds; who wants to write would wait for half a minute."""


def test_a_wish_and_its_end(tmp_path: Path) -> None:
    """It is there from the asking until it is forgotten."""
    Store(tmp_path).close()
    assert not waits_for_handover(tmp_path)
    ask_for_handover(tmp_path, pid=1, at=1.0)
    assert waits_for_handover(tmp_path)
    with closing(Store(tmp_path)) as store, store.transaction():
        store.requests.forget()
    assert not waits_for_handover(tmp_path)


def test_looking_waits_for_nobody(tmp_path: Path) -> None:
    """While a command writes, however long, the service looks and lives on."""
    Store(tmp_path).close()
    ask_for_handover(tmp_path, pid=1, at=1.0)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM handover")
        begun = time.monotonic()
        assert waits_for_handover(tmp_path)
        assert time.monotonic() - begun < AT_ONCE
        writer.execute("COMMIT")
    assert not waits_for_handover(tmp_path)


def test_where_there_is_nothing(tmp_path: Path) -> None:
    """Nobody waits for a database that is not there, and none is made."""
    assert not waits_for_handover(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(StateError, match=FILE_NAME):
        waits_for_handover(tmp_path)
