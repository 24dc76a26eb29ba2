"""What logrotate is told to do with a file, read from its configuration.

Here lives the syntax of logrotate.conf (logrotate(8), and config.c of 3.21 where
the manual is silent). What a stanza comes to lives in `stanza`. Reading files,
those that `include` names among them, is the caller's business.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qlogship.check.logrotate.stanza import Ownership, RotationOptions, Stanza, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SCRIPTS: Final = frozenset({"prerotate", "postrotate", "firstaction", "lastaction", "preremove"})

# Options that change nothing that is asked for here: without a value, and with one.
_IDLE: Final = (
    *("hourly", "daily", "weekly", "monthly", "yearly", "missingok", "nomissingok"),
    *("ifempty", "notifempty", "sharedscripts", "nosharedscripts", "mailfirst", "maillast"),
    *("nomail", "nocreateolddir", "dateyesterday", "datehourago", "allowhardlink"),
    *("noallowhardlink", "noignoreduplicates", "nosu"),
)
_IDLE_VALUES: Final = (
    *("mail", "taboopat", "compressoptions", "uncompresscmd", "createolddir"),
    *("errors", "prefix"),
)
_TEXTS: Final = ("dateformat", "compressext", "compresscmd", "addextension", "extension")

# Options without a value, and what they change.
_SWITCHES: Final[Mapping[str, Mapping[str, Any]]] = {
    **{name: {} for name in _IDLE},
    **{name: {name: True} for name in ("compress", "delaycompress", "dateext", "shred")},
    **{f"no{name}": {name: False} for name in ("compress", "delaycompress", "dateext", "shred")},
    **{name: {"way": "rename"} for name in ("renamecopy", "norenamecopy", "nocopy")},
    "nocopytruncate": {"way": "rename"},
    "copytruncate": {"way": "copytruncate"},
    "copy": {"way": "copy"},
    "ignoreduplicates": {"ignore_duplicates": True},
    "nocreate": {"create": None},
    "noolddir": {"olddir": ""},
}

# Perhaps a mode, perhaps a user, perhaps a group behind the user.
_OWNERSHIP: Final = re.compile(r"(?:([0-7]{1,5})(?:\s+|$))?(?:(\S+)(?:\s+(\S+))?)?")

# Options with a value, and what it may be: a comment behind it is a part of it, and spoils it.
_VALUES: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys((*_TEXTS, *_IDLE_VALUES), re.compile(".*")),
    "rotate": re.compile("-1|[0-9]{1,9}"),
    **dict.fromkeys(("maxage", "minage", "start", "shredcycles"), re.compile("[0-9]{1,9}")),
    **dict.fromkeys(("size", "minsize", "maxsize"), re.compile("[0-9]+[kMG]?")),
    "olddir": re.compile(r"\S+"),
    **dict.fromkeys(("create", "su"), _OWNERSHIP),
}

# Those of them that are asked for here, and how they are read.
_READERS: Final[Mapping[str, Callable[[re.Match[str]], Any]]] = {
    **dict.fromkeys((*_TEXTS, "olddir"), lambda match: match[0].strip("\"'")),
    **dict.fromkeys(("rotate", "maxage"), lambda match: int(match[0])),
    **dict.fromkeys(
        ("create", "su"),
        lambda match: Ownership(int(match[1], 8) if match[1] else None, match[2], match[3]),
    ),
}

# Files that an included directory may hold and that are none of its (config.c).
_TABOO: Final = (
    *(".rpmsave", ".rpmorig", "~", ".disabled", ".dpkg-old", ".dpkg-dist", ".dpkg-new"),
    *(".cfsaved", ".ucf-old", ".ucf-dist", ".ucf-new", ".rpmnew", ".swp", ",v", ".bak", ".old"),
    *(".dpkg-bak", ".dpkg-del", ".dpkg-tmp", ".cfbak"),
)

_WORD: Final = re.compile(r"[A-Za-z]+")
_NAME: Final = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s{"']+)|(\{))""")


class Included(NamedTuple):
    """A file that an include leads to: its name and its text."""

    file: str
    text: str


class Logrotate:
    """All stanzas of a configuration in their order, each with the options it inherits.

    What logrotate would not understand is in `complaints`, and is passed over.
    """

    def __init__(
        self, file: str, text: str, *, include: Callable[[str], Iterable[Included]]
    ) -> None:
        """Read `text`; `include` returns the files behind the path that an include names."""
        self.stanzas: list[Stanza] = []
        self.complaints: list[str] = []
        self._include = include
        self._open: list[str] = []
        self._taboo: tuple[str, ...] = _TABOO
        self._globals = RotationOptions()
        self._read(file, text)

    def matching(self, paths: Iterable[str]) -> list[Stanza]:
        """Return the stanzas that take a file; `paths` are its names, through links or not.

        logrotate goes by the first one, and refuses the others.
        """
        names = tuple(paths)
        return [
            stanza
            for stanza in self.stanzas
            if any(matches(pattern, path) for pattern in stanza.patterns for path in names)
        ]

    def _read(self, file: str, text: str) -> None:
        """Read one file. Its global options stay in force for those read after it."""
        if file in self._open:
            return
        self._open.append(file)
        lines = _FileLines(text)
        patterns: list[str] = []
        start = 0
        while line := lines.next():
            if not patterns and line[0] not in "/~\"'":
                self._directive(file, line, lines)
                continue
            start = start if patterns else lines.number
            names, is_open, rest = _names(line)
            patterns += names
            lines.push(rest)
            if is_open:
                options = self._options_of_stanza(file, lines)
                self.stanzas.append(Stanza(file, start, tuple(patterns), options))
                patterns = []
        if patterns:
            self.complaints.append(f"{file}:{start}: the names are followed by nothing")
        self._open.pop()

    def _options_of_stanza(self, file: str, lines: _FileLines) -> RotationOptions:
        options = self._globals
        while line := lines.next():
            if line.startswith("}"):
                lines.push(line[1:])
                return options
            options = self._option(file, options, line, lines)
        self.complaints.append(f"{file}:{lines.number}: the }} of a stanza is missing")
        return options

    def _directive(self, file: str, line: str, lines: _FileLines) -> None:
        """Take a line outside of stanzas."""
        word, _, value = line.partition(" ")
        value = value.strip().removeprefix("=").strip()
        if word == "include":
            for name, text in self._include(value.strip("\"'")):
                if not name.endswith(self._taboo):
                    self._read(name, text)
        elif word == "tabooext":
            added = tuple(value.removeprefix("+").replace(",", " ").split())
            self._taboo = (*self._taboo, *added) if value.startswith("+") else added
        else:
            self._globals = self._option(file, self._globals, line, lines)

    def _option(
        self, file: str, options: RotationOptions, line: str, lines: _FileLines
    ) -> RotationOptions:
        """Return the options with the one that the line begins with."""
        letters = _WORD.match(line)
        word = letters[0] if letters is not None else line
        rest = line[len(word) :].strip()
        if word in _SCRIPTS:
            return options.changed({"scripts": {**options.scripts, word: lines.script()}})
        if word in _SWITCHES:
            lines.push(rest.lstrip("0123456789") if word == "weekly" else rest)
            return options.changed(_SWITCHES[word])
        value = rest.removeprefix("=").strip()
        if value.endswith("}"):
            lines.push("}")
            value = value[:-1].strip()
        if word not in _VALUES:
            self.complaints.append(f"{file}:{lines.number}: unknown option {word!r}")
            return options
        match = _VALUES[word].fullmatch(value)
        if match is None or (word == "su" and match[3] is None):
            self.complaints.append(f"{file}:{lines.number}: {word} {value}")
            return options
        return options.changed({word: _READERS[word](match)}) if word in _READERS else options


class _FileLines:
    """The lines of a file that say something, and the rest of one that says more than one thing."""

    def __init__(self, text: str) -> None:
        self._lines = iter(text.split("\n"))
        self._rest = ""
        self.number = 0

    def next(self) -> str:
        """Return what comes next, without blanks around it; nothing at the end."""
        line, self._rest = self._rest, ""
        while not line or line.startswith("#"):
            raw = next(self._lines, None)
            if raw is None:
                return ""
            self.number += 1
            line = raw.strip()
        return line

    def push(self, rest: str) -> None:
        """Put the rest of a line back."""
        self._rest = rest.strip()

    def script(self) -> str:
        """Return the lines up to `endscript`."""
        self._rest = ""
        script = []
        for line in self._lines:
            self.number += 1
            if line.split()[:1] == ["endscript"]:
                break
            script.append(line)
        return "\n".join(script)


def _names(line: str) -> tuple[list[str], bool, str]:
    """Return the names on a line, whether the stanza begins behind them, and what follows."""
    names: list[str] = []
    position = 0
    while match := _NAME.match(line, position):
        position = match.end()
        if match[4]:
            return names, True, line[position:]
        names.append(next(group for group in match.groups() if group is not None))
    return names, False, ""
