"""What whoever has broken into the service can reach from there: nothing but its own.

The attempts are in `intruder`. They are made in place of the service, by a drop-in that changes
its program alone, and in the namespaces of the service as it runs. As the same user outside of
the units nearly all of them succeed, which proves that it is the units that stand against them.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.boot import intruder, stand_in
from tests.boot.site import LOG, PATIENCE, Tenant
from tests.boot.trial import NORTH, PLAIN, SOUTH, install_file, set_up
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.boot.trial import Trial

_PROGRAM: Final = "/usr/local/lib/intruder.py"
_PYTHON: Final = "/usr/bin/python3.11"
# He is there when the service has begun, so what it has given up by then he lacks, too.
_OURS: Final = "/usr/lib/qlogship/bin/python"
_BEGIN: Final = (
    "import runpy; from qlogship.service.confinement import confine; confine(); "
    f"runpy.run_path('{_PROGRAM}', run_name='__main__')"
)
_INSTEAD: Final = """\
[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart={python} -IBc "{begin}" {wanted}
"""
# What Asterisk and others on a PBX have, and Asterisk's group may read: mode, path.
_OTHERS: Final = (
    "/etc/asterisk/manager.conf",
    "/etc/asterisk/sip.conf",
    "/etc/freepbx.conf",
    "/etc/amportal.conf",
    "/var/lib/asterisk/astdb.sqlite3",
    "/var/spool/asterisk/voicemail/default/100/INBOX/msg0000.wav",
    "/var/www/html/config.php",
    "/var/lib/mysql/ibdata1",
)
_LIST: Final = "import os, sys; print(os.listdir(sys.argv[1]))"
_PROGRAMS: Final = ("/bin/sh", "/bin/bash", "/usr/bin/perl", "/usr/bin/env", "/usr/bin/id")
# The interpreter and a C library are the service's own tools.
_WHERE_IT_MAY_WRITE: Final = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")


@contextmanager
def _in_asterisks_group(trial: Trial) -> Iterator[None]:
    """Let the service's user be in Asterisk's group, as where there can be no access lists."""
    trial.box.run("usermod", "--append", "--groups", "asterisk", "qlogship")
    try:
        yield
    finally:
        trial.box.run("gpasswd", "--delete", "qlogship", "asterisk")


def walls(trial: Trial) -> None:
    """Instead of the service, an intruder reaches neither Asterisk, nor other tenants, nor a port.

    Nor does he start a program, or use io_uring; the log and his own state he does reach. It holds
    where he has the rights of Asterisk's group, too.
    """
    with _in_asterisks_group(trial):
        _try_instead(trial)


def walls_of_the_running_service(trial: Trial) -> None:
    """Where the service itself is, Asterisk and other tenants are out of reach, also in new places.

    Asterisk makes its control socket and its directory anew when it starts again.
    """
    with _in_asterisks_group(trial):
        _try_beside(trial)


def new_instance(trial: Trial) -> None:
    """When setup makes an instance, the plain service sees its state no more than it must."""
    box, site = trial.box, trial.site
    west = Tenant("west", SOUTH.port)
    set_up(site, west)
    assert site.is_active(west)
    for tenant in (PLAIN, NORTH):
        assert site.is_active(tenant)
        inside = ("nsenter", f"--target={site.pid(tenant)}", "--mount")
        seen = box.try_run(*inside, _PYTHON, "-Ic", _LIST, f"/var/lib/qlogship/{west.name}")
        assert "qlogship.db" not in seen.stdout, seen.stdout
    box.run("systemctl", "disable", "--quiet", "--now", west.unit)
    box.run("rm", west.config, west.password_file)


def _try_instead(trial: Trial) -> None:
    box, site = trial.box, trial.site
    _furnish(trial)
    outside = json.loads(
        box.run(
            *("setpriv", "--reuid=qlogship", "--regid=qlogship", "--init-groups"),
            *(_PYTHON, "-I", _PROGRAM, _wanted(trial, PLAIN)),
        )
    )
    expected = [*(f"read {path}" for path in _OTHERS), f"connect {stand_in.CONTROL}", "listen"]
    expected += [*(f"run {path}" for path in _PROGRAMS), "bind TCP", "bind UDP"]
    expected += ["program in memory", "run /tmp/true", "user namespace", "run by the loader"]
    expected += [f"read /var/lib/qlogship/{NORTH.name}"]
    assert {name: outside[name] for name in expected} == dict.fromkeys(expected, intruder.REACHED)
    for tenant in (PLAIN, NORTH):
        wanted = _wanted(trial, tenant)
        instead = _INSTEAD.format(python=_OURS, begin=_BEGIN, wanted=wanted)
        site.change_unit(tenant.unit, instead)
        box.run("systemctl", "restart", tenant.unit)
        said = box.run("journalctl", "--output=cat", f"--unit={tenant.unit}", "--lines=20")
        found = json.loads(next(line for line in reversed(said.splitlines()) if line[:1] == "{"))
        site.change_unit(tenant.unit, "")
        box.run("systemctl", "start", tenant.unit)
        _judge(tenant, found)
        assert found["io_uring"] == "EPERM", found
        assert found["bind TCP"] == "EPERM", found


def _try_beside(trial: Trial) -> None:
    box, site = trial.box, trial.site
    box.run("systemctl", "restart", "asterisk")
    until(lambda: box.try_run("test", "-S", stand_in.CONTROL).returncode == 0, PATIENCE)
    for tenant in (PLAIN, NORTH):
        found = json.loads(
            box.run(
                *("nsenter", f"--target={site.pid(tenant)}", "--mount", "--ipc", "--uts"),
                *(_PYTHON, "-I", _PROGRAM, _wanted(trial, tenant), "qlogship"),
            )
        )
        _judge(tenant, found)
        # Who lets nobody look into him is not even to be seen (ProtectProc=invisible).
        assert not any(name.startswith("process ") for name in found), found


def _judge(tenant: Tenant, found: dict[str, str]) -> None:
    own = {f"{kind} {path}" for kind, path in _own(tenant)}
    reached = {name for name, outcome in found.items() if outcome == intruder.REACHED}
    harmless = {f"write {place}" for place in _WHERE_IT_MAY_WRITE}
    assert own - reached == set(), f"{tenant.unit}: {found}"
    assert reached - own - harmless == set(), f"{tenant.unit}: {reached - own - harmless}"


def _own(tenant: Tenant) -> list[tuple[str, str]]:
    name = f"/{tenant.name}" if tenant.name else ""
    state = f"/var/lib/qlogship{name}"
    return [
        ("read", LOG),
        ("read", f"{state}/qlogship.db"),
        ("read", f"/run/credentials/{tenant.unit}/qlogship-password"),
        ("write", state),
        ("write", f"/run/qlogship{name.replace('/', '-')}"),
    ]


def _wanted(trial: Trial, tenant: Tenant) -> str:
    """Write down what an intruder in this service is to try; return the file."""
    others = [other for other in (PLAIN, NORTH, SOUTH) if other != tenant]
    theirs = [path for other in others for _, path in _own(other)]
    # An instance may see where its own state lies, and that nothing else is there.
    theirs = [path for path in theirs if path not in {LOG, "/var/lib/qlogship"}]
    theirs += [other.password_file for other in others]
    wanted = {
        "read": [*_OTHERS, *theirs, "/etc/shadow", "/root", "/home/pbx/log", "/run/systemd/private"]
        + [path for kind, path in _own(tenant) if kind == "read"],
        "write": ["/etc/asterisk/intruder", f"{LOG}.1", "/etc/qlogship/intruder"],
        "connect": [stand_in.CONTROL, "/run/dbus/system_bus_socket", "/run/systemd/private"],
        "run": list(_PROGRAMS),
        "places": [*_WHERE_IT_MAY_WRITE, str(Path(LOG).parent)]
        + [path for kind, path in _own(tenant) if kind == "write"],
    }
    path = f"/usr/local/lib/intruder-{tenant.name or 'plain'}.json"
    trial.box.run("tee", path, text=json.dumps(wanted))
    return path


def _furnish(trial: Trial) -> None:
    """Put there what a PBX has."""
    box = trial.box
    box.run("tee", _PROGRAM, text=Path(intruder.__file__).read_text())
    for path in _OTHERS:
        if box.try_run("test", "-e", path).returncode:
            box.run("mkdir", "--parents", str(Path(path).parent))
            install_file(box, path, "asterisk:asterisk", "0640", b"secret=1234\n")
