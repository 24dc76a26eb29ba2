"""Whom `qlogship setup --grant` lets read what, when Asterisk's user is somebody else's by now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from qlogship.errors import ExitCode
from tests.support.installation import EMAIL, PASSWORD, PROGRAM
from tests.support.pbx import LOG, RECORDS, Pbx

if TYPE_CHECKING:
    from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.root

DIRECTORY = "/mnt/asterisk"
SECRET = "1700000000|NONE|NONE|NONE|QUEUESTART|the key of root\n"


def set_up(pbx: Pbx, dashboard: Sandbox, *options: str) -> dict[str, object]:
    """Let root set it up without a question; return what it prints, and its exit code."""
    answers = ["--url", dashboard.url, "--email", EMAIL, "--password-file", "-", "--grant", "--yes"]
    done = pbx.try_run(
        str(PROGRAM), "setup", *answers, "--json", *options, text=PASSWORD, seconds=100
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found | {"exit": done.returncode}


def root_keeps(pbx: Pbx, path: str = "/root-key", *, group: str = "root") -> None:
    """Let root keep a secret that looks like a queue_log, so that nothing else is in the way."""
    pbx.run("sh", "-ec", f"cat >{path}; chown root:{group} {path}; chmod 0640 {path}", text=SECRET)


# What becomes of astlogdir and queue_log_name, and what else is done.
ATTACKS = {
    "a link": (DIRECTORY, "queue_log", f"mv {LOG} {LOG}.away; ln -s /etc/root-key {LOG}"),
    "a link on the way": (f"{DIRECTORY}/l", "root-key", f"ln -s /etc {DIRECTORY}/l"),
    "a name that leads elsewhere": (DIRECTORY, "../../etc/root-key", ":"),
    "a directory that leads elsewhere": (f"{DIRECTORY}/../../etc", "root-key", ":"),
    "root's directory": ("/etc", "root-key", ":"),
}


@pytest.mark.parametrize(
    ("attack", "group"), [(one, ("root", "adm")[turn % 2]) for turn, one in enumerate(ATTACKS)]
)
def test_no_file_of_root_is_opened(pbx: Pbx, dashboard: Sandbox, attack: str, group: str) -> None:
    """Wherever Asterisk's user leads root: no access list, no group, and no advice to give one."""
    secret = "/etc/root-key"
    root_keeps(pbx, secret, group=group)
    before = pbx.run("getfacl", "--absolute-names", secret, "/etc")
    directory, name, script = ATTACKS[attack]
    pbx.attack(
        f"{script}; cd /etc/asterisk;"
        f" printf '[directories]\\nastlogdir => {directory}\\n' >asterisk.conf;"
        f" printf '[general]\\nqueue_log_name = {name}\\n' >logger.conf"
    )
    found = set_up(pbx, dashboard)
    assert found["exit"] == ExitCode.SOURCE, found
    assert pbx.run("getfacl", "--absolute-names", secret, "/etc") == before
    assert pbx.groups("qlogship") == ["qlogship"]
    assert pbx.as_user("qlogship", "cat", secret).returncode != 0
    for word in ("usermod", "setfacl", "chmod", "chgrp", "--grant"):
        assert word not in json.dumps(found), found


def test_the_narrowest_right_is_given(pbx: Pbx, dashboard: Sandbox) -> None:
    """qlogship may list the directory and read the family, now and after a rotation, no more."""
    pbx.attack(
        f"cd {DIRECTORY}; umask 027; cat queue_log >full; cp queue_log queue_log.1;"
        " ln -s /etc/shadow queue_log.2; mkfifo queue_log.3"
    )
    found = set_up(pbx, dashboard)
    assert found["exit"] == ExitCode.DONE, found
    assert pbx.groups("qlogship") == ["qlogship"]
    assert pbx.listed(DIRECTORY) == ["user:qlogship:r-x", "default:user:qlogship:r--"]
    assert pbx.listed(LOG) == pbx.listed(f"{LOG}.1") == ["user:qlogship:r--"]
    assert pbx.listed(f"{DIRECTORY}/full") == pbx.listed("/etc/shadow") == []
    assert pbx.as_user("qlogship", "cat", LOG).stdout == RECORDS
    assert pbx.as_user("qlogship", "touch", f"{DIRECTORY}/x").returncode != 0
    # Asterisk's own rotation, and what others may do with the new file.
    pbx.attack(f"cd {DIRECTORY}; umask 027; mv queue_log queue_log.9; cp full queue_log")
    assert pbx.as_user("qlogship", "cat", LOG, f"{LOG}.9").stdout == RECORDS * 2
    assert pbx.mode(LOG) == "640 asterisk:asterisk"
    assert pbx.as_user("nobody", "cat", LOG).returncode != 0
    again = set_up(pbx, dashboard)
    assert (again["exit"], again["changed"]) == (ExitCode.DONE, False)


def test_logrotate_leaves_it_readable(pbx: Pbx, dashboard: Sandbox) -> None:
    """What logrotate creates and compresses can be read, too."""
    assert set_up(pbx, dashboard)["exit"] == ExitCode.DONE
    text = "rotate 9\ncompress\nsu asterisk asterisk\ncreate 0640 asterisk asterisk"
    rotate = "cat >/etc/rotate.conf; logrotate --force --state /etc/rotate.state /etc/rotate.conf"
    pbx.run("sh", "-ec", rotate, text=f"{LOG} {{\n{text}\n}}\n")
    assert pbx.as_user("qlogship", "zcat", f"{LOG}.1.gz").stdout == RECORDS
    assert pbx.as_user("qlogship", "cat", LOG).returncode == 0


def test_another_group_than_its_own_is_never_joined(pbx: Pbx, dashboard: Sandbox) -> None:
    """Where the directory is root's, Asterisk's own group is joined; that of a file, never."""
    change = f"chown root:asterisk {DIRECTORY}; chmod 0750 {DIRECTORY}; chgrp adm {LOG}"
    pbx.run("sh", "-ec", change)
    found = set_up(pbx, dashboard)
    assert found["exit"] == ExitCode.SOURCE, found
    assert "group asterisk has no right there" in json.dumps(found)
    assert pbx.groups("qlogship") == ["qlogship"]
    pbx.run("chgrp", "asterisk", LOG)
    assert set_up(pbx, dashboard)["exit"] == ExitCode.DONE
    assert pbx.groups("qlogship") == ["qlogship", "asterisk"]
    assert pbx.listed(DIRECTORY) == []


@pytest.mark.parametrize(
    "place", ["logger.conf", "asterisk.conf", "a.conf"], ids=lambda name: f"in {name}"
)
def test_a_fifo_in_the_configuration_stops_nobody(pbx: Pbx, dashboard: Sandbox, place: str) -> None:
    """A FIFO with somebody at its other end is not opened, by setup nor by check."""
    pbx.attack(
        "cd /etc/asterisk; echo '#include a.conf' >logger.conf; rm -f a.conf;"
        f" rm -f {place}; mkfifo {place}"
    )
    holder = f"sleep 100 <>/etc/asterisk/{place} & "
    program = f"{PROGRAM} setup --url {dashboard.url} --email {EMAIL} --password-file - --grant"
    log = ["--source", LOG]
    done = pbx.try_run(
        "sh",
        "-c",
        f"{holder} {program} --yes {' '.join(log)}; r=$?; kill $!; exit $r",
        text=PASSWORD,
    )
    assert done.returncode == ExitCode.DONE, done.stderr
    checked = pbx.try_run("sh", "-c", f"{holder} {PROGRAM} check --offline --json; kill $!")
    findings = {one["id"]: one for one in json.loads(checked.stdout)["findings"]}
    assert f"/etc/asterisk/{place}" in findings["asterisk.conf-unread"]["about"]


def test_includes_without_end_stop_nobody(pbx: Pbx, dashboard: Sandbox) -> None:
    """Files that include each other, and patterns that name the whole machine, have an end."""
    pbx.attack(
        "cd /etc/asterisk; for one in a b c logger extconfig; do for two in a b c logger; do"
        ' echo "#include $two.conf" >>$one.conf; done;'
        " echo '#include /*/*/*/*/*' >>$one.conf; done"
    )
    assert set_up(pbx, dashboard)["exit"] == ExitCode.DONE
    checked = pbx.try_run(str(PROGRAM), "check", "--offline", "--json")
    assert "asterisk.conf-endless" in checked.stdout


def test_check_names_the_narrower_right(pbx: Pbx, dashboard: Sandbox) -> None:
    """A membership in Asterisk's group is doubtful, a list is not; check says how to come there."""
    pbx.run("usermod", "--append", "--groups", "asterisk", "qlogship")
    assert set_up(pbx, dashboard)["exit"] == ExitCode.DONE

    def found() -> dict[str, dict[str, str]]:
        done = pbx.try_run(str(PROGRAM), "check", "--offline", "--json")
        return {one["id"]: one for one in json.loads(done.stdout)["findings"]}

    assert "gpasswd --delete qlogship asterisk" in found()["user.wide-group"]["hint"]
    pbx.run("gpasswd", "--delete", "qlogship", "asterisk")
    assert "user.wide-group" not in found()
    assert found()["source.readable"]["level"] == "ok"
    pbx.run("setfacl", "--remove-all", "--remove-default", DIRECTORY)
    pbx.run("chmod", "0750", DIRECTORY)
    assert "Run `qlogship setup --grant`" in found()["source.directory-unreadable"]["hint"]


def test_check_does_not_advise_to_open_a_file_of_root(pbx: Pbx, dashboard: Sandbox) -> None:
    """A queue_log that became a link after setup is unreadable, and nobody is told to open it."""
    assert set_up(pbx, dashboard)["exit"] == ExitCode.DONE
    pbx.attack(f"rm {LOG}; ln -s /etc/shadow {LOG}")
    checked = pbx.try_run(str(PROGRAM), "check", "--offline", "--json").stdout
    for word in ("setfacl", "usermod", "--grant"):
        assert word not in checked
    assert "source.unreadable" in checked
