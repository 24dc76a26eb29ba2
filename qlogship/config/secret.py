"""The secrets: where the password and the token are, and whether they are safe there.

Here live finding a secret and reading it. No text made here contains one.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from qlogship.config import environment
from qlogship.config.model import variable
from qlogship.wording import typed

if TYPE_CHECKING:
    from collections.abc import Mapping

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
MAX_SECRET_BYTES = 64 * 1024

# Nobody but the owner may write it, and nobody but owner and group may read it.
_OPEN_TO_OTHERS = stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP


@dataclass(frozen=True, slots=True)
class Found:
    """Where a secret is: in the environment (`text`) or in a file (`path`).

    `origin` is for `config show`, `place` for faults. A systemd credential is
    `trusted`: systemd sees to its mode, and shows it with an access list.
    """

    key: str
    origin: str
    place: str
    text: str = field(default="", repr=False)
    path: Path | None = None
    trusted: bool = False


def credential(key: str) -> str:
    """Return the name of the systemd credential for `password` or `token`."""
    return f"qlogship-{key}"


def find(
    key: str, *, environ: Mapping[str, str], named: Path | None, named_place: str
) -> Found | None:
    """Return where `password` or `token` is: environment, then credential, then the file named.

    A credential without content is none: the unit gives an empty one where the file
    it would be made from does not exist. The file named is not looked at.
    """
    name = variable("dashboard", key)
    if name in environ:
        return Found(
            key,
            f"environment {name}",
            environment.place("dashboard", key),
            text=environ[name],
        )
    directory = environ.get(CREDENTIALS_VARIABLE, "")
    if directory and not _is_empty(path := Path(directory, credential(key))):
        origin = f"credential {credential(key)}"
        return Found(key, origin, origin, path=path, trusted=True)
    if named is not None:
        return Found(key, f"file {named}", named_place, path=named)
    return None


def read(found: Found) -> SecretStr:
    """Read a secret and take one newline off its end. Raises Unfit."""
    if found.path is not None:
        return read_file(found.key, found.path, trusted=found.trusted)
    return _content(found.key, "the variable", found.text)


def read_file(key: str, path: Path, *, trusted: bool = False) -> SecretStr:
    """Read `password` or `token` from a file, which may be open to others if `trusted`.

    Raises Unfit.
    """
    return _content(key, str(path), _read_text(path, trusted=trusted))


class Unfit(Exception):
    """Something that cannot be taken as it is; holds problem and remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def _content(key: str, where: str, text: str) -> SecretStr:
    """Return what is the secret in a text, which is all but one newline at its end."""
    text = text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit(f"{where} is not UTF-8", f"Write the {key} in UTF-8.") from None
    if not text.strip():
        raise Unfit(f"{where} is empty", f"Write the {key} into it, or leave it out.")
    if any(character in text for character in "\r\n\0"):
        raise Unfit(f"{where} has more than one line", f"Leave only the {key} in it.")
    # A token travels in a header, which takes no blanks and nothing beyond ASCII.
    if key == "token" and not (text.isascii() and text.isprintable() and " " not in text):
        raise Unfit(f"{where} holds characters that no token has", "Leave only the token in it.")
    return SecretStr(text)


def _is_empty(path: Path) -> bool:
    """Return whether a credential is missing or blank; one that cannot be read is neither."""
    if not os.path.lexists(path):
        return True
    try:
        return not _read_text(path, trusted=True).strip()
    except Unfit:
        return False


def _read_text(path: Path, *, trusted: bool) -> str:
    """Return the text of a secret file that is fit to hold one."""
    try:
        # A FIFO must not hang us: it is opened without waiting, then refused.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check_mode(path, os.fstat(handle).st_mode, trusted=trusted)
            data = os.read(handle, MAX_SECRET_BYTES + 1)
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError):
        raise Unfit(
            f"{path} is missing",
            f"Create it: `install -m 0640 -g qlogship /dev/null {typed(path)}`, then write"
            " the secret.",
        ) from None
    except PermissionError:
        raise Unfit(
            f"you may not read {path}",
            f"Type it as root, or let the user qlogship read it: `chgrp qlogship {typed(path)} && "
            f"chmod 0640 {typed(path)}`.",
        ) from None
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error.strerror}", "Name another file.") from None
    if len(data) > MAX_SECRET_BYTES:
        raise Unfit(f"{path} is larger than 64 KiB", "Name the file with the secret.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Unfit(f"{path} is not UTF-8", "Save it as UTF-8.") from None


def _check_mode(path: Path, mode: int, *, trusted: bool) -> None:
    """Raise unless this is the mode of a file that may hold a secret."""
    if stat.S_ISDIR(mode):
        raise Unfit(f"{path} is a directory", "Name the file in it.")
    if not stat.S_ISREG(mode):
        raise Unfit(f"{path} is no regular file", "Name a regular file.")
    if not trusted and mode & _OPEN_TO_OTHERS:
        raise Unfit(
            f"others can read or change {path} (mode {stat.S_IMODE(mode):04o})",
            f"Run `chmod 0640 {typed(path)}`.",
        )
