"""`qlogship uploads resolve`: a person says what became of an upload that no answer tells of."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.errors import ExitCode
from tests.support.calls import call
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800


@pytest.fixture
def unknown(installation: Installation, dashboard: Sandbox) -> int:
    """Return an upload whose answer was lost, and which waits for a person."""
    installation.configure(delivery={"on_unknown": "hold"})
    dashboard.script([{"do": "lose_reply"}])
    installation.write(call(1, NOON))
    assert installation.once("--flush").returncode == ExitCode.IN_DOUBT
    (upload,) = installation.ledger()
    assert (upload.state, upload.open_sends) == ("unknown", 1)
    return upload.id


def resolve(installation: Installation, *arguments: str, code: int = ExitCode.DONE) -> Any:  # noqa: ANN401
    """Return what the command prints with --json."""
    done = installation.call("uploads", "resolve", *arguments, "--yes", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_what_arrived_is_accepted_without_a_count(
    installation: Installation, dashboard: Sandbox, unknown: int
) -> None:
    """A person vouches for it: it is accepted, never sent again, and no doubt is left."""
    (row,) = resolve(installation, str(unknown), "--arrived")
    assert (row["state"], row["vouched"], row["reported_calls"]) == ("accepted", True, None)
    assert not row["possible_duplicate"]
    assert installation.once().returncode == ExitCode.DONE
    assert len(dashboard.bodies()) == 1
    assert "as a person said" in installation.call("uploads").stdout
    again = installation.call("uploads", "resolve", str(unknown), "--arrived", "--yes")
    assert again.returncode == ExitCode.USAGE
    assert "not in doubt" in again.stderr


def test_what_was_lost_is_sent_again(
    installation: Installation, dashboard: Sandbox, unknown: int
) -> None:
    """It counts as never sent: the next run ships it, and the answer ends all doubt."""
    dashboard.clear()
    done = installation.call("uploads", "resolve", str(unknown), "--lost", "--yes")
    assert (done.returncode, done.stdout) == (
        ExitCode.DONE,
        f"Upload {unknown} (1 call, 3 records) will be sent again.\n",
    )
    assert installation.once().returncode == ExitCode.DONE
    (upload,) = installation.ledger()
    assert (upload.state, upload.open_sends, upload.attempts) == ("accepted", 0, 2)
    assert len(dashboard.bodies()) == 1


def test_an_accepted_one_that_may_be_there_twice(
    installation: Installation, dashboard: Sandbox
) -> None:
    """Whoever looked says that it is there once; that it was lost cannot be."""
    dashboard.script([{"do": "lose_reply"}])
    installation.write(call(1, NOON))
    assert installation.once("--flush").returncode == ExitCode.DONE
    (upload,) = installation.ledger()
    assert (upload.state, upload.possible_duplicate) == ("accepted", True)
    lost = installation.call("uploads", "resolve", str(upload.id), "--lost", "--yes")
    assert lost.returncode == ExitCode.USAGE
    assert "was accepted, so it was not lost" in lost.stderr
    (row,) = resolve(installation, str(upload.id), "--arrived")
    assert (row["reported_calls"], row["possible_duplicate"]) == (1, False)
    assert installation.figures().uploads.possible_duplicates == 0


def test_a_running_service_lends_the_state(
    installation: Installation, dashboard: Sandbox, unknown: int
) -> None:
    """The service sends what a person calls lost, at once."""
    dashboard.clear()
    with installation.start() as running:
        running.wait_for("service_started")
        resolve(installation, str(unknown), "--lost")
        until(lambda: len(dashboard.bodies()) == 1)
        until(lambda: installation.ledger()[0].state == "accepted")
        assert running.stop() == ExitCode.DONE


def test_what_cannot_be_resolved(installation: Installation, unknown: int) -> None:
    """One of the two options, an upload that is there, and somebody who can be asked."""
    for arguments, said in (
        ([str(unknown)], "--arrived or --lost"),
        ([str(unknown), "--arrived", "--lost"], "--arrived or --lost"),
        (["99", "--arrived", "--yes"], "there is no upload 99"),
        ([str(unknown), "--arrived"], "stdin is no terminal"),
    ):
        done = installation.call("uploads", "resolve", *arguments)
        assert done.returncode == ExitCode.USAGE
        assert said in done.stderr
    (upload,) = installation.ledger()
    assert upload.state == "unknown"


def test_a_run_ends_soon_when_an_upload_is_set_aside(
    installation: Installation, dashboard: Sandbox
) -> None:
    """Three tries that tell nothing are enough for cron: exit code 3, and three copies at most."""
    dashboard.script([{"do": "status", "status": 504, "apply": True, "times": None}])
    installation.write(call(1, NOON))
    began, runs = time.monotonic(), 0
    while (code := installation.once("--flush").returncode) != ExitCode.IN_DOUBT:
        runs += 1
        assert code == ExitCode.UNREACHABLE
        assert runs <= 3
    assert time.monotonic() - began < 60.0
    assert len(dashboard.bodies()) == 3
    assert installation.once("--flush").returncode == ExitCode.IN_DOUBT
    assert len(dashboard.bodies()) == 3
