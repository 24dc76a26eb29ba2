"""The hint to the service goes to a qlogship, and to nothing else."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from qlogship.service.handover import HINT, wake

WAITS = """
    import signal, sys
    hinted = []
    if sys.argv[1] == "qlogship":
        signal.signal(int(sys.argv[2]), lambda *_: hinted.append(1))
    print("ready", flush=True)
    sys.stdin.read()
    print("hinted" if hinted else "left alone")
"""


@pytest.mark.parametrize(("name", "said"), [("qlogship", "hinted\n"), ("other", "left alone\n")])
def test_who_gets_the_hint(name: str, said: str) -> None:
    """A qlogship is told to look; another process that has the number lives on."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WAITS), name, str(int(HINT))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        wake(process.pid)
        assert process.communicate()[0] == said
        assert process.returncode == 0
