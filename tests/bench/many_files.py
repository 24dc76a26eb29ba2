"""How a queue_log with very many rotated files is followed: `python -m tests.bench.many_files`.

Makes `--files` rotated files of one line, reads them into a state directory on disk as
the service does, and prints what each thing took: reading them, the longest step, a look
at files that are known, the same after all were renamed, a line of the live file, `status`.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import SecretStr

from qlogship.clocks import Clocks
from qlogship.config import Settings
from qlogship.service import build, status
from qlogship.shipping.archiver import Archiver
from qlogship.state.store import Store
from qlogship.troubles.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH: Final = 1_795_411_800


@dataclass
class Taken:
    """Seconds: all of it, and the longest step."""

    whole: float = 0.0
    processor: float = 0.0
    longest: float = 0.0
    steps: int = 0

    def __str__(self) -> str:
        return (
            f"{self.whole:8.2f} s ({self.processor:.2f} CPU s), {self.steps} steps,"
            f" the longest {self.longest:.2f} s"
        )


class Follower:
    """A source, an archive and a state directory on disk, as the service has them."""

    def __init__(self, directory: Path) -> None:
        self.settings = Settings.model_validate(
            {
                "dashboard": {"url": "http://127.0.0.1:9", "token": SecretStr("none")},
                "source": {"path": str(directory / "log" / "queue_log")},
                "state": {"directory": str(directory / "state")},
            }
        )
        self.store = Store(self.settings.state.directory)
        self.source = build.queue_log(self.settings, self.store, Clocks())
        self.notices = Notices(self.store.troubles, structlog.get_logger(), Clocks())
        self.archiver = Archiver(
            self.source, self.store.archive, self.store.cursor, self.notices, Clocks()
        )

    def read_all(self, done: Callable[[], bool] = lambda: False) -> Taken:
        """Step until there is nothing more, or it is `done`."""
        taken = Taken()
        began, processor = time.perf_counter(), time.process_time()
        more = True
        while more and not done():
            step = time.perf_counter()
            with self.store.transaction():
                more = self.archiver.step(read=True)
                self.source.lag()
                self.notices.write()
            if not more and self.source.restless:
                time.sleep(0.01)  # a look was put off
                more = True
            taken.longest = max(taken.longest, time.perf_counter() - step)
            taken.steps += 1
        taken.whole = time.perf_counter() - began
        taken.processor = time.process_time() - processor
        return taken

    def look(self) -> Taken:
        """Look at the whole family, and read what is new."""
        self.source.scan()
        return self.read_all()

    def close(self) -> None:
        """Let go of all."""
        self.source.close()
        self.store.close()


def write_files(directory: Path, first: int, count: int) -> None:
    """Write rotated files of one line each, numbered from `first` on."""
    for number in range(first, first + count):
        when = EPOCH + number
        (directory / f"queue_log.{number}").write_bytes(
            b"%d|%d.1|sales|NONE|ENTERQUEUE||%09d|1\n" % (when, when, number)
        )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--new", type=int, default=2_000, help="files that come at once")
    parser.add_argument("--directory", type=Path)
    wanted = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(dir=wanted.directory) as name:
        directory = Path(name)
        log = directory / "log"
        log.mkdir()
        live = log / "queue_log"
        live.write_bytes(b"%d|NONE|NONE|NONE|QUEUESTART|\n" % (EPOCH + 10_000_000))
        write_files(log, 1, wanted.files)
        print(f"{wanted.files:,} rotated files of one line")
        follower = Follower(directory)
        print("read for the first time ", follower.read_all())
        print("a look, nothing is new  ", follower.look())
        write_files(log, wanted.files + 1, 1)
        print("a look, one is new      ", follower.look())
        files = sorted(log.glob("queue_log.*"), key=lambda path: -int(path.suffix[1:]))
        for path in files:
            path.rename(path.with_name(f"queue_log.{int(path.suffix[1:]) + 1}"))
        print("a look, all were renamed", follower.look())
        with live.open("ab") as out:
            out.write(b"%d|1.1|sales|NONE|ENTERQUEUE||1|1\n" % (EPOCH + 10_000_001))
        print("a live line             ", follower.read_all())
        write_files(log, wanted.files + 2, wanted.new)
        with live.open("ab") as out:
            out.write(b"%d|2.1|sales|NONE|ENTERQUEUE||2|1\n" % (EPOCH + 10_000_002))
        end = live.stat().st_size
        follower.source.scan()
        print(
            f"a live line, {wanted.new:,} new files",
            follower.read_all(lambda: _offset(follower, live) == end),
        )
        print("the rest of these       ", follower.read_all())
        follower.close()
        began = time.perf_counter()
        status.report(follower.settings)
        print(f"status, in its process   {time.perf_counter() - began:8.2f} s")
        began = time.perf_counter()
        again = Follower(directory)
        print(f"opening the state        {time.perf_counter() - began:8.2f} s")
        print("the first look of a start", again.read_all())
        again.close()
        size = sum(path.stat().st_size for path in (directory / "state").iterdir())
        print(f"state directory {size / 2**20:.1f} MiB, memory at most", end=" ")
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _offset(follower: Follower, live: Path) -> int:
    """Return how far the live file is archived."""
    inode = live.stat().st_ino
    streams = follower.store.cursor.like(b"", (live.stat().st_dev, inode))
    return max((stream.offset for stream in streams), default=0)


if __name__ == "__main__":
    main()
