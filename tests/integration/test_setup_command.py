"""`qlogship setup` as a script calls it: options in, files, exit code and JSON out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from qlogship.cli.app import main
from qlogship.config import load
from qlogship.errors import ExitCode
from tests.support.access import open_to_all
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EMAIL = "admin@example.com"
PASSWORD = "sandbox-password"


class Machine:
    """A directory with a queue_log, and where setup is to put its files."""

    def __init__(self, directory: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.etc = directory / "etc"
        self.config = self.etc / "qlogship.toml"
        self.password = self.etc / "password"
        self.log = directory / "queue_log"
        self.answer = directory / "answer"
        self._capsys = capsys
        # Where there is a user qlogship, that one must get to the files.
        open_to_all(directory)
        self.log.write_bytes(b"1700000000|NONE|NONE|NONE|QUEUESTART|\n")
        self.answer.write_text(f"{PASSWORD}\n")
        self.options = [
            *("--url", url, "--email", EMAIL),
            *("--password-file", str(self.answer), "--source", str(self.log)),
        ]

    def call(self, *options: str) -> Done:
        """Run setup; return exit code and output."""
        code = main(["setup", "--config", str(self.config), *options])
        return Done(code, *self._capsys.readouterr())

    def files(self) -> dict[str, tuple[bytes, int, int]]:
        """Return name, content, time of the last change and inode of what setup owns."""
        if not self.etc.exists():
            return {}
        return {
            path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
            for path in sorted(self.etc.iterdir())
            if path.is_file()
        }


class Done(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Sandbox]:
    """Return a dashboard."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def machine(tmp_path: Path, dashboard: Sandbox, capsys: pytest.CaptureFixture[str]) -> Machine:
    """Return a machine of this test's own, on which nothing is set up."""
    return Machine(tmp_path, dashboard.url, capsys)


def test_options_say_it_all(machine: Machine) -> None:
    """Nothing is asked; JSON tells what was written and what was proved."""
    done = machine.call(*machine.options, "--json")
    assert done.code == ExitCode.DONE, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["ok"], found["changed"]) == (True, True)
    assert found["written"] == [str(machine.password), str(machine.config)]
    assert {proof["what"]: proof["ok"] for proof in found["proved"]} == dict.fromkeys(
        ("address", "login", "queue_log", "settings", "credential"), True
    )
    assert all(proof["problem"] is None for proof in found["proved"])
    assert done.stderr == ""
    assert PASSWORD not in done.stdout


def test_the_same_options_change_nothing(machine: Machine) -> None:
    """Not even the time of the last change; it says so, and a wrong mode is mended all the same."""
    assert machine.call(*machine.options).code == ExitCode.DONE
    before = machine.files()
    again = machine.call(*machine.options, "--yes")
    assert again.code == ExitCode.DONE
    assert "Nothing to change" in again.stdout
    assert machine.files() == before
    machine.password.chmod(0o644)
    mended = machine.call(*machine.options, "--json")
    found = json.loads(mended.stdout)
    assert (found["written"], found["mended"]) == ([], [str(machine.password)])
    assert machine.files() == before


def test_what_is_missing_is_named_at_once(machine: Machine) -> None:
    """Without a terminal nothing is asked."""
    done = machine.call()
    assert done.code == ExitCode.USAGE
    for option in ("--url", "--email", "--password-file"):
        assert option in done.stderr


def test_a_script_overwrites_only_with_yes(machine: Machine) -> None:
    """What is not said stays; so does the old credential, until there is --yes."""
    assert machine.call(*machine.options).code == ExitCode.DONE
    before = machine.files()
    refused = machine.call("--history", "none")
    assert refused.code == ExitCode.USAGE
    assert "--yes" in refused.stderr
    assert 'source.history: "all" -> "none"' in refused.stderr
    assert machine.files() == before
    done = machine.call("--history", "none", "--yes")
    assert done.code == ExitCode.DONE
    assert load(machine.config, environ={}).settings.source.history == "none"
    assert machine.files()["password"] == before["password"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (lambda _: ("--url", "http://127.0.0.1:1"), ExitCode.UNREACHABLE),
        (lambda _: ("--email", "other@example.com"), ExitCode.CREDENTIALS),
        (lambda machine: ("--source", f"{machine.log}.none"), ExitCode.SOURCE),
        (lambda _: ("--url", "https://x/path"), ExitCode.USAGE),
        (lambda _: ("--password-file", "/nowhere"), ExitCode.USAGE),
        (lambda machine: ("--ca-file", f"{machine.log}.pem"), ExitCode.SETTINGS),
    ],
)
def test_what_cannot_be_proved_is_not_written(
    machine: Machine,
    options: Callable[[Machine], tuple[str, str]],
    code: ExitCode,
) -> None:
    """Each failure has its exit code, JSON as well, and leaves no file."""
    done = machine.call(*machine.options, *options(machine), "--json")
    found = json.loads(done.stdout)
    assert (done.code, found["ok"], found["error"]["exit_code"]) == (code, False, code)
    assert found["error"]["hint"]
    assert machine.files() == {}
    assert PASSWORD not in done.stdout + done.stderr


def test_settings_that_are_at_fault_are_left_to_their_owner(machine: Machine) -> None:
    """What cannot be read cannot be kept, so nothing is changed; the fault is named."""
    machine.etc.mkdir()
    machine.config.write_text("[dashboard]\nurl = \n")
    done = machine.call(*machine.options, "--yes")
    assert done.code == ExitCode.SETTINGS
    assert "line 2" in done.stderr
    assert list(machine.files()) == ["qlogship.toml"]


def test_settings_without_a_dashboard_are_completed(machine: Machine) -> None:
    """What was set before setup stays; it is told what is added, and --yes is asked for."""
    machine.etc.mkdir()
    before = '[log]\nlevel = "warning" # quiet\n'
    machine.config.write_text(before)
    asked = machine.call(*machine.options)
    assert asked.code == ExitCode.USAGE
    assert "dashboard.url: not set -> " in asked.stderr
    assert machine.config.read_text() == before
    done = machine.call(*machine.options, "--yes")
    assert done.code == ExitCode.DONE, done.stderr
    assert machine.config.read_text().startswith(before)
    settings = load(machine.config, environ={}).settings
    assert (settings.log.level, settings.dashboard.email) == ("warning", EMAIL)


def test_settings_without_a_dashboard_name_none(machine: Machine) -> None:
    """The address is still missing then, and asked for like that of a first start."""
    machine.etc.mkdir()
    machine.config.write_text('[log]\nlevel = "warning"\n')
    done = machine.call(*machine.options[2:], "--json")
    assert done.code == ExitCode.USAGE
    assert "--url ADDRESS" in json.loads(done.stdout)["error"]["message"]


def test_what_nobody_could_prove_is_written_offline(machine: Machine) -> None:
    """--offline says that neither the address nor the login was proved."""
    done = machine.call(*machine.options, "--tenant", "company", "--offline", "--json")
    found = json.loads(done.stdout)
    proofs = {proof["what"]: proof["ok"] for proof in found["proved"]}
    assert (proofs["address"], proofs["login"], proofs["queue_log"]) == (None, None, True)
    settings = load(machine.config, environ={}).settings
    assert settings.dashboard.url == "https://company.softphone.pro"


def test_clear_text_is_a_choice_that_is_written(machine: Machine) -> None:
    """An http address of another machine needs --allow-http, which the settings then say for good.

    Without it nothing is sent there and nothing written; the same answers without the
    option change nothing later.
    """
    clear = (*machine.options, "--url", "http://dashboard.example.com", "--offline", "--yes")

    refused = machine.call(*clear)
    assert (refused.code, machine.files()) == (ExitCode.USAGE, {})
    assert "--allow-http" in refused.stderr

    assert machine.call(*clear, "--allow-http").code == ExitCode.DONE
    assert load(machine.config, environ={}).settings.dashboard.allow_http
    again = machine.call(*clear)
    assert (again.code, "Nothing to change" in again.stdout) == (ExitCode.DONE, True)
