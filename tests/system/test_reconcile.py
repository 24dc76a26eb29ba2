"""`qlogship reconcile` as installed, on what the service has shipped."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

from qlogship.errors import ExitCode
from tests.support.calls import call
from tests.support.installation import environment

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800
DAY: Final = 86_400

# A contract: keys are added, never renamed.
KEYS: Final = {
    *("adds_up", "level", "verdict", "remarks", "zone", "generation", "resync", "uploads"),
    *("undated_records", "gone_records", "total", "days", "between", "findings", "held"),
    *("outages", "learnt", "certainty", "reasons"),
}
SUMS: Final = {
    *("archived", "records", "shipped", "sent", "reported", "difference", "held", "waiting"),
    *("quarantined", "unknown", "dropped", "later", "lost", "lost_records", "unread"),
    *("unpinned", "superseded", "before", "replaced", "vouched"),
}


def reconciled(installation: Installation, *options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and what `reconcile --json` prints."""
    done = installation.call("reconcile", "--tz", "UTC", "--json", *options)
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def test_before_the_first_start(installation: Installation) -> None:
    """There is nothing yet, which is in order; looking makes no state directory."""
    done = installation.call("reconcile")

    assert (done.returncode, done.stdout) == (0, "There is nothing to compare yet.\n")
    assert not installation.state.exists()


def test_what_the_service_shipped(installation: Installation) -> None:
    """Each call is on its day; one that is not over is held, and in order."""
    installation.write(
        b"odd\n" + call(1, NOON) + call(3, NOON + DAY) + call(5, NOON + DAY, ended=False)
    )
    assert installation.once().returncode == ExitCode.DONE
    code, found = reconciled(installation)

    assert code == ExitCode.DONE
    assert found.keys() >= KEYS
    assert found["total"].keys() >= SUMS
    assert [day["archived"] for day in found["days"]] == [1, 2]
    assert [day["difference"] for day in found["days"]] == [0, -1]
    assert found["days"][1]["causes"][0]["kind"] == "held"
    assert [call["callid"] for call in found["held"]] == [f"{NOON + DAY}.5"]
    assert found["undated_records"] == 1
    status = installation.status()
    assert found["total"]["archived"] == status["archive"]["calls"]
    assert found["total"]["records"] + 1 == status["archive"]["lines"]
    assert found["total"]["reported"] == status["calls"]["reported"]


def test_a_repeat_and_a_refusal(installation: Installation, dashboard: Sandbox) -> None:
    """An upload that was sent twice is told from one that the dashboard refuses."""
    dashboard.script([{"do": "lose_reply"}])
    installation.write(call(1, NOON))
    installation.once()
    code, found = reconciled(installation)
    assert (code, found["certainty"], found["adds_up"]) == (ExitCode.IN_DOUBT, "uncertain", False)
    assert found["verdict"].startswith("UNCERTAIN: up to 1 call may be counted twice: ")
    assert [finding["kind"] for finding in found["findings"]] == ["repeated"]
    assert [learnt["kind"] for learnt in found["learnt"]] == ["counts_repeats"]

    dashboard.script([{"do": "status", "status": 422, "times": None}])
    installation.write(call(3, NOON + DAY))
    installation.once()
    code, found = reconciled(installation)
    assert code == ExitCode.IN_DOUBT
    assert found["total"]["quarantined"] == 1
    assert "quarantine" in found["verdict"]


def test_on_a_terminal(installation: Installation) -> None:
    """There it is in colour; foreign bytes cannot command the terminal."""
    installation.write(call(1, NOON) + b"%d|1.\x1b[2J|q|NONE|ENTERQUEUE||1|1\n" % (NOON + 1))
    installation.once()
    master, terminal = os.openpty()
    done = subprocess.run(
        installation.command("reconcile", "--tz", "UTC"),
        env=environment(TERM="xterm-256color", COLUMNS="100"),
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(terminal)
    shown = os.read(master, 65_536).decode()
    os.close(master)

    assert done.returncode == ExitCode.DONE, done.stderr
    assert "\x1b[33m" in shown
    assert "OK: " in shown
    assert "\x1b[2J" not in shown
    assert "1.\\x1b[2J" in shown


def test_the_page(installation: Installation) -> None:
    """It is written beside the result, and needs nothing that is not in it."""
    installation.write(call(1, NOON))
    installation.once()
    page = installation.directory / "page.html"
    done = installation.call("reconcile", "--html", str(page))

    assert done.returncode == ExitCode.DONE
    assert str(page) in done.stderr
    assert "OK: the one call is on the dashboard." in page.read_text()
