"""The last step of setup: the service is started, or takes what is new, and how it is then."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from qlogship.config import load
from qlogship.errors import QlogshipError
from qlogship.installation.places import DEFAULT_PATH, unit_of
from qlogship.installation.unit import Action, NotStarted, Unit
from qlogship.service.status import report
from qlogship.setup.dialogue import Proof
from qlogship.setup.followups import print_proof
from qlogship.terminal import output
from qlogship.wording import count, typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlogship.config import Settings
    from qlogship.installation.places import Places
    from qlogship.setup.dialogue import Dialogue

# A first upload waits for `batch.linger`, 15 s unless it was changed, and for the answer.
_PATIENCE: Final = 25.0
_EVERY: Final = 0.5

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


@dataclass(frozen=True, slots=True)
class Shipped:
    """What this dashboard took up to a moment: uploads and calls of one generation."""

    generation: int | None = None
    uploads: int = 0
    calls: int = 0

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Shipped:
        """Return what a status says of it."""
        uploads, calls = report["uploads"]["accepted"], report["calls"]["shipped"]
        return cls(report["generation"], uploads, calls)

    def since(self, before: Shipped) -> Shipped:
        """Return what came after `before`: all of it, when another generation has begun."""
        if before.generation != self.generation:
            return self
        return Shipped(self.generation, self.uploads - before.uploads, self.calls - before.calls)


def start_service(
    where: Places,
    *,
    wanted: bool | None,
    dialogue: Dialogue,
    quiet: bool,
    changed: bool,
    credentials: bool,
) -> dict[str, Any]:
    """Start the service, or let a running one take what changed; return what came of it.

    `wanted` is what the command line says; without it the dialogue asks, and without
    that nothing is done. `changed` and `credentials` are those of `needed`. Raises
    NotStarted.
    """
    done: list[Action] = []
    needs: Action | None = None
    running = False
    unit = Unit(where.unit) if where.unit is not None and Unit.is_here() else None
    if unit is None or not unit.is_known:
        words = _why_not_here(where)
        hint = f"Start it with `qlogship run --config {typed(where.config)}`."
        if wanted:
            raise NotStarted(f"the settings are in place, but {words}", hint=hint)
        found = Proof("service", None, words, hint)
    else:
        settings = load(where.config, environ={}, secrets=False).settings
        before = Shipped()
        with suppress(QlogshipError):
            before = Shipped.of(report(settings))
        actions = needed(
            state=unit.state, enabled=unit.is_enabled, changed=changed, credentials=credentials
        )
        for action in actions:
            if not (dialogue.agrees(_QUESTIONS[action]) if wanted is None else wanted):
                needs = action
                break
            unit.do(action)
            done.append(action)
        if Action.ENABLE in done:
            _hide_from_plain(unit, quiet=quiet)
        if needs is not None:
            found = Proof("service", None, _LEFT[needs], f"Type `{unit.command(needs)}`.")
        elif done:
            running = True
            found = _first_upload(where, unit, settings, before=before, quiet=quiet)
        else:
            running = True
            found = Proof("service", True, "the service runs")
    if not quiet:
        print_proof(found)
    return {
        "unit": where.unit,
        "done": done,
        "needs": needs,
        "running": running,
        "ok": found.ok,
        "detail": found.detail,
        "hint": found.hint,
    }


def _hide_from_plain(unit: Unit, *, quiet: bool) -> None:
    """Start the plain service again when an instance is new, whose state lies in its own.

    It is hidden from then on: by systemd's generator of the package, when the directory is there.
    Raises NotStarted.
    """
    plain = Unit(unit_of(DEFAULT_PATH) or "")
    if "@" in unit.name and plain.state == "active":
        plain.do(Action.RESTART)
        if not quiet:
            output.print_note(
                f"Restarted {plain.name}: the state of {unit.name} is hidden from it."
            )


def _why_not_here(where: Places) -> str:
    if where.unit is None:
        return f"no unit of systemd reads {where.config}"
    return f"systemd does not run here for you, or has no unit {where.unit}"


def needed(*, state: str, enabled: bool, changed: bool, credentials: bool) -> list[Action]:
    """Return what brings a service up to its settings, in order; nothing when it is.

    `state` is what systemd calls it. `changed` says that files were written, `credentials`
    that the password or the certificates to trust are among them: systemd hands the one
    over at a start only, and the others may be others under the same name, so a reload
    is not enough.
    """
    if state == "activating":
        # After failed runs it waits before it starts, up to minutes; who has just mended the
        # settings should not.
        return [Action.RESTART] if enabled else [Action.RESTART, Action.ENABLE]
    if state not in {"active", "reloading"}:
        return [Action.ENABLE]
    actions = [] if enabled else [Action.ENABLE]
    if changed:
        actions.append(Action.RESTART if credentials else Action.RELOAD)
    return actions


def _first_upload(
    where: Places, unit: Unit, settings: Settings, *, before: Shipped, quiet: bool
) -> Proof:
    """Look again and again until there is something to tell, or time is up.

    What looking raises counts as a service that is not there yet.
    """
    if not quiet:
        output.print_note("Looking for the first upload; Ctrl-C stops looking, not the service.")
    deadline = time.monotonic() + _PATIENCE
    found: Proof | None = None
    try:
        while found is None:
            patient = time.monotonic() < deadline
            try:
                found = started(report(settings), before=before, patient=patient)
            except QlogshipError as error:
                found = None if patient else Proof("service", False, error.message)
            if found is None:
                time.sleep(_EVERY)
    except KeyboardInterrupt:
        found = Proof("service", None, "the service was started")
    status = "qlogship status" if where.unit == "qlogship" else f"qlogship status -c {where.config}"
    hint = f"Type `{status}` to see how far it is, `journalctl -u {unit.name} -f` to watch it."
    return replace(found, hint=hint)


def started(report: Mapping[str, Any], *, before: Shipped, patient: bool) -> Proof | None:
    """Return what `qlogship status --json` tells about a service that was just started.

    What was shipped `before` proves nothing. None while there is something to wait
    for, and `patient` says that there is time.
    """
    uploads, troubles, held = report["uploads"], report["troubles"], report["held"]
    ok: bool | None = True
    rest = report["archive"]["lines"] - report["lines"]["shipped"] - held["lines"]
    if not report["service"]["running"]:
        ok, words = False, "the service does not run"
    elif troubles:
        ok, words = False, str(troubles[0]["message"])
    elif (since := Shipped.of(report).since(before)).uploads > 0:
        calls = count(since.calls, "call")
        return Proof("service", True, f"the dashboard took an upload: {calls} since the start")
    elif report["source"]["lag_bytes"] or rest > 0 or uploads["pending"]:
        ok, words = None, "the service runs; nothing was accepted yet"
    elif held["lines"]:
        # A call that has just been read is held for some seconds even when it is over.
        words = f"the service runs; {held['calls']:,} calls are held back until they are over"
    else:
        return Proof("service", True, "the service runs, and nothing waits to be shipped")
    return None if patient else Proof("service", ok, words)
