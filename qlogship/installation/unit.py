"""The unit of the service, asked about and commanded through systemctl."""

from __future__ import annotations

import os
import shutil
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.errors import QlogshipError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A start waits for the service to say that it is ready; its own limit is 90 s.
_LONGEST: Final = 120.0


class NotStarted(QlogshipError):
    """systemd could not start the service, or start it anew."""


class Action(StrEnum):
    """What is done to a service; the words are those of systemctl."""

    ENABLE = "enable"
    RESTART = "restart"
    RELOAD = "reload"


class Unit:
    """A unit of systemd."""

    def __init__(self, name: str) -> None:
        self.name = name

    @staticmethod
    def is_here() -> bool:
        """Return whether systemd runs this machine and may be commanded (sd_booted(3))."""
        return (
            os.geteuid() == 0
            and Path("/run/systemd/system").is_dir()
            and shutil.which("systemctl") is not None
        )

    @property
    def is_known(self) -> bool:
        """Whether systemd has such a unit."""
        return self._call("cat", self.name).returncode == 0

    @property
    def state(self) -> str:
        """What systemd calls its state: active, reloading, activating, inactive, failed, ..."""
        return self._call("show", "--property=ActiveState", "--value", self.name).stdout.strip()

    @property
    def is_enabled(self) -> bool:
        """Whether the service starts with the machine."""
        return self._call("is-enabled", "--quiet", self.name).returncode == 0

    def command(self, action: Action) -> str:
        """Return what a person types for an action."""
        return f"systemctl {action}{' --now' if action is Action.ENABLE else ''} {self.name}"

    def do(self, action: Action) -> None:
        """Carry out an action. Raises NotStarted."""
        command = self.command(action)
        done = self._call(*command.split()[1:])
        if done.returncode:
            raise NotStarted(
                f"`{command}` failed: {reason(done.stderr)}",
                hint=f"Look at `journalctl --unit {self.name} --lines 20`.",
            )

    @staticmethod
    def _call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_program(["systemctl", "--no-pager", "--no-ask-password", *arguments])


def reason(said: str) -> str:
    """Return what systemctl gives as the reason of a failure, in one line.

    Before it there may be what did work, such as the link that enables a unit; behind it
    comes where to look, which every error of `Unit` tells by itself.
    """
    lines = [line for line in said.splitlines() if not line.startswith(("Created symlink", "See "))]
    return lines[0].strip() if lines else "no reason given"


def run_program(
    command: Sequence[str], *, timeout: float = _LONGEST, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; one that cannot be run fails with the reason on its stderr."""
    try:
        return subprocess.run(  # noqa: S603 -- a fixed command, or one that was agreed to; no shell
            command,
            capture_output=True,
            check=False,
            encoding="utf-8",
            env=env,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(list(command), 1, "", str(error))
