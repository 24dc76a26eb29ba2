"""How shipping begins: who else uploads, whose ledger this is, how far back, what was there before.

Here live the questions whose answers decide whether anybody can vouch for the numbers;
each says what follows from its answers. What can be asked at all is in `asking`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from qlogship.errors import UsageError
from qlogship.installation.identity import can_read_as
from qlogship.setup import answers, verifying
from qlogship.setup.census import Share, holds_text, take_census
from qlogship.shipping import belonging
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qlogship.setup.asking import Asking
    from qlogship.setup.present import Standing
    from qlogship.shipping.belonging import Decision
    from qlogship.shipping.destination import Destination

_DECISIONS: Final = {decision.name: decision for decision in belonging.DECISIONS}
_LATER: Final = "later"

_OTHERS: Final = {
    "yes": "their calls are not in qlogship's numbers, which stay uncertain; a resync clears"
    " the dashboard and would delete them: it needs --clears-others",
    "no": "all calls on the dashboard come from here, so a resync restores all of them",
}
_BEFORE: Final = {
    "no": "nothing is counted twice, and qlogship can vouch for the numbers",
    "yes": "its calls would be counted twice; what to do about that is asked next",
    "unknown": "nothing is written down; the numbers stay uncertain until a resync",
}
_CLEAR: Final = (
    "clear the dashboard, then upload everything: removes ALL queue_log data of this"
    " dashboard, also what others uploaded; then no number is in doubt"
)
_DAY: Final = (
    "upload only what is from a day on: the day after the last one that was uploaded; nobody"
    " here can vouch for the calls before it, so the numbers stay uncertain until a resync"
)
_GO: Final = (
    "go on all the same: calls may be counted twice, and the numbers stay uncertain until"
    " `qlogship resync`"
)
_NOT_CLEARED: Final = (
    "to clear the dashboard is not offered: others upload to it, too, and their calls would go"
)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was said about uploads before qlogship.

    `uploaded` is None when nobody knows. `first_day` is the day from which on to ship,
    `clear` says that the dashboard is to be cleared.
    """

    uploaded: bool | None = None
    first_day: str | None = None
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Beginning:
    """The questions about the beginning, for one dashboard and one state directory.

    `moved` says that the settings named another dashboard so far: what was answered
    about that one counts no more.
    """

    asking: Asking
    wanted: Destination
    standing: Standing
    moved: bool

    def take_shared(self) -> bool | None:
        """Return whether others upload to this dashboard, too; None when nobody said."""
        asking, known = self.asking, self.asking.known.shared
        if known is not None and not self.moved:
            return known
        if not asking.head(
            "shared",
            "Does anybody else upload queue_logs to this dashboard: another PBX, a person?",
        ):
            return known
        asking.dialogue.explain(_OTHERS)
        return asking.dialogue.agrees("Do others upload to it?", default=bool(known))

    def take_decision(self, *, shared: bool) -> tuple[Decision | None, bool]:
        """Return what becomes of a ledger that belongs to another destination, and of that one.

        The second value says that the dashboard is to be cleared first. None when there is
        nothing to decide, or when that is left for later.
        """
        asking, dialogue = self.asking, self.asking.dialogue
        if not self.standing.undecided:
            return None, False
        why = belonging.question(self.standing.bound, self.wanted)
        if asking.options.decision is not None:
            return _DECISIONS[asking.options.decision], asking.options.clear
        if not dialogue.asks:
            dialogue.mark(None, why)
            return None, False
        asking.head("decision", "The state directory belongs to another dashboard.")
        dialogue.mark(None, why)
        rows = {name: f"{one.words}: {one.follows}" for name, one in _DECISIONS.items()}
        dialogue.explain(rows | {_LATER: "decide later: nothing is sent until then"})
        name = dialogue.choose("Decide", (*rows, _LATER), "")
        if name == _LATER:
            return None, False
        decision = _DECISIONS[name]
        if decision is not belonging.EVERYTHING:
            return decision, False
        if shared:
            dialogue.mark(None, _NOT_CLEARED)
            return decision, False
        question = "Clear it first, of ALL queue_log data, also what others uploaded?"
        return decision, dialogue.agrees(question, default=False)

    def take_history(self, source: Path, archives: Iterable[str]) -> str:
        """Return how far back to ship, after showing what there is."""
        asking, dialogue = self.asking, self.asking.dialogue
        known = asking.known.history or "all"
        if self.standing.begun:
            dialogue.mark(True, "how far back to ship was settled at the first start")
            return known
        check = partial(answers.history, today=_today())
        if not asking.head("history", "How far back to ship."):
            said = "history" in asking.options.said.said
            return asking.fit("--history", check, str, known) if said else known
        self._show_choices(source, archives)
        ask = partial(dialogue.ask, "Ship", known)
        return asking.fit("--history", lambda text: check(answers.spelt_out(text)), ask, None)

    def _show_choices(self, source: Path, archives: Iterable[str]) -> None:
        dialogue, user = self.asking.dialogue, self.asking.owner.user
        census = take_census(source, archives)
        rows = {
            "all": f"{count(census.everything.files, 'file')}, {_described(census.everything)}",
            "current": f"{source.name} alone, {_described(census.current)}",
            "none": "only what comes from now on",
            "a day": "such as 2026-11-01: everything is archived, and uploaded from that day on",
        }
        dialogue.say(answers.in_columns(rows))
        for path in census.unread:
            dialogue.mark(None, f"{path} cannot be read to its end")
        barred = [found for path in census.files if (found := can_read_as(user, path))]
        if barred:
            dialogue.mark(
                None,
                f"{count(len(barred), 'rotated file')} of these cannot be read by the service:"
                f" {barred[0].problem}",
                "--grant opens those of Asterisk's user; look at the others with `ls -l`.",
            )

    def take_earlier(
        self,
        source: Path,
        archives: Iterable[str],
        *,
        history: str,
        decision: Decision | None,
        shared: bool,
    ) -> Earlier:
        """Return what was uploaded to this dashboard before, and what to do about it."""
        asking, dialogue = self.asking, self.asking.dialogue
        known = asking.known.uploaded_before
        said = "uploaded_before" in asking.options.said.said
        if self.moved and not said and decision is not belonging.SAME:
            known = None  # it was said of another dashboard
        matters = self.standing.asks_about_before(
            decision, history, has_text=holds_text(source, archives)
        )
        if not matters or known is not None or not dialogue.asks:
            return Earlier(known, clear=bool(matters and known and asking.options.clear))
        asking.head(
            "uploaded_before",
            "Was this queue_log ever uploaded to this dashboard by other means:\n"
            "the vendor's curl command, by hand, another program?",
        )
        dialogue.explain(_BEFORE)
        answer = dialogue.choose("Uploaded before", tuple(_BEFORE), "")
        if answer != "yes":
            return Earlier(False if answer == "no" else None)
        return self._after_uploads(shared=shared)

    def _after_uploads(self, *, shared: bool) -> Earlier:
        """Ask what to do about calls that others uploaded already."""
        dialogue = self.asking.dialogue
        rows = {"clear": _CLEAR, "day": _DAY, "go on": _GO}
        if shared:
            del rows["clear"]
        if self.standing.begun:
            del rows["day"]
        dialogue.say("What is to be done about the calls that are there already?")
        dialogue.explain(rows)
        if shared:
            dialogue.mark(None, _NOT_CLEARED)
        answer = dialogue.choose("Do", tuple(rows), "")
        if answer == "clear":
            return Earlier(uploaded=True, clear=True)
        if answer == "go on":
            return Earlier(uploaded=True)
        check = partial(answers.first_day, today=_today())
        ask = partial(dialogue.ask, "From which day on was nothing uploaded (such as 2026-11-01)")
        return Earlier(True, self.asking.fit("--history", check, ask, None))


def check_clear(*, clear: bool, decision: str | None, before: bool | None, shared: bool) -> None:
    """Refuse --clear where it means nothing, or takes what is not ours. Raises UsageError."""
    if not clear:
        return
    if shared:
        raise UsageError(
            "--clear: others upload to this dashboard, too (dashboard.shared), and their calls"
            " would be deleted",
            hint="Leave --clear out; `qlogship resync --clears-others` clears it all the same.",
        )
    if decision != belonging.EVERYTHING.name and not before:
        raise UsageError(
            "--clear says nothing without --everything or --uploaded-before",
            hint="Add the one that is meant; `qlogship setup --help` explains both.",
        )


def _today() -> str:
    return datetime.now().astimezone().date().isoformat()


def _described(share: Share) -> str:
    """Return in words what some files hold: from when to when, and how much."""
    if share.first is None or share.last is None:
        return "no records yet"
    return (
        f"{verifying.day(share.first)} to {verifying.day(share.last)}:"
        f" {count(share.records, 'record')}, {count(share.calls, 'call')}"
    )
