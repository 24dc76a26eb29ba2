"""A Debian with systemd as PID 1, in a container: boot it, run commands in it, end it.

Made of systemd-nspawn and nsenter, and of nothing that a machine without a running
systemd lacks. Each box has cgroups of its own: two would share one else.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.waiting import until

if TYPE_CHECKING:
    from typing import Self

PACKAGES: Final = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "logrotate",
    "ca-certificates",
    "passwd",
    "tzdata",
)
"""What the root has beyond the smallest Debian: what every PBX has."""

_CGROUPS: Final = Path("/sys/fs/cgroup")
_BOOT: Final = 60.0
_HALT: Final = 60.0
_COMMAND: Final = 120.0
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class NoBoxError(Exception):
    """This machine cannot make such a box; the message says why."""


def make_root(root: Path) -> None:
    """Make a Debian 12 with `PACKAGES`; it is there as a whole or not at all."""
    unfinished = root.with_name(f"{root.name}.unfinished")
    made = subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase"),
            *(f"--include={','.join(PACKAGES)}", "bookworm", unfinished),
        ],
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if made.returncode != 0:
        raise NoBoxError(f"mmdebstrap failed with status {made.returncode}")
    # Kept on disk, so that what was said before a reboot can be looked at after it.
    (unfinished / "var/log/journal").mkdir(exist_ok=True)
    unfinished.rename(root)


class Box:
    """One container with the tree `root`, which it changes; in a `with`, it ends in any case."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._name = f"qlogship-boot-{os.getpid()}"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._console = root.with_name(f"{root.name}.console")

    def up(self) -> float:
        """Boot; return the seconds it took. Raises NoBoxError."""
        began = time.monotonic()
        enter = " && ".join(f'echo $$ >"{group}/cgroup.procs"' for group in self._make_cgroups())
        with self._console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                [
                    *("sh", "-c", f'{enter} && exec "$@"', "sh"),
                    *("systemd-nspawn", "--quiet", "--boot", f"--directory={self.root}"),
                    *(f"--machine={self._name}", "--register=no", "--keep-unit"),
                    *("--console=pipe", "--private-network", "--resolv-conf=off"),
                    *("--timezone=off", "--link-journal=no", "--settings=no"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                # Newer systemds need to be told when the host has no unified hierarchy alone.
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                start_new_session=True,
            )
        try:
            self._leader = until(self._find_leader, _BOOT, what="PID 1 of the box")
            until(self._has_booted, _BOOT, what="the end of the boot")
        except AssertionError as error:
            raise NoBoxError(f"the box does not boot: {error}\n{self.console()}") from None
        return time.monotonic() - began

    def down(self) -> None:
        """Shut down in the regular way."""
        with suppress(subprocess.TimeoutExpired):
            self._enter(["systemctl", "poweroff"], timeout=_HALT)
        self._gone()

    def cut_power(self) -> None:
        """End it without a word to anybody in it."""
        if self._leader:
            with suppress(ProcessLookupError):
                os.kill(self._leader, signal.SIGKILL)
        self._gone()

    def try_run(
        self, *command: str, timeout: float = _COMMAND, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as root, `text` on its stdin; both outputs are in stdout."""
        return self._enter(command, timeout=timeout, text=text)

    def run(self, *command: str, timeout: float = _COMMAND, text: str | None = None) -> str:
        """Do what `try_run` does; return the output. Fails when the command does."""
        done = self.try_run(*command, timeout=timeout, text=text)
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def run_on_its_network(self, *command: str) -> str:
        """Run a command of this machine, which sees the box's loopback; return its output."""
        done = subprocess.run(
            ["nsenter", f"--target={self._leader}", "--net", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND,
            check=False,
        )
        assert done.returncode == 0, f"{command[0]}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def path(self, inside: str) -> Path:
        """Return where a path of the box's disk is on this machine; not of its /run and /tmp."""
        return self.root / inside.lstrip("/")

    def console(self) -> str:
        """Return what was said on the console, the last of it."""
        with suppress(OSError):
            return self._console.read_bytes()[-4000:].decode(errors="replace")
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        self._console.unlink(missing_ok=True)

    def _enter(
        self, command: list[str] | tuple[str, ...], *, timeout: float, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        assert self._leader, "the box is not up"
        return subprocess.run(
            [
                *("nsenter", f"--target={self._leader}", "--all", "--"),
                *("env", "--ignore-environment", "--chdir=/"),
                *(f"{name}={value}" for name, value in _ENVIRONMENT.items()),
                *command,
            ],
            input=text if text is not None else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def _find_leader(self) -> int:
        """Return the pid, as this machine counts, of the box's PID 1; 0 while there is none."""
        assert self._nspawn is not None
        assert self._nspawn.poll() is None, "systemd-nspawn has ended"
        pid = self._nspawn.pid
        with suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                status = Path(f"/proc/{child}/status").read_text()
                counts = next(line for line in status.splitlines() if line.startswith("NSpid:"))
                # The first child is a short-lived go-between.
                if counts.split()[-1] == "1" and "Name:\tsystemd\n" in status:
                    return int(child)
        return 0

    def _has_booted(self) -> bool:
        assert self._nspawn is not None
        assert self._nspawn.poll() is None, "systemd-nspawn has ended"
        found = self._enter(("systemctl", "is-system-running"), timeout=_BOOT)
        return found.stdout.strip() in {"running", "degraded"}

    def _gone(self) -> None:
        if self._nspawn is None:
            return
        try:
            self._nspawn.wait(_HALT)
        except subprocess.TimeoutExpired:
            os.killpg(self._nspawn.pid, signal.SIGKILL)
            if self._leader:
                with suppress(ProcessLookupError):
                    os.kill(self._leader, signal.SIGKILL)
            self._nspawn.wait(_HALT)
        self._nspawn, self._leader = None, 0
        # What was killed takes a moment to be gone, and holds its cgroup until then.
        with suppress(AssertionError):
            until(lambda: not any(list(map(_is_left, self._cgroups()))), 5.0)

    def _cgroups(self) -> list[Path]:
        hierarchies = [_CGROUPS / name for name in ("systemd", "unified")]
        found = [path for path in hierarchies if path.is_dir()] or [_CGROUPS]
        return [path / self._name for path in found]

    def _make_cgroups(self) -> list[Path]:
        groups = self._cgroups()
        try:
            for group in groups:
                group.mkdir(exist_ok=True)
        except OSError as error:
            raise NoBoxError(f"no cgroup can be made: {error}") from None
        return groups


def _is_left(group: Path) -> bool:
    """Remove a cgroup from its leaves up; return whether something of it is still there."""
    for directory, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(directory).rmdir()
    return group.exists()


def copy_tree(tree: Path, to: Path) -> None:
    """Copy a root with all its owners, modes and links."""
    subprocess.run(["cp", "--archive", "--reflink=auto", tree, to], check=True, timeout=300)


def remove_tree(tree: Path) -> None:
    """Remove a root, and nothing that is mounted in it."""
    subprocess.run(["rm", "-rf", "--one-file-system", tree], check=True, timeout=300)


def missing_tools() -> list[str]:
    """Return what this needs and the machine does not have."""
    tools = ("mmdebstrap", "systemd-nspawn", "nsenter", "dpkg-deb")
    return [tool for tool in tools if shutil.which(tool) is None]
