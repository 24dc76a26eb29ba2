"""Files with callers' numbers that a command writes for whoever typed it."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.atomic_file import open_stream
from qlogship.cli.app import main
from qlogship.dashboard.destination import destination
from qlogship.reconcile.writing import check_target
from qlogship.reconcile.writing import write as write_page
from tests.support.access import do_as
from tests.support.installation import Installation
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STRANGER: Final = 61_003
RECORD = "1795411800|1.1|q|NONE|ENTERQUEUE||74955550123|1\n"


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Let the umask take nothing away, as on a machine where nobody thought of it."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, int]:
    """Return the files of a directory with their modes."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


@pytest.mark.parametrize(
    "command",
    [
        ("report", "calls", "--from", "2026-11-01", "--to", "2026-11-02", "-o"),
        ("report", "agent-status", "--from", "2026-11-01", "--to", "2026-11-02", "-o"),
        ("export", "-o"),
        ("reconcile", "--html"),
    ],
    ids=" ".join,
)
def test_a_result_is_its_owners_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Whatever a command writes to a new file, no other user of the machine can read it."""
    results = tmp_path / "results"
    results.mkdir()
    old = tmp_path / "old"
    old.write_text(RECORD)
    with Sandbox() as sandbox:
        config = ("--config", str(Installation(tmp_path, sandbox.url).config))
        assert main(["import", str(old), *config]) == 0
        main([*command, str(results / "result"), *config])

    assert modes(results) == {"result": 0o600}


def test_the_data_of_the_sandbox_are_its_owners_alone(tmp_path: Path) -> None:
    """Nobody else can read the file that the sandbox keeps, nor what SQLite makes beside it.

    A file that an older version left open is closed.
    """
    data = tmp_path / "data"
    for _ in range(2):
        with Sandbox(data=data):
            found = modes(tmp_path)
            assert set(found.values()) == {0o600}, found
            assert len(found) > 1
        data.chmod(0o644)


# A place that somebody else has prepared


@pytest.fixture
def strange() -> Iterator[Path]:
    """Return a directory in which another user has made links to a file of ours and to a device."""
    with tempfile.TemporaryDirectory(prefix="qlogship-") as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "ours").write_text("kept", encoding="utf-8")
        (place / "ours").chmod(0o644)
        (place / "theirs").mkdir()
        os.chown(place / "theirs", STRANGER, STRANGER)
        do_as(STRANGER, (place / "theirs" / "file").symlink_to, place / "ours")
        do_as(STRANGER, (place / "theirs" / "device").symlink_to, "/dev/full")
        yield place


def a_download(path: Path) -> None:
    """Write as a report does."""
    with destination(path) as out:
        out.write(b"numbers")


def a_page(path: Path) -> None:
    """Write as `reconcile --html` does."""
    check_target(path)
    write_page(path, "numbers")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize(
    ("write", "link"), [(a_download, "file"), (a_download, "device"), (a_page, "file")]
)
def test_a_result_goes_through_no_link_of_another_user(
    strange: Path, write: Callable[[Path], None], link: str
) -> None:
    """Who writes into a directory of somebody else writes there, and the result is his alone."""
    path = strange / "theirs" / link
    write(path)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert path.lstat().st_uid == 0
    assert (strange / "ours").read_text(encoding="utf-8") == "kept"


def test_a_file_in_place_of_a_pipe_is_not_overwritten(tmp_path: Path) -> None:
    """It was a pipe when it was looked at; what has come since is left alone."""
    path = tmp_path / "file"
    path.write_text("kept", encoding="utf-8")
    with pytest.raises(FileExistsError):
        open_stream(path)
    assert path.read_text(encoding="utf-8") == "kept"
