"""An open file of the queue_log family: where its lines end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from qlogship.source.files import OpenFile
from qlogship.source.streams import HEAD_BYTES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("whole", "rest"),
    [
        (b"", b""),
        (b"", b"no newline yet"),
        (b"", b"x" * (3 * HEAD_BYTES)),
        (b"one\ntwo\n", b""),
        (b"one\n", b"tw"),
        (b"one\n" * HEAD_BYTES, b"x" * (2 * HEAD_BYTES - 1)),
        (b"one\n", b"x" * HEAD_BYTES),
    ],
)
def test_where_whole_lines_end(tmp_path: Path, whole: bytes, rest: bytes) -> None:
    """It is behind the last newline, also when that is far from the end of the file."""
    path = tmp_path / "queue_log"
    path.write_bytes(whole + rest)
    with OpenFile(path) as file:
        assert file.end_of_lines() == len(whole)


@pytest.mark.parametrize("size", [1 << 40, 1 << 50])
def test_a_file_full_of_nothing(tmp_path: Path, size: int) -> None:
    """Where megabytes have no newline, nobody goes on looking for one: the end is the end."""
    path = tmp_path / "queue_log"
    path.write_bytes(b"one\n")
    try:
        os.truncate(path, size)
    except OSError as error:
        pytest.skip(f"no such file here: {error.strerror}")
    with OpenFile(path) as file:
        assert file.end_of_lines() == size


def test_lines_that_came_later(tmp_path: Path) -> None:
    """What was written since the last look at the file is not asked for."""
    path = tmp_path / "queue_log"
    path.write_bytes(b"one\n")
    with OpenFile(path) as file:
        with path.open("ab") as log:
            log.write(b"two\n")
        assert file.end_of_lines() == 4
        file.refresh()
        assert file.end_of_lines() == 8
