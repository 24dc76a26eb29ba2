"""What logrotate is told to do with the queue_log."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qlogship.check.facts.access import owner_of
from qlogship.check.logrotate.configuration import Included, Logrotate
from qlogship.installation.access_list import DEFAULT, AccessList, Tag
from qlogship.installation.files import File, Texts, look_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.check.logrotate.stanza import Ownership, Stanza
    from qlogship.check.machine import Machine
    from qlogship.config import Settings
    from qlogship.installation.identity import Account


@dataclass(frozen=True, slots=True)
class NamedOwner:
    """An owner that a stanza names, as numbers; `unknown` are the names that do not exist."""

    uid: int | None = None
    gid: int | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RotationFacts:
    """The stanzas that take the queue_log, the first of which counts.

    `file` and `directory` are None where there are none. `asterisk` and `service`
    are the users that must write and read what comes after a rotation; `inherited` is what
    the directory's access list gives the service on each new file.
    """

    path: Path
    archives: tuple[str, ...]
    file: File | None
    directory: File | None
    stanzas: tuple[Stanza, ...] = ()
    create: NamedOwner = NamedOwner()
    su: NamedOwner = NamedOwner()
    complaints: tuple[str, ...] = ()
    unread: tuple[Path, ...] = ()
    asterisk: Account | None = None
    service: Account | None = None
    inherited: int = 0


def gather(
    machine: Machine, settings: Settings, asterisk: Account | None, service: Account | None
) -> RotationFacts:
    """Read logrotate's configuration; without one there are no stanzas."""
    path, texts = settings.source.path, Texts()
    whole = Logrotate(
        str(machine.logrotate_conf),
        texts.read(machine.logrotate_conf) or "",
        include=lambda name: _included(Path(name), texts),
    )
    stanzas = tuple(whole.matching({str(path), os.path.realpath(path)}))
    files = {stanza.file for stanza in stanzas}
    options = stanzas[0].options if stanzas else None
    return RotationFacts(
        path,
        settings.source.archives,
        look_at(path),
        look_at(path.parent),
        stanzas=stanzas,
        create=_owner(options.create if options else None),
        su=_owner(options.su if options else None),
        complaints=tuple(one for one in whole.complaints if one.partition(":")[0] in files),
        unread=tuple(texts.unread),
        asterisk=asterisk or _writer(path),
        service=service,
        inherited=_inherited(path.parent, service),
    )


def _inherited(directory: Path, service: Account | None) -> int:
    """Return what a user may do with new files in a directory, by its default access list."""
    if service is None:
        return 0
    try:
        found = AccessList.of_bytes(os.getxattr(directory, DEFAULT))
    except (OSError, ValueError):
        return 0
    return found.rights(Tag.USER, service.uid)


def _writer(path: Path) -> Account | None:
    """Return who writes the queue_log where neither a process nor asterisk.conf tells.

    The directory's owner first: the file may have been made by a rotation that
    gives it to the wrong one. What is root's tells nothing.
    """
    owners = (owner_of(path.parent), owner_of(path))
    return next((one for one in owners if one is not None and one.name != "root"), None)


def _included(path: Path, texts: Texts) -> Iterable[Included]:
    """Return the file, or the files of the directory in the order of their names."""
    try:
        paths = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    except OSError:
        texts.unread.append(path)
        return
    for one in paths:
        text = texts.read(one)
        if text is not None:
            yield Included(str(one), text)


def _owner(named: Ownership | None) -> NamedOwner:
    """Return the numbers of a user and a group; a number, too, must be that of one that exists."""
    user, group = (named.user, named.group) if named is not None else (None, None)
    uid = gid = None
    unknown = []
    if user is not None:
        try:
            uid = (pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)).pw_uid
        except (KeyError, ValueError):  # there is no such one, or no such number
            unknown.append(user)
    if group is not None:
        try:
            gid = (grp.getgrgid(int(group)) if group.isdecimal() else grp.getgrnam(group)).gr_gid
        except (KeyError, ValueError):
            unknown.append(group)
    return NamedOwner(uid, gid, tuple(unknown))
