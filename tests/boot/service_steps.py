"""What a real systemd is to prove about the units, the service in them and its restarts.

Each step is a function of the state that those before it left; its docstring is the
rule it proves.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final

from tests.boot.site import EMAIL, PASSWORD, PATIENCE, Tenant
from tests.boot.trial import (
    NORTH,
    PLAIN,
    SOUTH,
    hurry,
    install_file,
    mode_of,
    set_state,
    set_up,
    wait_for_restart,
)
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.boot.site import Site
    from tests.boot.trial import Trial

EXPOSURE_AT_MOST: Final = 1.2

# The drop-ins of docs/systemd.md; a test finds them there, word for word.
IN_A_HOME: Final = """\
[Service]
SupplementaryGroups=pbx
ProtectHome=tmpfs
BindReadOnlyPaths=/home/pbx/log
"""
ENCRYPTED: Final = """\
[Service]
LoadCredential=
SetCredential=
LoadCredentialEncrypted=qlogship-password:/etc/qlogship/password.cred
"""
METRICS: Final = """\
[Service]
ReadWritePaths=/var/lib/prometheus/node-exporter
"""
TEXTFILE: Final = "/var/lib/prometheus/node-exporter/qlogship.prom"


def exposure(trial: Trial) -> None:
    """systemd itself judges the running units to be well enclosed."""
    for unit in (PLAIN.unit, NORTH.unit):
        judged = trial.box.run("systemd-analyze", "security", "--no-pager", unit)
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged)
        assert found, judged
        trial.figures["exposure"] = float(found[1])
        assert float(found[1]) <= EXPOSURE_AT_MOST, judged
    unknown = trial.box.run("journalctl", "--no-pager", "--boot", "_PID=1")
    assert "Unknown key" not in unknown, unknown


def live(trial: Trial) -> None:
    """Calls arrive as Asterisk writes them, also those that are still open at first."""
    site = trial.site
    opened = site.calls_come(2, ended=False)
    site.calls_come(5)
    until(lambda: site.ask(PLAIN, "status")["held"]["calls"] == 2, PATIENCE, what="two held calls")
    callids = {line.split(b"|")[1] for line in opened.splitlines()}
    site.lines_come(
        b"%d|%s|support|Alice Example|COMPLETECALLER|0|2|1\n" % (int(time.time()), callid)
        for callid in sorted(callids)
    )
    site.all_arrive(PLAIN)


def failures_begin(trial: Trial) -> None:
    """An instance that cannot start is tried again; what comes of it is looked at later."""
    site = trial.site
    set_up(site, NORTH, start=False)
    hurry(site, NORTH)
    set_state(site, NORTH, "/nowhere/qlogship")
    trial.box.run("systemctl", "start", "--no-block", NORTH.unit)
    trial.mended = Thread(target=_mend_when_it_waits, args=(trial,), daemon=True)
    trial.mended.start()


def rotation(trial: Trial) -> None:
    """logrotate renames the file, Asterisk reloads, calls come all the time: each line once."""
    _rotate(trial.site, "nocompress")


def rotation_compressed(trial: Trial) -> None:
    """The same when the renamed file is compressed at once, which is gone then."""
    # Names of another form: logrotate overwrites queue_log.1 where it expects queue_log.1.gz.
    _rotate(trial.site, "compress", "dateext", "dateformat -%Y%m%d-%s")


def killed(trial: Trial) -> None:
    """After `kill -9` amid an upload it starts again; what may be there twice is named."""
    site = trial.site
    site.script(PLAIN, {"on": "upload", "do": "delay", "seconds": 8})
    site.calls_come(3)
    until(lambda: site.ask(PLAIN, "status")["uploads"]["pending"], PATIENCE, what="an upload")
    pid = site.pid(PLAIN)
    site.signal(PLAIN, "KILL")
    site.calls_come(3)
    wait_for_restart(site, PLAIN, pid)
    site.all_arrive(PLAIN)
    assert [row for row in site.ledger(PLAIN) if row["possible_duplicate"]]


def watchdog(trial: Trial) -> None:
    """A service that is stuck is ended by systemd and started again; nothing is lost."""
    box, site = trial.box, trial.site
    site.change_unit(PLAIN.unit, "[Service]\nWatchdogSec=2s\n")
    box.run("systemctl", "restart", PLAIN.unit)
    pid = site.pid(PLAIN)
    site.signal(PLAIN, "STOP")
    site.calls_come(3)
    wait_for_restart(site, PLAIN, pid)
    assert "Watchdog timeout" in site.journal(PLAIN.unit)
    site.all_arrive(PLAIN)
    site.change_unit(PLAIN.unit, "")
    box.run("systemctl", "restart", PLAIN.unit)


def growing_delay(trial: Trial) -> None:
    """Failures in a row: at once, then after 5 s, after 10 s; a person's restart does not wait."""
    site = trial.site
    assert trial.mended is not None
    trial.mended.join(60)
    said = [
        float(wait)
        for wait in re.findall(r"start_delayed seconds=([0-9.]+)", site.journal(NORTH.unit))
    ]
    assert said == [5.0, 10.0], site.journal(NORTH.unit)
    assert trial.mended_after is not None, site.journal(NORTH.unit)
    assert "timed out" not in site.journal(NORTH.unit), site.journal(NORTH.unit)
    # In systemd's own wait between two starts, where nobody is there to be told; then neither that
    # wait was waited for nor the 20 s of the service's own.
    assert site.show(NORTH.unit, "RestartUSec") == "5s"
    assert trial.mended_after < 5.0, trial.mended_after
    site.all_arrive(NORTH)


def instances(trial: Trial) -> None:
    """Two instances of the template run beside the plain service, each with its own state."""
    box, site = trial.box, trial.site
    # Another PBX's file, in a home, of another group: by the documented drop-in.
    box.run("useradd", "--create-home", "pbx")
    box.run("install", "-d", "-o", "pbx", "-g", "pbx", "-m", "0750", "/home/pbx/log")
    install_file(box, "/home/pbx/log/queue_log", "pbx:pbx", "0640", site.written)
    box.run("usermod", "--append", "--groups", "pbx", "qlogship")
    set_up(site, SOUTH, start=False, log="/home/pbx/log/queue_log")
    hurry(site, SOUTH)
    # So that it is the drop-in alone that lets the service read it.
    box.run("gpasswd", "--delete", "qlogship", "pbx")
    site.change_unit(SOUTH.unit, IN_A_HOME)
    box.run("systemctl", "enable", "--quiet", "--now", SOUTH.unit)
    site.all_arrive(SOUTH, NORTH, PLAIN)
    assert len({site.pid(tenant) for tenant in (PLAIN, NORTH, SOUTH)} - {0}) == 3
    for tenant in (NORTH, SOUTH):
        assert mode_of(box, f"/var/lib/qlogship/{tenant.name}") == "700 qlogship:qlogship"
    # A person's commands find the same state.
    lines = [site.ask(tenant, "status")["archive"]["lines"] for tenant in (PLAIN, NORTH, SOUTH)]
    assert set(lines) == {site.written.count(b"\n")}
    # Each is stopped by itself, and keeps what it needs in /run while another one goes.
    box.run("systemctl", "disable", "--quiet", "--now", SOUTH.unit)
    box.run("systemctl", "enable", "--quiet", NORTH.unit)
    assert site.is_active(NORTH)
    assert site.is_active(PLAIN)


def instance_without_state(trial: Trial) -> None:
    """An instance whose settings name no state does not take that of the plain service."""
    box, site = trial.box, trial.site
    other = Tenant("other", PLAIN.port)
    text = f'[dashboard]\nurl = "{other.url}"\nemail = "{EMAIL}"\npassword_file = "/dev/null"\n'
    install_file(box, other.config, "root:qlogship", "0640", text.encode())
    install_file(box, other.password_file, "root:root", "0600", PASSWORD.encode())
    box.try_run("systemctl", "start", other.unit)
    assert site.show(other.unit, "ActiveState") == "failed"
    assert 'directory = "/var/lib/qlogship/other"' in site.journal(other.unit)
    box.run("rm", other.config, other.password_file)


def reboot(trial: Trial) -> None:
    """It starts with the machine, and ships what was written meanwhile."""
    trial.site.calls_come(2, ended=True)
    trial.box.down()
    trial.site.calls_came_unseen(4)
    trial.box.up()
    trial.site.all_arrive(PLAIN, NORTH)


def power_cut(trial: Trial) -> None:
    """The same when the machine goes down without a word."""
    trial.site.calls_come(2)
    trial.box.cut_power()
    trial.site.calls_came_unseen(2)
    trial.box.up()
    trial.site.all_arrive(PLAIN)


def password_of_root(trial: Trial) -> None:
    """The password may be root's alone: systemd hands it over."""
    box, site = trial.box, trial.site
    box.run("chown", "root:root", PLAIN.password_file)
    box.run("chmod", "0600", PLAIN.password_file)
    box.run("systemctl", "restart", PLAIN.unit)
    site.calls_come(1)
    site.all_arrive(PLAIN)


def encrypted_password(trial: Trial) -> None:
    """The password may be encrypted, by the documented drop-in."""
    box, site = trial.box, trial.site
    box.run(
        "systemd-creds",
        "encrypt",
        "--with-key=host",
        "--name=qlogship-password",
        PLAIN.password_file,
        "/etc/qlogship/password.cred",
    )
    box.run("mv", PLAIN.password_file, "/root/password")
    site.change_unit(PLAIN.unit, ENCRYPTED)
    box.run("systemctl", "restart", PLAIN.unit)
    site.calls_come(1)
    site.all_arrive(PLAIN)
    site.change_unit(PLAIN.unit, "")
    box.run("mv", "/root/password", PLAIN.password_file)


def token(trial: Trial) -> None:
    """A token will do instead, without a password file and beside one that was left."""
    box, site = trial.box, trial.site
    install_file(box, "/etc/qlogship/token", "root:qlogship", "0640", site.token(PLAIN).encode())
    settings = box.run("cat", PLAIN.config)
    without = re.sub(r"(?m)^(email|password_file) *=.*\n", "", settings)
    by_token = without.replace(
        "[dashboard]\n", '[dashboard]\ntoken_file = "/etc/qlogship/token"\n', 1
    )
    assert "token_file" in by_token
    install_file(box, PLAIN.config, "root:qlogship", "0640", by_token.encode())
    for password_file in (PLAIN.password_file, "/root/password"):
        if password_file != PLAIN.password_file:
            box.run("mv", PLAIN.password_file, password_file)
        box.run("systemctl", "restart", PLAIN.unit)
        if password_file == PLAIN.password_file:
            # A token does not say whose it is, so that is asked once.
            box.run("qlogship", "destination", "--same", "-c", PLAIN.config)
        site.calls_come(1)
        site.all_arrive(PLAIN)
    box.run("mv", "/root/password", PLAIN.password_file)
    install_file(box, PLAIN.config, "root:qlogship", "0640", settings.encode())
    box.run("systemctl", "restart", PLAIN.unit)
    box.run("qlogship", "destination", "--same", "-c", PLAIN.config)


def metrics(trial: Trial) -> None:
    """Figures go to node_exporter's directory, by the documented drop-in."""
    box, site = trial.box, trial.site
    directory = str(Path(TEXTFILE).parent)
    box.run("install", "-d", "-g", "qlogship", "-m", "0775", directory)
    site.change_unit(PLAIN.unit, METRICS)
    settings = box.run("cat", PLAIN.config).replace("\n[metrics]\n", "\n")
    told = f'{settings}\n[metrics]\ntextfile = "{TEXTFILE}"\n'
    install_file(box, PLAIN.config, "root:qlogship", "0640", told.encode())
    box.run("systemctl", "restart", PLAIN.unit)
    until(lambda: box.try_run("test", "-s", TEXTFILE).returncode == 0, PATIENCE, what=TEXTFILE)
    assert "\nqlogship_up{" in box.run("cat", TEXTFILE)
    assert site.ask(PLAIN, "status")["troubles"] == []


def _rotate(site: Site, *directives: str) -> None:
    site.rotate_with(*directives)
    for _ in range(2):
        opened = site.calls_come(1, ended=False)
        site.calls_come(3)
        site.rotate()
        callid = opened.split(b"|")[1]
        site.lines_come(
            [b"%d|%s|support|Alice Example|COMPLETECALLER|0|2|1\n" % (int(time.time()), callid)]
        )
        site.calls_come(3)
        site.all_arrive(PLAIN)
        # Two rotations within a second would have the same name.
        time.sleep(1.0)


def _mend_when_it_waits(trial: Trial) -> None:
    """Mend what ails the instance, and restart it, between two starts of systemd's."""
    site = trial.site
    until(lambda: "start_delayed seconds=10" in site.journal(NORTH.unit), 60, what="a second wait")
    until(lambda: site.show(NORTH.unit, "SubState") == "auto-restart", 30, what="a failed start")
    set_state(site, NORTH, "/var/lib/qlogship/north")
    began = time.monotonic()
    site.box.run("systemctl", "restart", NORTH.unit)
    trial.mended_after = time.monotonic() - began
