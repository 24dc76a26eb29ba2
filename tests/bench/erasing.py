"""What it takes to erase a number: `python -m tests.bench.erasing`.

Archives and ships a simulated queue_log of `--mib`, then erases the caller's number that
stands in most records, and what stands in most of all (an agent's extension): prints seconds
of clock and processor, the peak of memory, and by how much the files grew meanwhile, also
those that have no name any more (the file system must be quiet for that figure).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Final, Self

from tests.bench.bench import HERE, QLOGSHIP, Run, measure
from tests.support.backlog import write_backlog

_LOOK_EVERY: Final = 0.02
_CALLER: Final = re.compile(rb"\|ENTERQUEUE\|[^|]*\|\+?([0-9]{7,15})\|")
_WITHIN: Final = re.compile(rb"\|[A-Za-z]+/([0-9]{3,15})")


class Watched:
    """How much more of a file system is used at most than when it began."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._end = threading.Event()
        self._begin = self._used()
        self.most = 0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _used(self) -> int:
        found = os.statvfs(self._directory)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def _watch(self) -> None:
        while not self._end.wait(_LOOK_EVERY):
            self.most = max(self.most, self._used() - self._begin)


def erase(number: str, environ: dict[str, str], state: Path) -> None:
    """Erase a number, and print what it took."""
    size = sum(path.stat().st_size for path in state.iterdir())
    said = subprocess.run(
        [str(QLOGSHIP), "erase", "--number", number, "--dry-run", "--json"],
        env=environ,
        capture_output=True,
        check=True,
    )
    found = json.loads(said.stdout)
    with Watched(state) as watched:
        run: Run = measure([str(QLOGSHIP), "erase", "--number", number, "--yes"], environ)
    print(
        f"{found['records']:>9,} records: {run.wall:7.1f} s, {run.cpu:6.1f} CPU s,"
        f" {run.peak:6.0f} MiB of memory; state {size / 2**20:.1f} MiB,"
        f" {watched.most / 2**20:.1f} MiB more meanwhile"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=float, default=60.0, help="size of the queue_log")
    parser.add_argument("--directory", type=Path, help="where to work, on a disk")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=wanted.directory) as name:
        path, state = Path(name, "queue_log"), Path(name, "state")
        with path.open("wb") as out:
            backlog = write_backlog(out, int(wanted.mib * 2**20))
        print(f"{backlog.bytes / 2**20:.0f} MiB, {backlog.lines:,} records")
        text = path.read_bytes()
        numbers = [
            Counter(pattern.findall(text)).most_common(1)[0][0] for pattern in (_CALLER, _WITHIN)
        ]
        sink = subprocess.Popen(
            [sys.executable, str(HERE / "sink.py")], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        try:
            assert sink.stdout is not None
            environ = {
                **os.environ,
                "QLOGSHIP_CONFIG": str(path.with_name("qlogship.toml")),
                "QLOGSHIP_DASHBOARD__URL": f"http://127.0.0.1:{int(sink.stdout.readline())}",
                "QLOGSHIP_DASHBOARD__EMAIL": "bench@example.com",
                "QLOGSHIP_DASHBOARD__PASSWORD": "bench",
                "QLOGSHIP_SOURCE__PATH": str(path),
                "QLOGSHIP_STATE__DIRECTORY": str(state),
                "QLOGSHIP_LOG__LEVEL": "warning",
            }
            path.with_name("qlogship.toml").write_text("")
            subprocess.run([QLOGSHIP, "run", "--once", "--flush"], env=environ, check=True)
        finally:
            sink.kill()
            sink.wait()
        for number in numbers:
            erase(number.decode(), environ, state)


if __name__ == "__main__":
    main()
