"""What is said of the numbers, by the commands that a person types."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qlogship.errors import ExitCode
from tests.support.calls import call

if TYPE_CHECKING:
    import subprocess

    from tests.support.installation import Installation

NOON = 1_795_411_800


def calls(number: int, *, first: int = 0, at: int = NOON) -> bytes:
    """Return so many calls, one a second, with the numbers from `first` on."""
    return b"".join(call(2 * one + 1, at + one) for one in range(first, first + number))


def done(result: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """Return what a command said that ended with 0."""
    assert result.returncode == ExitCode.DONE, result.stdout + result.stderr
    return result


def reconciled(installation: Installation) -> tuple[int, str]:
    """Return the exit code of `reconcile` and its verdict, of which status says the same level."""
    shown = installation.call("reconcile", "--tz", "UTC", "--json")
    verdict = str(json.loads(shown.stdout)["verdict"])
    return shown.returncode, verdict


def assert_right(installation: Installation) -> None:
    """Reconcile and status say that all is right."""
    code, verdict = reconciled(installation)
    assert (code, verdict.partition(":")[0]) == (ExitCode.DONE, "OK"), verdict
    assert status_verdict(installation)["level"] == "right"


def assert_uncertain(installation: Installation, *words: str) -> None:
    """Reconcile and status say that the numbers are uncertain; reconcile says these words."""
    code, verdict = reconciled(installation)
    assert (code, verdict.partition(":")[0]) == (ExitCode.IN_DOUBT, "UNCERTAIN"), verdict
    assert all(word in verdict for word in words), verdict
    assert status_verdict(installation)["level"] == "uncertain"


def assert_wrong(installation: Installation, *words: str) -> None:
    """Reconcile and status say that the numbers are wrong; reconcile says these words."""
    code, verdict = reconciled(installation)
    assert (code, verdict.partition(":")[0]) == (ExitCode.IN_DOUBT, "MISMATCH"), verdict
    assert all(word in verdict for word in words), verdict
    assert status_verdict(installation)["level"] == "wrong"


def status_verdict(installation: Installation) -> dict[str, Any]:
    """Return what `status --json` says of the numbers."""
    found: dict[str, Any] = installation.status()["verdict"]
    return found
