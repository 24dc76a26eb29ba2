"""Try the package under a real systemd.

    python -m tests.boot.main --deb FILE --newer FILE --sandbox FILE

`.ci/boot` builds the packages and calls this. Prints a line for each step. Exit
status: 0 passed, 1 failed, 77 this machine cannot do it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Final

from tests.boot.box import Box, NoBoxError, copy_tree, make_root, missing_tools, remove_tree
from tests.boot.site import Site
from tests.boot.steps import STEPS
from tests.boot.trial import NORTH, PLAIN, SOUTH, Trial

SKIPPED: Final = 77


def main() -> int:
    """Run the steps."""
    parser = argparse.ArgumentParser(prog="tests.boot.main", description=__doc__)
    parser.add_argument("--deb", type=Path, required=True, help="the package to install")
    parser.add_argument("--newer", type=Path, required=True, help="the same in a higher version")
    parser.add_argument("--sandbox", type=Path, required=True, help="the package of the far end")
    parser.add_argument("--root", type=Path, help="a Debian 12 to use, made if it is not there")
    given = parser.parse_args()
    if os.geteuid() != 0:
        return _cannot("a box is made by root only")
    if missing := missing_tools():
        return _cannot(f"not installed: {', '.join(missing)}")
    # So that the box goes down with this, however this ends.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="qlogship-boot-") as place:
        base = given.root or Path(place, "base")
        try:
            if not (base / "etc/debian_version").exists():
                print("making a root of Debian 12", flush=True)
                make_root(base)
            root = Path(place, "root")
            copy_tree(base, root)
            with Box(root) as box:
                print(f"booted in {box.up():.1f} s", flush=True)
                trial = Trial(box, Site(box), given.deb, given.newer, given.sandbox)
                trial.site.build()
                return _run(trial)
        except NoBoxError as reason:
            return _cannot(str(reason))
        finally:
            remove_tree(Path(place, "root"))
            if not given.root:
                remove_tree(base)


def _run(trial: Trial) -> int:
    began = time.monotonic()
    for number, step in enumerate(STEPS, start=1):
        rule = " ".join((step.__doc__ or "").split())
        since = time.monotonic()
        try:
            step(trial)
        except Exception:  # noqa: BLE001 -- whatever it is, it is this step's failure
            print(f"FAIL {number:2}/{len(STEPS)} {step.__name__}: {rule}", flush=True)
            traceback.print_exc(file=sys.stdout)
            _show_evidence(trial)
            left = ", ".join(later.__name__ for later in STEPS[number:])
            print(f"NOT RUN: {left or 'nothing'}")
            return 1
        took = time.monotonic() - since
        print(f"PASS {number:2}/{len(STEPS)} {step.__name__}: {rule} ({took:.1f} s)", flush=True)
    figures = trial.figures
    seconds = figures["install"] + figures["setup and first calls"]
    print(
        f"\nFrom an empty Debian 12 to the first calls on the dashboard: 2 commands, {seconds:.0f} "
        f"seconds ({figures['install']:.1f} s `apt install ./qlogship.deb`, "
        f"{figures['setup and first calls']:.1f} s `qlogship setup` and the first upload).\n"
        f"systemd-analyze security: {figures['exposure']:.1f}.\n"
        f"All {len(STEPS)} steps passed in {time.monotonic() - began:.0f} s."
    )
    return 0


def _show_evidence(trial: Trial) -> None:
    """Print all that tells why."""
    commands = [
        ["systemctl", "--no-pager", "--failed"],
        ["systemctl", "--no-pager", "--full", "status", "qlogship*", "asterisk", "dashboard@*"],
        ["sh", "-c", "ls -lanR /etc/qlogship /var/lib/qlogship /var/log/asterisk"],
        ["sh", "-c", "head -50 /etc/qlogship/*.toml"],
        *(["qlogship", "status", "-c", tenant.config] for tenant in (PLAIN, NORTH, SOUTH)),
        ["qlogship", "uploads"],
        ["journalctl", "--no-pager", "--boot", "--lines=300", "--output=short-monotonic"],
    ]
    for command in commands:
        print(f"--- {' '.join(command)}")
        try:
            print(trial.box.try_run(*command, timeout=30).stdout)
        except Exception as error:  # noqa: BLE001 -- the next one may still tell something
            print(f"({type(error).__name__}: {error})")
    print(f"--- console\n{trial.box.console()}", flush=True)


def _cannot(reason: str) -> int:
    print(f"SKIPPED, NOT TESTED: {reason}", file=sys.stderr)
    return SKIPPED


if __name__ == "__main__":
    sys.exit(main())
