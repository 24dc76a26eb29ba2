"""`qlogship report` as a program: on a terminal, and before a reader that goes away."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

from qlogship.errors import ExitCode
from tests.support.installation import environment

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox


def test_a_workbook_is_not_for_a_terminal(installation: Installation) -> None:
    """xlsx is refused on a terminal, with what to type instead."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            installation.command("report", "calls", "--from", "today", "--format", "xlsx"),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == ExitCode.USAGE
    assert "-o FILE" in done.stderr


def test_a_reader_that_goes_away(installation: Installation, dashboard: Sandbox) -> None:
    """A reader that has seen enough, as in `| head`, is no error."""
    table = "Time,Queue\r\n" + "2026-11-23 06:30:00,support\r\n" * 4_000
    body = {"status": 200, "body": table, "content_type": "text/csv"}
    dashboard.script([{"on": "call_log", "do": "status", **body}])
    command = installation.command("report", "calls", "--from", "2026-11-01", "--to", "2026-12-01")
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"Time,")
        process.stdout.close()
        assert b"error" not in process.stderr.read()
    assert process.returncode == ExitCode.DONE


def test_the_machines_own_zone(installation: Installation) -> None:
    """Without another zone, times are those of the machine, whose clocks skip an hour, too."""
    done = installation.call("report", "calls", "--from", "2026-03-29 02:30", TZ="Europe/Berlin")
    assert done.returncode == ExitCode.USAGE
    assert "put forward" in done.stderr
