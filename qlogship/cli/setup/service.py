"""The last step of setup: the service is started, or takes what is new, and says how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qlogship.cli import output
from qlogship.cli.setup.unit import NotStarted, Standing, Unit, wait_for_standing

if TYPE_CHECKING:
    from qlogship.cli.setup.dialogue import Dialogue
    from qlogship.cli.setup.places import Places

# A first upload waits for `batch.linger`, 15 s unless it was changed, and for the answer.
_PATIENCE: Final = 25.0


def attend(
    where: Places,
    *,
    wanted: bool | None,
    dialogue: Dialogue | None,
    quiet: bool,
    changed: bool,
    restart: bool,
) -> dict[str, Any]:
    """Start the service, or let a running one take what changed; return what came of it.

    `wanted` is what the command line says; without it the dialogue asks, and without
    that nothing is done. `restart` says that a reload is not enough: systemd hands
    the password over when the service starts. Raises NotStarted.
    """
    unit = Unit(where.unit) if where.unit is not None and Unit.is_here() else None
    if unit is None or not unit.is_known:
        return _ended(where, "none", _without_unit(where, wanted=bool(wanted)), quiet=quiet)
    active = unit.is_active
    verb = "restart" if restart else "reload"
    action = "none"
    if not active or not unit.is_enabled:
        if not _agreed(wanted, dialogue, "Start the service now, and with the machine?"):
            hint = f"Start it with `systemctl enable --now {unit.name}`."
            found = Standing(None, "the service was not started", hint)
            return _ended(where, action, found, quiet=quiet)
        unit.enable()
        action = "enabled"
    if active and changed:
        question = f"The service runs with the old settings. {verb.capitalize()} it now?"
        if not _agreed(wanted, dialogue, question):
            hint = f"Let it take the new ones with `systemctl {verb} {unit.name}`."
            found = Standing(None, "the service runs with the old settings", hint)
            return _ended(where, action, found, quiet=quiet, needs=verb)
        unit.renew(restart=restart)
        action = f"{verb}ed"
    if action == "none":
        return _ended(where, action, Standing(True, "the service runs"), quiet=quiet)
    return _ended(where, action, _wait(where, unit, quiet=quiet), quiet=quiet)


def _without_unit(where: Places, *, wanted: bool) -> Standing:
    """Say how to start what no unit can start here. Raises NotStarted when that was wanted."""
    if where.unit is None:
        words = f"no unit of systemd reads {where.config}"
    else:
        words = f"systemd does not run here for you, or has no unit {where.unit}"
    hint = f"Start it with `qlogship run --config {where.config}`."
    if wanted:
        raise NotStarted(f"the settings are in place, but {words}", hint=hint)
    return Standing(None, words, hint)


def _agreed(wanted: bool | None, dialogue: Dialogue | None, question: str) -> bool:
    if wanted is not None:
        return wanted
    return dialogue is not None and dialogue.confirm(question, default=True)


def _wait(where: Places, unit: Unit, *, quiet: bool) -> Standing:
    """Look how the service stands until there is something to tell."""
    from qlogship.cli.status import report
    from qlogship.config import load

    if not quiet:
        output.print_note("Looking for the first upload; Ctrl-C stops looking, not the service.")
    settings = load(where.config, environ={}, secrets=False).settings
    try:
        found = wait_for_standing(lambda: report(settings), seconds=_PATIENCE)
    except KeyboardInterrupt:
        found = Standing(None, "the service was started")
    look = "qlogship status" if where.unit == "qlogship" else f"qlogship status -c {where.config}"
    return Standing(
        found.ok,
        found.words,
        f"Type `{look}` to see how far it is, `journalctl -u {unit.name} -f` to watch it.",
    )


def _ended(
    where: Places, action: str, found: Standing, *, quiet: bool, needs: str | None = None
) -> dict[str, Any]:
    if not quiet:
        output.print_text(f"{found.words[:1].upper()}{found.words[1:]}.")
        if found.hint:
            output.print_text(found.hint)
    return {
        "unit": where.unit,
        "action": action,
        "needs": needs,
        "ok": found.ok,
        "detail": found.words,
        "hint": found.hint,
    }
