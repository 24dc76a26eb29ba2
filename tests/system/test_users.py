"""`qlogship users` as a program: an import that is killed, and passwords that nobody sees."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.dashboard import EmailPassword, TeamDashboard
from qlogship.errors import ExitCode
from qlogship.users.csv_file.reading import read_users
from tests.support import agents
from tests.support.installation import EMAIL, PASSWORD, environment

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

ROWS: Final = 1_000
ACCOUNT: Final = EmailPassword(EMAIL, PASSWORD)
SECRET: Final = re.compile(r"hush-|quiet-|sandbox-password")


def kill_after(installation: Installation, csv: Path, made: int) -> tuple[str, str]:
    """Start an import, kill it when it has made so many users; return what it said.

    The other thing returned is what `ps` can see of it: command line and environment.
    """
    process = subprocess.Popen(
        installation.command("users", "import", str(csv)),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said: list[str] = []
    with process:
        assert process.stdout is not None
        while sum(line.startswith("Successfully") for line in said) < made:
            line = process.stdout.readline().decode()
            assert line, f"it ended by itself: {said[-3:]}"
            said.append(line)
        place = Path("/proc") / str(process.pid)
        seen = (place / "cmdline").read_text() + (place / "environ").read_text()
        process.kill()
    return "".join(said), seen


@pytest.mark.slow
def test_an_import_that_is_killed_twice(installation: Installation, dashboard: Sandbox) -> None:
    """30 faults at once; mended and killed twice, it ends with 1,000 users, each once."""
    faulty, wanted, mended = agents.with_faults()
    csv = installation.directory / "agents.csv"
    csv.write_text(faulty)
    csv.chmod(0o600)
    done = installation.call("users", "import", str(csv))
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "")
    assert f"{len(wanted)} faults in {len(wanted)} rows; nothing was sent" in done.stderr
    places = re.findall(r"^  user #(\d+), line \d+(?:, column (\w+))?$", done.stderr, re.MULTILINE)
    assert [(int(row), column) for row, column in places] == wanted
    assert [one.email for one in dashboard.people()] == ["admin@example.com"]

    csv.write_text(mended)
    chance = Random()
    dashboard.script(
        [
            {"on": "create_user", "times": chance.randint(1, 300), "do": "pass"},
            {"on": "create_user", "times": 3, "do": "lose_reply"},
            {"on": "create_user", "times": chance.randint(1, 300), "do": "pass"},
            {"on": "create_user", "times": 1, "do": "half_reply"},
            {"on": "create_user", "times": 1, "do": "status", "status": 500, "apply": True},
        ]
    )
    said = [done.stderr]
    for _ in range(2):
        said += kill_after(installation, csv, chance.randint(20, 400))
    done = installation.call("users", "import", str(csv))
    assert done.returncode == ExitCode.DONE, done.stdout[-500:] + done.stderr
    said += [done.stdout, done.stderr]

    emails = Counter(one.email for one in dashboard.people())
    assert emails == Counter(
        ["admin@example.com", *(f"user{number}@example.com" for number in range(1, ROWS + 1))]
    )
    ids = {one.email: one.id for one in dashboard.people()}
    told = re.findall(r"user #(\d+) from csv\D.* ID (\d+)", done.stdout)
    assert {int(row): int(number) for row, number in told} == {
        number: ids[f"user{number}@example.com"] for number in range(1, ROWS + 1)
    }
    assert not SECRET.search("".join(said))


def test_an_import_that_is_interrupted(installation: Installation, dashboard: Sandbox) -> None:
    """Ctrl-C while an answer is awaited ends it with 130, and says how far it was and what next."""
    csv = installation.directory / "agents.csv"
    csv.write_text(agents.text(3))
    dashboard.script(
        [
            {"on": "create_user", "times": 1, "do": "pass"},
            {"on": "create_user", "times": 1, "do": "hang"},
        ]
    )
    with subprocess.Popen(
        installation.command("users", "import", str(csv), "--json"),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert dashboard.wait_for(lambda: dashboard.faults_left() == [])
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    told = json.loads(out)
    assert (told["ok"], told["added"], told["not_tried"]) == (False, 1, 2)
    assert "1 user added, 0 already there, 0 failed, 2 not tried. Run the same command" in err


def test_a_password_is_asked_for_and_not_shown(
    installation: Installation, dashboard: Sandbox
) -> None:
    """On a terminal the password is asked for twice; neither the screen nor `ps` shows it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        installation.command(
            "users", "add", "--name", "Ann", "--surname", "Lee",
            "--email", "ann@example.com", "--role", "EMPLOYEE", "--groups", "1,2",
        ),
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen = b""

    def read(until: bytes) -> None:
        nonlocal screen
        seen = len(screen)
        while until not in screen[seen:]:
            screen += os.read(ours, 4096)

    guard = threading.Timer(30, process.kill)
    guard.start()
    try:
        for attempt in (b"hush-one", b"hush-two", b"hush-three", b"hush-three"):
            read(b": ")
            os.write(ours, attempt + b"\n")
        read(b"with ID 2")
        cmdline = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert process.wait() == ExitCode.DONE
    finally:
        guard.cancel()
        os.close(ours)
    assert b"two different passwords" in screen
    assert not SECRET.search(screen.decode() + cmdline)
    assert [one.email for one in dashboard.people()][1:] == ["ann@example.com"]


def test_delete_asks(installation: Installation, dashboard: Sandbox) -> None:
    """On a terminal it shows who is to go, and deletes when their number is typed, or yes."""
    with TeamDashboard(url=dashboard.url, credentials=ACCOUNT) as client:
        client.create_user(read_users(agents.text(1).encode()).users[0].user)
    for typed, code, left in ((b"y\n", ExitCode.FAILED, 1), (b"1\n", ExitCode.DONE, 0)):
        ours, theirs = pty.openpty()
        try:
            os.write(ours, typed)
            done = subprocess.run(
                installation.command("users", "delete", "2"),
                env=environment(),
                stdin=theirs,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == code
        assert "John Doe 1 <user1@example.com>" in done.stderr
        assert len(dashboard.people()) == 1 + left
