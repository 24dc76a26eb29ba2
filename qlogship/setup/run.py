"""The course of setup: look, ask, compare, write, start; and what is said at the end.

Here live the decisions between the steps. `steps` takes the answers, `writing`
puts the files in place, `unit` speaks to systemd.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qlogship.errors import QlogshipError, UsageError
from qlogship.installation.identity import can_read_as
from qlogship.installation.places import Owner, Places, places
from qlogship.setup import answers, asterisk, editing, writing
from qlogship.setup.answers import Answers
from qlogship.setup.dialogue import Dialogue, can_ask
from qlogship.setup.present import Present, find_owner, has_begun, look
from qlogship.setup.questions import Draft, Steps
from qlogship.setup.service import attend
from qlogship.setup.verifying import Proof, is_within_reach
from qlogship.terminal import output

if TYPE_CHECKING:
    from qlogship.config import Settings
    from qlogship.setup.editing import Changes

_STATE: Final = Path("/var/lib/qlogship")

# How settings begin where there was no file, not even the package's.
_FIRST: Final = """\
# The settings of qlogship, written by `qlogship setup`.
# `qlogship config example` prints every key, with its default and what it does.
"""


class NothingWritten(QlogshipError):
    """The person at the terminal did not want it written."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says; None is asked, or taken from settings that exist."""

    config: Path | None
    instance: str | None
    url: str | None
    email: str | None
    password: str | None = field(repr=False)
    source: Path | None
    history: str | None
    ca_file: Path | None
    grant: bool
    enable: bool | None
    offline: bool
    yes: bool


@dataclass(slots=True)
class Course:
    """What was proved and written so far, for a report that is made when something fails, too."""

    steps: Steps | None = None
    written: list[Path] = field(default_factory=list)
    more: list[Proof] = field(default_factory=list)

    def as_json(self) -> list[dict[str, object]]:
        """Return the proofs as `--json` prints them; `ok` is null for what is not certain."""
        proofs = [*(self.steps.proofs if self.steps else ()), *self.more]
        return [
            {
                "what": proof.what,
                "ok": proof.ok,
                "detail": proof.detail,
                "problem": None if proof.ok else proof.detail,
                "hint": proof.hint,
            }
            for proof in proofs
        ]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, and how the settings differ from those that are there."""

    changes: Changes
    content: writing.Content
    differences: list[tuple[str, str, str]]
    overwrites: bool


def conduct(wishes: Wishes, course: Course, *, quiet: bool) -> dict[str, Any]:
    """Set up one installation; return the result as `--json` prints it.

    `quiet` leaves the result to the caller. Raises what stands in the way, and
    nothing is written then.
    """
    where = places(wishes.config, wishes.instance)
    owner = find_owner()
    present = look(where)
    writing.check_writable(where.config)
    dialogue = Dialogue() if can_ask() and not wishes.yes else None
    draft = _draft(wishes, present)
    voice = None if quiet and dialogue is None else Dialogue()
    steps = course.steps = Steps(draft, owner, dialogue, voice, wishes.offline, wishes.grant)
    if dialogue is None:
        _check_complete(draft)
    _greet(steps, where)
    try:
        given, password = _answers(steps, where, present)
        given, authority = _within_reach(given, owner, where)
        plan = _plan(given, password, authority, where, present)
        if plan.differences:
            _agree(plan, given, wishes, steps, where)
    except KeyboardInterrupt:
        output.print_note("")
        output.print_note("Nothing was written.")
        raise
    written = writing.put_in_place(plan.content, where, owner, password=password)
    course.written = written
    mended = _mend_modes(where, owner, written)
    course.more += _prove_files(where, owner, given.ca_file)
    if not quiet:
        _tell(where, written, mended, course.more, owner)
    service = attend(
        where,
        wanted=wishes.enable,
        dialogue=dialogue,
        quiet=quiet,
        changed=bool(written),
        credentials=plan.content.password is not None or plan.content.authority is not None,
    )
    return {
        "ok": service["ok"] is not False and all(proof.ok for proof in course.more),
        "changed": bool(written or mended),
        "settings": where.config,
        "credential": where.password,
        "written": written,
        "mended": mended,
        "service": service,
        "proved": course.as_json(),
    }


def _draft(wishes: Wishes, present: Present) -> Draft:
    """Join what the command line says with what is there; the command line wins."""
    now = present.settings
    said = {
        "url": wishes.url,
        "email": wishes.email,
        "password": wishes.password,
        "source": wishes.source.absolute() if wishes.source is not None else None,
        "history": wishes.history,
        "ca_file": wishes.ca_file,
    }
    there: dict[str, Any] = {"password": present.password}
    if now is not None:
        there |= {
            "url": answers.said(now, "dashboard", "url"),
            "email": now.dashboard.email,
            "source": now.source.path,
            "history": now.source.history,
            "ca_file": now.dashboard.ca_file,
        }
    values: dict[str, Any] = {
        name: value if value is not None else there.get(name) for name, value in said.items()
    }
    return Draft(
        **values, given=frozenset(name for name, value in said.items() if value is not None)
    )


def _check_complete(draft: Draft) -> None:
    """Raise UsageError with all that is missing, when nobody can be asked."""
    known = {name for name in ("url", "email", "password") if getattr(draft, name) is not None}
    if options := answers.missing(known):
        raise UsageError(
            f"there is nobody to ask, and these are missing: {'; '.join(options)}",
            hint="Give these options, or run `qlogship setup` on a terminal without --yes.",
        )


def _greet(steps: Steps, where: Places) -> None:
    owner = steps.owner
    if steps.dialogue is not None:
        steps.dialogue.say(
            "This sets up qlogship in five questions. Enter takes what stands in [ ];"
        )
        steps.dialogue.say("Ctrl-C leaves everything as it is.")
    if steps.voice is not None and not owner.service:
        reason = "there is no user qlogship" if owner.uid == 0 else "you are not root"
        steps.voice.mark(f"{reason}: {where.config} will be for {owner.user} alone", ok=None)


def _answers(steps: Steps, where: Places, present: Present) -> tuple[Answers, str]:
    """Take the answers, each proved before the next is asked."""
    url = steps.take_address()
    email, password = steps.take_account(url)
    source = steps.take_source(asterisk.queue_log())
    state = present.settings.state.directory if present.settings else where.state or _STATE
    archives = present.settings.source.archives if present.settings else ()
    history = steps.take_history(source, archives, settled=has_begun(state))
    return Answers(url, email, source, history, steps.draft.ca_file), password


def _within_reach(
    given: Answers, owner: Owner, where: Places
) -> tuple[Answers, tuple[Path, bytes] | None]:
    """Have certificates that the service could not read kept beside the settings.

    Returns the answers as they will be, and what is to be copied: from where, and
    its bytes; None when there is nothing to copy, or it is there already.
    """
    source = given.ca_file
    if source is None or source == where.authority or is_within_reach(source, owner):
        return given, None
    data = source.read_bytes()  # it was read before, when it was proved
    given = replace(given, ca_file=where.authority)
    if where.authority.exists() and where.authority.read_bytes() == data:
        return given, None
    return given, (source, data)


def _plan(
    given: Answers,
    password: str,
    authority: tuple[Path, bytes] | None,
    where: Places,
    present: Present,
) -> Plan:
    """Decide what has to be written. Raises Uneditable."""
    now: Settings | None = present.settings
    changes = answers.changes(given, where, now)
    text = None
    if changes:
        text = editing.edited(_FIRST if present.text is None else present.text, changes)
    content = writing.Content(
        settings=text,
        password=password if password != present.kept else None,
        authority=authority[1] if authority is not None else None,
        keep_old=now is not None and text is not None,
    )
    differences = answers.differences(changes, now)
    if content.password is not None:
        there = "not set" if present.kept is None else "another"
        differences.append((f"the password in {where.password}", there, "the new one"))
    if authority is not None:
        there = "others" if where.authority.exists() else "none"
        differences.append(
            (f"the certificates in {where.authority}", there, f"those of {authority[0]}")
        )
    overwrites = (
        (now is not None and bool(changes))
        or (present.kept is not None and content.password is not None)
        or (authority is not None and where.authority.exists())
    )
    return Plan(changes, content, differences, overwrites)


def _agree(plan: Plan, given: Answers, wishes: Wishes, steps: Steps, where: Places) -> None:
    """Show what will be written and ask; without a dialogue only --yes overwrites."""
    dialogue = steps.dialogue
    if plan.overwrites:
        if dialogue is not None:
            dialogue.head("This changes:")
        else:
            output.print_note(f"{where.config} changes:")
        for name, before, after in plan.differences:
            output.print_note(f"  {name}: {before} -> {after}")
    if dialogue is None:
        if plan.overwrites and not wishes.yes:
            raise UsageError(
                f"there are other settings in {where.config} already",
                hint="Look at the difference, and give --yes to overwrite them.",
            )
        return
    if not plan.overwrites:
        dialogue.head("This will be written:")
        rows = {
            "dashboard": given.url,
            "e-mail": given.email,
            "password": "(not shown)",
            "queue_log": str(given.source),
            "history": given.history,
            "settings": str(where.config),
            "credential": str(where.password),
        }
        if given.ca_file is not None:
            rows["trusted"] = str(given.ca_file)
        dialogue.say(answers.in_columns(rows))
    question = "Overwrite it?" if plan.overwrites else "Write it?"
    if not dialogue.confirm(question, default=not plan.overwrites):
        raise NothingWritten(
            "nothing was written",
            hint="Run `qlogship setup` again when you know what it should be.",
        )


def _mend_modes(where: Places, owner: Owner, written: list[Path]) -> list[Path]:
    """Close files that are more open than they should be, or open those that are too closed."""
    mended = []
    for path in (where.config, where.password):
        if path in written:
            continue
        too_open = path.stat().st_mode & 0o777 & ~owner.mode
        if too_open or (owner.service and can_read_as(owner.user, path)):
            writing.mend_mode(path, owner)
            mended.append(path)
    return mended


def _prove_files(where: Places, owner: Owner, ca_file: Path | None) -> list[Proof]:
    """See whether the service's user can read what is in place now."""
    proofs = []
    files = [("settings", where.config), ("credential", where.password)]
    if ca_file is not None:
        files.append(("ca_file", ca_file))
    for what, path in files:
        barrier = can_read_as(owner.user, path)
        if barrier is None:
            proofs.append(Proof(what, True, f"{owner.user} can read {path}"))
        else:
            typed = " && ".join(" ".join(command) for command in barrier.commands)
            proofs.append(Proof(what, False, barrier.problem, f"Type `{typed}`." if typed else ""))
    return proofs


def _tell(
    where: Places, written: list[Path], mended: list[Path], proofs: list[Proof], owner: Owner
) -> None:
    for path in written:
        output.print_text(f"Wrote {path} (mode {owner.mode:04o}).")
    for path in mended:
        output.print_text(f"Mended the owner and the mode of {path} ({owner.mode:04o}).")
    if not written and not mended:
        output.print_text(f"Nothing to change: {where.config} and {where.password} say it already.")
    for proof in proofs:
        if not proof.ok:
            output.print_note(f"warning: {proof.detail}")
            if proof.hint:
                output.print_note(f"hint: {proof.hint}")
