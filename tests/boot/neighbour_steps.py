"""What hostile neighbours try in the booted machine: Asterisk's user, and the service's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.boot.site import LOG, PASSWORD, PATIENCE, Tenant
from tests.boot.trial import NORTH, PLAIN, install_file
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.boot.trial import Trial

_LOCKED: Final = 11
"""The exit code when another qlogship holds the state directory."""

# What the service may read, or has open, and Asterisk's user may not.
_TARGETS: Final = (
    "/run/credentials/qlogship.service/qlogship-password",
    "/var/lib/qlogship/qlogship.db-wal",
    "/var/lib/qlogship/lock",
    "/etc/qlogship/qlogship.toml",
)
_COMMANDS: Final = (
    ("import", "/root/old"),
    ("export",),
    ("status",),
    ("verify",),
    ("reconcile",),
    ("check", "--monitor"),
    ("resync", "--yes"),
)


def planted_links(trial: Trial) -> None:
    """What Asterisk's user links the queue_log to is not read; the lock of the state holds."""
    box, site = trial.box, trial.site
    aside = f"{LOG}.aside"

    def in_trouble() -> bool:
        return any(one["kind"] == "source" for one in site.ask(PLAIN, "status")["troubles"])

    for target in _TARGETS:
        box.run("runuser", "-u", "asterisk", "--", "mv", LOG, aside)
        box.run("runuser", "-u", "asterisk", "--", "ln", "-s", target, LOG)
        until(in_trouble, PATIENCE, what=f"a trouble because of {target}")
        box.run("runuser", "-u", "asterisk", "--", "mv", aside, LOG)
        site.calls_come(1)
        site.all_arrive(PLAIN)
        once = box.try_run("qlogship", "run", "--once", "-c", PLAIN.config)
        assert once.returncode == _LOCKED, once.stdout
    assert PASSWORD not in box.run("qlogship", "export", "-c", PLAIN.config)
    until(lambda: not in_trouble(), PATIENCE, what="the end of the trouble")


def planted_state(trial: Trial) -> None:
    """A state directory that the service's user made a link leads root nowhere."""
    box = trial.box
    east, state = Tenant("east", NORTH.port), "/var/lib/qlogship/east"
    settings = box.run("cat", NORTH.config).replace("/var/lib/qlogship/north", state)
    install_file(box, east.config, "root:qlogship", "0640", settings.encode())
    install_file(box, "/root/old", "root:root", "0600", trial.site.written)
    for target in ("/etc/cron.d", "/tmp"):
        box.run("runuser", "-u", "qlogship", "--", "ln", "-sfn", target, state)
        for command in _COMMANDS:
            done = box.try_run("qlogship", *command, "-c", east.config)
            assert done.returncode, command
            assert f"the link {state}" in done.stdout, done.stdout
        made = box.run("find", target, "-maxdepth", "1", "-name", "lock", "-o", "-name", "*.db*")
        assert not made
    box.run("rm", state, east.config, "/root/old")
