"""Asterisk: which processes run, which queue_log they hold open, what they are configured to."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.check.facts.access import known_account, running_as
from qlogship.installation.asterisk_conf import (
    Directories,
    Logger,
    directories,
    logger,
    realtime_of_queue_log,
)
from qlogship.installation.asterisk_files import MAIN, read_conf
from qlogship.installation.files import Texts, look_at, read_text, user_name
from qlogship.installation.identity import Account

if TYPE_CHECKING:
    from qlogship.check.machine import Machine
    from qlogship.config import Settings

# Anybody may start as many as the machine lets, and open files in them.
_PROCESSES_MAX: Final = 50
_FILES_MAX: Final = 20_000

_DELETED: Final = " (deleted)"

# A remote console, `asterisk -rx …`, is none that writes.
_CONSOLE: Final = re.compile(r"-[a-zA-Z]*[rRx][a-zA-Z]*")
# What follows -C on the command line: the path of asterisk.conf.
_CONFIGURATION: Final = re.compile(r"\0-C\0?([^\0]+)")
_CONTAINERS: Final = re.compile(r"docker|libpod|lxc|kubepods|containerd|machine\.slice")


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that a process holds open: its name there, device and inode, whether it is gone."""

    descriptor: int
    path: str
    key: tuple[int, int] | None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Process:
    """A running Asterisk; `files` are the queue_logs it holds open, None: may not be seen.

    `elsewhere` is true in a container, whose files have other names.
    """

    pid: int
    account: Account | None
    files: tuple[HeldFile, ...] | None
    configuration: Path | None = None
    elsewhere: bool = False

    def writes(self, key: tuple[int, int] | None) -> bool:
        """Return whether it holds the file with this device and inode open."""
        return key is not None and any(
            one.key == key and not one.deleted for one in self.files or ()
        )


@dataclass(frozen=True, slots=True)
class AsteriskFacts:
    """What is known of Asterisk. `logger` is None where logger.conf cannot be read.

    `realtime` is what extconfig.conf maps the queue_log to; `unread` are the files
    that exist and cannot be read; `cut` says that there was more than anybody reads.
    """

    processes: tuple[Process, ...]
    etc: Path
    directories: Directories
    logger: Logger | None
    realtime: str | None
    unread: tuple[Path, ...] = ()
    processes_hidden: bool = False
    cut: bool = False

    @property
    def account(self) -> Account | None:
        """The user that Asterisk runs as, of its process, else by its configuration."""
        known = (one.account for one in self.processes if one.account is not None)
        return next(known, None) or known_account(self.directories.user)


def gather(machine: Machine, settings: Settings) -> AsteriskFacts:
    """Look for Asterisk's processes and read its configuration."""
    path = settings.source.path
    names = {path.name, "queue_log"}
    found = _processes(machine.proc, path, names)
    root, main = Path("/"), MAIN
    if machine.asterisk_etc is not None:
        main = machine.asterisk_etc / MAIN.name
    elif found:
        # One that writes this queue_log from within a container has its configuration in there,
        # too: /proc leads to it.
        root = machine.proc / str(found[0].pid) / "root" if found[0].elsewhere else root
        main = root / str(found[0].configuration or MAIN).lstrip("/")
    etc, texts = main.parent, Texts()
    whole = read_conf(main, root=root, read=texts.read)
    said = directories(whole) if whole is not None else Directories()
    if said.etc is not None and machine.asterisk_etc is None:
        told = root / said.etc.lstrip("/")
        etc = told if look_at(told) else etc
    log = read_conf(etc / "logger.conf", root=root, read=texts.read)
    mapped = read_conf(etc / "extconfig.conf", root=root, read=texts.read)
    log_says = logger(log) if log is not None else None
    if log_says is not None and log_says.name not in names:
        found = _processes(machine.proc, path, {*names, log_says.name})
    return AsteriskFacts(
        found,
        etc,
        said,
        logger=log_says,
        realtime=realtime_of_queue_log(mapped) if mapped is not None else None,
        unread=tuple(texts.unread),
        cut=any(conf.cut for conf in (whole, log, mapped) if conf is not None),
        processes_hidden=not look_at(machine.proc / "1" / "stat"),
    )


def _processes(proc: Path, path: Path, names: set[str]) -> tuple[Process, ...]:
    """Return the processes called asterisk, the one that writes the queue_log first.

    Consoles and the shell around it are none. Those of containers come last: they
    are seen from here, and need have nothing to do with this queue_log.
    """
    log = look_at(path)
    key = log.key if log is not None else None
    found: list[Process] = []
    try:
        homes = [entry for entry in proc.iterdir() if entry.name.isdecimal()]
    except OSError:
        return ()
    for home in homes:
        if len(found) == _PROCESSES_MAX:
            break
        if (read_text(home / "comm") or "").strip() != "asterisk":
            continue
        arguments = (read_text(home / "cmdline") or "").rstrip("\0")
        if any(map(_CONSOLE.fullmatch, arguments.split("\0")[1:])):
            continue
        elsewhere = _is_elsewhere(proc, home)
        named = _CONFIGURATION.search(arguments)
        account = running_as(home)
        if account is not None and not elsewhere:  # whose name it is in a container, nobody knows
            account = replace(account, name=user_name(account.uid))
        configuration = Path(named[1]) if named is not None else None
        files = _open_files(home, names, key)
        found.append(Process(int(home.name), account, files, configuration, elsewhere))
    return tuple(sorted(found, key=lambda one: (not one.writes(key), one.elsewhere, one.pid)))


def _is_elsewhere(proc: Path, home: Path) -> bool:
    """Return whether a process lives in another tree of files than whoever asks."""
    try:
        here = (proc / "self" / "ns" / "mnt").readlink()
        there = (home / "ns" / "mnt").readlink()
        if here == there:
            return False
        # A service of systemd may have a tree of its own with the same root.
        same_root = (home / "root").samefile("/")
    except OSError:
        return False
    return not same_root or _CONTAINERS.search(read_text(home / "cgroup") or "") is not None


def _open_files(
    home: Path, names: set[str], key: tuple[int, int] | None
) -> tuple[HeldFile, ...] | None:
    """Return the open files that may be a queue_log: by name, rotated or not, or by identity."""
    try:
        descriptors = sorted(int(entry.name) for entry in (home / "fd").iterdir())
    except OSError:
        return None
    found = []
    for descriptor in descriptors[:_FILES_MAX]:
        link = home / "fd" / str(descriptor)
        try:
            target = os.readlink(link)  # noqa: PTH115 -- the text: ` (deleted)` is part of it
        except OSError:
            continue
        if not target.startswith("/"):
            continue
        path = target.removesuffix(_DELETED)
        file = look_at(link)
        identity = file.key if file is not None else None
        known = identity is not None and identity == key
        if known or Path(path).name.startswith(tuple(names)):
            found.append(HeldFile(descriptor, path, identity, target.endswith(_DELETED)))
    return tuple(found)
