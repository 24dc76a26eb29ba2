"""What becomes of a machine on which the package is installed, upgraded, removed and purged.

Each step is a function of the state that those before it left; its docstring is the
rule it proves.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from tests.boot.site import LOG, PATIENCE
from tests.boot.trial import NORTH, PLAIN, SOUTH, hurry, install_package, mode_of, set_up
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.boot.trial import Trial

_NOT_OURS: Final = (
    "/var/lib/dpkg/",
    "/var/lib/systemd/",
    "/run/systemd/",
    "/var/lib/prometheus/",
)


def install(trial: Trial) -> None:
    """The package installs offline; it makes its user, enables nothing and starts nothing."""
    box, began = trial.box, time.monotonic()
    install_package(box, trial.package)
    trial.figures["install"] = time.monotonic() - began
    assert box.run("id", "--name", "--groups", "qlogship").split() == ["qlogship"]
    assert mode_of(box, PLAIN.config) == "640 root:qlogship"
    assert box.try_run("systemctl", "is-enabled", PLAIN.unit).stdout.strip() == "disabled"
    assert not trial.site.is_active(PLAIN)


def first_calls(trial: Trial) -> None:
    """`qlogship setup` writes what is needed and starts the unit; the old calls arrive."""
    box, site = trial.box, trial.site
    site.build_dashboards(trial.sandbox, PLAIN, NORTH, SOUTH)
    began = time.monotonic()
    set_up(site, PLAIN)
    until(lambda: site.arrived(PLAIN), PATIENCE, what="the first call")
    trial.figures["setup and first calls"] = time.monotonic() - began
    site.all_arrive(PLAIN)
    assert box.run("systemctl", "is-enabled", PLAIN.unit).strip() == "enabled"
    assert site.is_active(PLAIN)
    # systemd hands it over; the service could read those of all its instances else.
    assert mode_of(box, PLAIN.password_file) == "600 root:root"
    assert mode_of(box, PLAIN.config) == "640 root:qlogship"
    # It runs as it should: as its user alone, whom a list lets read 0640 asterisk:asterisk.
    assert box.run("id", "--name", "--groups", "qlogship").split() == ["qlogship"]
    status = box.run("cat", f"/proc/{site.pid(PLAIN)}/status")
    uid = box.run("id", "--user", "qlogship").strip()
    assert re.search(rf"^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$", status, re.MULTILINE), status
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE), status
    assert mode_of(box, LOG) == "640 asterisk:asterisk"
    hurry(site, PLAIN)


def sound(trial: Trial) -> None:
    """`qlogship check` has nothing against an installation that it made itself."""
    found = trial.site.ask(PLAIN, "check")
    problems = [one for one in found["findings"] if one["level"] == "problem"]
    assert not problems, problems


def upgrade(trial: Trial) -> None:
    """A newer package restarts what ran, and nothing else; archive and ledger go on."""
    box, site = trial.box, trial.site
    assert not site.is_active(SOUTH)
    before = {tenant: site.pid(tenant) for tenant in (PLAIN, NORTH)}
    assert all(before.values())
    rows, settings = site.ledger(PLAIN), box.run("cat", PLAIN.config)
    version = box.run("qlogship", "--version")
    install_package(box, trial.newer)
    assert box.run("qlogship", "--version") != version
    for tenant, pid in before.items():
        assert site.is_active(tenant)
        assert site.pid(tenant) != pid
    assert not site.is_active(SOUTH)
    assert box.run("cat", PLAIN.config) == settings
    assert mode_of(box, PLAIN.config) == "640 root:qlogship"
    assert site.ledger(PLAIN)[-len(rows) :] == rows
    site.calls_come(3)
    site.all_arrive(PLAIN, NORTH)


def remove(trial: Trial) -> None:
    """Removing stops all of it, and keeps settings and state."""
    box, site = trial.box, trial.site
    box.run("apt-get", "remove", "--quiet", "--yes", "qlogship")
    for tenant in (PLAIN, NORTH):
        assert not site.pid(tenant)
    for kept in (PLAIN.config, PLAIN.password_file, NORTH.config, "/var/lib/qlogship/north"):
        box.run("test", "-e", kept)
    box.run("test", "!", "-e", "/usr/bin/qlogship")
    site.calls_come(3)


def install_again(trial: Trial) -> None:
    """Installed again, it goes on where it was."""
    box, site = trial.box, trial.site
    install_package(box, trial.newer)
    box.run("systemctl", "restart", PLAIN.unit, NORTH.unit)
    site.calls_come(1)
    site.all_arrive(PLAIN, NORTH)


def purge(trial: Trial) -> None:
    """Purging leaves neither a process nor a file."""
    box, site = trial.box, trial.site
    site.change_unit(SOUTH.unit, "")
    site.change_unit(PLAIN.unit, "")
    box.run("apt-get", "purge", "--quiet", "--yes", "qlogship")
    for tenant in (PLAIN, NORTH):
        assert not site.pid(tenant)
    left = box.run("find", "/etc", "/usr", "/var/lib", "/run", "-xdev", "-iname", "*qlogship*")
    # What Debian keeps of every package that was there, and systemd of every run; and the figures
    # in node_exporter's directory, which is not ours to look through.
    others = [line for line in left.split() if not line.startswith(_NOT_OURS)]
    assert others == [], others
