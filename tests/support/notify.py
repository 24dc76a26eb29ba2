"""The other end of sd_notify(3): a datagram socket that keeps what it is told, and when."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import until

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True)
class Said:
    """One datagram: when it came, on the monotonic clock, and its lines."""

    at: float
    lines: tuple[str, ...]


class Manager:
    """What systemd is for a service with Type=notify."""

    def __init__(self) -> None:
        # The path of a socket has 107 bytes at most; pytest's directories can be longer.
        self._directory = Path(tempfile.mkdtemp(prefix="qlogship-notify-"))
        self._directory.chmod(0o755)
        self.path = self._directory / "socket"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.path.chmod(0o777)
        self.said: list[Said] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while data := self._socket.recv(4096):
            self.said.append(Said(time.monotonic(), tuple(data.decode("ascii").split("\n"))))

    def environment(self, *, watchdog: float | None = None) -> dict[str, str]:
        """Return what systemd puts into the environment; `watchdog` is WatchdogSec."""
        found = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog is not None:
            found["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        return found

    def times(self, line: str) -> list[float]:
        """Return when this line was said."""
        return [said.at for said in list(self.said) if line in said.lines]

    def statuses(self) -> list[str]:
        """Return every status line."""
        return [
            line.removeprefix("STATUS=")
            for said in list(self.said)
            for line in said.lines
            if line.startswith("STATUS=")
        ]

    def wait_for(self, line: str, count: int = 1, seconds: float = 15.0) -> float:
        """Wait until a line was said that often; return when."""
        until(lambda: len(self.times(line)) >= count, seconds, what=f"{line} in {self.said}")
        return self.times(line)[count - 1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self.path))
        self._thread.join(5)
        self._socket.close()
        shutil.rmtree(self._directory)
