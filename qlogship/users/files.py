"""Files that the command line names: users, passwords, configurations and their templates."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from qlogship.errors import FileNotUsable
from qlogship.terminal import output
from qlogship.users.csv_file.configuration import DEFAULT, PLACEHOLDERS, unknown_placeholders
from qlogship.wording import typed

if TYPE_CHECKING:
    from pathlib import Path


def read_template(path: Path | None) -> str:
    """Return the template in a file, the default one for none. Raises FileNotUsable."""
    if path is None:
        return DEFAULT
    text = read_text(path)
    unknown = unknown_placeholders(text)
    if unknown:
        raise FileNotUsable(
            f"{path}: nothing is known by the name of {', '.join(f'@{one}@' for one in unknown)}",
            hint=f"Use {', '.join(f'@{one}@' for one in PLACEHOLDERS)}; @@ is an at sign.",
        )
    return text


def read_text(path: Path) -> str:
    """Return the text in a file. Raises FileNotUsable."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileNotUsable(
            f"{path} cannot be read: {error.strerror}", hint="Name a file that you may read."
        ) from error
    except UnicodeDecodeError as error:
        raise FileNotUsable(f"{path} is no text in UTF-8", hint="Save it as UTF-8.") from error


def read_secret(path: Path, most: int) -> bytes:
    """Return what is in a file with passwords, or comes on stdin for `-`, up to `most` bytes.

    Says so when others can read the file. Raises FileNotUsable.
    """
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read(most)
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & stat.S_IROTH:
                output.print_note(
                    f"Every user of this machine can read what is secret in {path};"
                    f" type `chmod 600 {typed(path)}`."
                )
            return file.read(most)
    except OSError as error:
        raise FileNotUsable(
            f"{path} cannot be read: {error.strerror}", hint="Name a file that you may read."
        ) from error
