"""logrotate itself agrees with how its configuration is read here."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from qlogship.check.logrotate.configuration import Included, Logrotate
from tests.fixtures import logrotate as real
from tests.support.sound import ME, MY_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qlogship.check.logrotate.stanza import RotationOptions

CASES = {
    "freepbx-17": real.FREEPBX_17,
    "freepbx-13": real.FREEPBX_13,
    "issabel": real.ISSABEL,
    "contrib": real.CONTRIB,
    "wazo": real.WAZO,
    "debian": real.DEBIAN,
    "pld": real.PLD,
    "atsip": real.ATSIP,
    "globals": "rotate 7\ncompress\n/var/log/asterisk/queue_log {\nnocompress\n}\nrotate 9\n",
    "quoted": "'/x y' \"/var/log/asterisk/queue_log\" {\n rotate = 3\n dateext\n}\n",
    "two": "/var/log/asterisk/* {\n rotate 5\n}\n/var/log/asterisk/queue_log {\n rotate 6\n}\n",
    "olddir": "/var/log/asterisk/queue_log {\n rotate 2\n olddir old\n compress\n}\n",
    "zstd": "/var/log/asterisk/queue_log {\n rotate 2\n compress\n compresscmd zstd\n}\n",
    "plain": "/var/log/asterisk/queue_log {\n}\n",
}


def options(conf: Path, log: Path) -> RotationOptions:
    """Return what is done with the queue_log, as it is read here."""

    def include(name: str) -> Iterable[Included]:
        raise AssertionError(name)

    found = Logrotate(str(conf), conf.read_text(), include=include)
    return found.matching([str(log)])[0].options


def rehearsed(conf: Path) -> str:
    """Return what logrotate says that it would do."""
    if shutil.which("logrotate") is None:
        pytest.skip("logrotate is not installed")
    conf.chmod(0o600)
    done = subprocess.run(
        ["logrotate", "--debug", "--force", "--state", conf.with_name("state"), conf],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stderr


@pytest.mark.parametrize("case", CASES)
def test_it_agrees(case: str, tmp_path: Path) -> None:
    """How many files are kept, how they are made, and what they are called is the same."""
    log = tmp_path / "asterisk" / "queue_log"
    log.parent.mkdir(mode=0o755)
    log.write_bytes(b"1700000000|NONE|NONE|NONE|QUEUESTART|\n")
    (log.parent / "old").mkdir()
    text = CASES[case].replace("/var/log/asterisk", str(log.parent))
    text = text.replace("/var/log/archive/asterisk", str(log.parent / "old"))
    for owner in ("asterisk asterisk\n", "asterisk www-data\n", "root asterisk\n", "root root\n"):
        text = text.replace(owner, f"{ME} {MY_GROUP}\n")
    conf = tmp_path / "logrotate.conf"
    conf.write_text(text)
    said = re.split(r"^rotating pattern: ", rehearsed(conf), flags=re.MULTILINE)[1:]
    (ours,) = [one for one in said if f"rotating log {log}," in one]
    read = options(conf, log)

    kept = re.search(r"\((?:no old logs will be kept|(\d+) rotations)\)", ours)
    assert kept is not None, ours
    assert read.rotate == int(kept[1] or 0)
    assert (f"copying {log} to" in ours) is (read.way == "copytruncate")
    assert ("creating new" in ours) is (read.create is not None and read.way == "rename")
    if read.compress and not read.delaycompress:
        assert re.search(r"compressing log with: .*", ours)
    renamed = re.search(rf"(?:renaming|copying) {log} to (\S+)", ours)
    if renamed is not None:
        assert ("/old/" in renamed[1]) is bool(read.names.olddir)
        assert bool(re.search(r"-\d{8}$", renamed[1])) is read.names.dateext


@pytest.mark.parametrize(
    "line",
    [
        *("rotate 3 # weeks", "rotate -5", "rotate", "maxage 2w", "size 1T", "maxsize 1M # x"),
        *("minage x", "olddir old # x", "create 640 root root # x", "create 0999 root root"),
        *("su root", "su root root # x"),
        *("rotate 3", "rotate = 3", "rotate -1", "maxage 3", "size 1M", "size=5k", "daily # x"),
        *("create", "create 64 root root", "create 640 root", "compress # x", "olddir old"),
    ],
)
def test_it_refuses_the_same_values(line: str, tmp_path: Path) -> None:
    """A value with which logrotate does not rotate is complained of, and no other one."""
    log = tmp_path / "queue_log"
    log.write_bytes(b"")
    (tmp_path / "old").mkdir()
    conf = tmp_path / "logrotate.conf"
    conf.write_text(f"{log} {{\n{line}\n}}\n")
    refused = "error: found error in" in rehearsed(conf)
    found = Logrotate(str(conf), conf.read_text(), include=lambda _: [])
    assert bool(found.complaints) is refused
