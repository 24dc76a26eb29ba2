"""What logrotate is told to do with the queue_log, and what its stanza must fit."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qlogship.check.logrotate.configuration import Included, Logrotate
from qlogship.check.machine import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.check.logrotate.stanza import Ownership, Stanza
    from qlogship.check.machine import Machine
    from qlogship.config import Settings
    from qlogship.installation.identity import Account


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner that a stanza names, as numbers; `unknown` are the names that do not exist."""

    uid: int | None = None
    gid: int | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Owner and mode of the queue_log, or of its directory."""

    path: Path
    uid: int
    gid: int
    mode: int


@dataclass(frozen=True, slots=True)
class RotationFacts:
    """The stanzas that take the queue_log, the first of which counts.

    `file` and `directory` are None where there are none. `asterisk` and `service`
    are the users that must write and read what comes after a rotation. `configured`
    is false without any configuration of logrotate.
    """

    path: Path
    size: int
    archives: tuple[str, ...]
    file: Place | None
    directory: Place | None
    configured: bool
    stanzas: tuple[Stanza, ...] = ()
    create: Owner = Owner()
    su: Owner = Owner()
    complaints: tuple[str, ...] = ()
    unread: tuple[Path, ...] = ()
    asterisk: Account | None = None
    service: Account | None = None


def gather(
    machine: Machine, settings: Settings, *, asterisk: Account | None, service: Account | None
) -> RotationFacts:
    """Read logrotate's configuration; without one there are no stanzas."""
    path = settings.source.path
    file, directory = _place(path), _place(path.parent)
    unread: list[Path] = []
    text = _text(machine.logrotate_conf, unread)
    stanzas: tuple[Stanza, ...] = ()
    complaints: tuple[str, ...] = ()
    if text is not None:
        whole = Logrotate(
            str(machine.logrotate_conf), text, include=lambda name: _included(name, unread)
        )
        stanzas = tuple(whole.matching({str(path), os.path.realpath(path)}))
        files = {stanza.file for stanza in stanzas}
        complaints = tuple(one for one in whole.complaints if one.partition(":")[0] in files)
    options = stanzas[0].options if stanzas else None
    return RotationFacts(
        path,
        _size(path),
        settings.source.archives,
        file,
        directory,
        configured=text is not None,
        stanzas=stanzas,
        create=_owner(options.create) if options else Owner(),
        su=_owner(options.su) if options else Owner(),
        complaints=complaints,
        unread=tuple(unread),
        asterisk=asterisk,
        service=service,
    )


def _included(name: str, unread: list[Path]) -> Iterable[Included]:
    """Return the file, or the files of the directory in the order of their names."""
    path = Path(name)
    try:
        paths = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    except OSError:
        unread.append(path)
        return
    for one in paths:
        text = _text(one, unread)
        if text is not None:
            yield Included(str(one), text)


def _text(path: Path, unread: list[Path]) -> str | None:
    text = read_text(path)
    if text is None and os.path.lexists(path):
        unread.append(path)
    return text


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _place(path: Path) -> Place | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return Place(path, status.st_uid, status.st_gid, status.st_mode)


def _owner(named: Ownership | None) -> Owner:
    if named is None:
        return Owner()
    uid = gid = None
    unknown = []
    # A number, too, must be that of a user or a group that exists.
    if named.user is not None:
        by_number = named.user.isdecimal()
        try:
            user = pwd.getpwuid(int(named.user)) if by_number else pwd.getpwnam(named.user)
            uid = user.pw_uid
        except (KeyError, ValueError):  # there is no such one, or no such number
            unknown.append(named.user)
    if named.group is not None:
        by_number = named.group.isdecimal()
        try:
            group = grp.getgrgid(int(named.group)) if by_number else grp.getgrnam(named.group)
            gid = group.gr_gid
        except (KeyError, ValueError):
            unknown.append(named.group)
    return Owner(uid, gid, tuple(unknown))
