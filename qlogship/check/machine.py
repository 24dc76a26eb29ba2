"""The machine that is looked at: where its files are, and how its tools are asked.

A test makes one of its own, with a tree of files and answers it has planted.
Whatever cannot be read or asked comes back as None; nothing here raises.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from qlogship.installation.identity import SERVICE_USER

Ask = Callable[[Sequence[str]], str | None]

# Where packages put units; a copy in /etc/systemd/system comes before these.
PACKAGE_UNITS: Final = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))

# Enough for any tool that is asked here, none of which waits for anything.
_TOOL_TIMEOUT: Final = 5.0

_TEXT_MAX: Final = 4 * 1024 * 1024


def ask_tool(command: Sequence[str]) -> str | None:
    """Return what a tool prints; None when there is none, or it fails."""
    try:
        done = subprocess.run(  # noqa: S603 -- the command is one of ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TOOL_TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": ""},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Machine:
    """Where things are, and how they are asked; the defaults are those of a usual Linux.

    `asterisk_etc` is what the command line says; None: what the running Asterisk
    says, else /etc/asterisk. `program` is the qlogship that was called.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    proc: Path = Path("/proc")
    asterisk_etc: Path | None = None
    logrotate_conf: Path = Path("/etc/logrotate.conf")
    settings_directory: Path = Path("/etc/qlogship")
    unit_directories: tuple[Path, ...] = PACKAGE_UNITS
    container_mark: Path = Path("/run/systemd/container")
    service_user: str = SERVICE_USER
    program: Path = field(default_factory=lambda: Path(sys.argv[0]))
    ask: Ask = ask_tool
    wall_clock: Callable[[], float] = time.time


def read_text(path: Path) -> str | None:
    """Return the text of a file, None when it cannot be read; bytes beyond UTF-8 are replaced."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return file.read(_TEXT_MAX).decode(errors="replace")
    except (OSError, ValueError):  # a name with a NUL in it is no name
        return None


def exists(path: Path) -> bool:
    """Return whether a path leads to something, as far as whoever asks may look."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True
