"""`state.keep` as a person meets it: status, reconcile, verify, and the resync that asks."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from qlogship.errors import ExitCode
from tests.support.calls import call

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox


def test_old_months_leave_and_a_resync_asks(installation: Installation, dashboard: Sandbox) -> None:
    """What has left is said everywhere; a resync is refused until its loss is accepted by name."""
    now = int(time.time())
    old, new = call(1, now - 200 * 86_400), call(3, now - 86_400)
    installation.configure(state={"keep": "2 months"})
    installation.write(old + new)
    for _ in range(3):
        assert installation.once().returncode == ExitCode.DONE
    assert b"".join(dashboard.bodies()) == old + new
    status = installation.call("status").stdout
    assert "without 3 older records (state.keep)" in status
    assert "OK: all 2 calls are on the dashboard." in status
    reconciled = installation.call("reconcile")
    assert reconciled.returncode == ExitCode.DONE
    assert "3 older records left it (state.keep)" in reconciled.stdout + reconciled.stderr
    assert installation.call("verify").returncode == ExitCode.DONE
    exported = installation.call("export").stdout
    assert exported.encode() == new

    plan = installation.call("resync", "--dry-run").stdout
    assert "HAS LEFT THE ARCHIVE     3 records, older than " in plan
    refused = installation.call("resync", "--yes")
    assert refused.returncode == ExitCode.FAILED
    assert "delete them from the dashboard for ever; nothing was changed" in refused.stderr
    assert "qlogship resync --accept-loss old" in refused.stderr
    assert b"".join(dashboard.bodies()) == old + new
    done = installation.call("resync", "--yes", "--json", "--accept-loss", "old")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert json.loads(done.stdout)["verdict"]["text"] == "OK: the one call is on the dashboard."
    assert dashboard.bodies()[-1] == new
    assert installation.status()["verdict"]["level"] == "right"


def test_nobody_clears_unasked(installation: Installation) -> None:
    """A resync that qlogship begins by itself, and months that leave, exclude each other."""
    installation.configure(state={"keep": "24 months"}, delivery={"on_unknown": "resync"})
    refused = installation.call("config", "check")
    assert refused.returncode != ExitCode.DONE
    assert "lets the archive forget what only the dashboard has" in refused.stdout + refused.stderr
