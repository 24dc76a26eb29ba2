"""logrotate itself agrees with how its configuration is read here."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from qlogship.core.logrotate import Included, Logrotate
from tests.fixtures import logrotate as real
from tests.support.sound import ME, MY_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qlogship.core.stanza import Options

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


def options(conf: Path, log: Path) -> Options:
    """Return what is done with the queue_log, as it is read here."""

    def include(name: str) -> Iterable[Included]:
        raise AssertionError(name)

    found = Logrotate(str(conf), conf.read_text(), include=include)
    return found.matching([str(log)])[0].options


@pytest.mark.parametrize("case", CASES)
def test_it_agrees(case: str, tmp_path: Path) -> None:
    """How many files are kept, how they are made, and what they are called is the same."""
    if shutil.which("logrotate") is None:
        pytest.skip("logrotate is not installed")
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
    conf.chmod(0o600)
    done = subprocess.run(
        ["logrotate", "--debug", "--force", "--state", tmp_path / "state", conf],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = re.split(r"^rotating pattern: ", done.stderr, flags=re.MULTILINE)[1:]
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
        assert ("/old/" in renamed[1]) is bool(read.olddir)
        assert bool(re.search(r"-\d{8}$", renamed[1])) is read.dateext
