"""The unit of the service: whether it runs, starting it, and how it stands afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qlogship.errors import QlogshipError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_EVERY: Final = 0.5
# A start waits for the service to say that it is ready; its own limit is 90 s.
_LONGEST: Final = 120.0


class NotStarted(QlogshipError):
    """systemd could not start the service, or start it anew."""


class Action(StrEnum):
    """What is done to a service; the words are those of systemctl."""

    ENABLE = "enable"
    RESTART = "restart"
    RELOAD = "reload"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the service stands: `ok` None means that there is nothing to tell yet."""

    ok: bool | None
    words: str
    hint: str = ""


class Unit:
    """A unit, asked about and commanded through systemctl."""

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
        return " ".join(("systemctl", *self._arguments(action)))

    def do(self, action: Action) -> None:
        """Carry out an action. Raises NotStarted."""
        arguments = self._arguments(action)
        done = self._call(*arguments)
        if done.returncode:
            raise NotStarted(
                f"`systemctl {' '.join(arguments)}` failed: {reason(done.stderr)}",
                hint=f"Look at `journalctl --unit {self.name} --lines 20`.",
            )

    def _arguments(self, action: Action) -> list[str]:
        now = ["--now"] if action is Action.ENABLE else []
        return [action.value, *now, self.name]

    @staticmethod
    def _call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["systemctl", "--no-pager", "--no-ask-password", *arguments]
        try:
            return subprocess.run(  # noqa: S603 -- a fixed command, no shell
                command,
                capture_output=True,
                text=True,
                timeout=_LONGEST,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return subprocess.CompletedProcess(command, 1, "", str(error))


def reason(said: str) -> str:
    """Return what systemctl gives as the reason of a failure, in one line.

    Before it there may be what did work, such as the link that enables a unit; behind it
    comes where to look, which every error of `Unit` tells by itself.
    """
    lines = [line for line in said.splitlines() if not line.startswith(("Created symlink", "See "))]
    return lines[0].strip() if lines else "no reason given"


def needed(*, state: str, enabled: bool, changed: bool, credentials: bool) -> list[Action]:
    """Return what brings a service up to its settings, in order; nothing when it is.

    `state` is what systemd calls it. `changed` says that files were written, `credentials`
    that the password or the certificates to trust are among them: systemd hands the one
    over at a start only, and the others may be others under the same name, so a reload
    is not enough.
    """
    if state == "activating":
        # After failed runs it waits before it starts, up to minutes; who has just mended the
        # settings should not.
        return [Action.RESTART] if enabled else [Action.RESTART, Action.ENABLE]
    if state not in {"active", "reloading"}:
        return [Action.ENABLE]
    actions = [] if enabled else [Action.ENABLE]
    if changed:
        actions.append(Action.RESTART if credentials else Action.RELOAD)
    return actions


def standing(report: Mapping[str, Any], *, before: int, patient: bool) -> Standing | None:
    """Say what `qlogship status --json` tells about a service that was just started.

    `before` uploads were accepted earlier. None while there is something to wait
    for, and `patient` says that there is time.
    """
    uploads, troubles = report["uploads"], report["troubles"]
    if not report["service"]["running"]:
        return None if patient else Standing(False, "the service does not run")
    if troubles:
        return None if patient else Standing(False, str(troubles[0]["message"]))
    if uploads["accepted"] > before:
        calls = report["calls"]["shipped"]
        return Standing(True, f"the dashboard took an upload ({calls:,} calls so far)")
    held = report["held"]
    rest = report["archive"]["lines"] - report["lines"]["shipped"] - held["lines"]
    if report["source"]["lag_bytes"] or rest > 0 or uploads["pending"]:
        return None if patient else Standing(None, "the service runs; nothing was accepted yet")
    if held["lines"]:
        # A call that has just been read is held for some seconds even when it is over.
        words = f"the service runs; {held['calls']:,} calls are held back until they are over"
        return None if patient else Standing(True, words)
    return Standing(True, "the service runs, and nothing waits to be shipped")


def wait_for_standing(
    look: Callable[[], Mapping[str, Any]], *, before: int, seconds: float
) -> Standing:
    """Look again and again, for so many seconds at most, until there is something to tell.

    What `look` raises counts as a service that is not there yet, until time is up.
    """
    deadline = time.monotonic() + seconds
    while True:
        patient = time.monotonic() < deadline
        try:
            found = standing(look(), before=before, patient=patient)
        except QlogshipError as error:
            found = None if patient else Standing(False, error.message, error.hint)
        if found is not None:
            return found
        time.sleep(_EVERY)


def run_command(command: Sequence[str]) -> str:
    """Run a command that was agreed to; return what went wrong, empty when nothing did."""
    program = shutil.which(command[0])
    if program is None:
        package = " (it is in the package acl)" if command[0] == "setfacl" else ""
        return f"there is no {command[0]} on this machine{package}"
    done = subprocess.run(  # noqa: S603 -- shown and agreed to before
        [program, *command[1:]],
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.stderr.strip() or f"it ended with {done.returncode}" if done.returncode else ""
