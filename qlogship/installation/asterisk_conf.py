"""Asterisk's configuration files, as far as they tell what becomes of the queue_log.

Here live the syntax of a .conf file (Asterisk's main/config.c) and the meaning of
logger.conf, extconfig.conf and asterisk.conf. Reading files, those that `#include`
names among them, is the business of `asterisk_files`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Asterisk gives up behind so many includes in one another (MAX_INCLUDE_LEVEL).
_DEPTH_MAX: Final = 10

# Lines, and values that a section takes from another: thousands of times what a PBX has, and
# done in a second, whatever stands there.
_WORK_MAX: Final = 400_000

_INCLUDE: Final = re.compile(r"#(?:try)?include(?:[ \t](.*))?", re.IGNORECASE | re.DOTALL)

_NAME: Final = "queue_log"

_NAME_MAX: Final = 255  # bytes; a rotated file has more

_TRUE: Final = frozenset({"yes", "true", "y", "t", "1", "on"})  # ast_true, main/utils.c


@dataclass(slots=True)
class _ConfSection:
    is_template: bool
    values: dict[str, str] = field(default_factory=dict)


class Conf:
    """What a configuration file says, its includes in their places.

    Names are compared without regard to case, and of several values the first
    one counts (ast_variable_retrieve); what a section is made from comes before its
    own values (ast_category_inherit). A template, `[name](!)`, says nothing by itself.
    `cut` says that there was too much of it: the rest was not read.
    """

    def __init__(self, text: str, *, include: Callable[[str], Iterable[str]]) -> None:
        """Read `text`; `include` returns the texts of the files that an include names."""
        self._sections: dict[str, list[_ConfSection]] = {}
        self._last: _ConfSection | None = None
        self._include = include
        self._work = 0
        self.cut = False
        self._read(text, depth=0)

    def get(self, section: str, name: str) -> str | None:
        """Return a value, None when there is none."""
        found = self._first(section)
        return found.values.get(name.lower()) if found is not None else None

    def _first(self, name: str, *, template_too: bool = False) -> _ConfSection | None:
        sections = self._sections.get(name.lower(), ())
        return next((one for one in sections if template_too or not one.is_template), None)

    def _read(self, text: str, *, depth: int) -> None:
        """Read one file. It goes on with the section that is open, and opens none for others."""
        section = self._last
        for line in _without_comments(text):
            if not self._goes_on(1):
                return
            if line.startswith("["):
                section = self._opened(line) or section
            elif line.startswith("#"):  # what a program behind #exec would say is not known
                named = _INCLUDE.fullmatch(line)
                if named is not None and depth < _DEPTH_MAX:
                    for included in self._include((named[1] or "").strip().strip('"<>').strip()):
                        self._read(included, depth=depth + 1)
            elif section is not None and "=" in line:
                name, _, value = line.partition("=")
                # `name => value`, and `name += value`, which counts as one more value.
                value = value.removeprefix(">").strip()
                section.values.setdefault(name.rstrip(" \t+").lower(), value)

    def _goes_on(self, work: int) -> bool:
        """Return whether there is as much as that left to be done."""
        self._work += work
        self.cut |= self._work > _WORK_MAX
        return not self.cut

    def _opened(self, line: str) -> _ConfSection | None:
        """Return the section of a header, made from those it names; None when it is none."""
        name, closed, rest = line[1:].partition("]")
        if not closed:
            return None
        words = rest[1:].partition(")")[0].split(",") if rest.startswith("(") else []
        section = self._first(name) if "+" in words else None
        if section is None:
            section = _ConfSection("!" in words)
            self._sections.setdefault(name.lower(), []).append(section)
        for word in words:
            parent = self._first(word, template_too=True)
            if parent is not None and self._goes_on(1 + len(parent.values)):
                section.values = parent.values | section.values
        self._last = section
        return section


def _without_comments(text: str) -> Iterator[str]:
    """Yield the lines that say something, as config_text_file_load leaves them.

    A `;` begins a comment unless a backslash stands before it; `;--` begins one
    that goes on to `--;`, over lines, and may hold others like it.
    """
    depth = 0
    for line in text.replace("\r", "").split("\n"):
        kept, position = [], 0
        while True:
            found = line.find(";", position)
            if found < 0:
                kept.append("" if depth else line[position:])
                break
            if found > position and line[found - 1] == "\\" and not depth:
                kept.append(line[position : found - 1] + ";")
            elif line.startswith(";--", found) and not line.startswith(";---", found):
                kept.append("" if depth else line[position:found])
                depth += 1
                found += 2
            elif depth and found >= position + 2 and line.startswith("--;", found - 2):
                depth -= 1
            elif not depth:
                kept.append(line[position:found])
                break
            position = found + 1
        said = "".join(kept).strip()
        if said:
            yield said


def is_true(value: str | None, *, default: bool = False) -> bool:
    """Return what Asterisk takes a value for; anything it does not know is false."""
    return default if value is None else value.strip().lower() in _TRUE


@dataclass(frozen=True, slots=True)
class Logger:
    """What logger.conf says of the queue_log; the defaults are Asterisk's (main/logger.c)."""

    queue_log: bool = True
    to_file: bool = False
    name: str = _NAME
    rotate: str = "sequential"
    exec_after_rotate: str = ""
    refused_name: str = ""


def logger(conf: Conf) -> Logger:
    """Read logger.conf.

    A name that is none, but a way to another directory, or that no file has, is not followed:
    the default stands for it, and `refused_name` has it.
    """
    name = conf.get("general", "queue_log_name") or _NAME
    is_name = name.isprintable() and len(name.encode()) <= _NAME_MAX
    refused = "" if is_name and "/" not in name and name not in {".", ".."} else name
    rotate = (conf.get("general", "rotatestrategy") or "").lower()
    if rotate not in {"none", "sequential", "rotate", "timestamp"}:
        rotate = "sequential"
    return Logger(
        queue_log=is_true(conf.get("general", "queue_log"), default=True),
        to_file=is_true(conf.get("general", "queue_log_to_file")),
        name=_NAME if refused else name,
        rotate=rotate,
        exec_after_rotate=conf.get("general", "exec_after_rotate") or "",
        refused_name=refused,
    )


def realtime_of_queue_log(conf: Conf) -> str | None:
    """Return what extconfig.conf maps the queue_log to (`odbc,asterisk`), None for a file."""
    return conf.get("settings", "queue_log") or None


@dataclass(frozen=True, slots=True)
class Directories:
    """What asterisk.conf says: where the configuration and the logs are, and whose it is."""

    etc: str | None = None
    log: str | None = None
    user: str | None = None


def directories(conf: Conf) -> Directories:
    """Read asterisk.conf; None where Asterisk goes by what it was built with."""
    return Directories(
        etc=conf.get("directories", "astetcdir") or None,
        log=conf.get("directories", "astlogdir") or None,
        user=conf.get("options", "runuser") or None,
    )
