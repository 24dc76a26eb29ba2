"""Putting settings and credential in place: whole or not at all, and never readable by others.

Each file is made beside its place under a name of its own, with its owner and
mode before anything is in it; what was written is loaded as the service would
load it; only then are the files renamed into place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.config.load import examine
from qlogship.config.model import variable
from qlogship.config.secret import Found, read
from qlogship.errors import Fault, QlogshipError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.installation.places import Owner, Places

_SUFFIX: Final = ".setup"
BACKUP: Final = ".old"


class Unwritable(QlogshipError):
    """A file cannot be put in place; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be written: settings, password, certificates to trust; None leaves a file alone.

    `keep_old` says that the settings to be replaced are worth keeping.
    """

    settings: str | None
    password: str | None = field(repr=False)
    authority: bytes | None = None
    keep_old: bool = False


def put_in_place(content: Content, places: Places, owner: Owner, *, password: str) -> list[Path]:
    """Write what is to be written; return the files that were written.

    The settings as they are now may be kept beside the new ones, with ".old" behind
    the name; a credential is kept nowhere. A link stays one: what it leads to is
    replaced. `password` is the one that will be in use. Raises SettingsError when the
    new settings would not load, Unwritable when the system refuses, or another run is
    writing there.
    """
    with _said(places.config.parent):
        _make_directory(places.config.parent, 0o755)
    with _alone(places.config.parent):
        written = _put(content, places, owner, password)
    if places.own_state and places.state is not None:
        with _said(places.state):
            _make_state(places.state, owner)
    return written


def check_writable(path: Path) -> None:
    """See whether a file can be put there, before anything is asked. Raises Unwritable."""
    directory = path.parent
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    if not directory.is_dir() or not os.access(directory, os.W_OK | os.X_OK):
        raise Unwritable(
            f"you may not write {path}",
            hint="Run it as root, or name another place with --config FILE.",
        )


def refusal(path: Path, error: OSError) -> Unwritable:
    """Return the error for a file that the system does not let be written, with what to do."""
    hint = "Run it as root, or name another place with --config FILE."
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        hint = f"Make room: `df -h {path.parent}`, and `df -i {path.parent}` for inodes."
    return Unwritable(f"{error.filename or path} cannot be written: {error.strerror}", hint=hint)


def mend_mode(path: Path, owner: Owner) -> bool:
    """Give a file the owner and the mode that it should have; return whether it had others."""
    with _said(path):
        status = path.stat()
        right = (owner.uid, owner.gid, owner.mode)
        if (status.st_uid, status.st_gid, status.st_mode & 0o7777) == right:
            return False
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _own(handle, owner)
        finally:
            os.close(handle)
    return True


def _put(content: Content, places: Places, owner: Owner, password: str) -> list[Path]:
    """Make, prove and rename the files, and clear away what a run that was killed has left."""
    files = {
        Path(os.path.realpath(path)): data if isinstance(data, bytes) else data.encode()
        for path, data in (
            (places.password, None if content.password is None else f"{content.password}\n"),
            (places.authority, content.authority),
            (places.config, content.settings),
        )
        if data is not None
    }
    made: dict[Path, Path] = {}
    try:
        for path in (places.config, places.password, places.authority):
            with _said(path):
                _beside(Path(os.path.realpath(path))).unlink(missing_ok=True)
        for path, data in files.items():
            with _said(path):
                made[path] = _made(path, data, owner)
        _prove(made, password, places)
        with _said(places.config), _undisturbed():
            if content.keep_old:
                _keep_old(places.config, owner)
            for path in list(made):
                made[path].replace(path)
                del made[path]
            for directory in {path.parent for path in files}:
                _sync(directory)
    finally:
        for temporary in made.values():
            temporary.unlink(missing_ok=True)
    return list(files)


def _made(path: Path, data: bytes, owner: Owner) -> Path:
    """Make the file that will be renamed to `path`; nobody else can read it at any moment."""
    temporary = _beside(path)
    temporary.unlink(missing_ok=True)  # of a run that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            _own(file.fileno(), owner)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}{_SUFFIX}")


def _own(handle: int, owner: Owner) -> None:
    status = os.fstat(handle)
    if (status.st_uid, status.st_gid) != (owner.uid, owner.gid):
        os.fchown(handle, owner.uid, owner.gid)
    os.fchmod(handle, owner.mode)


def _prove(made: dict[Path, Path], password: str, places: Places) -> None:
    """Load what was written, as the service and `qlogship config check` do."""
    faults: list[Fault] = []
    if written := made.get(Path(os.path.realpath(places.config))):
        environ = {variable("dashboard", "password"): password}
        if authority := made.get(Path(os.path.realpath(places.authority))):
            environ[variable("dashboard", "ca_file")] = str(authority)  # it will be in place, too
        faults += [
            replace(fault, place=fault.place.replace(str(written), str(places.config)))
            for fault in examine(written, environ=environ).faults
        ]
    if written := made.get(Path(os.path.realpath(places.password))):
        place = str(places.password)
        _, fault = read(Found("password", place, place, path=written))
        if fault is not None:
            faults.append(replace(fault, problem="the password cannot be read back"))
    if faults:
        raise SettingsError(faults)


def _keep_old(path: Path, owner: Owner) -> None:
    """Keep the settings as they are now, once; they hold no secret."""
    if not path.exists():
        return
    copy = _made(path.with_name(f"{path.name}{BACKUP}"), path.read_bytes(), owner)
    copy.replace(path.with_name(f"{path.name}{BACKUP}"))


def _make_directory(path: Path, mode: int) -> None:
    if not path.is_dir():
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        path.chmod(mode)


def _make_state(path: Path, owner: Owner) -> None:
    if path.is_dir():
        return
    path.mkdir(mode=0o700)
    if owner.service:
        os.chown(path, owner.state_uid, owner.gid)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refusal(path, error) from error


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep another setup from writing at the same time; a run that is killed lets go, too."""
    with _said(directory):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unwritable(
                f"another setup is writing into {directory}", hint="Run this again."
            ) from None
        yield
    finally:
        os.close(handle)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Do not hear Ctrl-C until all files are in place."""
    before = None
    with suppress(ValueError):  # not the main thread, which Ctrl-C does not reach
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
