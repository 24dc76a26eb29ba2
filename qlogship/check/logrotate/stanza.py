"""What a stanza of logrotate's configuration comes to.

Here live its options with logrotate's defaults, which files it takes, what a
rotated file is called, and whether Asterisk is told about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from posixpath import basename, normpath
from typing import TYPE_CHECKING, Any, Final, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

# What logrotate adds to a name, by the program that compresses (config.c); else .gz.
_EXTENSIONS: Final = {
    "bzip2": ".bz2",
    "pbzip2": ".bz2",
    "xz": ".xz",
    "zstd": ".zst",
    "compress": ".Z",
    "zip": ".zip",
    "lzma": ".lzma",
}

# Some moment in the letters of a dateformat.
_MOMENT: Final = dict(
    zip(
        "YmdHMSsVz%",
        ["2026", "11", "23", "06", "25", "01", "1795411501", "48", "+0000", "%"],
        strict=True,
    )
)

Way = Literal["rename", "copy", "copytruncate"]


@dataclass(frozen=True, slots=True)
class Ownership:
    """Mode, user and group as an option names them; None is what the file had."""

    mode: int | None = None
    user: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class NameOptions:
    """The options that make the name of a rotated file."""

    compressext: str = ""
    compresscmd: str = ""
    dateext: bool = False
    dateformat: str = ""
    addextension: str = ""
    extension: str = ""
    olddir: str = ""


@dataclass(frozen=True, slots=True)
class RotationOptions:
    """What is done with a file; the defaults are logrotate's own.

    `create` is None with `nocreate`. `maxage` is in days.
    """

    way: Way = "rename"
    create: Ownership | None = None
    su: Ownership | None = None
    rotate: int = 0
    maxage: int | None = None
    compress: bool = False
    delaycompress: bool = False
    shred: bool = False
    ignore_duplicates: bool = False
    scripts: Mapping[str, str] = field(default_factory=dict)
    names: NameOptions = NameOptions()

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return them with other values, also of the options of `names`."""
        of_names = {key: changes[key] for key in NameOptions.__slots__ if key in changes}
        others = {key: value for key, value in changes.items() if key not in of_names}
        return replace(self, names=replace(self.names, **of_names), **others)


@dataclass(frozen=True, slots=True)
class Stanza:
    """The files named together in one place, and what is done with them."""

    file: str
    line: int
    patterns: tuple[str, ...]
    options: RotationOptions

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.file}:{self.line}"


def matches(pattern: str, path: str) -> bool:
    """Return whether a pattern takes a path, by the rules of glob(7)."""
    wanted, given = (
        [part for part in one.split("/") if part not in {"", "."}] for one in (pattern, path)
    )
    return len(wanted) == len(given) and all(
        fnmatchcase(name, one) and (not name.startswith(".") or one.startswith("."))
        for one, name in zip(wanted, given, strict=True)
    )


def rotated_paths(path: str, options: RotationOptions) -> tuple[str, ...]:
    """Return what a file at `path` may be called after it was rotated, for some day.

    One name, and with compression that of the compressed one behind it.
    """
    directory, _, name = path.rpartition("/")
    said = options.names
    if said.olddir:
        absolute = said.olddir.startswith("/")
        directory = normpath(said.olddir if absolute else f"{directory}/{said.olddir}")
    tail = ""
    if said.extension and name.endswith(said.extension):
        name, tail = name.removesuffix(said.extension), said.extension
    suffix = ".1"
    if said.dateext:
        form = said.dateformat or "-%Y%m%d"
        suffix = re.sub("%([a-zA-Z%])", lambda match: _MOMENT.get(match[1], match[0]), form)
    plain = f"{directory.rstrip('/')}/{name}{suffix}{tail}{said.addextension}"
    if not options.compress:
        return (plain,)
    program = basename((said.compresscmd.split() or [""])[0])
    return plain, plain + (said.compressext or _EXTENSIONS.get(program, ".gz"))


# What makes Asterisk open its log files anew: a word to it, to its service, or SIGHUP.
_HUP: Final = r"(?:HUP\b|-1\b|(?:-s|--signal)[ =]?1\b)"
_RELOADS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"logger[\s\\-]+(?:reload|rotate)\b",  # -rx 'logger reload'; Debian's init script
        r"asterisk\b.*-r?x\s*[\"']?\s*(?:(?:core|module)\s+)?reload(?:\s+logger)?\s*(?:[\"';|&>]|$)",
        r"asterisk\b.*-r?x\s*[\"']?\s*core\s+restart\b",
        r"\b(?:systemctl|service|invoke-rc\.d|rc-service)\b.*\b(?:reload|restart)\b.*asterisk",
        r"\b(?:service|invoke-rc\.d|rc-service|init\.d/)\s*asterisk\b.*(?:reload|restart)\b",
        r"\b(?:fwconsole|amportal)\s+(?:a\s+)?(?:r|reload|restart)\b",
        rf"\b(?:kill(?:all)?|pkill|start-stop-daemon)\b.*{_HUP}.*asterisk",
        rf"asterisk.*\bkill\b.*{_HUP}",
    )
)

# Behind a blank, the rest of a line of a shell script says nothing.
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")


def makes_asterisk_reopen(options: RotationOptions) -> bool | None:
    """Return whether Asterisk is told to open its files anew after the rename.

    None when there are scripts that do not say so in words known here.
    """
    scripts = [options.scripts.get(name, "") for name in ("postrotate", "lastaction")]
    lines = "\n".join(scripts).replace("\\\n", " ").split("\n")
    lines = [said for line in lines if (said := _COMMENT.sub("", line).strip())]
    if any(pattern.search(line) for pattern in _RELOADS for line in lines):
        return True
    return None if lines else False
