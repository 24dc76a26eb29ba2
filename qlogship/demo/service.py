"""The real service as a process of its own, with a settings file and a log beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.config.model import ENVIRONMENT_PREFIX
from qlogship.config.wording import as_toml
from qlogship.errors import QlogshipError
from qlogship.installation.program import this_program

if TYPE_CHECKING:
    from qlogship.sandbox.options import SandboxOptions

LINGER: Final = 1.0
SETTLE: Final = 1.0

# What systemd told this process is not meant for its child.
_SYSTEMDS: Final = {"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}
_LOG_END: Final = 4096
_LOG_LINES: Final = 8


class ServiceEnded(QlogshipError):
    """The service ended though nobody told it to; `log` holds its last lines."""

    def __init__(self, exit_code: int, log: tuple[str, ...]) -> None:
        how = f"with exit code {exit_code}" if exit_code >= 0 else f"by signal {-exit_code}"
        super().__init__(f"the service ended by itself, {how}", hint="Read its last lines above.")
        self.log = log


class DemoService:
    """Run `qlogship run` on a queue_log, with all its files in `directory`.

    It is in no terminal's process group, so Ctrl-C does not reach it, and ends
    when this process does, however that may be.
    """

    def __init__(
        self, directory: Path, credentials: SandboxOptions, *, queue_log: Path, url: str
    ) -> None:
        self.state = directory / "state"
        self._log = directory / "service.log"
        password = directory / "password"
        password.touch(mode=0o600)
        password.write_text(f"{credentials.password}\n", encoding="utf-8")
        settings = directory / "qlogship.toml"
        settings.write_text(
            f"""\
[dashboard]
url = {as_toml(url)}
email = {as_toml(credentials.email)}
password_file = {as_toml(password)}

[source]
path = {as_toml(queue_log)}
uploaded_before = false

[batch]
linger = {LINGER}
settle = {SETTLE}

[state]
directory = {as_toml(self.state)}

[log]
format = "console"
""",
            encoding="utf-8",
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 -- our own program
                [*_ends_with_us(), *this_program(), "run", "-c", settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                process_group=0,
            )
        # It ends with this process only once setpriv has seen to that, and made way for it.
        with contextlib.suppress(FileNotFoundError):  # it has ended
            while Path(f"/proc/{self.pid}/exe").readlink().name == "setpriv":
                time.sleep(0.001)

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return how it ended; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now; does nothing when it has ended."""
        self._process.kill()
        self._process.wait()

    def last_words(self) -> tuple[str, ...]:
        """Return the end of its log."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _LOG_END))
            text = log.read().decode("utf-8", "replace")
        return tuple(text.splitlines()[-_LOG_LINES:])


def _ends_with_us() -> tuple[str, ...]:
    """Return the words before a command that make the kernel end it when this process is gone."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--") if setpriv else ()


def _environment() -> dict[str, str]:
    """Return this process's environment without what would change the settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(ENVIRONMENT_PREFIX) and name not in _SYSTEMDS
    }
