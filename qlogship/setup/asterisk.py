"""Where Asterisk writes its queue_log: what asterisk.conf and logger.conf say.

Here live reading those two files and joining what they say; what it means is in
`core.asterisk_conf`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.installation.asterisk_conf import Conf, directories, logger

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORY: Final = Path("/etc/asterisk")
# What Asterisk is built with everywhere, and FreePBX, Issabel and VitalPBX rely on.
_LOGS: Final = "/var/log/asterisk"
_MAX_BYTES: Final = 1024 * 1024


def queue_log(directory: Path = _DIRECTORY) -> Path:
    """Return where the queue_log is, by Asterisk's own settings in `directory`.

    What cannot be read counts as empty: Asterisk's defaults hold then.
    """
    logs = directories(_conf(directory, "asterisk.conf")).log or _LOGS
    return Path(f"{logs}/{logger(_conf(directory, 'logger.conf')).name}")


def _conf(directory: Path, name: str) -> Conf:
    def included(pattern: str) -> Iterator[str]:
        found = directory.glob(pattern) if not pattern.startswith("/") else [Path(pattern)]
        yield from map(_text, sorted(found))

    return Conf(_text(directory / name), include=included)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode(errors="replace")
    except (OSError, ValueError):
        return ""
