"""Writing the page to a file: whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from qlogship.errors import QlogshipError, UsageError

if TYPE_CHECKING:
    from typing import NoReturn

_MODE = 0o644


class PageNotWritten(QlogshipError):
    """The HTML page could not be written."""


def check_target(path: Path) -> None:
    """Refuse a path that cannot become a page, before any work is done. Raises `UsageError`."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        kind = "a directory" if target.is_dir() else "no regular file"
        raise UsageError(
            f"--html {path} is {kind}", hint="Name a file, such as /tmp/reconcile.html."
        )
    if not target.parent.is_dir():
        raise UsageError(
            f"--html {path} cannot be written: there is no directory {target.parent}",
            hint=f"Make it with `mkdir -p {target.parent}`.",
        )


def write(path: Path, page: str) -> None:
    """Write the page; a file that was there is replaced at once and keeps its mode.

    Raises `PageNotWritten`.
    """
    target = path.resolve()
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _MODE & ~_umask()
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(page)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        _refuse(path, error)


def _refuse(path: Path, error: OSError) -> NoReturn:
    raise PageNotWritten(
        f"the page {path} cannot be written: {error.strerror or error}",
        hint="Look at the disk and at the rights of the directory, or name another file.",
    ) from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
