"""`make bench`: how fast a backlog is shipped, and what that takes.

Makes a backlog (the simulated call centre at full speed), ships it to a local
sink with `qlogship run --once`, and prints the figures beside those of a bare
loop of httpx posts of the same bytes. Both run as processes of their own, in
turn; each figure is the median of the runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.backlog import Backlog, write_backlog

HERE = Path(__file__).parent
QLOGSHIP = Path(sys.executable).with_name("qlogship")


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took: seconds of clock and of processor, peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


def measure(command: list[str], environ: dict[str, str]) -> Run:
    """Run a command to its end and return what the kernel says it took."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        pid = os.posix_spawn(
            command[0],
            command,
            environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, said.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, said.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - began
        if os.waitstatus_to_exitcode(status) != 0:
            said.seek(0)
            sys.stderr.write(said.read()[-4000:].decode(errors="replace"))
            raise SystemExit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def ship(path: Path, url: str) -> Run:
    """Ship the backlog with qlogship into an empty state directory; check that all of it went."""
    with tempfile.TemporaryDirectory() as state:
        environ = {
            **os.environ,
            "QLOGSHIP_CONFIG": str(path.with_name("qlogship.toml")),
            "QLOGSHIP_DASHBOARD__URL": url,
            "QLOGSHIP_DASHBOARD__EMAIL": "bench@example.com",
            "QLOGSHIP_DASHBOARD__PASSWORD": "bench",
            "QLOGSHIP_SOURCE__PATH": str(path),
            "QLOGSHIP_STATE__DIRECTORY": state,
            "QLOGSHIP_LOG__LEVEL": "warning",
        }
        run = measure([str(QLOGSHIP), "run", "--once", "--flush"], environ)
        told = subprocess.run(
            [str(QLOGSHIP), "status", "--json"], env=environ, capture_output=True, check=True
        )
        figures = json.loads(told.stdout)
        shipped = sum(
            row["bytes"]
            for row in json.loads(
                subprocess.run(
                    [str(QLOGSHIP), "uploads", "--json"],
                    env=environ,
                    capture_output=True,
                    check=True,
                ).stdout
            )
            if row["state"] == "accepted"
        )
    if shipped != path.stat().st_size or figures["source"]["lag_bytes"] != 0:
        raise SystemExit(f"shipped {shipped} bytes of {path.stat().st_size}")
    return run


def show(name: str, runs: list[Run], backlog: Backlog) -> float:
    """Print the medians of some runs; return the rate in MiB/s."""
    wall = median(run.wall for run in runs)
    rate = backlog.bytes / 2**20 / wall
    print(
        f"{name:<22}{rate:>8.1f} MiB/s {backlog.lines / wall / 1e6:>7.2f} M records/s"
        f" {median(run.cpu for run in runs):>8.2f} CPU s {max(run.peak for run in runs):>7.1f}"
        f" MiB peak {wall:>8.2f} s"
    )
    return rate


def main() -> None:
    """Measure, print, and fail when a floor or a ceiling is given and missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=float, default=200.0, help="size of the backlog")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--least-rate", type=float, help="fail below so many MiB/s")
    parser.add_argument("--most-memory", type=float, help="fail above so many MiB")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "queue_log"
        (Path(directory) / "qlogship.toml").write_text("")
        with path.open("wb") as out:
            backlog = write_backlog(out, int(wanted.mib * 2**20))
        print(
            f"backlog: {backlog.bytes / 2**20:.0f} MiB, {backlog.lines:,} records,"
            f" {backlog.calls:,} calls; {os.cpu_count()} processors"
        )
        sink = subprocess.Popen(
            [sys.executable, str(HERE / "sink.py")], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        try:
            assert sink.stdout is not None
            url = f"http://127.0.0.1:{int(sink.stdout.readline())}"
            bare, ours = [], []
            for _ in range(wanted.runs):
                bare.append(
                    measure(
                        [sys.executable, str(HERE / "bare_loop.py"), url, str(path)],
                        dict(os.environ),
                    )
                )
                ours.append(ship(path, url))
        finally:
            sink.kill()
            sink.wait()
        show("bare httpx loop", bare, backlog)
        rate = show("qlogship run --once", ours, backlog)
        peak = max(run.peak for run in ours)
    if wanted.least_rate is not None and rate < wanted.least_rate:
        raise SystemExit(f"too slow: {rate:.1f} MiB/s, at least {wanted.least_rate} is expected")
    if wanted.most_memory is not None and peak > wanted.most_memory:
        raise SystemExit(f"too large: {peak:.1f} MiB, at most {wanted.most_memory} is expected")


if __name__ == "__main__":
    main()
