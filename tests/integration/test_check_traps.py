"""`qlogship check` finds each trap, and that alone, in an otherwise sound installation."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import trustme

from qlogship.check.document import document
from qlogship.check.findings import Level
from qlogship.state.store import Store
from tests.fixtures import logrotate as real
from tests.support.calls import call
from tests.support.far_end import FarEnd, date_header, server_context
from tests.support.installation import Installation
from tests.support.sandbox import Sandbox
from tests.support.sound import ME, MY_GROUP, PID, Sound
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, UNKNOWN, WARNING, PROBLEM = Level.OK, Level.UNKNOWN, Level.WARNING, Level.PROBLEM
NOON: Final = 1_795_411_800

# What holds the state directory as the service does.
HOLD: Final = """
import pathlib, sys
from qlogship.state.lock import StateLock
lock = StateLock(pathlib.Path(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Sandbox]:
    """Return a dashboard that all tests may log in to."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, dashboard: Sandbox) -> Path:
    """Return a state directory from which one call was shipped."""
    installation = Installation(tmp_path_factory.mktemp("shipped"), dashboard.url)
    installation.write(call(1, NOON))
    assert installation.once().returncode == 0
    return installation.state


@pytest.fixture
def sound(tmp_path: Path, dashboard: Sandbox, state: Path) -> Sound:
    """Return an installation in which nothing is wrong."""
    return Sound(tmp_path, dashboard.url, state=state)


def test_a_sound_installation(sound: Sound) -> None:
    """Nothing is wrong, nothing is doubtful, nothing is unknown; each thing has one calm line."""
    findings = sound.findings(offline=False)
    assert [one for one in findings if one.level is not OK] == []
    assert [one.id for one in findings] == [
        "settings.sound",
        "secret.safe",
        "user.exists",
        "source.readable",
        "asterisk.writes",
        "rotation.sound",
        "state.sound",
        "disk.room",
        "clock.right",
        "dashboard.reached",
        "login.accepted",
        "unit.running",
        "ledger.shipping",
    ]


# A contract: keys are added, never renamed.
FACTS: Final = {
    "user": "name groups",
    "queue_log": "path exists bytes readable rotated",
    "asterisk": "configuration processes queue_log queue_log_to_file queue_log_name rotatestrategy"
    " realtime",
    "rotation": "stanzas",
    "state": "directory exists held_by oldest_record newest_record bytes_per_day troubles",
    "disk": "state source",
    "dashboard": "url addresses status clock_ahead certificate",
    "clock": "synchronised",
    "unit": "name load active enabled fragment drop_ins pid",
}


def test_the_facts_of_the_document(sound: Sound) -> None:
    """Programs find each fact under its key, and null where there is none."""
    shown = document(sound.facts(offline=False), [])["facts"]
    assert {name: set(one) for name, one in shown.items() if isinstance(one, dict)} == {
        name: set(keys.split()) for name, keys in FACTS.items()
    }
    assert set(shown["asterisk"]["processes"][0]) == {"pid", "user", "container", "files"}
    room = {"path", "bytes", "free_bytes", "reserve_bytes", "inodes", "free_inodes"}
    assert set(shown["disk"]["state"]) == set(shown["disk"]["source"]) == room
    assert (shown["settings"], shown["dashboard"]["certificate"]) == (sound.settings, None)
    sound.settings.unlink()
    unknown = {name for name, one in document(sound.facts(), [])["facts"].items() if one is None}
    assert unknown == {"queue_log", "asterisk", "rotation", "state", "dashboard"}


def logger(text: str) -> Callable[[Sound], None]:
    """Return what writes [general] of logger.conf."""
    return lambda sound: plant(sound.asterisk / "logger.conf", f"[general]\n{text}\n[logfiles]\n")


def plant(path: Path, text: str) -> None:
    """Write a file."""
    path.write_text(text)


def both(*steps: Callable[[Sound], object]) -> Callable[[Sound], object]:
    """Return what takes several steps."""

    def take(sound: Sound) -> None:
        for step in steps:
            step(sound)

    return take


def unit(**values: str) -> Callable[[Sound], None]:
    """Return what makes systemd say something else."""
    return lambda sound: sound.unit.update(values)


def realtime(sound: Sound, *, to_file: str) -> None:
    """Map the queue_log to a database."""
    plant(sound.asterisk / "extconfig.conf", "[settings]\nqueue_log => odbc,asterisk,queue_log\n")
    logger(f"queue_log_to_file = {to_file}")(sound)


def hold_deleted(sound: Sound) -> None:
    """Let Asterisk write into a file that is gone, with a new one in its place."""
    sound.run_asterisk(f"{sound.log} (deleted)")


def remove(sound: Sound) -> None:
    """Take the queue_log away while Asterisk is not running."""
    sound.log.unlink()
    sound.stop_asterisk()


def owned_by_root(sound: Sound) -> None:
    """Let a rotation make the file for a user that Asterisk is not."""
    status = sound.proc / str(PID) / "status"
    status.write_text("Uid:\t65534 65534 65534 65534\nGid:\t65534 65534 65534 65534\nGroups:\n")
    sound.with_options("create 0640 root root", without=["create"])


def split(sound: Sound) -> None:
    """Write logger.conf as FreePBX does, with queue_log off in a file of its own."""
    plant(sound.asterisk / "logger.conf", "[general]\n#include logger_general_additional.conf\n")
    plant(sound.asterisk / "logger_general_additional.conf", "queue_log=no\n")


def foreign_unit(sound: Sound) -> None:
    """Let a copy of the unit stand in for the package's."""
    sound.unit["FragmentPath"] = "/etc/systemd/system/qlogship.service"


def second_stanza(sound: Sound) -> None:
    """Let another file rotate the queue_log, too."""
    plant(sound.stanzas.with_name("queue"), f"{sound.log} {{\n rotate 3\n}}\n")


def second_program(sound: Sound) -> None:
    """Let the unit start another qlogship."""
    other = sound.root / "other" / "qlogship"
    other.parent.mkdir()
    other.write_text("")
    sound.unit["ExecStart"] = f"{{ path={other} ; argv[]={other} run ; ignore_errors=no ; }}"


def starting(program: str) -> Callable[[Sound], None]:
    """Return what makes the unit start a command."""
    return unit(ExecStart=f"{{ path=x ; argv[]={program} ; ignore_errors=no ; }}")


def mode(of: str, bits: int) -> Callable[[Sound], None]:
    """Return what gives one of the files another mode."""

    def change(sound: Sound) -> None:
        path: Path = getattr(sound, of)
        path.chmod(bits)

    return change


def trouble(kind: str) -> Callable[[Sound], None]:
    """Return what writes a trouble down, as the service does that holds the state directory."""

    def write(sound: Sound) -> None:
        with closing(Store(sound.state)) as store, store.transaction():
            store.troubles.save(kind, at=NOON, message="it is so", hint="Do this.")

    return write


TRAPS: Final[dict[str, tuple[Callable[[Sound], object], list[tuple[str, Level]]]]] = {
    "wrong setting": (
        lambda sound: sound.configure(batch={"linger": -1}),
        [("settings.fault", PROBLEM)],
    ),
    "no settings": (lambda sound: sound.settings.unlink(), [("settings.fault", PROBLEM)]),
    "clear text": (
        lambda sound: sound.configure(dashboard={"url": "http://dashboard.example.com"}),
        [("settings.fault", PROBLEM)],
    ),
    "clear text that is allowed": (
        lambda sound: sound.configure(
            dashboard={"url": "http://dashboard.example.com", "allow_http": True}
        ),
        [("settings.doubt", WARNING)],
    ),
    "settings for all to write": (mode("settings", 0o666), [("settings.writable", WARNING)]),
    "settings in a directory for all to write": (
        lambda sound: sound.settings.parent.chmod(0o777),
        [("settings.writable", WARNING)],
    ),
    "password for all to read": (mode("password", 0o644), [("secret.fault", PROBLEM)]),
    "no password": (lambda sound: sound.password.unlink(), [("secret.fault", PROBLEM)]),
    "no user": (unit(User="qlogship-nobody"), [("user.missing", PROBLEM)]),
    "no queue_log": (
        remove,
        [("source.missing", PROBLEM), ("asterisk.not-running", WARNING)],
    ),
    "asterisk stopped": (lambda sound: sound.stop_asterisk(), [("asterisk.not-running", WARNING)]),
    "queue_log off": (logger("queue_log = no"), [("asterisk.queue-log-off", PROBLEM)]),
    "queue_log off, as FreePBX writes it": (split, [("asterisk.queue-log-off", PROBLEM)]),
    "realtime only": (
        lambda sound: realtime(sound, to_file="no"),
        [("asterisk.realtime-only", PROBLEM)],
    ),
    "realtime and file": (lambda sound: realtime(sound, to_file="yes"), []),
    "renamed without reload": (
        lambda sound: sound.run_asterisk(f"{sound.log}-20261123"),
        [("asterisk.holds-rotated", PROBLEM)],
    ),
    "deleted while open": (hold_deleted, [("asterisk.holds-deleted", PROBLEM)]),
    "another file": (
        lambda sound: sound.run_asterisk("/srv/log/queue_log"),
        [("asterisk.other-file", PROBLEM)],
    ),
    "another name": (
        both(
            logger("queue_log_name = calls"),
            lambda sound: sound.run_asterisk(sound.log.with_name("calls")),
        ),
        [("asterisk.other-file", PROBLEM)],
    ),
    "a neighbour's file": (
        lambda sound: sound.run_asterisk(sound.log.with_name("supervisor_queue_log"), sound.log),
        [],
    ),
    "nothing open": (lambda sound: sound.run_asterisk(), [("asterisk.not-open", PROBLEM)]),
    "a console beside it": (
        lambda sound: sound.run_asterisk(pid=5000, arguments="asterisk -rvvv"),
        [],
    ),
    "nothing but a console": (
        lambda sound: sound.run_asterisk(arguments="/usr/sbin/asterisk -rx core"),
        [("asterisk.not-running", WARNING)],
    ),
    "a second asterisk": (
        lambda sound: sound.run_asterisk("/opt/two/queue_log", pid=4000),
        [],
    ),
    "exec_after_rotate": (
        logger("exec_after_rotate = gzip -9 ${filename}.2"),
        [("asterisk.rotate-hook", WARNING)],
    ),
    "no reload": (
        lambda sound: sound.with_options(without=["postrotate", "asterisk -rx", "endscript"]),
        [("rotation.no-reload", WARNING)],
    ),
    "no reload, and compressed": (
        lambda sound: sound.with_options(
            "compress", "delaycompress", without=["postrotate", "asterisk -rx", "endscript"]
        ),
        [("rotation.no-reload", PROBLEM)],
    ),
    "an own script": (
        lambda sound: sound.with_options(
            "postrotate\n/usr/local/bin/rotated\nendscript",
            without=["postrotate", "asterisk -rx", "endscript"],
        ),
        [("rotation.reload-unclear", WARNING)],
    ),
    "copytruncate": (
        lambda sound: sound.with_options("copytruncate"),
        [("rotation.copytruncate", WARNING)],
    ),
    "create with a wrong owner": (owned_by_root, [("rotation.create-owner", PROBLEM)]),
    "create with an unknown owner": (
        lambda sound: sound.with_options("create 0640 no-such-user root", without=["create"]),
        [("rotation.faulty", WARNING)],
    ),
    "create with an unknown number": (
        lambda sound: sound.with_options(f"create 0640 {'9' * 5000} 4242424", without=["create"]),
        [("rotation.faulty", WARNING)],
    ),
    "a comment behind a number": (
        lambda sound: sound.with_options("rotate 30 # a month", without=["rotate 30"]),
        [("rotation.faulty", WARNING)],
    ),
    "queue_log off, behind an include": (
        both(
            lambda sound: plant(sound.asterisk / "files.conf", "[logfiles]\nfull => notice\n"),
            logger("#include files.conf\nqueue_log = no"),
        ),
        [("asterisk.queue-log-off", PROBLEM)],
    ),
    "olddir": (
        lambda sound: sound.with_options("olddir /var/log/archive"),
        [("rotation.olddir", PROBLEM)],
    ),
    "olddir that is known": (
        both(
            lambda sound: sound.with_options("olddir /var/log/archive", "compress"),
            lambda sound: sound.configure(source={"archives": ["/var/log/archive/queue_log*"]}),
        ),
        [],
    ),
    "olddir that is known in part": (
        both(
            lambda sound: sound.with_options("olddir /var/log/archive", "compress"),
            lambda sound: sound.configure(source={"archives": ["/var/log/archive/queue_log.?"]}),
        ),
        [("rotation.olddir", PROBLEM)],
    ),
    "a strange name": (
        lambda sound: sound.with_options("dateext", "dateformat _%Y%m%d"),
        [("rotation.name", PROBLEM)],
    ),
    "a strange compression": (
        lambda sound: sound.with_options("compress", "compresscmd zip"),
        [("rotation.name", PROBLEM)],
    ),
    "rotated away": (
        lambda sound: sound.with_options("rotate 0", without=["rotate 30"]),
        [("rotation.rotate-zero", WARNING)],
    ),
    "kept for a day": (
        lambda sound: sound.with_options("maxage 1"),
        [("rotation.rotate-zero", WARNING)],
    ),
    "shred": (
        lambda sound: sound.with_options("shred", "compress"),
        [("rotation.shred", WARNING)],
    ),
    "two stanzas": (second_stanza, [("rotation.twice", WARNING)]),
    "a word that logrotate does not know": (
        lambda sound: sound.with_options("copytruncat"),
        [("rotation.faulty", WARNING)],
    ),
    "state for all to enter": (mode("state", 0o755), [("state.open", WARNING)]),
    "state that cannot be written": (mode("state", 0o500), [("state.not-writable", PROBLEM)]),
    "state that is a file": (
        both(lambda sound: shutil.rmtree(sound.state), lambda sound: plant(sound.state, "")),
        [("state.damaged", PROBLEM)],
    ),
    "damaged database": (
        lambda sound: plant(sound.state / "qlogship.db", "no database"),
        [("state.damaged", PROBLEM)],
    ),
    "no state, and running": (
        lambda sound: shutil.rmtree(sound.state),
        [("state.missing", PROBLEM)],
    ),
    "no state yet": (
        both(
            lambda sound: shutil.rmtree(sound.state),
            unit(ActiveState="inactive", UnitFileState="disabled"),
        ),
        [("unit.not-running", PROBLEM)],
    ),
    "clock not kept": (
        lambda sound: sound.answers.update(timedatectl="no\n"),
        [("clock.unsynchronised", WARNING)],
    ),
    "no timedatectl": (
        lambda sound: sound.answers.update(timedatectl=None),
        [("clock.uncompared", UNKNOWN)],
    ),
    "clock behind the archive": (
        lambda sound: sound.change(wall_clock=lambda: NOON - 3600.0),
        [("clock.behind-archive", WARNING)],
    ),
    "no systemd": (lambda sound: sound.unit.clear(), [("unit.unseen", UNKNOWN)]),
    "no unit": (unit(LoadState="not-found"), [("unit.not-installed", PROBLEM)]),
    "masked": (unit(LoadState="masked"), [("unit.masked", PROBLEM)]),
    "disabled": (unit(UnitFileState="disabled"), [("unit.disabled", WARNING)]),
    "stopped": (
        unit(ActiveState="inactive", SubState="dead"),
        [("unit.not-running", PROBLEM)],
    ),
    "failed": (
        unit(ActiveState="failed", SubState="failed", Result="exit-code"),
        [("unit.failed", PROBLEM)],
    ),
    "restarting": (
        unit(ActiveState="activating", SubState="auto-restart"),
        [("unit.restarting", PROBLEM)],
    ),
    "a copy of the unit": (foreign_unit, [("unit.foreign", WARNING)]),
    "unit not read again": (unit(NeedDaemonReload="yes"), [("unit.reload-needed", WARNING)]),
    "another program": (second_program, [("unit.other-program", WARNING)]),
    "no program": (starting("/no/such/qlogship run"), [("unit.other-program", PROBLEM)]),
    "other settings": (
        lambda sound: starting(f"{sound.program} run --config /etc/other.toml")(sound),
        [("unit.other-settings", PROBLEM)],
    ),
    "a drop-in": (unit(DropInPaths="/etc/systemd/system/qlogship.service.d/override.conf"), []),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_each_trap_alone(trap: str, sound: Sound) -> None:
    """A trap is found as what it is, and nothing else is."""
    plant_it, expected = TRAPS[trap]
    plant_it(sound)
    assert sound.faults() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (real.FREEPBX_17, []),
        (real.FREEPBX_13, [("rotation.no-reload", WARNING)]),
        (real.ISSABEL, []),
        (real.WAZO, []),
        (real.DEBIAN, []),
        (real.PLD, [("rotation.olddir", PROBLEM)]),
        (real.ATSIP, [("rotation.copytruncate", WARNING)]),
    ],
    ids=["freepbx-17", "freepbx-13", "issabel", "wazo", "debian", "pld", "atsip"],
)
def test_what_distributions_do(text: str, expected: list[tuple[str, Level]], sound: Sound) -> None:
    """The stanzas that are out there are judged by what they do, a sound one not at all."""
    text = text.replace("/var/log/asterisk", str(sound.log.parent))
    for owner in ("asterisk asterisk\n", "asterisk www-data\n", "root asterisk\n"):
        text = text.replace(owner, f"{ME} {MY_GROUP}\n")
    sound.stanzas.write_text(text)
    assert sound.faults() == expected


def test_no_stanza(sound: Sound) -> None:
    """A file that grows for ever is told, and is a warning when it has grown."""
    sound.stanzas.unlink()
    assert "rotation.none" in [one.id for one in sound.findings()]
    assert sound.faults() == []
    os.truncate(sound.log, 300 * 1024 * 1024)
    assert sound.faults() == [("rotation.none", WARNING)]


@pytest.mark.parametrize("option", ["-C {}", "-C{}"])
@pytest.mark.parametrize("lies", ["beside", "elsewhere"])
def test_the_configuration_of_the_running_asterisk(option: str, lies: str, sound: Sound) -> None:
    """What it was started with names the directory, unless that file names another one."""
    own = sound.root / "own"
    own.mkdir()
    target = own if lies == "beside" else sound.root / "other"
    target.mkdir(exist_ok=True)
    plant(target / "logger.conf", "[general]\nqueue_log = no\n")
    plant(own / "asterisk.conf", f"[directories]\nastetcdir => {target}\n")
    sound.change(asterisk_etc=None)
    sound.run_asterisk(sound.log, arguments=f"asterisk -f {option.format(own / 'asterisk.conf')}")
    (found,) = [one for one in sound.findings() if one.level is PROBLEM]
    assert (found.id, found.about) == ("asterisk.queue-log-off", str(target / "logger.conf"))


def test_an_asterisk_in_a_container(sound: Sound) -> None:
    """One that writes this file from within a container is configured in there."""
    home = sound.proc / str(PID)
    inside = sound.root / "container"
    (inside / "etc" / "asterisk").mkdir(parents=True)
    plant(inside / "etc" / "asterisk" / "logger.conf", "[general]\n#include /etc/more.conf\n")
    plant(inside / "etc" / "more.conf", "queue_log_to_file = yes\n")
    for process, namespace in (("self", "mnt:[1]"), (str(PID), "mnt:[2]")):
        (sound.proc / process / "ns").mkdir(parents=True)
        (sound.proc / process / "ns" / "mnt").symlink_to(namespace)
    (home / "root").symlink_to(inside)
    sound.change(asterisk_etc=None)
    named = sound.facts().named
    assert named is not None
    facts = named.asterisk
    assert facts.processes[0].elsewhere
    assert facts.account is not None
    assert facts.account.name == str(os.geteuid())  # whose name it is in there, nobody knows
    assert facts.logger is not None
    assert facts.logger.to_file
    assert sound.faults() == []
    sound.run_asterisk()
    assert sound.faults() == [("asterisk.in-container", WARNING)]


def test_a_directory_that_logrotate_refuses(sound: Sound) -> None:
    """logrotate leaves a directory alone that others may write, unless it is told as whom."""
    sound.log.parent.chmod(0o777)
    assert sound.faults() == [("rotation.su", WARNING)]
    sound.with_options(f"su {ME} {MY_GROUP}")
    assert sound.faults() == []


def test_a_link_to_the_directory(sound: Sound) -> None:
    """A stanza that names the queue_log by its other path takes it all the same."""
    link = sound.root / "asterisk-logs"
    link.symlink_to(sound.log.parent)
    sound.configure(source={"path": str(link / "queue_log")})
    assert sound.faults() == []


def test_a_template_instance(sound: Sound) -> None:
    """The settings of another tenant belong to an instance, with a state directory of its own."""
    other = sound.settings.with_name("east.toml")
    sound.settings.rename(other)
    sound.settings = other
    sound.unit["FragmentPath"] = str(sound.unit_file.with_name("qlogship@.service"))
    sound.unit["ExecStart"] = sound.unit["ExecStart"].replace("run", f"run --config {other}")
    sound.unit_text = f"LoadCredential=qlogship-password:{other.parent}/%i.password\n"
    sound.password.rename(other.with_name("east.password"))
    text = other.read_text()
    other.write_text(text.replace(f"password_file = '{sound.password}'\n", ""))
    assert sound.faults(offline=False) == []
    assert sound.facts().unit.name == "qlogship@east.service"


def test_an_instance_without_systemd(sound: Sound) -> None:
    """Where systemd cannot be asked, the password is where the package's units look for it."""
    other = sound.settings.with_name("east.toml")
    text = sound.settings.read_text()
    other.write_text(text.replace(f"password_file = '{sound.password}'\n", ""))
    sound.password.rename(sound.password.with_name("password"))
    sound.settings = other
    sound.unit.clear()
    assert sound.faults() == [("secret.fault", PROBLEM), ("unit.unseen", UNKNOWN)]
    sound.password.with_name("password").rename(other.with_name("east.password"))
    assert sound.faults(offline=False) == [("unit.unseen", UNKNOWN)]


def test_the_state_of_a_template_instance(sound: Sound) -> None:
    """An instance must not be left at the state directory of the first."""
    other = sound.settings.with_name("east.toml")
    text = sound.settings.read_text()
    other.write_text(text.replace(f"directory = '{sound.state}'\n", ""))
    sound.settings = other
    sound.unit.clear()
    assert ("settings.fault", PROBLEM) in sound.faults()


def test_the_credential_of_the_unit(sound: Sound) -> None:
    """A password that systemd hands over is found where the unit says, and must be kept as well."""
    secret = sound.password.with_name("password")
    sound.password.rename(secret)
    sound.configure(dashboard={"password_file": "/none"})
    text = sound.settings.read_text()
    sound.settings.write_text(text.replace("password_file = '/none'\n", ""))
    assert sound.faults(offline=False) == [("secret.fault", PROBLEM)]
    sound.unit_text = "LoadCredential=qlogship-password:/etc/x/password"
    (fault,) = [one for one in sound.findings() if one.level is PROBLEM]
    assert fault.id == "secret.fault"
    assert "qlogship setup" in fault.hint
    assert "/etc/x/password" in fault.hint
    sound.unit_text = f"""
# /usr/lib/systemd/system/qlogship.service
[Service]
# LoadCredential=qlogship-password:/none
LoadCredential=qlogship-password:/none
SetCredential=qlogship-password:\\n

# /etc/systemd/system/qlogship.service.d/override.conf
[Service]
LoadCredential=
LoadCredential=qlogship-password:{secret}
"""
    assert sound.faults(offline=False) == []
    secret.chmod(0o640 if MY_GROUP not in {"root", ME} else 0o644)
    assert sound.faults() == [("secret.open", PROBLEM)]


def test_without_a_password_the_way_is_looked_at(sound: Sound) -> None:
    """What is wrong with the secrets hides nothing else, and causes no second fault."""
    sound.password.unlink()
    findings = sound.findings(offline=False)
    assert [one.id for one in findings if one.level is not OK] == ["secret.fault"]
    assert "dashboard.reached" in [one.id for one in findings]
    sound.configure(dashboard={"ca_file": "/none", "url": "https://127.0.0.1:9"})
    assert sound.faults(offline=False) == [("secret.fault", PROBLEM), ("secret.fault", PROBLEM)]


def test_a_file_of_certificates_that_holds_none(sound: Sound) -> None:
    """It is a fault of the settings, found when it is needed."""
    ca_file = sound.root / "ca.pem"
    ca_file.write_text("none")
    sound.configure(dashboard={"ca_file": str(ca_file), "url": "https://127.0.0.1:9"})
    assert sound.faults(offline=False) == [("settings.fault", PROBLEM)]


def authority(sound: Sound) -> Path:
    """Return the certificates that the settings name by a link in another directory."""
    ca_file, link = sound.root / "certs" / "ca.pem", sound.root / "links" / "ca.pem"
    for path in (ca_file, link):
        path.parent.mkdir()
    ca_file.write_text("none")
    ca_file.chmod(0o644)
    link.symlink_to(ca_file)
    sound.configure(dashboard={"ca_file": str(link), "url": "https://127.0.0.1:9"})
    return ca_file


@pytest.mark.parametrize(
    ("place", "mode", "expected"),
    [
        ("certs/ca.pem", 0o666, True),
        ("certs/ca.pem", 0o602, True),
        ("certs", 0o777, True),
        ("links", 0o777, True),
        ("certs", 0o1777, False),
        ("certs/ca.pem", 0o644, False),
        (".", 0o777, True),
    ],
)
def test_who_can_change_the_certificates_is_a_problem(
    sound: Sound,
    place: str,
    mode: int,
    expected: bool,  # noqa: FBT001
) -> None:
    """Whoever can write the file, a directory above it or one with a link to it is named.

    As in /tmp, files in a directory with the sticky bit are their owners' alone.
    """
    authority(sound)
    (sound.root / place).chmod(mode)

    found = [one for one in sound.findings() if one.id == "settings.ca-writable"]

    assert [one.about for one in found] == ([str(sound.root / place)] if expected else [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_certificates_of_somebody_else_are_a_problem(sound: Sound) -> None:
    """A file of another user, such as Asterisk's, is his to change, whatever its mode."""
    os.chown(authority(sound), 65534, -1)

    assert ("settings.ca-writable", PROBLEM) in sound.faults()


def test_a_queue_log_that_leads_to_our_own_files(sound: Sound) -> None:
    """What the service refuses to read, check refuses, too."""
    sound.log.unlink()
    sound.log.symlink_to(sound.password)

    found = [one for one in sound.findings() if one.id == "source.unreadable"]

    assert [one.message for one in found] == ["leads to a file of qlogship's own"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_a_link_of_somebody_else_to_certificates_is_a_problem(sound: Sound) -> None:
    """In a directory with the sticky bit it is his to change, and with it whom we trust."""
    authority(sound)
    link = sound.root / "links" / "ca.pem"
    link.parent.chmod(0o1777)
    os.chown(link, 65534, -1, follow_symlinks=False)

    found = [one for one in sound.findings() if one.id == "settings.ca-writable"]

    assert [one.about for one in found] == [str(link)]


def test_a_password_that_is_refused(sound: Sound) -> None:
    """One login is tried, and the refusal told."""
    sound.password.write_text("wrong")
    assert sound.faults(offline=False) == [("login.refused", PROBLEM)]


def test_a_dashboard_that_is_not_there(sound: Sound) -> None:
    """Nobody logs in where nobody answers."""
    sound.configure(dashboard={"url": "http://127.0.0.1:9"})
    assert sound.faults(offline=False) == [("dashboard.unreachable", PROBLEM)]


@pytest.mark.parametrize(
    ("name", "days", "known", "expected"),
    [
        ("127.0.0.1", 60, True, []),
        ("127.0.0.1", 20, True, [("tls.expires", WARNING)]),
        ("127.0.0.1", -1, True, [("tls.expired", PROBLEM)]),
        ("pbx.example.com", 60, True, [("tls.wrong-name", PROBLEM)]),
        ("127.0.0.1", 60, False, [("tls.issuer-unknown", PROBLEM)]),
    ],
)
def test_certificates(
    *, name: str, days: int, known: bool, expected: list[tuple[str, Level]], sound: Sound
) -> None:
    """What is wrong with a certificate is said before anybody logs in."""
    authority = trustme.CA()
    end = datetime.now(UTC) + timedelta(days=days, hours=1)
    leaf = authority.issue_cert(name, not_before=end - timedelta(days=90), not_after=end)
    ca_file = sound.root / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    answer = f"HTTP/1.1 200 OK\r\nDate: {date_header(time.time())}\r\n\r\n".encode()
    with FarEnd(answer, tls=server_context(leaf)) as far:
        sound.configure(dashboard={"url": far.url})
        if known:
            sound.configure(dashboard={"ca_file": str(ca_file)})
        faults = sound.faults(offline=False)
    assert [one for one in faults if not one[0].startswith("login.")] == expected


def test_what_is_no_dashboard(sound: Sound) -> None:
    """A web server without a login is told from a refusal."""
    with FarEnd(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as far:
        sound.configure(dashboard={"url": far.url})
        assert sound.faults(offline=False) == [("login.failed", PROBLEM)]


def test_an_address_that_redirects(sound: Sound) -> None:
    """The address that is redirected to is named, and is what to set."""
    answer = b"HTTP/1.1 301 Moved\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n"
    with FarEnd(answer) as far:
        sound.configure(dashboard={"url": far.url})
        found = [one for one in sound.findings(offline=False) if one.level is PROBLEM]
    assert found[0].id == "dashboard.redirects"
    assert "https://example.com/" in found[0].message


def test_what_speaks_no_http(sound: Sound) -> None:
    """Something else that listens there is no dashboard."""
    with FarEnd(b"SSH-2.0\r\n") as far:
        sound.configure(dashboard={"url": far.url})
        assert sound.faults(offline=False) == [("dashboard.no-answer", PROBLEM)]


def test_a_name_that_leads_nowhere(sound: Sound) -> None:
    """A wrong name is told from a closed door."""
    sound.configure(dashboard={"url": "https://qlogship.invalid"})
    assert sound.faults(offline=False) == [("dashboard.no-address", PROBLEM)]


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
def test_a_clock_that_differs(ahead: float, sound: Sound) -> None:
    """The dashboard's own date is what the clock is compared with."""
    now = time.time()
    answer = f"HTTP/1.1 200 OK\r\nDate: {date_header(now)}\r\n\r\n".encode()
    with FarEnd(answer) as far:
        sound.configure(dashboard={"url": far.url})
        sound.change(wall_clock=lambda: now + ahead)
        assert ("clock.differs", WARNING) in sound.faults(offline=False)


def test_trouble_of_the_service(sound: Sound) -> None:
    """What the running service complains about is told, unless a look of our own tells it."""
    trouble("file /x/queue_log.1.gz")(sound)
    assert sound.faults() == []  # nobody runs who would take it back
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            str(sound.state),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert sound.faults() == [("ledger.trouble", WARNING)]
        sound.log.unlink()
        sound.stop_asterisk()
        told = [one for one, _ in sound.faults()]
        assert told == ["source.missing", "asterisk.not-running"]
        holder.kill()


def test_a_real_process(sound: Sound, tmp_path: Path) -> None:
    """The real /proc is asked: a process called asterisk that has the file open, then renamed."""
    program = tmp_path / "asterisk"
    shutil.copy(sys.executable, program)
    sound.change(proc=Path("/proc"))
    child = subprocess.Popen(
        [
            program,
            "-c",
            "import sys; f = open(sys.argv[1], 'ab'); print(flush=True); sys.stdin.read()",
            str(sound.log),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONHOME": sys.base_prefix},
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        until(lambda: child.poll() is None)
        assert sound.faults() == []
        rotated = sound.log.with_name("queue_log.1")
        sound.log.rename(rotated)
        sound.log.write_bytes(b"")
        assert sound.faults() == [("asterisk.holds-rotated", PROBLEM)]
        rotated.unlink()
        assert sound.faults() == [("asterisk.holds-deleted", PROBLEM)]
        child.kill()


NOBODY: Final = "nobody"


@pytest.fixture
def lent(dashboard: Sandbox, state: Path) -> Iterator[Sound]:
    """Return the installation with `nobody` as the service's user, who may read all of it."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    entry = pwd.getpwnam(NOBODY)
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="qlogship-") as directory:
        sound = Sound(Path(directory), dashboard.url, state=state)
        sound.root.chmod(0o755)
        for path in (sound.state, *sound.state.iterdir(), sound.password):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        os.chown(sound.log, 0, entry.pw_gid)
        sound.unit["User"] = NOBODY
        sound.with_options(f"create 0640 root {sound.log.group()}", without=["create"])
        assert sound.faults() == []
        yield sound


@pytest.mark.root
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda sound: sound.log.chmod(0o600), [("source.unreadable", PROBLEM)]),
        (
            lambda sound: sound.log.parent.chmod(0o700),
            [("source.directory-unreadable", PROBLEM)],
        ),
        (
            both(
                lambda sound: sound.log.with_name("queue_log.1").write_bytes(b""),
                lambda sound: sound.log.with_name("queue_log.1").chmod(0o600),
            ),
            [("source.rotated-unreadable", WARNING)],
        ),
        (
            lambda sound: os.chown(sound.password, 0, 0),
            [("secret.unreadable", PROBLEM)],
        ),
        (lambda sound: os.chown(sound.state, 0, 0), [("state.not-writable", PROBLEM)]),
        (
            lambda sound: os.chown(sound.state / "qlogship.db", 0, 0),
            [("state.foreign-files", PROBLEM)],
        ),
        (
            lambda sound: sound.with_options("create 0640 root root", without=["create"]),
            [("rotation.create-mode", PROBLEM)],
        ),
    ],
    ids=["file", "directory", "rotated", "secret", "state", "foreign", "create"],
)
def test_what_the_service_may_not(
    change: Callable[[Sound], object], expected: list[tuple[str, Level]], lent: Sound
) -> None:
    """What root can do says nothing about the service: it is tried as the service's user."""
    change(lent)
    assert lent.faults() == expected


@pytest.mark.root
def test_a_rotation_that_shuts_asterisk_out(lent: Sound) -> None:
    """With Asterisk stopped, the owner of the log directory is who must write the new file."""
    lent.stop_asterisk()
    os.chown(lent.log.parent, pwd.getpwnam(NOBODY).pw_uid, 0)
    lent.with_options("create 0644 root root", without=["create"])
    assert ("rotation.create-owner", PROBLEM) in lent.faults()


@pytest.mark.root
def test_a_closed_archive_directory(lent: Sound) -> None:
    """A directory of rotated files that the service cannot list is told before it is needed."""
    directory = lent.root / "archive"
    directory.mkdir(mode=0o700)
    lent.configure(source={"archives": [f"{directory}/queue_log*"]})
    assert lent.faults() == [("source.archives-unreadable", WARNING)]
