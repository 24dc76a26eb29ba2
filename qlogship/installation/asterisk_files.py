"""Asterisk's configuration files as they lie here; `asterisk_conf` knows what they say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.installation.asterisk_conf import Conf, Directories, Logger, directories, logger
from qlogship.installation.files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAIN: Final = Path("/etc/asterisk/asterisk.conf")

# What Asterisk is built with everywhere, and FreePBX, Issabel and VitalPBX rely on.
_LOGS: Final = "/var/log/asterisk"


def read_conf(
    path: Path, *, root: Path = Path("/"), read: Callable[[Path], str | None] = read_text
) -> Conf | None:
    """Return a configuration file and what it includes; None when it cannot be read.

    Absolute names in it are those below `root`.
    """

    def included(name: str) -> Iterable[str]:
        below = root if name.startswith("/") else path.parent
        try:
            paths = sorted(below.glob(name.lstrip("/")))
        except (OSError, ValueError, NotImplementedError):
            return []
        return [text for one in paths if (text := read(one)) is not None]

    text = read(path)
    return Conf(text, include=included) if text is not None else None


def queue_log(directory: Path = MAIN.parent) -> Path:
    """Return where the queue_log is, by Asterisk's own settings in `directory`.

    What cannot be read counts as empty: Asterisk's defaults hold then.
    """
    main, log = (read_conf(directory / name) for name in (MAIN.name, "logger.conf"))
    logs = (directories(main) if main else Directories()).log or _LOGS
    return Path(f"{logs}/{(logger(log) if log else Logger()).name}")
