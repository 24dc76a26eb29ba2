"""Asterisk's configuration files as they lie here; `asterisk_conf` knows what they say.

They belong to Asterisk's user on many PBXs, and root reads them: so nothing but regular
files is opened, and there is an end to how many, how much and how long.
"""

from __future__ import annotations

import os
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.errors import SourceUnreadable
from qlogship.installation.asterisk_conf import Conf, Directories, Logger, directories, logger
from qlogship.installation.files import TEXT_MAX, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAIN: Final = Path("/etc/asterisk/asterisk.conf")

USUAL: Final = Path("/var/log/asterisk/queue_log")
"""What Asterisk is built with everywhere, and FreePBX, Issabel and VitalPBX rely on."""

# A FreePBX includes a dozen files in logger.conf, of some kilobytes.
_FILES_MAX: Final = 250
_NAMES_MAX: Final = 20_000
_SECONDS_MAX: Final = 5.0


class _Includes:
    """The files that one configuration includes, as long as there is an end to them."""

    def __init__(
        self, directory: Path, root: Path, read: Callable[[Path], str | None] = read_text
    ) -> None:
        self._directory, self._root = directory, root
        self._read = read
        self._files = self._names = self._characters = 0
        self._end = time.monotonic() + _SECONDS_MAX

    @property
    def too_many(self) -> bool:
        """Whether nothing more is read."""
        return (
            self._files > _FILES_MAX
            or self._names > _NAMES_MAX
            or self._characters >= TEXT_MAX
            or time.monotonic() > self._end
        )

    def text(self, path: Path) -> str | None:
        """Return the text of a file; None when it cannot be read, or nothing more is."""
        self._files += 1
        text = None if self.too_many else self._read(path)
        self._characters += len(text or "")
        return text

    def named(self, name: str) -> Iterator[str]:
        """Yield the texts of the files that an include names."""
        below = self._root if name.startswith("/") else self._directory
        for path in self._matching(below, [part for part in name.split("/") if part]):
            if (text := self.text(path)) is not None:
                yield text

    def _matching(self, directory: Path, parts: Sequence[str]) -> Iterator[Path]:
        """Yield what a pattern means, as glob(3) does: in order, and `**` is like `*`."""
        if not parts:
            yield directory
            return
        part, *rest = parts
        found = [part] if "\0" not in part else []
        if any(character in part for character in "*?["):
            found = sorted(
                name
                for name in self._names_in(directory)
                if fnmatchcase(name, part) and (part[0] == "." or name[0] != ".")
            )
        for name in found:
            if self.too_many:
                return
            yield from self._matching(directory / name, rest)

    def _names_in(self, directory: Path) -> Iterator[str]:
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    self._names += 1
                    if self.too_many:
                        return
                    yield entry.name
        except OSError:
            return


def read_conf(
    path: Path, *, root: Path = Path("/"), read: Callable[[Path], str | None] = read_text
) -> Conf | None:
    """Return a configuration file and what it includes; None when it cannot be read.

    Absolute names in it are those below `root`.
    """
    includes = _Includes(path.parent, root, read)
    text = includes.text(path)
    if text is None:
        return None
    conf = Conf(text, include=includes.named)
    conf.cut |= includes.too_many
    return conf


def queue_log(directory: Path = MAIN.parent) -> Path:
    """Return where the queue_log is, by Asterisk's own settings in `directory`.

    What cannot be read counts as empty: Asterisk's defaults hold then. Raises
    SourceUnreadable when they lead out of the directory of the logs.
    """
    main, log = (read_conf(directory / name) for name in (MAIN.name, "logger.conf"))
    said = logger(log) if log else Logger()
    logs = (directories(main) if main else Directories()).log or str(USUAL.parent)
    if said.refused_name or ".." in Path(logs).parts or not logs.isprintable():
        key, value = (
            ("queue_log_name in logger.conf", said.refused_name)
            if said.refused_name
            else ("astlogdir in asterisk.conf", logs)
        )
        raise SourceUnreadable(
            f"{key} is {value[:80]!r}, which leads elsewhere or nowhere, and is not followed",
            hint="Look who wrote that; name the queue_log with --source PATH.",
        )
    return Path(logs, said.name)
