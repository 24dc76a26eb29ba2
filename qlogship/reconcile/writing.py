"""Writing the page to a file: whole or not at all."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from qlogship.atomic_file import NewFile, behind
from qlogship.errors import QlogshipError, UsageError
from qlogship.wording import typed

if TYPE_CHECKING:
    from pathlib import Path


class PageNotWritten(QlogshipError):
    """The HTML page could not be written."""


def check_target(path: Path) -> None:
    """Refuse a path that cannot become a page, before any work is done. Raises `UsageError`."""
    target = behind(path)
    if target.exists() and not target.is_file():
        kind = "a directory" if target.is_dir() else "no regular file"
        raise UsageError(
            f"--html {path} is {kind}", hint="Name a file, such as /tmp/reconcile.html."
        )
    if not target.parent.is_dir():
        raise UsageError(
            f"--html {path} cannot be written: there is no directory {target.parent}",
            hint=f"Make it with `mkdir -p {typed(target.parent)}`.",
        )


def template() -> str:
    """Return the frame of the page."""
    return resources.files("qlogship.reconcile").joinpath("page.html").read_text(encoding="utf-8")


def write(path: Path, page: str) -> None:
    """Write the page; a file that was there is replaced at once and keeps its mode.

    Raises `PageNotWritten`.
    """
    try:
        with NewFile(behind(path)) as new:
            new.file.write(page.encode())
            new.put_in_place()
    except OSError as error:
        raise PageNotWritten(
            f"the page {path} cannot be written: {error.strerror or error}",
            hint="Look at the disk and at the rights of the directory, or name another file.",
        ) from error
