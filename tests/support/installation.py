"""The installed program, with settings, a queue_log and a state directory of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qlogship.state.reader import Reader
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from qlogship.shipping.ledger import Upload
    from qlogship.state.figures import Figures

PROGRAM: Final = Path(sys.executable).with_name("qlogship")
PATIENCE: Final = 15.0
EMAIL: Final = "admin@example.com"
PASSWORD: Final = "sandbox-password"

_QUICK: Final[dict[str, dict[str, Any]]] = {"batch": {"linger": 0.0, "settle": 0.0}}


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which nothing speaks to qlogship but `more`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("QLOGSHIP_")
        and name not in {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"}
    }
    return kept | more


class Installation:
    """Settings in a file, the password in another, and what is run with them."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.config = directory / "qlogship.toml"
        self.password_file = directory / "password"
        self.log = directory / "log" / "queue_log"
        self.state = directory / "state"
        self.log.parent.mkdir(exist_ok=True)
        self.set_password(PASSWORD)
        self.url = url
        self.user: int | None = None
        self.prefix: tuple[str, ...] = ()
        self.keys: dict[str, dict[str, Any]] = {}
        self.configure(**_QUICK)

    def configure(self, **sections: Mapping[str, Any]) -> None:
        """Write the settings; what is not said stays, None takes a key out."""
        for name, keys in sections.items():
            self.keys[name] = self.keys.get(name, {}) | dict(keys)
        whole: dict[str, dict[str, Any]] = {
            "dashboard": {
                "url": self.url,
                "email": EMAIL,
                "password_file": str(self.password_file),
            },
            "source": {"path": str(self.log), "uploaded_before": False},
            "state": {"directory": str(self.state)},
        }
        for name, keys in self.keys.items():
            whole[name] = whole.get(name, {}) | keys
        lines = []
        for name, keys in whole.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(keys[key])}" for key in keys if keys[key] is not None]
        self.config.write_text("\n".join(lines) + "\n")

    def set_password(self, password: str) -> None:
        """Write the password where the settings say it is."""
        self.password_file.write_text(password)
        self.password_file.chmod(0o600)

    def write(self, data: bytes) -> None:
        """Append to the queue_log, as Asterisk does."""
        with self.log.open("ab", buffering=0) as file:
            file.write(data)

    def command(self, *arguments: str) -> list[str]:
        """Return a command line."""
        return [*self.prefix, str(PROGRAM), *arguments, "--config", str(self.config)]

    def call(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=environment(**more),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    def once(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Ship what is complete."""
        return self.call("run", "--once", *options)

    def status(self) -> dict[str, Any]:
        """Return what `status --json` prints."""
        done = self.call("status", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    # What the commands show, without the half second that starting one takes.

    def ledger(self) -> list[Upload]:
        """Return the uploads, oldest first."""
        with Reader(self.state) as reader:
            return reader.uploads()[::-1]

    def figures(self) -> Figures:
        """Return the sums that `status` shows."""
        with Reader(self.state) as reader:
            return reader.figures()

    def troubles(self) -> dict[str, str]:
        """Return what is wrong now: kind and message."""
        with Reader(self.state) as reader:
            return {trouble.kind: trouble.message for trouble in reader.troubles()}

    def archived(self) -> bytes:
        """Return the text of the archive."""
        with Reader(self.state) as reader:
            lines = reader.figures().archive.lines
            return reader.archive.text([(1, lines)]) if reader.archive and lines else b""

    def start(self, **more: str) -> Running:
        """Start the service."""
        return Running(self.command("run"), environment(**more), user=self.user)

    def belong_to(self, user: int) -> None:
        """Let all commands run as this user, who owns the settings and the state; for root only."""
        self.user = user
        self.directory.chmod(0o755)
        self.state.mkdir(mode=0o700)
        for path in (self.config, self.password_file, self.state):
            os.chown(path, user, user)


class Running:
    """A service under way; stopped at the end of a `with`. Its log lines are read as they come."""

    def __init__(
        self,
        command: list[str],
        environ: dict[str, str],
        *,
        user: int | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
        )
        self.output: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.output.append(line.decode(errors="replace"))

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log lines so far, as JSON; what is none is an error."""
        return [json.loads(line) for line in list(self.output)]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log lines of one event."""
        return [line for line in self.lines if line["event"] == name]

    def wait_for(self, name: str, count: int = 1, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until an event was said that often; return the last one."""

        def said() -> bool:
            assert self.process.poll() is None or len(self.events(name)) >= count, self.output
            return len(self.events(name)) >= count

        until(said, seconds, what=f"{name}, of {self.output}")
        return self.events(name)[count - 1]

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end; return the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def stop(self, seconds: float = PATIENCE) -> int:
        """Ask it to end; return the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        if self.process.stderr is not None:
            self.process.stderr.close()
