"""What tests of following share: a queue_log, its writer, and who follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.following import Asterisk, Following

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the queue_log will be."""
    return tmp_path / "queue_log"


@pytest.fixture
def asterisk(path: Path) -> Iterator[Asterisk]:
    """Return a writer that has the file open."""
    writer = Asterisk(path)
    yield writer
    writer.close()


@pytest.fixture
def follower(path: Path) -> Iterator[Following]:
    """Return a follower at its first start."""
    reader = Following(path)
    yield reader
    reader.close()
