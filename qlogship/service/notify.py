"""Telling systemd: ready, status, still alive, reloading, stopping.

Without a notify socket in the environment, as when run by hand, all of it does nothing.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import sdnotify

if TYPE_CHECKING:
    from collections.abc import Mapping


class Systemd:
    """Speak the sd_notify protocol (sd_notify(3)); texts are sent as ASCII."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._notifier = sdnotify.SystemdNotifier()
        self._status = ""
        self.ping_every = _ping_every(environ)
        """Seconds between signs of life: half of what the unit's WatchdogSec allows; or None."""

    def ready(self) -> None:
        """Say that the service is up."""
        self._notifier.notify("READY=1")

    def status(self, text: str) -> None:
        """Show a line in `systemctl status`, when it changed."""
        # A second line would be another message of the protocol.
        text = " ".join(text.splitlines())
        if text != self._status:
            self._status = text
            self._notifier.notify(f"STATUS={text.encode('ascii', 'replace').decode()}")

    def alive(self) -> None:
        """Give the watchdog its sign of life."""
        self._notifier.notify("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the settings are read again; `ready` ends it."""
        self._notifier.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service is on its way out."""
        self._notifier.notify("STOPPING=1\nSTATUS=stopping")


def _ping_every(environ: Mapping[str, str]) -> float | None:
    microseconds = environ.get("WATCHDOG_USEC", "")
    pid = environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(microseconds) / 2_000_000
