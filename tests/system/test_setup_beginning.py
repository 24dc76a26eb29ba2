"""`qlogship setup` on how shipping begins: each answer, the number there, the verdict here.

The dashboard keeps everything it gets; by hand is uploaded as the vendor's own curl line does.
"""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from qlogship.cli.app import main
from qlogship.config import load
from qlogship.errors import ExitCode
from qlogship.setup import followups
from qlogship.shipping.belonging import DECISIONS, EVERYTHING
from tests.support.access import open_to_all
from tests.support.by_hand import upload_by_hand
from tests.support.calls import call
from tests.support.installation import EMAIL, PASSWORD, PROGRAM, Installation, environment
from tests.support.sandbox import Sandbox
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qlogship.config import Settings

_DAY: Final = 86_400
NOW: Final = int(time.time())
OLD: Final = call(1, NOW - 3 * _DAY) + call(3, NOW - 3 * _DAY + 60)
NEW: Final = call(5, NOW - 60)
BETWEEN: Final = time.strftime("%Y-%m-%d", time.localtime(NOW - _DAY))

UPLOADED: Final = "Uploaded before: "
DO: Final = "Do: "
VERDICTS: Final = ("OK", "UNCERTAIN", "MISMATCH")


class Done(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class Machine:
    """A machine with a queue_log of three calls, on which nothing is set up."""

    def __init__(self, directory: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = directory / "etc" / "qlogship.toml"
        self.log = directory / "queue_log"
        self.url = url
        # Where there is a user qlogship, that one must get to the files.
        open_to_all(directory)
        self.log.write_bytes(OLD + NEW)
        self.answer = directory / "answer"
        self.answer.write_text(PASSWORD)
        self._capsys = capsys

    def command(self, *arguments: str) -> list[str]:
        """Return a command line."""
        return [str(PROGRAM), *arguments, "--config", str(self.config)]

    def setup_command(self, *options: str) -> list[str]:
        """Return the command line of setup, on which the account and the queue_log are said."""
        return self.command(
            *("setup", "--url", self.url, "--email", EMAIL),
            *("--password-file", str(self.answer), "--source", str(self.log), *options),
        )

    def asked(self, *options: str) -> Terminal:
        """Run setup on a terminal."""
        return Terminal(self.setup_command(*options), environment(TERM="dumb"))

    def set_up(self, *options: str) -> Done:
        """Run setup as a script does."""
        return self._main(self.setup_command(*options))

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own."""
        return subprocess.run(
            self.command(*arguments),
            env=environment(QLOGSHIP_BATCH__LINGER="0", QLOGSHIP_BATCH__SETTLE="0"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def ship(self) -> int:
        """Ship what is complete; return the exit code."""
        return self.call("run", "--once", "--flush").returncode

    def verdict(self) -> tuple[int, str]:
        """Return how `reconcile` ends, and what it says first."""
        done = self._main(self.command("reconcile"))
        said = [line for line in done.stdout.splitlines() if line.startswith(VERDICTS)]
        assert len(said) == 1, done.stdout + done.stderr
        return done.code, said[0]

    def _main(self, command: list[str]) -> Done:
        self._capsys.readouterr()
        code = main(command[1:])
        return Done(code, *self._capsys.readouterr())

    @property
    def settings(self) -> Settings:
        """What setup wrote."""
        return load(self.config, environ={}).settings


@pytest.fixture
def machine(tmp_path: Path, dashboard: Sandbox, capsys: pytest.CaptureFixture[str]) -> Machine:
    """Return a machine of this test's own."""
    return Machine(tmp_path, dashboard.url, capsys)


@pytest.fixture
def other() -> Iterator[Sandbox]:
    """Return another dashboard."""
    with Sandbox() as sandbox:
        yield sandbox


def number_at(sandbox: Sandbox) -> int:
    """Return the calls that a dashboard shows: each as often as it was uploaded."""
    return sum(upload.calls for upload in sandbox.uploads())


# --- was it uploaded before? ---


def test_never_uploaded(machine: Machine, dashboard: Sandbox) -> None:
    """Who says that nothing was uploaded before has numbers that are vouched for."""
    with machine.asked("--history", "all", "--not-shared") as terminal:
        terminal.answer((UPLOADED, "no"), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
    assert machine.settings.source.uploaded_before is False
    assert machine.ship() == ExitCode.DONE
    assert number_at(dashboard) == 3
    assert machine.verdict() == (ExitCode.DONE, "OK: all 3 calls are on the dashboard.")


def test_nobody_knows(machine: Machine, dashboard: Sandbox) -> None:
    """Nothing is written down; the numbers stay uncertain until a resync, which ends it."""
    upload_by_hand(dashboard, machine.log.read_bytes())
    with machine.asked("--history", "all", "--not-shared") as terminal:
        terminal.answer((UPLOADED, "unknown"), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
    assert machine.settings.source.uploaded_before is None
    machine.ship()
    assert number_at(dashboard) == 6
    code, said = machine.verdict()
    assert code == ExitCode.IN_DOUBT
    assert said.startswith("UNCERTAIN: ")
    assert "`qlogship resync`" in said
    assert machine.call("resync", "--yes").returncode == ExitCode.DONE
    assert number_at(dashboard) == 3
    assert machine.verdict()[0] == ExitCode.DONE


def test_uploaded_and_nothing_done(machine: Machine, dashboard: Sandbox) -> None:
    """Who goes on all the same is told so, here and by every verdict."""
    upload_by_hand(dashboard, OLD)
    with machine.asked("--history", "all", "--not-shared") as terminal:
        terminal.answer((UPLOADED, "yes"), (DO, "go on"), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
        assert "may be counted twice" in terminal.shown
    assert machine.settings.source.uploaded_before is True
    machine.ship()
    assert number_at(dashboard) == 5
    code, said = machine.verdict()
    assert (code, said.split(":")[0]) == (ExitCode.IN_DOUBT, "UNCERTAIN")


def test_uploaded_and_cleared(machine: Machine, dashboard: Sandbox) -> None:
    """Who has it cleared is told what that takes, and what to type where no service was started.

    Everything is shipped then, whatever was chosen first: what is cleared must come back.
    """
    upload_by_hand(dashboard, machine.log.read_bytes())
    with machine.asked("--history", "current", "--not-shared") as terminal:
        terminal.answer((UPLOADED, "yes"))
        terminal.expect("removes ALL queue_log data")
        terminal.answer((DO, "clear"), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
        shown = " ".join(terminal.shown.split())
    assert f"`qlogship resync -c {machine.config}`" in shown
    assert number_at(dashboard) == 3
    assert machine.settings.source.history == "all"
    machine.ship()
    assert machine.verdict()[0] == ExitCode.IN_DOUBT
    assert machine.call("resync", "--yes").returncode == ExitCode.DONE
    assert number_at(dashboard) == 3
    assert machine.verdict() == (ExitCode.DONE, "OK: all 3 calls are on the dashboard.")


def test_uploaded_up_to_a_day(machine: Machine, dashboard: Sandbox) -> None:
    """Who names the day from which nothing was uploaded has no call counted twice.

    Nobody here knows what was uploaded before that day, and the verdict does not say so.
    """
    upload_by_hand(dashboard, OLD)
    with machine.asked("--history", "all", "--not-shared") as terminal:
        tomorrow = time.strftime("%Y-%m-%d", time.localtime(NOW + 2 * _DAY))
        terminal.answer((UPLOADED, "yes"), (DO, "day"), ("nothing uploaded", tomorrow))
        terminal.expect("is in the future")
        terminal.answer(("nothing uploaded", "yesterday"))
        terminal.expect("problem")
        terminal.answer(("nothing uploaded", BETWEEN), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
    source = machine.settings.source
    assert (source.history, source.uploaded_before) == (BETWEEN, True)
    machine.ship()
    assert number_at(dashboard) == 3
    assert len(dashboard.calls()) == 3
    assert machine.verdict()[1].startswith("UNCERTAIN")


@pytest.mark.parametrize(
    ("options", "said", "number"),
    [
        (("--never-uploaded",), "OK", 3),
        ((), "UNCERTAIN", 3),
        (("--uploaded-before",), "UNCERTAIN", 3),
        (("--uploaded-before", "--history", BETWEEN), "UNCERTAIN", 1),
    ],
)
def test_options_say_it_as_well(
    machine: Machine, dashboard: Sandbox, options: tuple[str, ...], said: str, number: int
) -> None:
    """A script's answers lead to the same verdicts, and the same call again changes nothing."""
    assert machine.set_up(*options, "--yes").code == ExitCode.DONE
    text = machine.config.read_text()
    assert machine.set_up(*options, "--yes").code == ExitCode.DONE
    assert machine.config.read_text() == text
    machine.ship()
    assert number_at(dashboard) == number
    assert machine.verdict()[1].startswith(said)


def test_what_does_not_matter_is_not_asked(machine: Machine) -> None:
    """Nothing is asked about earlier uploads where nothing old is there to be shipped."""
    machine.log.write_bytes(b"")
    with machine.asked("--history", "all", "--not-shared") as terminal:
        terminal.answer(("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
        assert "Uploaded" not in terminal.shown


@pytest.mark.parametrize("day", ["2099-01-01", "2026-02-30", "tomorrow", "20261101"])
def test_a_day_that_is_none_is_refused(machine: Machine, day: str) -> None:
    """So is one that is to come; nothing is written."""
    done = machine.set_up("--history", day, "--yes")
    assert done.code == ExitCode.USAGE
    assert day in done.stderr
    assert not machine.config.exists()


# --- who else uploads? ---


def test_a_shared_dashboard(machine: Machine, dashboard: Sandbox) -> None:
    """It is said what follows, a clear is not offered, and a resync refuses from then on."""
    upload_by_hand(dashboard, OLD)
    with machine.asked("--history", "all") as terminal:
        terminal.expect("--clears-others")
        terminal.answer(("Do others upload to it? [y/N]: ", "y"), (UPLOADED, "yes"))
        terminal.expect("is not offered")
        terminal.answer((DO, "clear"), (DO, "go on"), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
    assert machine.settings.dashboard.shared is True
    machine.ship()
    assert machine.verdict()[1].startswith("UNCERTAIN")
    before = number_at(dashboard)
    refused = machine.call("resync", "--yes")
    assert refused.returncode == ExitCode.USAGE
    assert "--clears-others" in refused.stderr
    assert number_at(dashboard) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shared", "--uploaded-before", "--clear"), "others upload"),
        (("--never-uploaded", "--clear"), "--uploaded-before"),
        (("--clear",), "--uploaded-before"),
        (("--same", "--from-now"), "contradict"),
    ],
)
def test_options_that_do_not_go_together(
    machine: Machine, options: tuple[str, ...], words: str
) -> None:
    """Each with the reason; nothing is written."""
    done = machine.set_up(*options, "--yes")
    assert done.code == ExitCode.USAGE
    assert words in done.stderr
    assert not machine.config.exists()


# --- another dashboard ---


@pytest.fixture
def moved(machine: Machine, dashboard: Sandbox, other: Sandbox) -> Machine:
    """Return a machine that has shipped its three calls, and is to ship to another dashboard."""
    done = machine.set_up("--never-uploaded", "--not-shared", "--yes")
    assert done.code == ExitCode.DONE, done.stderr
    assert machine.ship() == ExitCode.DONE
    assert number_at(dashboard) == 3
    machine.url = other.url
    return machine


def test_nothing_is_decided_by_a_script(moved: Machine, other: Sandbox) -> None:
    """With --yes and no decision the settings are written and nothing is sent; it is said."""
    done = moved.set_up("--yes", "--json")
    assert done.code == ExitCode.DONE, done.stdout
    (proof,) = [one for one in json.loads(done.stdout)["proved"] if one["what"] == "destination"]
    assert proof["ok"] is None
    assert "nothing is sent to this dashboard" in proof["detail"]
    assert f"`qlogship destination -c {moved.config}`" in proof["hint"]
    assert moved.settings.dashboard.url == other.url
    assert moved.settings.source.uploaded_before is None, "that was said of another dashboard"
    assert moved.ship() == ExitCode.IN_DOUBT
    assert number_at(other) == 0
    assert moved.set_up("--yes").stdout.count("took an upload") == 0


@pytest.mark.parametrize(
    ("options", "number", "said"),
    [
        (("--everything", "--never-uploaded"), 4, "OK"),
        (("--everything",), 4, "UNCERTAIN"),
        (("--everything", "--clear"), 4, "OK"),
        (("--from-now",), 1, "UNCERTAIN"),
        (("--same",), 1, "OK"),
    ],
)
def test_a_script_decides(
    moved: Machine, other: Sandbox, options: tuple[str, ...], number: int, said: str
) -> None:
    """Each decision is carried out as `qlogship destination` does; once more it does nothing."""
    for _ in range(2):
        done = moved.set_up(*options, "--yes")
        assert done.code == ExitCode.DONE, done.stdout + done.stderr
    with moved.log.open("ab") as log:
        log.write(call(7, NOW))
    moved.ship()
    moved.ship()
    assert number_at(other) == number
    assert moved.verdict()[1].startswith(said)


def test_the_dialogue_asks_for_a_decision(moved: Machine, other: Sandbox) -> None:
    """In the words of `qlogship destination`; before a clear the tenant's name is typed."""
    with moved.asked("--not-shared") as terminal:
        for decision in DECISIONS:
            terminal.expect(decision.words)
        terminal.answer(("Decide: ", "everything"), ("Clear it first", "y"))
        terminal.answer(("Overwrite it?", "y"), ("Type the tenant's name", "127.0.0.1"))
        assert terminal.end() == ExitCode.DONE
        assert EVERYTHING.words in terminal.shown
    moved.ship()
    assert number_at(other) == 3
    assert moved.verdict() == (ExitCode.DONE, "OK: all 3 calls are on the dashboard.")


def test_a_decision_can_wait(moved: Machine, other: Sandbox) -> None:
    """Then it is said what to type, and nothing is sent."""
    with moved.asked("--not-shared") as terminal:
        terminal.answer(("Decide: ", "later"), ("Overwrite it?", "y"))
        terminal.expect("qlogship destination")
        assert terminal.end() == ExitCode.DONE
    assert moved.ship() == ExitCode.IN_DOUBT
    assert number_at(other) == 0


def test_a_clear_that_is_not_confirmed(moved: Machine, other: Sandbox) -> None:
    """Where another name is typed nothing is decided, and setup fails with what to type."""
    upload_by_hand(other, OLD)
    with moved.asked("--not-shared") as terminal:
        terminal.answer(("Decide: ", "everything"), ("Clear it first", "y"))
        terminal.answer(("Overwrite it?", "y"), ("Type the tenant's name", "no"))
        terminal.expect("qlogship destination --everything --clear")
        assert terminal.end() == ExitCode.FAILED
    assert moved.ship() == ExitCode.IN_DOUBT
    assert number_at(other) == 2


# --- a service that was started ---


def test_a_running_service_clears_and_ships(installation: Installation, dashboard: Sandbox) -> None:
    """Setup hands the clear to the service, by `qlogship resync`."""
    upload_by_hand(dashboard, OLD)
    installation.write(OLD + NEW)
    with installation.start() as service:
        service.wait_for("batch_accepted")
        assert number_at(dashboard) == 5
        proof = followups.carry_out(
            followups.CLEARING,
            installation.config,
            options=("--detach",),
            asks=False,
            quiet=True,
        )
        assert proof.ok is True, proof
        service.wait_for("resync_done")
        assert number_at(dashboard) == 3
        assert service.stop() == 0


# --- what is no queue_log ---


def test_another_file_is_refused(machine: Machine) -> None:
    """With the queue_log beside it as what was meant; nothing is written, nothing uploaded."""
    full = machine.log.with_name("full")
    full.write_bytes(b"[2026-11-28 10:00:00] VERBOSE[123] pbx.c: secret=hunter2\n" * 50)
    done = machine.call(
        *("setup", "--url", machine.url, "--email", EMAIL, "--password-file", str(machine.answer)),
        *("--source", str(full), "--yes"),
    )
    assert done.returncode == ExitCode.SOURCE
    assert f"{full} is not a queue_log" in done.stderr
    assert f"--source {machine.log}" in done.stderr
    assert not machine.config.exists()


def test_another_file_is_asked_for_again(machine: Machine) -> None:
    """The right file stands in brackets then, and there is no way to use the wrong one."""
    command = machine.command(
        *("setup", "--url", machine.url, "--email", EMAIL, "--password-file", str(machine.answer)),
        *("--history", "all", "--not-shared", "--never-uploaded"),
    )
    wrong = machine.log.with_name("messages")
    wrong.write_bytes(b"Nov 28 10:00:00 pbx kernel: hello\n" * 50)
    with Terminal(command, environment(TERM="dumb")) as terminal:
        terminal.answer(("File [", str(wrong)))
        terminal.expect("is not a queue_log")
        terminal.answer((f"File [{machine.log}]: ", ""), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
    assert machine.settings.source.path == machine.log
