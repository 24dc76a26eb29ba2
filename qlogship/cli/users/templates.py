"""The template of a configuration, as a file that the command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.core.userfile.configuration import DEFAULT, PLACEHOLDERS, unknown_placeholders
from qlogship.errors import QlogshipError

if TYPE_CHECKING:
    from pathlib import Path


def read_template(path: Path | None) -> str:
    """Return the template in a file, the default one for none. Raises QlogshipError."""
    if path is None:
        return DEFAULT
    text = read_text(path)
    unknown = unknown_placeholders(text)
    if unknown:
        raise QlogshipError(
            f"{path}: nothing is known by the name of {', '.join(f'@{one}@' for one in unknown)}",
            hint=f"Use {', '.join(f'@{one}@' for one in PLACEHOLDERS)}; @@ is an at sign.",
        )
    return text


def read_text(path: Path) -> str:
    """Return the text in a file. Raises QlogshipError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise QlogshipError(
            f"{path} cannot be read: {error.strerror}", hint="Name a file that you may read."
        ) from error
    except UnicodeDecodeError as error:
        raise QlogshipError(f"{path} is no text in UTF-8", hint="Save it as UTF-8.") from error
