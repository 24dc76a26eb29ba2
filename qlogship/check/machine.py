"""Where things are on the machine that is looked at.

A test makes a machine of its own, with a tree of files and answers it has planted.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from qlogship.installation.identity import SERVICE_USER
from qlogship.installation.places import DEFAULT_PATH
from qlogship.installation.unit import run_program

# Enough for any tool that is asked here, none of which waits for anything.
_TOOL_TIMEOUT: Final = 5.0


def ask_tool(command: Sequence[str]) -> str | None:
    """Return what a tool prints; None when there is none, or it fails."""
    done = run_program(command, timeout=_TOOL_TIMEOUT, env={**os.environ, "LC_ALL": "C"})
    return None if done.returncode else done.stdout


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
    settings_directory: Path = DEFAULT_PATH.parent
    # Where packages put units; a copy in /etc/systemd/system comes before these.
    unit_directories: tuple[Path, ...] = (
        Path("/usr/lib/systemd/system"),
        Path("/lib/systemd/system"),
    )
    container_mark: Path = Path("/run/systemd/container")
    service_user: str = SERVICE_USER
    program: Path = field(default_factory=lambda: Path(sys.argv[0]))
    ask: Callable[[Sequence[str]], str | None] = ask_tool
    wall_clock: Callable[[], float] = time.time
