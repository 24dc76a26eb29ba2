"""Putting settings and credential in place: whole or not at all, and never readable by others.

All files are made beside their places; what was written is loaded as the service
would load it; only then are the files renamed into place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.atomic_file import NewFile, behind
from qlogship.config.load import examine
from qlogship.config.model import variable
from qlogship.config.secret import Unfit, read_file
from qlogship.errors import Fault, QlogshipError, SettingsError
from qlogship.installation.places import keeper
from qlogship.wording import typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        if not places.config.parent.is_dir():
            places.config.parent.mkdir(parents=True, exist_ok=True)
            places.config.parent.chmod(0o755)
    with _alone(places.config.parent):
        written = _put(content, places, owner, password)
    if places.own_state and places.state is not None:
        with _said(places.state):
            if not places.state.is_dir():
                places.state.mkdir(mode=0o700)
                if owner.service:
                    os.chown(places.state, owner.state_uid, owner.gid, follow_symlinks=False)
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
        hint = (
            f"Make room: `df -h {typed(path.parent)}`, and `df -i {typed(path.parent)}` for inodes."
        )
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
            if right[:2] != (status.st_uid, status.st_gid):
                os.fchown(handle, owner.uid, owner.gid)
            os.fchmod(handle, owner.mode)
        finally:
            os.close(handle)
    return True


def _put(content: Content, places: Places, owner: Owner, password: str) -> list[Path]:
    """Make, prove and rename the files, and clear away what a run that was killed has left."""
    files = {
        places.password: None if content.password is None else f"{content.password}\n".encode(),
        places.authority: content.authority,
        places.config: None if content.settings is None else content.settings.encode(),
    }
    made: dict[Path, NewFile] = {}
    with ExitStack() as stack:
        for path, data in files.items():
            with _said(path):
                target = behind(path)
                _beside(target).unlink(missing_ok=True)
                if data is not None:
                    whose = keeper(owner, places.unit) if path == places.password else owner
                    made[path] = stack.enter_context(_new(target, whose))
                    made[path].file.write(data)
                    made[path].file.flush()
        _prove(made, password, places)
        with _said(places.config), _undisturbed():
            if content.keep_old and places.config.exists():
                # As they are now, once; they hold no secret.
                with _new(places.config.with_name(f"{places.config.name}{BACKUP}"), owner) as old:
                    old.file.write(places.config.read_bytes())
                    old.put_in_place()
            for new in made.values():
                new.put_in_place()
    return [new.target for new in made.values()]


def _new(path: Path, owner: Owner) -> NewFile:
    """Make the file that will be `path`; nobody else can read it at any moment."""
    return NewFile(path, mode=owner.mode, owner=(owner.uid, owner.gid), path=_beside(path))


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}{_SUFFIX}")


def _prove(made: Mapping[Path, NewFile], password: str, places: Places) -> None:
    """Load what was written, as the service and `qlogship config check` do."""
    faults: list[Fault] = []
    if new := made.get(places.config):
        environ = {variable("dashboard", "password"): password}
        if authority := made.get(places.authority):
            environ[variable("dashboard", "ca_file")] = str(authority.path)  # it will be there, too
        faults += [
            replace(fault, place=fault.place.replace(str(new.path), str(places.config)))
            for fault in examine(new.path, environ=environ).faults
        ]
    if new := made.get(places.password):
        try:
            read_file("password", new.path)
        except Unfit as error:
            problem = "the password cannot be read back"
            faults.append(Fault(str(places.password), problem, error.remedy))
    if faults:
        raise SettingsError(faults)


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
