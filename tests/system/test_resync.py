"""`qlogship resync`, and a service that lends its state to a command: real processes, real HTTP."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.errors import ExitCode
from tests.support.arrivals import lines_of
from tests.support.books import damage
from tests.support.calls import call
from tests.support.installation import Installation, environment
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800
CALLS: Final = 60


@pytest.fixture
def shipped(installation: Installation) -> Installation:
    """Return an installation that shipped some uploads, without a service."""
    installation.configure(batch={"max_bytes": 1_000})
    installation.write(b"".join(call(number, NOON + number) for number in range(CALLS)))
    assert installation.once("--flush").returncode == ExitCode.DONE
    return installation


def assert_once(dashboard: Sandbox, installation: Installation) -> None:
    """The dashboard holds each record of the archive once."""
    arrived = Counter(line for body in dashboard.bodies() for line in lines_of(body))
    assert arrived == Counter(lines_of(installation.archived()))


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what the command printed as JSON."""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_without_a_service(shipped: Installation, dashboard: Sandbox) -> None:
    """The command clears, ships all again, compares the counts and says so; history stays."""
    before = len(shipped.ledger())
    done = shipped.call("resync", "--yes", "--json")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    found = result(done)
    assert found["complete"]
    assert found["plan"]["holding"]["calls"] == found["resync"]["calls"] == CALLS
    assert found["resync"]["reported_calls"] == CALLS
    assert_once(dashboard, shipped)
    generations = Counter(upload.generation for upload in shipped.ledger())
    assert generations[1] == before
    assert generations[2] == found["resync"]["uploads"]


def test_with_a_service(shipped: Installation, dashboard: Sandbox) -> None:
    """The running service does the work, and goes on with new calls afterwards."""
    with shipped.start() as service:
        service.wait_for("service_started")
        done = shipped.call("resync", "--yes")
        assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
        assert f"holds {CALLS:,} calls" in done.stdout
        service.wait_for("resync_done")
        shipped.write(call(CALLS, NOON + CALLS))
        assert dashboard.wait_for(lambda: len(dashboard.calls()) == CALLS + 1, within=30)
        assert service.stop() == 0
    assert_once(dashboard, shipped)


def test_who_gives_up_watching_stops_nothing(
    shipped: Installation, dashboard: Sandbox, tmp_path: Path
) -> None:
    """Ctrl-C ends the command with 130 and says how to watch; the service goes on to the end."""
    with shipped.start() as service:
        service.wait_for("service_started")
        dashboard.script([{"on": "clear", "times": 3, "do": "status", "status": 503}])
        code, said = interrupted(shipped, tmp_path, "clearing the dashboard (")
        assert code == ExitCode.INTERRUPTED
        assert "\nThe service goes on with the resync." in said
        assert "`qlogship resync`" in said
        dashboard.script([])
        service.wait_for("resync_done")
        assert service.stop() == 0
    assert_once(dashboard, shipped)


def test_who_gives_up_leading_goes_on_later(
    shipped: Installation, dashboard: Sandbox, tmp_path: Path
) -> None:
    """Ctrl-C without a service leaves a resync that goes on when called again, and says so."""
    dashboard.script([{"on": "clear", "times": 3, "do": "status", "status": 503}])
    code, said = interrupted(shipped, tmp_path, "clearing the dashboard (")
    assert code == ExitCode.INTERRUPTED
    assert "waiting for the service" not in said
    assert "The resync is not over; it goes on when the service starts" in said
    dashboard.script([])
    done = shipped.call("resync")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert "under way already" in done.stderr
    assert_once(dashboard, shipped)


def interrupted(installation: Installation, directory: Path, word: str) -> tuple[int, str]:
    """Press Ctrl-C on a resync that has said a word; return its exit code and what it said."""
    talk = directory / "talk"
    with talk.open("wb") as file:
        process = subprocess.Popen(
            installation.command("resync", "--yes"),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
        until(lambda: word.encode() in talk.read_bytes(), 30)
        process.send_signal(signal.SIGINT)
        return process.wait(30), talk.read_text()


def test_a_lost_answer_begins_one(installation: Installation, dashboard: Sandbox) -> None:
    """With on_unknown = "resync" the service clears and ships again by itself."""
    # The clear waits for as long as the dashboard may still be at the request.
    installation.configure(delivery={"on_unknown": "resync"}, dashboard={"timeout": 2.0})
    dashboard.script([{"on": "upload", "do": "lose_reply"}])
    with installation.start() as service:
        installation.write(call(1, NOON))
        service.wait_for("outcome_unknown")
        installation.write(call(2, NOON))  # which wakes it; else it takes a look every ten seconds
        assert service.wait_for("resync_asked")["reason"] == "unknown"
        service.wait_for("resync_done")
        assert_once(dashboard, installation)
        assert len(dashboard.calls()) == 2
        assert service.stop() == 0
    clears = [request for request in dashboard.requests() if request.path.endswith("/clear")]
    assert len(clears) == 1


def test_dry_run_and_nobody_to_ask(shipped: Installation, dashboard: Sandbox) -> None:
    """The plan alone changes nothing, and without an answer nothing is cleared."""
    dry = shipped.call("resync", "--dry-run", "--json")
    assert dry.returncode == ExitCode.DONE
    assert result(dry)["plan"]["restorable"]["calls"] == CALLS
    silent = shipped.call("resync")
    assert silent.returncode == ExitCode.USAGE
    assert "--yes" in silent.stderr
    shipped.set_password("wrong")
    assert shipped.call("resync", "--yes").returncode == ExitCode.CREDENTIALS
    assert not [request for request in dashboard.requests() if request.path.endswith("/clear")]
    assert shipped.figures().resync == "idle"


def test_killed_again_and_again(shipped: Installation, dashboard: Sandbox) -> None:
    """Killed at the clear and between uploads, it goes on when called again and ends complete."""
    # A clear waits for as long as the dashboard may still be at an upload that was cut off.
    shipped.configure(dashboard={"timeout": 2.0})
    for script in (
        [{"on": "clear", "do": "lose_reply"}, {"on": "clear", "do": "hang"}],
        [{"on": "upload", "do": "pass"}, {"on": "upload", "do": "hang"}],
        [{"on": "upload", "times": 5, "do": "pass"}, {"on": "upload", "do": "hang"}],
    ):
        dashboard.script(script)
        process = subprocess.Popen(
            shipped.command("resync", "--yes"),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: not dashboard.faults_left(), 30)
        process.kill()
        process.wait()
    dashboard.script([])
    done = shipped.call("resync", "--json")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert result(done)["resync"]["restarts"] >= 2
    assert_once(dashboard, shipped)


def test_a_lost_upload_is_named_before_the_dashboard_is_cleared(
    shipped: Installation, dashboard: Sandbox
) -> None:
    """What the archive cannot restore is refused, and nothing is cleared."""
    with sqlite3.connect(shipped.state / "qlogship.db") as database:
        database.execute("DELETE FROM chunk WHERE first_seq = 1")
    database.close()
    refused = shipped.call("resync", "--yes")
    assert refused.returncode == ExitCode.FAILED
    assert "--accept-loss 1" in refused.stderr
    assert not [request for request in dashboard.requests() if request.path.endswith("/clear")]


@pytest.fixture
def damaged(installation: Installation) -> Installation:
    """Return an installation of which the first 1,500 calls were shipped, and are not readable."""
    installation.configure(batch={"max_bytes": 100_000})
    installation.write(b"".join(call(number, NOON + number) for number in range(1_500)))
    assert installation.once("--flush").returncode == ExitCode.DONE
    installation.write(b"".join(call(number, NOON + number) for number in range(1_500, 1_560)))
    assert installation.once("--flush").returncode == ExitCode.DONE
    with sqlite3.connect(installation.state / "qlogship.db") as database:
        assert damage(database, 1) == (1, 4_500)
    database.close()
    return installation


def test_a_loss_that_is_accepted(damaged: Installation, dashboard: Sandbox) -> None:
    """What is lost is given up once, by name; all else is shipped, and then it adds up."""
    refused = damaged.call("resync", "--yes", "--json")
    assert refused.returncode == ExitCode.FAILED
    lost = [
        upload.id
        for upload in damaged.ledger()
        if (upload.composition.first_time or 0) < NOON + 1_500
    ]
    ids = ",".join(map(str, lost))
    assert f"--accept-loss {ids}`" in result(refused)["error"]["hint"]
    too_few = ids[2:]
    assert damaged.call("resync", "--yes", "--accept-loss", too_few).returncode == ExitCode.FAILED
    assert damaged.call("reconcile").returncode == ExitCode.IN_DOUBT
    assert not [request for request in dashboard.requests() if request.path.endswith("/clear")]

    done = damaged.call("resync", "--yes", "--accept-loss", ids)
    assert done.returncode == ExitCode.IN_DOUBT, done.stdout + done.stderr
    gone = "MISMATCH: 4,500 records are damaged in the archive and not on the dashboard"
    assert gone in done.stdout
    assert (
        f"4,500 records of uploads {', '.join(map(str, lost[:-1]))} and {lost[-1]}" in done.stdout
    )
    assert "holds 60 calls in 180 records again" in done.stdout
    rest = b"".join(call(number, NOON + number) for number in range(1_500, 1_560))
    arrived = [line for body in dashboard.bodies() for line in lines_of(body)]
    assert Counter(arrived) == Counter(lines_of(rest))

    damaged.write(call(1_560, NOON + 1_560))
    assert damaged.call("resync", "--yes").returncode == ExitCode.IN_DOUBT
    assert len(dashboard.calls()) == 61
    reconciled = damaged.call("reconcile", "--json")
    assert reconciled.returncode == ExitCode.IN_DOUBT
    assert result(reconciled)["verdict"].startswith(gone)
    assert result(reconciled)["given_up_records"] == 4_500
    assert any("given up" in remark for remark in result(reconciled)["remarks"])


def test_a_service_lends_its_state_to_a_command(shipped: Installation, tmp_path: Any) -> None:  # noqa: ANN401
    """An import works beside the service, which has its state back at once."""
    older = tmp_path / "older"
    older.write_bytes(b"".join(call(900 + number, NOON - 90_000) for number in range(5)))
    with shipped.start() as service:
        service.wait_for("service_started")
        done = shipped.call("import", str(older), "--ship", "now")
        assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
        until(lambda: shipped.figures().shipped.calls == CALLS + 5, 30)
        assert service.stop() == 0
