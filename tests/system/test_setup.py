"""`qlogship setup`, as a person at a terminal and as a script."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import trustme

from qlogship.cli.app import main
from qlogship.config import load
from qlogship.errors import ExitCode
from qlogship.sandbox.options import SandboxOptions
from tests.support.access import open_to_all
from tests.support.far_end import FarEnd, server_context
from tests.support.installation import EMAIL, PASSWORD, PROGRAM, environment
from tests.support.pbx import LOG
from tests.support.sandbox import Sandbox
from tests.support.terminal import CTRL_C, CTRL_D, Terminal
from tests.support.tls_front import TlsFront

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.pbx import Pbx

RECORDS = (
    b"1700000000|NONE|NONE|NONE|QUEUESTART|\n"
    b"1700000001|1700000001.1|support|NONE|ENTERQUEUE||100|1\n"
    b"1700000009|1700000001.1|support|NONE|ABANDON|1|1|8\n"
)
WRONG = "not-the-password"
OTHERS = "Do others upload to it? [y/N]: ", ""
NOT_ASKED = "--not-shared", "--never-uploaded"


class Machine:
    """A directory with a queue_log, and where setup is to put its files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.etc = directory / "etc"
        self.config = self.etc / "qlogship.toml"
        self.password = self.etc / "password"
        self.log = directory / "log" / "queue_log"
        self.answer = directory / "answer"
        # Where there is a user qlogship, that one must get to the files.
        open_to_all(directory)
        self.etc.mkdir()
        self.log.parent.mkdir()
        self.log.write_bytes(RECORDS)
        self.log.with_name("queue_log.1").write_bytes(RECORDS.replace(b"17000", b"16990"))
        self.answer.write_text(f"{PASSWORD}\n")
        self.answer.chmod(0o600)

    def command(self, *options: str) -> list[str]:
        """Return the command line."""
        return [str(PROGRAM), "setup", "--config", str(self.config), *options]

    def terminal(self, *options: str, **more: str) -> Terminal:
        """Run it on a terminal."""
        environ = environment(**({"TERM": "dumb", "LC_ALL": "C.UTF-8", "TZ": "UTC"} | more))
        return Terminal(self.command(*options), environ)

    def call(self, *options: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run it without a terminal."""
        return subprocess.run(
            self.command(*options),
            env=environment(),
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def options(self, dashboard: Sandbox) -> list[str]:
        """Return all answers as options."""
        return [
            *("--url", dashboard.url, "--email", EMAIL),
            *("--password-file", str(self.answer), "--source", str(self.log)),
        ]

    def questions(self, dashboard: Sandbox) -> list[tuple[str, str]]:
        """Return each question with the answer that leads to the next."""
        return [
            ("Address: ", dashboard.url),
            ("E-mail: ", EMAIL),
            ("Password: ", PASSWORD),
            OTHERS,
            ("File [", str(self.log)),
            ("Ship [all]: ", "current"),
            ("Uploaded before: ", "no"),
            ("Write it? [Y/n]: ", ""),
        ]

    def files(self) -> dict[str, tuple[bytes, int, int, int]]:
        """Return name, content, time of the last change, inode and mode of what setup owns."""
        found = {}
        for path in sorted(self.etc.iterdir()):
            if path.is_file():
                status = path.stat()
                mode = stat.S_IMODE(status.st_mode)
                found[path.name] = path.read_bytes(), status.st_mtime_ns, status.st_ino, mode
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine of this test's own, on which nothing is set up."""
    return Machine(tmp_path)


def logins(dashboard: Sandbox) -> int:
    """Return how many logins the dashboard has seen."""
    return sum(request.path == "/login/api/auth" for request in dashboard.requests())


# --- at a terminal ---


def test_the_whole_dialogue(machine: Machine, dashboard: Sandbox) -> None:
    """The answers make settings that load; the password is shown to nobody and is in one file."""
    with machine.terminal() as terminal:
        questions = machine.questions(dashboard)
        terminal.answer(*questions[:-1])
        terminal.expect(questions[-1][0])
        assert PASSWORD.encode() not in terminal.arguments_and_environment
        assert machine.files() == {}
        terminal.type("")
        assert terminal.end() == ExitCode.DONE
        assert PASSWORD not in terminal.shown
        assert "2 files, 2023-11-03 to 2023-11-14: 6 records, 2 calls" in terminal.shown
        assert "queue_log alone, 2023-11-14 to 2023-11-14: 3 records, 1 call" in terminal.shown
        assert "\x1b" not in terminal.shown
        assert terminal.shown.isascii()
    settings = load(machine.config, environ={}).settings
    assert (settings.dashboard.url, settings.dashboard.email) == (dashboard.url, EMAIL)
    assert (settings.source.path, settings.source.history) == (machine.log, "current")
    assert (settings.dashboard.shared, settings.source.uploaded_before) == (False, False)
    assert machine.password.read_text() == f"{PASSWORD}\n"
    assert stat.S_IMODE(machine.password.stat().st_mode) & 0o137 == 0
    holders = [path for path in machine.etc.rglob("*") if path.is_file()]
    assert [path for path in holders if PASSWORD in path.read_text()] == [machine.password]
    assert logins(dashboard) == 1


def test_a_second_dialogue_keeps_everything(machine: Machine, dashboard: Sandbox) -> None:
    """Enter on every question takes what is there, the password too; nothing is written.

    What the settings say about others and about earlier uploads is not asked again.
    """
    options = [*machine.options(dashboard), *NOT_ASKED]
    assert main(["setup", "--config", str(machine.config), *options]) == 0
    before = machine.files()
    with machine.terminal() as terminal:
        for question in ("Address [", "E-mail [", "Password (Enter keeps", "File [", "Ship [all"):
            terminal.answer((question, ""))
        terminal.expect("Nothing to change")
        assert terminal.end() == ExitCode.DONE
    assert machine.files() == before


def test_a_wrong_answer_is_asked_again(machine: Machine, dashboard: Sandbox) -> None:
    """An address of nobody, no address, a wrong password: each with what is wrong with it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    options = ["--source", str(machine.log), "--history", "all", *NOT_ASKED]
    with machine.terminal(*options) as terminal:
        terminal.answer(("Address: ", "a/b"))
        terminal.expect("has a path")
        terminal.answer(("Address: ", nobody))
        terminal.expect("Connection refused")
        terminal.answer((f"Address [{nobody}]: ", dashboard.url), ("E-mail: ", "admin"))
        terminal.expect("no e-mail address")
        terminal.answer(("E-mail: ", EMAIL), ("Password: ", WRONG))
        terminal.expect("refused")
        terminal.answer((f"E-mail [{EMAIL}]: ", ""), ("Password: ", PASSWORD), ("Write it?", "y"))
        assert terminal.end() == ExitCode.DONE
        assert WRONG not in terminal.shown
    assert logins(dashboard) == 2


def test_another_web_server_gets_no_password(machine: Machine) -> None:
    """Where no dashboard answers, Enter does not go on; nothing but knocking was sent there."""
    with (
        FarEnd(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as far,
        machine.terminal("--email", EMAIL, "--password-file", str(machine.answer)) as terminal,
    ):
        terminal.answer(("Address: ", far.url))
        terminal.expect("which no Team Dashboard does")
        terminal.answer(("Go on with this address? [y/N]: ", ""))
        terminal.expect(f"Address [{far.url}]: ")
        terminal.type(CTRL_C)
        assert terminal.end() == ExitCode.INTERRUPTED
    assert [request.split(b" ")[0] for request in far.requests] == [b"GET", b"POST"]
    assert not any(PASSWORD.encode() in request for request in far.requests)


def test_an_account_is_not_hammered(machine: Machine, dashboard: Sandbox) -> None:
    """After three refused logins it gives up, before the dashboard locks the account."""
    with machine.terminal("--url", dashboard.url, "--email", EMAIL) as terminal:
        terminal.answer(("Password: ", WRONG), (f"[{EMAIL}]: ", ""), ("Password: ", WRONG))
        terminal.answer((f"[{EMAIL}]: ", ""), ("Password: ", WRONG))
        assert terminal.end() == ExitCode.CREDENTIALS
    assert logins(dashboard) == 3
    assert machine.files() == {}


def test_ctrl_c_leaves_everything_as_it_was(tmp_path: Path, dashboard: Sandbox) -> None:
    """At any question, and so does the end of input: there is no file, and it says so."""
    machines = []
    for number in range(9):
        (tmp_path / str(number)).mkdir()
        machines.append(Machine(tmp_path / str(number)))
    with ExitStack() as stack:
        terminals = [stack.enter_context(machine.terminal()) for machine in machines]
        for number, (machine, terminal) in enumerate(zip(machines, terminals, strict=True)):
            questions = machine.questions(dashboard)
            at = min(number, 7)
            terminal.answer(*questions[:at])
            terminal.expect(questions[at][0])
            terminal.type(CTRL_C if number < 8 else CTRL_D)
            assert terminal.end() == ExitCode.INTERRUPTED
            assert "Nothing was written." in terminal.shown
            assert list(machine.etc.iterdir()) == []


def test_settings_are_not_overwritten_without_being_asked(
    machine: Machine, dashboard: Sandbox
) -> None:
    """The difference is shown; Enter leaves the settings, yes keeps what was not asked about."""
    machine.config.write_text(
        '# ours\n[dashboard]\nurl = "http://127.0.0.1:9"  # the old one\nemail = "x@y"\n'
        "[batch]\nlinger = 1.5 # quick\n"
    )
    before = machine.files()
    options = [*machine.options(dashboard), "--history", "all", *NOT_ASKED]
    with machine.terminal(*options) as terminal:
        terminal.expect(f'dashboard.url: "http://127.0.0.1:9" -> "{dashboard.url}"')
        terminal.answer(("Overwrite it? [y/N]: ", ""))
        assert terminal.end() == ExitCode.FAILED
    assert machine.files() == before
    with machine.terminal(*options) as terminal:
        terminal.answer(("Overwrite it? [y/N]: ", "yes"))
        assert terminal.end() == ExitCode.DONE
    text = machine.config.read_text()
    assert text.startswith(f'# ours\n[dashboard]\npassword_file = "{machine.password}"\n')
    assert f'url = "{dashboard.url}"  # the old one\n' in text
    assert "[batch]\nlinger = 1.5 # quick\n" in text
    old = machine.config.with_name("qlogship.toml.old")
    assert old.read_bytes() == before["qlogship.toml"][0]


def test_a_password_of_any_letters(machine: Machine) -> None:
    """In the C locale, too: what is typed is what is sent and kept."""
    secret = "пароль с пробелом"
    with (
        Sandbox(SandboxOptions(password=secret)) as dashboard,
        machine.terminal(
            *("--url", dashboard.url, "--email", EMAIL, "--source", str(machine.log)),
            *("--history", "none", "--not-shared"),
            LC_ALL="C",
        ) as terminal,
    ):
        terminal.answer(("Password: ", secret), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
    assert machine.password.read_text(encoding="utf-8") == f"{secret}\n"


def test_a_private_authority_is_asked_for(
    machine: Machine, dashboard: Sandbox, tmp_path: Path
) -> None:
    """Whoever signed the dashboard's certificate can be named on the spot, and proved at once."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    options = [*machine.options(dashboard)[2:], *NOT_ASKED]
    with (
        TlsFront(dashboard.port, server_context(authority.issue_cert("127.0.0.1"))) as front,
        machine.terminal(*options, "--history", "all") as terminal,
    ):
        terminal.answer(("Address: ", front.url))
        terminal.expect("not trusted")
        terminal.answer(("certificate to trust (PEM), or Enter", str(ca_file)))
        terminal.expect("as a Team Dashboard does")
        terminal.answer(("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
    assert load(machine.config, environ={}).settings.dashboard.ca_file == ca_file


# --- as a script ---


def test_options_say_it_all(machine: Machine, dashboard: Sandbox) -> None:
    """Nothing is asked; the password, from stdin or a file, is in no output."""
    done = machine.call(*machine.options(dashboard), "--password-file", "-", text=f"{PASSWORD}\n")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert done.stdout.startswith(f"Wrote {machine.password} ")
    assert PASSWORD not in done.stdout + done.stderr
    assert machine.password.read_text() == f"{PASSWORD}\n"


# --- as root, with the service's user ---


@pytest.mark.root
def test_root_writes_for_the_service(pbx: Pbx, dashboard: Sandbox) -> None:
    """The settings are root's and the service's to read, the password root's alone.

    systemd hands it over. Who may not read the queue_log is let in.

    Without --grant it is said what that would do, and nothing is changed.
    """
    options = ["--url", dashboard.url, "--email", EMAIL, "--password-file", "-", "--json"]
    setup = [str(PROGRAM), "setup", *options]
    refused = pbx.try_run(*setup, text=PASSWORD)
    found = json.loads(refused.stdout)
    assert refused.returncode == ExitCode.SOURCE
    assert "Add --grant: access lists let qlogship list /mnt/asterisk" in found["error"]["hint"]
    assert pbx.try_run("test", "-e", "/etc/qlogship").returncode != 0
    done = pbx.try_run(*setup, "--grant", text=PASSWORD)
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert pbx.groups("qlogship") == ["qlogship"]
    assert pbx.as_user("qlogship", "cat", LOG).stdout == RECORDS.decode()
    assert pbx.mode("/etc/qlogship") == "755 root:root"
    assert pbx.mode("/etc/qlogship/qlogship.toml") == "640 root:qlogship"
    assert pbx.mode("/etc/qlogship/password") == "600 root:root"
    assert "/mnt/asterisk/queue_log" in pbx.run("cat", "/etc/qlogship/qlogship.toml")


@pytest.mark.root
def test_the_dialogue_offers_to_let_the_service_in(pbx: Pbx, dashboard: Sandbox) -> None:
    """The queue_log is where asterisk.conf says; an instance has files and state of its own."""
    command = pbx.command(str(PROGRAM), "setup", "--instance", "north", "--email", EMAIL)
    with Terminal(command, environment(TERM="dumb")) as terminal:
        terminal.answer(("Address: ", dashboard.url), ("Password: ", PASSWORD), OTHERS)
        terminal.answer(("File [/mnt/asterisk/queue_log]: ", ""))
        terminal.expect("This changes it: access lists let qlogship list")
        terminal.answer(("Do that now? [Y/n]: ", ""), ("Ship [all]: ", ""))
        terminal.answer(("Uploaded before: ", "unknown"), ("Write it?", ""))
        assert terminal.end() == ExitCode.DONE
        assert PASSWORD not in terminal.shown
    assert pbx.mode("/etc/qlogship/north.password") == "600 root:root"
    assert 'directory = "/var/lib/qlogship/north"' in pbx.run("cat", "/etc/qlogship/north.toml")
