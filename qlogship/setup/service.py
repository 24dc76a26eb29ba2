"""The last step of setup: the service is started, or takes what is new, and says how it stands."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from qlogship.errors import QlogshipError
from qlogship.installation.unit import (
    Action,
    NotStarted,
    Standing,
    Unit,
    needed,
    wait_for_standing,
)
from qlogship.terminal import output

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlogship.installation.places import Places
    from qlogship.setup.dialogue import Dialogue

# A first upload waits for `batch.linger`, 15 s unless it was changed, and for the answer.
_PATIENCE: Final = 25.0

_QUESTIONS: Final = {
    Action.ENABLE: "Start the service now, and with the machine?",
    Action.RESTART: "The service needs a restart to take what is new. Restart it now?",
    Action.RELOAD: "The service runs with the old settings. Let it take the new ones now?",
}
_LEFT: Final = {
    Action.ENABLE: "the service was not enabled",
    Action.RESTART: "the service was not restarted: it has what was there when it started",
    Action.RELOAD: "the service runs with the old settings",
}


def attend(
    where: Places,
    *,
    wanted: bool | None,
    dialogue: Dialogue | None,
    quiet: bool,
    changed: bool,
    credentials: bool,
) -> dict[str, Any]:
    """Start the service, or let a running one take what changed; return what came of it.

    `wanted` is what the command line says; without it the dialogue asks, and without
    that nothing is done. `changed` and `credentials` are those of `needed`. Raises
    NotStarted.
    """
    unit = Unit(where.unit) if where.unit is not None and Unit.is_here() else None
    if unit is None or not unit.is_known:
        return _ended(where, [], _without_unit(where, wanted=bool(wanted)), quiet=quiet)
    done: list[Action] = []
    actions = needed(
        state=unit.state, enabled=unit.is_enabled, changed=changed, credentials=credentials
    )
    look = _looker(where)
    before = _accepted(look)
    for action in actions:
        if not _agreed(wanted, dialogue, _QUESTIONS[action]):
            found = Standing(None, _LEFT[action], f"Type `{unit.command(action)}`.")
            return _ended(where, done, found, quiet=quiet, needs=action)
        unit.do(action)
        done.append(action)
    if not done:
        return _ended(where, done, Standing(True, "the service runs"), quiet=quiet)
    if not quiet:
        output.print_note("Looking for the first upload; Ctrl-C stops looking, not the service.")
    try:
        found = wait_for_standing(look, before=before, seconds=_PATIENCE)
    except KeyboardInterrupt:
        found = Standing(None, "the service was started")
    status = "qlogship status" if where.unit == "qlogship" else f"qlogship status -c {where.config}"
    hint = f"Type `{status}` to see how far it is, `journalctl -u {unit.name} -f` to watch it."
    return _ended(where, done, replace(found, hint=hint), quiet=quiet)


def _looker(where: Places) -> Callable[[], dict[str, Any]]:
    """Return a function that tells what `qlogship status` tells."""
    from qlogship.config import load
    from qlogship.service.status import report

    settings = load(where.config, environ={}, secrets=False).settings
    return lambda: report(settings)


def _accepted(look: Callable[[], dict[str, Any]]) -> int:
    try:
        return int(look()["uploads"]["accepted"])
    except QlogshipError:
        return 0


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


def _ended(
    where: Places,
    done: list[Action],
    found: Standing,
    *,
    quiet: bool,
    needs: Action | None = None,
) -> dict[str, Any]:
    if not quiet:
        output.print_text(f"{found.words[:1].upper()}{found.words[1:]}.")
        if found.hint:
            for line in output.folded(found.hint, first="", width=output.width_of(sys.stdout)):
                output.print_text(line)
    return {
        "unit": where.unit,
        "done": done,
        "needs": needs,
        "ok": found.ok,
        "detail": found.words,
        "hint": found.hint,
    }
