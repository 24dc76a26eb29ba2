"""Asterisk: which processes run, which queue_log they hold open, what they are configured to."""

from __future__ import annotations

import os
import pwd
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.check.machine import exists, read_text
from qlogship.installation.asterisk_conf import (
    Conf,
    Directories,
    Logger,
    directories,
    logger,
    realtime_of_queue_log,
)
from qlogship.installation.identity import Account

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qlogship.check.machine import Machine
    from qlogship.config import Settings

_MAIN: Final = Path("/etc/asterisk/asterisk.conf")
_DELETED: Final = " (deleted)"

# A remote console, `asterisk -rx …`, is none that writes.
_CONSOLE: Final = re.compile(rb"-[a-zA-Z]*[rRx][a-zA-Z]*")


@dataclass(frozen=True, slots=True)
class OpenFile:
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
    files: tuple[OpenFile, ...] | None
    configuration: Path | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class AsteriskFacts:
    """What is known of Asterisk. `logger` is None where logger.conf cannot be read.

    `realtime` is what extconfig.conf maps the queue_log to; `unread` are the files
    that exist and cannot be read.
    """

    processes: tuple[Process, ...]
    etc: Path
    directories: Directories
    logger: Logger | None
    realtime: str | None
    unread: tuple[Path, ...] = ()
    processes_hidden: bool = False

    @property
    def account(self) -> Account | None:
        """The user that Asterisk runs as, of its process, else by its configuration."""
        for process in self.processes:
            if process.account is not None:
                return process.account
        return _account_named(self.directories.user)


def gather(machine: Machine, settings: Settings) -> AsteriskFacts:
    """Look for Asterisk's processes and read its configuration."""
    path = settings.source.path
    names = {path.name, "queue_log"}
    found = _processes(machine.proc, names, _key(path))
    root, etc, main = _configuration_of(machine, found)
    reader = _Reader(etc, root)
    whole = reader.conf(main)
    said = directories(whole) if whole is not None else Directories()
    if said.etc is not None and machine.asterisk_etc is None:
        named = root / said.etc.lstrip("/")
        if exists(named):
            reader.directory = etc = named
    log, mapped = reader.conf("logger.conf"), reader.conf("extconfig.conf")
    log_says = logger(log) if log is not None else None
    if log_says is not None and log_says.name not in names:
        found = _processes(machine.proc, {*names, log_says.name}, _key(path))
    return AsteriskFacts(
        found,
        etc,
        said,
        logger=log_says,
        realtime=realtime_of_queue_log(mapped) if mapped is not None else None,
        unread=tuple(reader.unread),
        processes_hidden=not exists(Path(machine.proc, "1", "stat")),
    )


def _configuration_of(machine: Machine, found: tuple[Process, ...]) -> tuple[Path, Path, Path]:
    """Return the root of the files that count, the directory among them, and its asterisk.conf.

    A process that writes this queue_log from within a container has its
    configuration there, too: /proc leads to it.
    """
    root, named = Path("/"), None
    if found:
        named = found[0].configuration
        if found[0].elsewhere:
            root = machine.proc / str(found[0].pid) / "root"
    if machine.asterisk_etc is not None:
        return Path("/"), machine.asterisk_etc, machine.asterisk_etc / "asterisk.conf"
    main = root / str(named or _MAIN).lstrip("/")
    return root, main.parent, main


class _Reader:
    """Read configuration files below one directory, and what they include."""

    def __init__(self, directory: Path, root: Path) -> None:
        self.directory = directory
        self._root = root
        self.unread: list[Path] = []

    def conf(self, name: str | Path) -> Conf | None:
        """Return a file, None when there is none or it cannot be read."""
        text = self._text(self.directory / name)
        return Conf(text, include=self._included) if text is not None else None

    def _included(self, name: str) -> Iterable[str]:
        if name.startswith("/"):
            root, pattern = self._root, name.lstrip("/")
        else:
            root, pattern = self.directory, name
        if not pattern:
            return
        try:
            paths = sorted(root.glob(pattern)) if re.search(r"[*?\[]", name) else [root / pattern]
        except (OSError, ValueError, NotImplementedError):
            return
        for path in paths:
            text = self._text(path)
            if text is not None:
                yield text

    def _text(self, path: Path) -> str | None:
        text = read_text(path)
        if text is None and os.path.lexists(path) and path not in self.unread:
            self.unread.append(path)
        return text


def _key(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _processes(proc: Path, names: set[str], key: tuple[int, int] | None) -> tuple[Process, ...]:
    """Return the processes called asterisk, the one that writes the queue_log first.

    Consoles and the shell around it are none. Those of containers come last: they
    are seen from here, and need have nothing to do with this queue_log.
    """

    def place(process: Process) -> tuple[bool, bool, int]:
        writes = any(one.key == key and not one.deleted for one in process.files or ())
        return not (writes and key is not None), process.elsewhere, process.pid

    return tuple(sorted(_all_processes(proc, names, key), key=place))


def _all_processes(proc: Path, names: set[str], key: tuple[int, int] | None) -> Iterator[Process]:
    try:
        entries = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    except OSError:
        return
    for pid in entries:
        home = proc / str(pid)
        if (read_text(home / "comm") or "").strip() != "asterisk":
            continue
        arguments = _arguments(home)
        if any(_CONSOLE.fullmatch(one) for one in arguments[1:]):
            continue
        elsewhere = _is_elsewhere(proc, home)
        yield Process(
            pid,
            _account(home, elsewhere=elsewhere),
            _open_files(home, names, key),
            _configuration(arguments),
            elsewhere,
        )


def _arguments(home: Path) -> list[bytes]:
    try:
        return (home / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return []


def _configuration(arguments: list[bytes]) -> Path | None:
    """Return what follows -C on the command line: the path of asterisk.conf."""
    for index, one in enumerate(arguments[1:], start=1):
        if one == b"-C" and index + 1 < len(arguments):
            return Path(os.fsdecode(arguments[index + 1]))
        if one.startswith(b"-C") and len(one) > 2:
            return Path(os.fsdecode(one[2:]))
    return None


def _is_elsewhere(proc: Path, home: Path) -> bool:
    """Return whether a process lives in another tree of files than whoever asks."""
    try:
        here = (proc / "self" / "ns" / "mnt").readlink()
        there = (home / "ns" / "mnt").readlink()
        if here == there:
            return False
        # A service of systemd may have a tree of its own with the same root.
        return not (home / "root").samefile("/") or _is_contained(home)
    except OSError:
        return False


def _is_contained(home: Path) -> bool:
    """Return whether a process is in a container by its control group."""
    text = read_text(home / "cgroup") or ""
    return bool(re.search(r"docker|libpod|lxc|kubepods|containerd|machine\.slice", text))


def _account(home: Path, *, elsewhere: bool) -> Account | None:
    """Return the user and the groups that a process acts as; those of a container by number."""
    text = read_text(home / "status")
    if text is None:
        return None
    values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    try:
        uid, gid = int(values["Uid"].split()[1]), int(values["Gid"].split()[1])
        groups = {int(word) for word in values.get("Groups", "").split()}
    except (KeyError, IndexError, ValueError):
        return None
    name = str(uid)
    if not elsewhere:
        with suppress(KeyError):
            name = pwd.getpwuid(uid).pw_name
    return Account(name, uid, frozenset({gid, *groups}))


def _account_named(name: str | None) -> Account | None:
    try:
        entry = pwd.getpwnam(name or "")
    except KeyError:
        return None
    return Account(
        entry.pw_name, entry.pw_uid, frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
    )


def _open_files(
    home: Path, names: set[str], key: tuple[int, int] | None
) -> tuple[OpenFile, ...] | None:
    """Return the open files that may be a queue_log: by name, rotated or not, or by identity."""
    try:
        descriptors = sorted(int(entry.name) for entry in (home / "fd").iterdir())
    except OSError:
        return None
    found = []
    for descriptor in descriptors:
        link = home / "fd" / str(descriptor)
        try:
            target = os.readlink(link)  # noqa: PTH115 -- the text: ` (deleted)` is part of it
        except OSError:
            continue
        if not target.startswith("/"):
            continue
        path = target.removesuffix(_DELETED)
        identity = _key(link)
        name = path.rpartition("/")[2]
        if (key is not None and identity == key) or name.startswith(tuple(names)):
            found.append(OpenFile(descriptor, path, identity, target.endswith(_DELETED)))
    return tuple(found)
