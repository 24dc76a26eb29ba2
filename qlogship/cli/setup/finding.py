"""Where Asterisk writes its queue_log: what asterisk.conf and logger.conf say.

Here live reading those two files and joining what they say. The names are those
of Asterisk's main/asterisk.c (astlogdir) and main/logger.c (queue_log_name).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORY: Final = Path("/etc/asterisk")
_LOGS: Final = "/var/log/asterisk"
_NAME: Final = "queue_log"
_MAX_BYTES: Final = 1024 * 1024
_DEEPEST: Final = 5

_SECTION: Final = re.compile(r"\[([^\]]+)\]")
_INCLUDE: Final = re.compile(r"#(?:try)?include\s+[\"<]?([^\"<>;]+?)[\">]?\s*(?:;.*)?$")
_BLOCK_COMMENT: Final = re.compile(r";--(?!-).*?--;", re.DOTALL)


def queue_log(directory: Path = _DIRECTORY) -> Path:
    """Return where the queue_log is, by Asterisk's own settings in `directory`.

    What cannot be read counts as empty: Asterisk's defaults hold then.
    """
    logs, name = _LOGS, _NAME
    for section, key, value in _settings(directory, "asterisk.conf"):
        if (section, key) == ("directories", "astlogdir") and value.startswith("/"):
            logs = value
    for section, key, value in _settings(directory, "logger.conf"):
        if (section, key) == ("general", "queue_log_name") and value and "\0" not in value:
            name = value
    return Path(f"{logs}/{name}")


def entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value of each line of a file in Asterisk's form, in lower case keys.

    An include is yielded with the key "#include" and what it includes.
    """
    section = ""
    for raw in _BLOCK_COMMENT.sub("", text).splitlines():
        line = raw.strip()
        if include := _INCLUDE.match(line):
            yield section, "#include", include[1].strip()
            continue
        line = line.partition(";")[0].strip()
        if header := _SECTION.match(line):
            section = header[1].strip().lower()
        elif "=" in line:
            key, _, value = line.partition("=")
            yield section, key.strip().lower(), value.removeprefix(">").strip()


def _settings(
    directory: Path, name: str, section: str = "", depth: int = 0
) -> Iterator[tuple[str, str, str]]:
    """Yield the entries of a file and of what it includes, in their order."""
    for inner, key, value in entries(_text(directory / name)):
        current = inner or section
        if key != "#include":
            yield current, key, value
        elif depth < _DEEPEST:
            found = sorted(directory.glob(value)) if not value.startswith("/") else [Path(value)]
            for path in found:
                yield from _settings(directory, str(path), current, depth + 1)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode(errors="replace")
    except (OSError, ValueError):
        return ""
