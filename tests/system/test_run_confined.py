"""What the service gives up when systemd starts it, looked at by a process of the same user."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.notify import Manager

if TYPE_CHECKING:
    from tests.support.installation import Installation

PLACES: Final = ("environ", "mem", "root", "cwd", "maps")

LOOK: Final = """
import os, sys
def look(path):
    try:
        if os.path.basename(path) in ("root", "cwd"):
            os.listdir(path)
        else:
            open(path, "rb").close()
    except PermissionError:
        return "refused"
    return "seen"
print(*(look(f"/proc/{sys.argv[1]}/{name}") for name in sys.argv[2:]))
"""
CONFINED: Final = f"""
import subprocess, sys
from qlogship.service.confinement import confine
confine()
{LOOK}
try:
    subprocess.run([sys.executable, "-c", ""])
except PermissionError:
    print("refused")
"""


POWERLESS: Final = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


@pytest.fixture
def powerless(installation: Installation) -> Installation:
    """Return an installation that runs without root's powers, also when root runs the tests."""
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("there is no setpriv to take root's powers away")
        installation.prefix = POWERLESS
    return installation


def powerlessly(program: str, *arguments: str) -> list[str]:
    """Run a Python program as the service's user; return the words that it prints."""
    done = subprocess.run(
        [*(POWERLESS if os.geteuid() == 0 else ()), sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.split()


def test_nobody_looks_into_the_service(powerless: Installation) -> None:
    """Another instance, which runs as the same user, sees neither its memory nor its files."""
    with Manager() as manager, powerless.start(**manager.environment()) as service:
        manager.wait_for("READY=1")
        seen = powerlessly(LOOK, str(service.pid), *PLACES)
        assert dict(zip(PLACES, seen, strict=True)) == dict.fromkeys(PLACES, "refused")


def test_the_service_looks_into_nobody(powerless: Installation) -> None:
    """Nor does a service that was broken into see those of its user, or start a program.

    Those who were not confined, or not yet: else there would be a moment at each start.
    """
    if ctypes.CDLL(None).syscall(444, None, 0, 1) < 0:
        pytest.skip("this kernel has no landlock")
    with powerless.start() as service:
        service.wait_for("service_started")
        assert "refused" not in powerlessly(LOOK, str(service.pid), *PLACES)
        found = powerlessly(CONFINED, str(service.pid), *PLACES)
        assert found == ["refused"] * (len(PLACES) + 1)
