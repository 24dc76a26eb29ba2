"""The real logrotate, with the stanzas that are out there, and a writer that behaves as Asterisk.

The writer keeps its file open until the stanza's postrotate script tells it to
reload. logrotate runs that script before it compresses anything, and waits for
it; so does the one here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.following import Asterisk, Following

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGROTATE = shutil.which("logrotate", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

pytestmark = pytest.mark.skipif(LOGROTATE is None, reason="logrotate is not installed here")

RELOAD = """
    sharedscripts
    postrotate
        echo reload > {directory}/asked && cat {directory}/done
    endscript
"""

STANZAS = {
    # Asterisk's contrib/scripts/asterisk.logrotate.
    "contrib": "weekly\nrotate 52\ncompress\ndelaycompress\nnotifempty\ncreate 640" + RELOAD,
    # FreePBX 17, where the installer turns dateext on.
    "freepbx": "daily\nrotate 30\nmissingok\nnotifempty\ndateext\ncreate 0640" + RELOAD,
    # Issabel.
    "issabel": "monthly\nrotate 36\nmissingok\nnotifempty\ncreate 0640" + RELOAD,
    # Wazo: the newest archive is compressed at once.
    "wazo": "daily\nrotate 15\ncompress\nmissingok\nnotifempty\ncreate 0640" + RELOAD,
    "compressed at once, dated": "daily\nrotate 15\ncompress\ndateext\ncreate 0640" + RELOAD,
    "nocreate": "daily\nrotate 15\ncompress\ndelaycompress\nnocreate" + RELOAD,
    # PLD: the archives are in another directory.
    "olddir": "daily\nrotate 30\ncompress\ndelaycompress\nolddir {directory}/old\ncreate 640"
    + RELOAD,
    "olddir, compressed at once": "daily\nrotate 30\ncompress\nolddir {directory}/old\ncreate 640"
    + RELOAD,
    # ATSIP.
    "copytruncate": "weekly\nifempty\ncopytruncate\nrotate 30",
    "copytruncate, compressed, dated": "weekly\ncopytruncate\ncompress\ndateext\nrotate 30",
    "copytruncate, delayed": "weekly\ncopytruncate\ncompress\ndelaycompress\nrotate 30",
    "few are kept": "daily\nrotate 1\ncompress\ncreate 0640" + RELOAD,
    "none are kept but the last": "daily\nrotate 1\ncreate 0640" + RELOAD,
    "bzip2": "daily\nrotate 9\ncompress\ncompresscmd bzip2\ncompressext .bz2\ncreate" + RELOAD,
    "xz": "daily\nrotate 9\ncompress\ncompresscmd xz\ncompressext .xz\ncreate" + RELOAD,
    "zstd": "daily\nrotate 9\ncompress\ncompresscmd zstd\ncompressoptions -q --rm\n"
    "compressext .zst\ncreate" + RELOAD,
    # FreePBX distributions of old: Asterisk writes on to the renamed file.
    "no reload": "daily\nrotate 30\nnotifempty\ndateext\ncreate 0640",
    "no reload, nocreate": "daily\nrotate 30\nmissingok\nnotifempty\nnocreate",
}


class Site:
    """A log directory, a writer, and logrotate."""

    def __init__(self, directory: Path, stanza: str) -> None:
        self.directory = directory
        self.path = directory / "queue_log"
        (directory / "old").mkdir()
        for name in ("asked", "done"):
            os.mkfifo(directory / name)
        self._config = directory / "logrotate.conf"
        text = stanza.format(directory=directory)
        self._config.write_text(f"{self.path} {{\n{text}\n}}\n", encoding="ascii")
        self._config.chmod(0o644)
        self.asterisk = Asterisk(self.path)
        self.reloads = b""
        self._rotations = 0
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        """Reload when asked to, as Asterisk does for `logger reload`."""
        while (self.directory / "asked").read_text(encoding="ascii") == "reload\n":
            self.reloads += self.asterisk.reload()
            (self.directory / "done").write_text("", encoding="ascii")

    def rotate(self) -> bytes:
        """Run logrotate, which waits for the reload; return what Asterisk wrote meanwhile."""
        self.reloads = b""
        assert LOGROTATE is not None
        done = subprocess.run(
            [LOGROTATE, "--force", "--state", self.directory / "state", self._config],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return self.reloads

    def next_day(self) -> None:
        """Let the dated archives be of a day that is over."""
        self._rotations += 1
        for place in (self.directory, self.directory / "old"):
            for file in place.glob("queue_log-2*"):
                _, dot, suffix = file.name.partition(".")
                if not file.name.startswith("queue_log-200"):
                    file.rename(place / f"queue_log-200001{self._rotations:02}{dot}{suffix}")

    def close(self) -> None:
        """End the writer."""
        (self.directory / "asked").write_text("", encoding="ascii")
        self._listener.join(timeout=10)
        self.asterisk.close()


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Return a site with the stanza of the test's parameter."""
    tool = {"bzip2": "bzip2", "xz": "xz", "zstd": "zstd"}.get(request.param)
    if tool is not None and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed here")
    place = Site(tmp_path, STANZAS[request.param])
    yield place
    place.close()


@pytest.fixture
def follower(site: Site) -> Iterator[Following]:
    """Return a follower of the site's queue_log."""
    reader = Following(site.path, archives=[str(site.directory / "old" / "*")])
    yield reader
    reader.close()


ALL = sorted(STANZAS)
LASTING = sorted(set(ALL) - {"few are kept", "none are kept but the last"})
MOVED = "copytruncate, compressed, dated"


@pytest.mark.parametrize("site", ALL, indirect=True)
def test_caught_up(site: Site, follower: Following) -> None:
    """Followed closely, every record arrives once and in order, rotation after rotation."""
    written = b""
    for _ in range(4):
        written += site.asterisk.calls(30)
        follower.look_around()
        written += site.rotate()
        follower.look_around()
        written += site.asterisk.calls(2)
        follower.wait()
        assert follower.text == written
        site.next_day()
    written += site.asterisk.reload() + site.asterisk.calls(1)

    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize(
    "site",
    [
        *(name for name in LASTING if name != MOVED),
        pytest.param(MOVED),
    ],
    indirect=True,
)
def test_with_a_backlog(site: Site, follower: Following) -> None:
    """With a rest that was not read at each rotation, nothing is lost, repeated or out of order."""
    written = b""
    for _ in range(4):
        written += site.asterisk.calls(30)
        follower.step(limit=500)
        written += site.rotate()
        follower.log.scan()
        follower.step(limit=500)
        written += site.asterisk.calls(2)
        site.next_day()
    written += site.asterisk.reload() + site.asterisk.calls(1)

    follower.look_around(limit=500)
    follower.wait()
    assert sorted(follower.text.splitlines()) == sorted(written.splitlines())
    assert follower.text == written


@pytest.mark.parametrize("site", LASTING, indirect=True)
def test_while_down(site: Site, follower: Following) -> None:
    """After rotations that nobody saw, the rest of each file is read, by age."""
    written = site.asterisk.calls(30)
    follower.step(limit=500)
    follower.log.close()
    for _ in range(4):
        written += site.asterisk.calls(30)
        written += site.rotate()
        site.next_day()
    follower.restart()
    follower.look_around(limit=500)
    follower.restart()
    written += site.asterisk.reload() + site.asterisk.calls(1)

    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize("site", LASTING, indirect=True)
def test_first_start(site: Site, follower: Following) -> None:
    """The first start takes all that logrotate has left, by age."""
    written = b""
    for _ in range(4):
        written += site.asterisk.calls(30)
        written += site.rotate()
        site.next_day()
    written += site.asterisk.reload() + site.asterisk.calls(1)

    assert follower.read(limit=500) == written
    follower.wait()
    assert follower.text == written


@pytest.mark.parametrize(
    "site", ["wazo", "freepbx", "copytruncate, compressed, dated"], indirect=True
)
def test_quiet_days(site: Site, follower: Following) -> None:
    """Days without a call leave files with a CONFIGRELOAD or nothing; none is read twice."""
    written = site.asterisk.calls(3)
    for _ in range(4):
        follower.look_around()
        written += site.rotate()
        follower.wait()
        site.next_day()

    follower.wait()
    assert follower.text == written
