"""`qlogship status` and `qlogship uploads`: what they show, to people and to programs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Any, Final

from qlogship.errors import ExitCode
from tests.support.calls import call
from tests.support.installation import environment
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800

LOOK_THRICE: Final = 'for i in 1 2 3; do "$@" >/dev/null || exit 1; done'

# A contract: keys are added, never renamed.
STATUS_KEYS: Final = {
    "service": {"running", "pid"},
    "source": {"path", "lag_bytes", "trouble"},
    "archive": {"lines", "calls", "bytes", "odd_lines", "torn_lines"},
    "held": {"calls", "lines"},
    "waiting": {"lines", "since"},
    "uploads": {"accepted", "unknown", "quarantined", "pending", "possible_duplicates"},
    "calls": {"shipped", "reported"},
    "lines": {"shipped"},
    "resync": {"state"},
}
STATUS_VALUES: Final = {"last_accepted_at", "generation", "troubles"}
UPLOAD_KEYS: Final = {
    "id",
    "superseded",
    "parent",
    "generation",
    "state",
    "lines",
    "calls",
    "reported_calls",
    "bytes",
    "sha256",
    "first_time",
    "last_time",
    "attempts",
    "possible_duplicate",
    "http_status",
    "prepared_at",
    "answered_at",
    "not_before",
    "detail",
    "answer",
}


def uploads(installation: Installation, *options: str) -> list[dict[str, Any]]:
    """Return what `uploads --json` prints, newest first."""
    done = installation.call("uploads", "--json", *options)
    assert done.returncode == ExitCode.DONE, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_before_the_first_start(installation: Installation) -> None:
    """There is nothing yet, which is no error; looking makes no state directory."""
    status = installation.status()
    assert status["service"] == {"running": False, "pid": None}
    assert status["archive"]["lines"] == status["uploads"]["accepted"] == 0
    assert status["last_accepted_at"] is None
    assert str(installation.log) in status["source"]["trouble"]
    assert installation.call("uploads").stdout == "No uploads yet.\n"
    assert not installation.state.exists()


def test_where_it_stands(installation: Installation, dashboard: Sandbox) -> None:
    """The figures are those of archive and ledger, the lag that of the file, service or not."""
    installation.write(b"not a record\n" + call(1, NOON) + call(3, NOON, ended=False))
    dashboard.script([{"do": "lose_reply"}])
    assert installation.once().returncode == ExitCode.DONE
    installation.write(b"half a line")
    status = installation.status()
    for name, keys in STATUS_KEYS.items():
        assert keys <= status[name].keys(), name
    assert status.keys() >= STATUS_VALUES
    assert status["source"] == {"path": str(installation.log), "lag_bytes": 11, "trouble": None}
    text = installation.log.read_bytes()
    assert status["archive"] == {
        "lines": 6,
        "calls": 2,
        "bytes": len(text) - 11,
        "odd_lines": 1,
        "torn_lines": 0,
        "begins_at": None,
        "left_lines": 0,
    }
    assert status["held"] == {"calls": 1, "lines": 2}
    assert status["uploads"]["accepted"] == status["uploads"]["possible_duplicates"] == 1
    assert status["calls"] == {"shipped": 1, "reported": 1}
    assert status["lines"] == {"shipped": 4}
    assert status["waiting"] == {"lines": 0, "since": None}
    assert status["last_accepted_at"] > NOON
    assert status["troubles"] == []
    (row,) = uploads(installation)
    assert row.keys() >= UPLOAD_KEYS
    assert (row["state"], row["lines"], row["calls"], row["attempts"]) == ("accepted", 4, 1, 2)
    shown = installation.call("status").stdout
    assert re.search(r"^service +not running$", shown, re.MULTILINE)
    assert "6 records, 2 calls" in shown
    assert "1 call not over yet" in shown
    assert "11 bytes unread" in shown
    assert "may be counted twice" in shown


def test_trouble_is_shown_with_its_remedy(installation: Installation) -> None:
    """Whoever reads it knows what is wrong, and what to do."""
    installation.write(call(1, NOON))
    installation.set_password("wrong")
    with installation.start() as service:
        service.wait_for("trouble_began")
        until(installation.troubles)
        status = installation.status()
        assert status["service"] == {"running": True, "pid": service.pid}
        (trouble,) = status["troubles"]
        assert trouble["kind"] == "dashboard_refuses_credentials"
        assert trouble["since"] > NOON
        assert "refused" in trouble["message"]
        assert "password" in trouble["hint"]
        shown = installation.call("status").stdout
        assert f"running (pid {service.pid})" in shown
        assert re.search(r"^TROUBLE +login: .*refused", shown, re.MULTILINE)
        assert trouble["hint"] in shown
        assert re.search(r"^waiting +1 upload\n +3 records, the oldest for \d", shown, re.MULTILINE)
        assert status["waiting"]["lines"] == 3
        assert status["waiting"]["since"] > NOON


def test_the_ledger(installation: Installation, dashboard: Sandbox) -> None:
    """One row per upload, newest first, with what is remarkable about it."""
    dashboard.script(
        [
            # Later, when it has counted once, the missing count would leave it open.
            {"do": "pass", "form": "empty"},
            {"do": "status", "status": 200, "body": "5", "apply": True},
            {"do": "status", "status": 400, "body": "no\x1b[31m red"},
        ]
    )
    with installation.start() as service:
        for number in (1, 3, 5):
            installation.write(call(number, NOON + 60 * number))
            wait_for_answers(installation, number // 2 + 1)
        assert service.stop() == ExitCode.DONE
    rows = uploads(installation)
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert [row["state"] for row in rows] == ["rejected", "accepted", "accepted"]
    assert [row["reported_calls"] for row in rows] == [None, 5, None]
    shown = installation.call("uploads").stdout
    assert "counts differ by +4" in shown
    assert "the answer held no count" in shown
    assert "the dashboard answered 400" in shown
    assert [row["id"] for row in uploads(installation, "--limit", "1")] == [3]
    assert uploads(installation, "--since", "2200-01-01") == []
    assert len(uploads(installation, "--since", "2020-01-01T08:00")) == 3
    wrong = installation.call("uploads", "--since", "yesterday")
    assert wrong.returncode == ExitCode.USAGE
    assert "yesterday" in wrong.stderr


def test_watching(installation: Installation) -> None:
    """--watch shows it again and again, until Ctrl-C."""
    installation.write(call(1, NOON))
    with subprocess.Popen(
        installation.command("status", "--watch"),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        shown = (line for line in process.stdout if line.startswith("service"))
        assert [next(shown) for _ in range(2)] == ["service        not running\n"] * 2
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == ExitCode.INTERRUPTED
        assert process.stderr.read() == ""


def test_asking_does_not_disturb(installation: Installation, dashboard: Sandbox) -> None:
    """However often somebody looks, the service starts and ships as before."""
    installation.write(b"")
    lookers = [
        subprocess.Popen(
            ["sh", "-c", LOOK_THRICE, "sh", *installation.command("status", "--json")],
            env=environment(),
            stdin=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    with installation.start() as service:
        for number in range(1, 21, 2):
            installation.write(call(number, NOON + number))
            wait_for_uploads(dashboard, (number + 1) // 2)
        assert [looker.wait(30) for looker in lookers] == [0, 0]
        assert service.events("state_failed") == []
        assert service.stop() == ExitCode.DONE


def wait_for_answers(installation: Installation, count: int) -> None:
    """Wait until so many uploads were answered."""

    def answered() -> bool:
        return sum(row.answer.answered_at is not None for row in installation.ledger()) >= count

    until(answered)


def wait_for_uploads(dashboard: Sandbox, count: int) -> None:
    """Wait until so many have arrived."""
    until(lambda: len(dashboard.bodies()) >= count, 40.0)
