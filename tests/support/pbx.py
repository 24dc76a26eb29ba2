"""A PBX with users of its own, for what root does there and Asterisk's user does against it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.access import open_to_all
from tests.support.installation import environment

if TYPE_CHECKING:
    from pathlib import Path

RECORDS: Final = (
    "1700000000|NONE|NONE|NONE|QUEUESTART|\n"
    "1700000001|1700000001.1|support|NONE|ENTERQUEUE||100|1\n"
    "1700000009|1700000001.1|support|NONE|ABANDON|1|1|8\n"
)
LOG: Final = "/mnt/asterisk/queue_log"

_ENTER = """\
set -e
mount -t overlay overlay -o lowerdir=/etc,upperdir="$1/upper",workdir="$1/work" /etc
mount --bind "$1/mnt" /mnt
shift
exec "$@"
"""

_BUILD: Final = f"""\
useradd --system --user-group --no-create-home asterisk
useradd --system --no-create-home qlogship
mkdir -p /etc/asterisk /mnt/asterisk
echo '[directories]
astlogdir => /mnt/asterisk' >/etc/asterisk/asterisk.conf
cat >{LOG}
chown -R asterisk:asterisk /mnt/asterisk /etc/asterisk
chmod 0750 /mnt/asterisk
chmod 0640 {LOG}
"""


class Pbx:
    """A machine with the users qlogship and asterisk; /etc and /mnt are its own.

    /etc/asterisk and the directory of the log belong to asterisk, as on FreePBX, and
    others may not enter the latter.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("upper", "work", "mnt"):
            (directory / name).mkdir()
        self.run("sh", "-ec", _BUILD, text=RECORDS)

    def command(self, *command: str) -> list[str]:
        """Return a command line that runs there."""
        return ["unshare", "--mount", "sh", "-c", _ENTER, "sh", str(self.directory), *command]

    def try_run(
        self, *command: str, text: str = "", seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        return subprocess.run(
            self.command(*command),
            env=environment(),
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def run(self, *command: str, text: str = "") -> str:
        """Run a command there that must succeed; return what it prints."""
        done = self.try_run(*command, text=text)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def as_user(self, user: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there as somebody else."""
        return self.try_run(
            "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command
        )

    def attack(self, script: str) -> None:
        """Run lines of shell as asterisk; they must succeed."""
        done = self.as_user("asterisk", "sh", "-ec", script)
        assert done.returncode == 0, (script, done.stderr)

    def mode(self, path: str) -> str:
        """Return mode and owner of a file there."""
        return self.run("stat", "--format=%a %U:%G", path).strip()

    def groups(self, user: str) -> list[str]:
        """Return the groups of a user."""
        return self.run("id", "--name", "--groups", user).split()

    def listed(self, path: str) -> list[str]:
        """Return whom the access lists of a file name, with what they may."""
        lines = self.run("getfacl", "--absolute-names", "--omit-header", path).splitlines()
        return [line for line in lines if ":qlogship:" in line]


def new_pbx(directory: Path) -> Pbx:
    """Return a machine as the package leaves it, but for systemd; skip where there can be none."""
    probe = ["unshare", "--mount", "true"]
    if os.geteuid() != 0 or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("only root can have a mount namespace")
    open_to_all(directory)
    try:
        return Pbx(directory)
    except AssertionError as error:
        if "overlay" in str(error):
            pytest.skip("no overlay can be mounted here")
        raise
