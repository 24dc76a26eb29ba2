"""`qlogship erase` as it is typed, without a service and beside one."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.errors import ExitCode
from tests.support.forgotten import places_of
from tests.support.installation import Installation, environment
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.sandbox import Sandbox

NUMBER: Final = "79161234567"
NOON: Final = 1_795_411_800
CALLS: Final = 60


def call(number: int, *, caller: str) -> bytes:
    """Return the lines of a call."""
    at = NOON + number
    callid = f"{at}.{number}"
    lines = [
        f"{at}|{callid}|support|NONE|ENTERQUEUE||{caller}|1",
        f"{at}|{callid}|support|Alice|CONNECT|0|{at}.{number + 1}|0",
        f"{at}|{callid}|support|Alice|COMPLETEAGENT|0|1|1",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


TEXT: Final = b"".join(
    call(number, caller=f"+{NUMBER}" if number % 10 == 0 else f"4930{number}")
    for number in range(CALLS)
)


@pytest.fixture
def shipped(installation: Installation) -> Installation:
    """Return an installation that shipped some uploads, without a service."""
    installation.configure(batch={"max_bytes": 1_000})
    installation.write(TEXT)
    assert installation.once("--flush").returncode == ExitCode.DONE
    return installation


def erase(installation: Installation, *options: str) -> dict[str, Any]:
    """Erase the number, and return what is printed as JSON."""
    done = installation.call("erase", "--number", NUMBER, "--json", *options)
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_look_changes_nothing(shipped: Installation) -> None:
    """--dry-run says how much there is and where, and the state is as before."""
    done = shipped.call("erase", "--number", f"+{NUMBER}", "--dry-run", TZ="UTC")
    assert done.returncode == ExitCode.DONE
    assert done.stdout == (
        "It stands in 6 records of 6 calls, 2026-11-23 05:30:00 to 2026-11-23 05:30:50:"
        " 6 ENTERQUEUE.\n"
        "6 uploads with such records went out, 6 of them may be on the dashboard.\n"
    )
    assert "Nothing was changed." in done.stderr
    assert shipped.archived() == TEXT
    assert erase(shipped, "--dry-run")["records"] == 6


def test_nobody_to_ask(shipped: Installation) -> None:
    """Without a terminal and without --yes nothing is changed."""
    done = shipped.call("erase", "--number", NUMBER)
    assert done.returncode == ExitCode.USAGE
    assert "--yes" in done.stderr
    assert shipped.archived() == TEXT


@pytest.mark.parametrize(
    ("answer", "code"), [(b"n\n", ExitCode.FAILED), (b"y\nn\n", ExitCode.DONE)]
)
def test_it_asks(shipped: Installation, answer: bytes, code: ExitCode) -> None:
    """On a terminal it asks first, and offers a resync afterwards."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard:
        keyboard.write(answer)
        done = subprocess.run(
            shipped.command("erase", "--number", NUMBER),
            env=environment(),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    os.close(theirs)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Mask it for good?" in done.stderr
    assert ("begin it if you say so?" in done.stderr) == (code is ExitCode.DONE)
    assert (NUMBER.encode() in shipped.archived()) == (code is ExitCode.FAILED)


def test_beside_the_service(shipped: Installation, dashboard: Sandbox) -> None:
    """A running service lends its state, and goes on; nothing is archived or sent again."""
    with shipped.start() as service:
        service.wait_for("service_started")
        found = erase(shipped, "--yes")
        assert (found["records"], found["calls"], found["uploads_on_dashboard"]) == (6, 6, 6)
        service.wait_for("state_lent")
        shipped.write(call(CALLS, caller="anonymous"))
        assert dashboard.wait_for(lambda: len(dashboard.calls()) == CALLS + 1, within=30)
        masked = TEXT.replace(NUMBER.encode(), b"*" * len(NUMBER))
        until(lambda: shipped.archived() == masked + call(CALLS, caller="anonymous"))
        assert service.stop() == 0
    assert places_of(shipped.state, NUMBER.encode()) == []
    log = shipped.log
    log.rename(log.with_name("queue_log.1"))
    log.touch()
    assert shipped.once("--flush").returncode == ExitCode.DONE
    assert shipped.archived() == masked + call(CALLS, caller="anonymous")
    assert sum(NUMBER.encode() in body for body in dashboard.bodies()) == 6


def test_it_says_where_it_still_is_until_a_resync(
    shipped: Installation, dashboard: Sandbox
) -> None:
    """What the dashboard has is told of by erase, status and uploads, until a resync."""
    done = shipped.call("erase", "--number", NUMBER, "--yes")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "`qlogship resync`" in done.stderr
    assert "Asterisk's queue_log and its rotated files" in done.stderr
    assert "backups" in done.stderr
    assert shipped.status()["uploads"]["erased"] == 6
    assert "ERASED" in shipped.call("status").stdout
    assert shipped.call("uploads").stdout.count("sent before a number was erased") == 6
    assert shipped.call("verify").returncode == ExitCode.DONE
    assert shipped.call("reconcile").returncode == ExitCode.DONE
    assert any(NUMBER.encode() in body for body in dashboard.bodies())
    assert shipped.call("resync", "--yes").returncode == ExitCode.DONE
    assert not any(NUMBER.encode() in body for body in dashboard.bodies())
    assert len(dashboard.calls()) == CALLS
    assert shipped.status()["uploads"]["erased"] == 0
    assert "ERASED" not in shipped.call("status").stdout


def test_the_number_may_come_from_stdin(shipped: Installation) -> None:
    """With a dash it is read from stdin, so that no list of processes shows it."""
    done = subprocess.run(
        shipped.command("erase", "--number", "-", "--yes", "--json"),
        input=f"+{NUMBER}\n",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["records"] == 6
    assert json.loads(done.stdout)["erased"]
    assert NUMBER.encode() not in shipped.archived()
    again = erase(shipped, "--yes")
    assert (again["records"], again["erased"]) == (0, False)


def test_what_stays_is_named(shipped: Installation) -> None:
    """A callid with its digits, and a longer number, are named and kept."""
    line = f"{NOON + 100}|crm-{NUMBER}|q|NONE|ENTERQUEUE||{NUMBER}|1\n"
    other = f"{NOON + 101}|1.1|q|NONE|ENTERQUEUE||0{NUMBER}|1\n"
    shipped.write((line + other).encode())
    assert shipped.once("--flush").returncode == ExitCode.DONE
    found = erase(shipped, "--yes")
    assert found["kept_callids"] == [f"crm-{NUMBER}"]
    assert found["other_numbers"] == {f"0{NUMBER}": 1}
    assert f"crm-{NUMBER}|q|NONE|ENTERQUEUE||{'*' * 11}|1\n".encode() in shipped.archived()
    assert other.encode() in shipped.archived()


def test_what_stands_beside_the_archive(installation: Installation) -> None:
    """Of a file that was never archived, what it is known by is masked, too."""
    installation.configure(source={"history": "none"})
    installation.write(TEXT)
    assert installation.once("--flush").returncode == ExitCode.DONE
    assert installation.archived() == b""
    assert places_of(installation.state, NUMBER.encode()) != []
    found = erase(installation, "--dry-run")
    assert (found["records"], found["files"]) == (0, 1)
    assert places_of(installation.state, NUMBER.encode()) != []
    assert erase(installation, "--yes")["erased"]
    assert places_of(installation.state, NUMBER.encode()) == []
    assert not erase(installation, "--yes")["erased"]


def test_what_is_left_in_the_files_alone(shipped: Installation) -> None:
    """What stands only in pages or in a log that nobody needs any more is overwritten."""
    other = "4930123454321"
    with closing(sqlite3.connect(shipped.state / "qlogship.db")) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE odd (word TEXT)")
        database.executemany("INSERT INTO odd VALUES (?)", [(f"+{other}",)] * 500)
        database.commit()
        database.execute("DROP TABLE odd")
    assert places_of(shipped.state, other.encode()) != []
    done = shipped.call("erase", "--number", other, "--yes", "--json")
    assert done.returncode == ExitCode.DONE, done.stderr
    found = json.loads(done.stdout)
    assert (found["records"], found["remnants"], found["erased"]) == (0, True, True)
    assert places_of(shipped.state, other.encode()) == []
