"""Whom Asterisk runs as, by what Asterisk's user cannot write: /proc and the lists of users.

asterisk.conf says it, too, and belongs to that user on many PBXs: whoever took it over
would name another user there, and be given that one's files.
"""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qlogship.installation.files import read_text, user_name

_PROGRAM: Final = "asterisk"
_USUAL: Final = "asterisk"

# Who is in one of these can become root, or read what only root should (Debian, Red Hat).
_MIGHTY: Final = frozenset(
    {"adm", "disk", "docker", "kmem", "lxd", "root", "shadow", "sudo", "systemd-journal", "wheel"}
)


@dataclass(frozen=True, slots=True)
class Writer:
    """A user as whom Asterisk runs, never root.

    `group` is the number of the user's first group, None when it is a group of others, too;
    `shared` says that there are more members in it.
    """

    name: str
    uid: int
    group: int | None = None
    shared: bool = False


def writers(proc: Path = Path("/proc")) -> tuple[Writer, ...]:
    """Return whom a process called asterisk runs as, and the user of that name."""
    found = _running(proc)
    with suppress(KeyError):
        found.add(pwd.getpwnam(_USUAL).pw_uid)
    return tuple(map(_writer, sorted(found - {0})))


def _running(proc: Path) -> set[int]:
    found = set()
    with suppress(OSError), os.scandir(proc) as entries:
        for entry in entries:
            home = proc / entry.name
            if not entry.name.isdecimal() or (read_text(home / "comm") or "").strip() != _PROGRAM:
                continue
            for line in (read_text(home / "status") or "").splitlines():
                # A program of another user that somebody may start changes one of these alone.
                if line.startswith("Uid:") and len(uids := set(line.split()[1:])) == 1:
                    found.add(int(uids.pop()))
    return found


def _writer(uid: int) -> Writer:
    name = user_name(uid)
    try:
        user = pwd.getpwuid(uid)
        group = grp.getgrgid(user.pw_gid)
    except KeyError:
        return Writer(name, uid)
    also = {one.pw_name for one in pwd.getpwall() if one.pw_gid == group.gr_gid} - {name}
    if group.gr_gid == 0 or group.gr_name in _MIGHTY or also:
        return Writer(name, uid)
    return Writer(name, uid, group.gr_gid, shared=bool(set(group.gr_mem) - {name}))
