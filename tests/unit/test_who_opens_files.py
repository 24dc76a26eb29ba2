"""Which modules open, make or change files by their names, and why nobody leads them elsewhere."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[2] / "qlogship"

OPENS: Final = frozenset(
    {"connect", "load_verify_locations", "open", "read_bytes", "read_text", "touch"}
    | {"write_bytes", "write_text"}
)
CHANGES: Final = frozenset(
    {"chmod", "chown", "fchmod", "fchown", "hardlink_to", "kill", "mkdir", "makedirs", "rename"}
    | {"rmdir", "setxattr", "symlink_to", "truncate", "unlink", "Popen"}
)
OWN_METHODS: Final = frozenset(
    {"rows", "self", "self._rows", "store.resyncs", "self._service", "self._process"}
)

DOORS: Final = "it is a door: it judges by a handle"
ROOTS: Final = "only root can place names there, or who asks named it"
OWNERS: Final = "root has stepped down to the owner of the state directory"
PACKAGED: Final = "it lies in the package"
OWN: Final = "the process made it, or runs as nobody but its owner"

MODULES: Final = {
    "atomic_file.py": "new files, O_EXCL, in place of the old; another user's link is not followed",
    "check/facts/settings.py": "links in a new directory of its own",
    "config/load.py": ROOTS,
    "config/secret.py": ROOTS,
    "config/settings_file.py": ROOTS,
    "dashboard/address.py": ROOTS,
    "dashboard/destination.py": "a part is judged by its handle; what is not ours is removed",
    "dashboard/session.py": ROOTS,
    "demo/command.py": OWN,
    "demo/log_writer.py": OWN,
    "demo/run.py": OWN,
    "demo/service.py": OWN,
    "installation/doors.py": DOORS,
    "installation/files.py": DOORS,
    "installation/grants.py": "what Way holds is changed by its handle",
    "installation/identity.py": "a child that has become the user for whom it tries",
    "installation/way.py": DOORS,
    "metrics/file.py": "the service removes a file that root named, as its own user",
    "reconcile/writing.py": PACKAGED,
    "reports/command.py": ROOTS,
    "sandbox/command.py": ROOTS,
    "sandbox/database.py": ROOTS,
    "sandbox/operations.py": PACKAGED,
    "sandbox/page.py": PACKAGED,
    "service/handover.py": "a signal to a process of the same user that says it is qlogship",
    "service/restarts.py": "the unit's own RuntimeDirectory",
    "setup/command.py": ROOTS,
    "setup/present.py": ROOTS,
    "setup/run.py": ROOTS,
    "setup/writing.py": ROOTS,
    "state/database.py": OWNERS,
    "state/erasures.py": OWNERS,
    "state/own_files.py": OWNERS,
    "state/requests.py": OWNERS,
    "state/store.py": OWNERS,
    "terminal/output.py": "/dev/null",
    "users/files.py": ROOTS,
}


def by_name(module: Path) -> list[str]:
    """Return the calls in a module that open, make or change a file, or signal a process."""
    found = []
    for node in ast.walk(ast.parse(module.read_bytes())):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        whose, _, name = called.rpartition(".")
        opens = name in OPENS and whose not in OWN_METHODS
        if called == "open" or (
            whose and (opens or (name in CHANGES and whose not in OWN_METHODS))
        ):
            found.append(f"{module.relative_to(PACKAGE)}:{node.lineno} {called}")
    return found


def test_who_opens_files() -> None:
    """What others may have planted is opened by installation/doors.py, and by nobody else."""
    found = {
        str(module.relative_to(PACKAGE)): calls
        for module in PACKAGE.rglob("*.py")
        if (calls := by_name(module))
    }
    new = [call for module, calls in found.items() if module not in MODULES for call in calls]

    assert not new, (
        f"{new}: if others than root, or than who asks, may place names there, use"
        " `installation.doors.open_to_read` to read it, `state.own_files.open_own` in the state"
        " directory, `atomic_file.NewFile` to write it; if not, say in MODULES why not"
    )
    assert not MODULES.keys() - found.keys(), (
        "these open nothing any more: take them out of MODULES"
    )
