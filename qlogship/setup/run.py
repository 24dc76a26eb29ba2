"""One run of setup: look, ask, compare, write, start; and what is said at the end.

Here live the decisions between the steps. `questions` takes the answers, `writing`
puts the files in place, `service` starts what reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from qlogship.config.model import DashboardSettings
from qlogship.errors import QlogshipError, SourceUnreadable, UsageError
from qlogship.installation import asterisk_files
from qlogship.installation.identity import can_read_as
from qlogship.installation.places import STATE, Owner, Places, keeper, places
from qlogship.setup import answers, editing, followups, writing
from qlogship.setup.answers import Answers, Options
from qlogship.setup.beginning import Beginning, Earlier, check_clear
from qlogship.setup.dialogue import Dialogue, Proof, can_ask
from qlogship.setup.present import Present, find_owner, look, standing
from qlogship.setup.questions import Questions
from qlogship.setup.service import start_service
from qlogship.setup.verifying import is_within_reach
from qlogship.shipping.destination import destination_of
from qlogship.terminal import output
from qlogship.wording import typed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from qlogship.shipping.belonging import Decision

# How settings begin where there was no file, not even the package's.
_FIRST: Final = """\
# The settings of qlogship, written by `qlogship setup`.
# `qlogship config example` prints every key, with its default and what it does.
"""


class NothingWritten(QlogshipError):
    """The person at the terminal did not want it written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, and how the settings differ from those that are there."""

    answers: Answers
    content: writing.Content
    differences: list[tuple[str, str, str]]
    overwrites: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was answered, and what is to be done besides writing settings.

    `undecided`: the ledger belongs to another dashboard, and `decision` says what becomes of
    it; None: nobody has decided. `clear` says that the dashboard is to be cleared before
    everything is shipped to it.
    """

    answers: Answers
    undecided: bool
    decision: Decision | None
    clear: bool


class SetupRun:
    """One run of setup, and what it has proved and written so far.

    `quiet` leaves the result to the caller.
    """

    def __init__(self, options: Options, *, quiet: bool) -> None:
        self.proofs: list[Proof] = []
        self.written: list[Path] = []
        self._options = options
        self._quiet = quiet
        asks = can_ask() and not options.yes
        self._dialogue = Dialogue(asks=asks, speaks=asks or not quiet)

    def proofs_as_json(self) -> list[dict[str, object]]:
        """Return the proofs as `--json` prints them; `ok` is null for what is not certain."""
        return [
            {
                "what": proof.what,
                "ok": proof.ok,
                "detail": proof.detail,
                "problem": None if proof.ok else proof.detail,
                "hint": proof.hint,
            }
            for proof in self.proofs
        ]

    def carry_out(self) -> dict[str, Any]:
        """Set up one installation; return the result as `--json` prints it.

        Raises what stands in the way, and nothing is written then.
        """
        where = places(self._options.config, self._options.instance)
        owner = find_owner()
        present = look(where)
        writing.check_writable(where.config)
        try:
            wanted = self._ask(where, owner, present)
            plan = plan_of(wanted.answers, where, owner, present)
            if plan.differences:
                self._agree(plan, where)
        except KeyboardInterrupt:
            output.print_note("")
            output.print_note("Nothing was written.")
            raise
        self.written += writing.put_in_place(
            plan.content, where, owner, password=plan.answers.password or ""
        )
        mended = _mend_modes(where, owner, self.written)
        in_place = _prove_files(where, owner, plan.answers.ca_file)
        self.proofs += in_place
        if not self._quiet:
            _tell(where, self.written, mended, in_place, owner)
        decided = self._decide(wanted, where)
        service = start_service(
            where,
            wanted=self._options.enable,
            dialogue=self._dialogue,
            quiet=self._quiet,
            changed=bool(self.written),
            credentials=plan.content.password is not None or plan.content.authority is not None,
        )
        left = self._finish(wanted, where, service)
        return {
            "ok": service["ok"] is not False
            and all(proof.ok for proof in in_place)
            and all(proof.ok is not False for proof in [*decided, *left]),
            "changed": bool(self.written or mended),
            "settings": where.config,
            "credential": where.password,
            "written": self.written,
            "mended": mended,
            "service": service,
            "proved": self.proofs_as_json(),
        }

    def _decide(self, wanted: Wanted, where: Places) -> list[Proof]:
        """Carry out what was decided about the ledger, before the service takes the settings."""
        if wanted.decision is None:
            return []
        return self._follow_up(followups.deciding(wanted.decision, clear=wanted.clear), where)

    def _finish(self, wanted: Wanted, where: Places, service: Mapping[str, Any]) -> list[Proof]:
        """Clear the dashboard and ship everything, now that the service archives.

        Where it does not, or somebody else must decide, say what is to be typed.
        """
        if wanted.undecided and wanted.decision is None:
            return self._found(followups.left_to_decide(where.config))
        if not wanted.clear or wanted.decision is not None:
            return []
        if service["running"]:
            return self._follow_up(followups.CLEARING, where, "--detach")
        before = (
            "Start the service"
            if where.unit
            else f"Type `qlogship run --once -c {typed(where.config)}`"
        )
        return self._found(followups.left_to_type(followups.CLEARING, where.config, before=before))

    def _follow_up(
        self, follow_up: followups.FollowUp, where: Places, *options: str
    ) -> list[Proof]:
        proof = followups.carry_out(
            follow_up,
            where.config,
            options=options,
            asks=self._dialogue.asks,
            quiet=self._quiet,
        )
        return self._found(proof)

    def _found(self, proof: Proof) -> list[Proof]:
        if not self._quiet:
            followups.print_proof(proof)
        self.proofs.append(proof)
        return [proof]

    def _ask(self, where: Places, owner: Owner, present: Present) -> Wanted:
        """Take the answers, each proved before the next is asked; options win over settings."""
        said = self._options.said
        known = replace(present.answers, **said.said)
        if known.missing and not self._dialogue.asks:
            raise UsageError(
                f"there is nobody to ask, and these are missing: {'; '.join(known.missing)}",
                hint="Give these options, or run `qlogship setup` on a terminal without --yes.",
            )
        self._dialogue.say(
            "This sets up qlogship in a few questions. Press Enter to accept the value in [ ];\n"
            "Ctrl-C leaves everything as it is."
        )
        if not owner.service:
            reason = "there is no user qlogship" if owner.uid == 0 else "you are not root"
            self._dialogue.mark(None, f"{reason}: {where.config} will be for {owner.user} alone")
        questions = Questions(known, self._options, owner, self._dialogue, self.proofs)
        url = questions.take_address()
        email, password = questions.take_account(url)
        begin = _beginning(questions, url, email, where, present)
        shared = begin.take_shared()
        check_clear(
            clear=self._options.clear,
            decision=self._options.decision,
            before=known.uploaded_before,
            shared=bool(shared),
        )
        decision, clear = begin.take_decision(shared=bool(shared))
        source = questions.take_source(self._find_log(known))
        archives = present.settings.source.archives if present.settings else ()
        history = begin.take_history(source, archives)
        earlier = Earlier()
        if not clear:
            earlier = begin.take_earlier(
                source, archives, history=history, decision=decision, shared=bool(shared)
            )
        if earlier.clear and not begin.standing.begun:
            history = "all"  # what is cleared must be shipped again
        given = Answers(
            url=url,
            email=email,
            source=source,
            history=earlier.first_day or history,
            ca_file=questions.known.ca_file,
            password=password,
            shared=shared,
            uploaded_before=earlier.uploaded,
            allow_http=questions.known.allow_http,
        )
        return Wanted(given, begin.standing.undecided, decision, clear or earlier.clear)

    def _find_log(self, known: Answers) -> Path:
        """Return where the queue_log should be. Raises SourceUnreadable when nobody can say."""
        try:
            return asterisk_files.queue_log()
        except SourceUnreadable as error:
            if known.source is None and not self._dialogue.asks:
                raise
            self._dialogue.mark(None, error.message, error.hint)
            return asterisk_files.USUAL

    def _agree(self, plan: Plan, where: Places) -> None:
        """Show what will be written and ask; without a dialogue only --yes overwrites."""
        dialogue = self._dialogue
        if plan.overwrites:
            if dialogue.asks:
                dialogue.head("This changes:")
            else:
                output.print_note(f"{where.config} changes:")
            for name, before, after in plan.differences:
                output.print_note(f"  {name}: {before} -> {after}")
        if not dialogue.asks:
            if plan.overwrites and not self._options.yes:
                raise UsageError(
                    f"there are other settings in {where.config} already",
                    hint="Look at the difference, and give --yes to overwrite them.",
                )
            return
        if not plan.overwrites:
            dialogue.head("This will be written:")
            rows = {
                "dashboard": plan.answers.url,
                "e-mail": plan.answers.email,
                "password": "(not shown)",
                "queue_log": plan.answers.source,
                "history": plan.answers.history,
                **_yes_or_no("others upload", plan.answers.shared),
                **_yes_or_no("uploaded before", plan.answers.uploaded_before),
                "settings": where.config,
                "credential": where.password,
            }
            if plan.answers.ca_file is not None:
                rows["trusted"] = plan.answers.ca_file
            dialogue.say(answers.in_columns(rows))
        question = "Overwrite it?" if plan.overwrites else "Write it?"
        if not dialogue.agrees(question, default=not plan.overwrites):
            raise NothingWritten(
                "nothing was written",
                hint="Run `qlogship setup` again when you know what it should be.",
            )


def _beginning(
    questions: Questions, url: str, email: str, where: Places, present: Present
) -> Beginning:
    """Return the questions about the beginning, now that the dashboard is known."""
    now = present.settings
    wanted = destination_of(DashboardSettings(url=url, email=email))
    state = now.state.directory if now else where.state or STATE
    moved = now is not None and destination_of(now.dashboard) != wanted
    return Beginning(questions, wanted, standing(state, wanted), moved=moved)


def _yes_or_no(name: str, answer: bool | None) -> dict[str, str]:
    return {} if answer is None else {name: "yes" if answer else "no"}


def plan_of(given: Answers, where: Places, owner: Owner, present: Present) -> Plan:
    """Decide what has to be written. Raises Uneditable."""
    now, source = present.settings, given.ca_file
    authority: bytes | None = None
    if source not in {None, where.authority} and not is_within_reach(source, owner):
        # The service could not read it where it is, so it is kept beside the settings.
        authority = source.read_bytes()  # it was read before, when it was proved
        given = replace(given, ca_file=where.authority)
        if where.authority.exists() and where.authority.read_bytes() == authority:
            authority = None
    changes = answers.changes(given, where, now)
    text = None
    if changes:
        text = editing.edited(_FIRST if present.text is None else present.text, changes)
    differences = answers.differences(changes, now)
    overwrites = now is not None and bool(changes)
    password = given.password if given.password != present.kept else None
    if password is not None:
        before = "not set" if present.kept is None else "another"
        differences.append((f"the password in {where.password}", before, "the new one"))
        overwrites |= present.kept is not None
    if authority is not None:
        before = "others" if where.authority.exists() else "none"
        differences.append((f"the certificates in {where.authority}", before, f"those of {source}"))
        overwrites |= where.authority.exists()
    keep_old = now is not None and text is not None
    content = writing.Content(text, password, authority, keep_old)
    return Plan(given, content, differences, overwrites)


def _mend_modes(where: Places, owner: Owner, written: list[Path]) -> list[Path]:
    """Close files that are more open than they should be, or open those that are too closed."""
    mended = []
    for path, whose in _owners(where, owner).items():
        if path in written:
            continue
        too_open = path.stat().st_mode & 0o777 & ~whose.mode
        if too_open or (whose.service and can_read_as(whose.user, path)):
            writing.mend_mode(path, whose)
            mended.append(path)
    return mended


def _owners(where: Places, owner: Owner) -> dict[Path, Owner]:
    """Return to whom settings and password belong."""
    return {where.config: owner, where.password: keeper(owner, where.unit)}


def _prove_files(where: Places, owner: Owner, ca_file: Path | None) -> list[Proof]:
    """See whether the service's user can read what is in place now, and systemd the password."""
    proofs = []
    files = {"settings": where.config, "credential": where.password, "ca_file": ca_file}
    for what, path in files.items():
        if path is None:
            continue
        user = _owners(where, owner).get(path, owner).user
        barrier = can_read_as(user, path)
        if barrier is None:
            proofs.append(Proof(what, True, f"{user} can read {path}"))
        else:
            hint = f"Look at {barrier.path}: {user} must be able to read {path}."
            proofs.append(Proof(what, False, barrier.problem, hint))
    return proofs


def _tell(
    where: Places, written: list[Path], mended: list[Path], proofs: list[Proof], owner: Owner
) -> None:
    owners = _owners(where, owner)
    for path in written:
        output.print_text(f"Wrote {path} (mode {owners.get(path, owner).mode:04o}).")
    for path in mended:
        output.print_text(f"Mended the owner and the mode of {path} ({owners[path].mode:04o}).")
    if not written and not mended:
        output.print_text(f"Nothing to change: {where.config} and {where.password} say it already.")
    for proof in proofs:
        if not proof.ok:
            output.print_note(f"warning: {proof.detail}")
            if proof.hint:
                output.print_note(f"hint: {proof.hint}")
