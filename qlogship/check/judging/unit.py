"""Whether the unit is the one that was installed, is enabled, and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.check.findings import Finding, Level, ok, problem, unknown, warning
from qlogship.wording import listed, typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qlogship.check.facts.unit import UnitFacts

_STARTED = frozenset({"enabled", "enabled-runtime", "static", "linked", "linked-runtime", "alias"})


def judge(
    facts: UnitFacts, *, settings: Path, program: Path, holder: int | None
) -> Iterator[Finding]:
    """Judge the unit; `holder` is the pid of whoever holds the state directory."""
    name = facts.name
    if name is None:
        yield unknown(
            "unit.unseen",
            settings,
            "no unit of the package has this settings file; see its own",
            hint="",
        )
    elif not facts.load and holder is not None:
        yield ok("unit.running", name, f"pid {holder} holds the state directory")
    elif not facts.load:
        yield unknown(
            "unit.unseen",
            name,
            "systemd cannot be asked here, and nobody holds the state directory",
            "Start qlogship with whatever starts services here.",
        )
    elif facts.load == "not-found":
        hint = f"Install the package (docs/install.md); then run `systemctl enable --now {name}`."
        if holder is not None:
            message = f"pid {holder} ships, but not under systemd: nothing starts it again"
            yield warning("unit.not-installed", name, message, hint)
        else:
            message = "systemd knows no such unit, and nothing ships"
            yield problem("unit.not-installed", name, message, hint)
    elif facts.load == "masked":
        yield problem(
            "unit.masked",
            name,
            "it is masked, so nothing can start it",
            f"Run `systemctl unmask {name}`.",
        )
    else:
        findings = [*_installed(facts, name, settings, program), *_state(facts, name)]
        yield from findings
        if all(one.level is Level.OK for one in findings):
            pid = f" (pid {facts.pid})" if facts.pid else ""
            yield ok("unit.running", name, f"enabled and running{pid}")


def _installed(facts: UnitFacts, name: str, settings: Path, program: Path) -> Iterator[Finding]:
    """Judge whether what systemd has loaded is what was installed."""
    file, command = facts.file, facts.command
    # /lib may be /usr/lib.
    loaded, packaged = (
        str(one).removeprefix("/usr") if one is not None else ""
        for one in (file.loaded, file.packaged)
    )
    if loaded and packaged and loaded != packaged:
        yield warning(
            "unit.foreign",
            file.loaded,
            f"it stands in for the package's {file.packaged}, and no upgrade changes it",
            f"Move your changes into `systemctl edit {name}`, and remove {file.loaded}.",
        )
    if file.needs_reload:
        yield warning(
            "unit.reload-needed",
            name,
            "the file has changed since systemd read it",
            f"Run `systemctl daemon-reload && systemctl restart {name}`.",
        )
    if not command.exists:
        yield problem(
            "unit.other-program",
            name,
            f"it starts {command.line[0]}, which does not exist",
            f"Correct ExecStart with `systemctl edit {name}`, or install the package again.",
        )
    elif command.same_program is False:
        yield warning(
            "unit.other-program",
            name,
            f"it starts {command.line[0]}, and this is {program}: two installations",
            "Remove one of them, or call the other one by its path.",
        )
    if command.settings is not None and command.settings != settings:
        yield problem(
            "unit.other-settings",
            name,
            f"it is started with {command.settings}, not with {settings}",
            f"Run `qlogship check --config {typed(command.settings)}`.",
        )
    if file.drop_ins:
        yield ok("unit.drop-ins", listed(file.drop_ins), f"changes {name}")


def _state(facts: UnitFacts, name: str) -> Iterator[Finding]:
    look = f"Look at `journalctl -u {name} -n 50`"
    if facts.active == "failed":
        yield problem(
            "unit.failed",
            name,
            f"it has failed ({facts.result or 'for an unknown reason'})",
            f"{look}, then run `systemctl restart {name}`.",
        )
    elif facts.active == "activating" and facts.sub.startswith("auto-restart"):
        yield problem(
            "unit.restarting", name, "it ends again and again, and is started again", f"{look}."
        )
    elif facts.active not in {"active", "reloading", "activating"}:
        enable = "" if facts.enabled in _STARTED else "enable --now "
        yield problem(
            "unit.not-running",
            name,
            f"it is {facts.active or 'not running'}" + (", and not enabled" if enable else ""),
            f"Run `systemctl {enable or 'start '}{name}`.",
        )
        return
    if facts.enabled not in _STARTED:
        yield warning(
            "unit.disabled",
            name,
            "it is not enabled: the next boot does not start it",
            f"Run `systemctl enable {name}`.",
        )
