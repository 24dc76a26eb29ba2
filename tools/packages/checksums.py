"""SHA256SUMS, by which others see that they have what was built, and its signature."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SUMS: Final = "SHA256SUMS"
SIGNATURE: Final = "SHA256SUMS.asc"


class SigningError(Exception):
    """There is no signature; says why, and what to type."""


def checksums(files: Iterable[Path]) -> str:
    """Return what `sha256sum --check` reads, a line for each file, by its name."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(files, key=lambda path: path.name)
    )


def find_key(key: str) -> None:
    """Look whether gpg has the secret key, before anything is built; raises SigningError."""
    if shutil.which("gpg") is None:
        raise SigningError("there is no gpg to sign with; as root: apt install gpg")
    # With --list-secret-keys only: what would be made of the key's name may ask for a passphrase.
    listed = _gpg("--list-secret-keys", "--", key)
    if listed.returncode != 0:
        raise SigningError(
            f"gpg has no secret key {key!r}; `gpg --list-secret-keys` shows which it has"
        )


def sign(sums: Path, key: str) -> Path:
    """Sign the sums, as a file beside them; raises SigningError."""
    signature = sums.with_name(SIGNATURE)
    options = ("--yes", "--armor", f"--local-user={key}", f"--output={signature}")
    done = _gpg(*options, "--detach-sign", "--", str(sums))
    if done.returncode != 0:
        raise SigningError(f"gpg did not sign with {key!r}: {done.stderr.strip()}")
    return signature


def _gpg(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["gpg", "--batch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
