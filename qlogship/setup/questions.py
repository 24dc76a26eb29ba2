"""The way through setup: each answer is taken, proved, and asked for again when it fails.

Here live the order of the questions and what is said; the looks at the world
are in `proving`, the files in `writing`. Without a dialogue nothing is asked,
and the first failure is raised.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.errors import (
    CredentialsRefused,
    DashboardUnreachable,
    SettingsError,
    SourceUnreadable,
    UsageError,
)
from qlogship.installation.identity import can_read_as
from qlogship.installation.unit import run_command
from qlogship.setup import answers, verifying
from qlogship.setup.answers import HISTORIES, UnfitAnswer
from qlogship.setup.census import Share, take_census
from qlogship.setup.verifying import UNTRUSTED, AddressFails, Proof, SourceBarred
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlogship.installation.places import Owner
    from qlogship.setup.dialogue import Dialogue

# An account may be locked after some refused logins; nobody knows after how many.
_LOGINS: Final = 3


@dataclass(slots=True)
class Draft:
    """What is known so far, from options and from settings that exist; None is still asked.

    `given` names what came by an option, which is not asked for.
    """

    url: str | None = None
    email: str | None = None
    password: str | None = field(default=None, repr=False)
    source: Path | None = None
    history: str | None = None
    ca_file: Path | None = None
    given: frozenset[str] = frozenset()


@dataclass(slots=True)
class Steps:
    """One run of setup: whom to ask, if anybody, and what was proved so far.

    `voice` says how the proofs come out; None for a program that reads JSON.
    """

    draft: Draft
    owner: Owner
    dialogue: Dialogue | None
    voice: Dialogue | None = None
    offline: bool = False
    grant: bool = False
    proofs: list[Proof] = field(default_factory=list)

    # --- the dashboard ---

    def take_address(self) -> str:
        """Return an address that leads to the dashboard, as far as that can be proved."""
        asked = self._head(
            "url",
            "1 of 5: the Team Dashboard. Type its address, or the name of the tenant:\n"
            "company stands for https://company.softphone.pro.",
        )
        default = self.draft.url or ""
        while True:
            text = self.dialogue.ask("Address", default) if asked and self.dialogue else default
            asked = True
            try:
                default = url = answers.address(text)
                if self._prove_address(url):
                    return url
            except UnfitAnswer as error:
                self._unfit("--url", error)
            except AddressFails as error:
                self._failed("address", error)
                asked = not self._takes_authority(error)

    def _prove_address(self, url: str) -> bool:
        if self.offline:
            self._prove(Proof("address", None, f"{url} was not proved (--offline)"))
            return True
        if self.dialogue is not None:
            self.dialogue.say(f"  looking at {url} ...")
        proof = verifying.prove_address(url, self.draft.ca_file)
        self._prove(proof)
        if proof.ok or self.dialogue is None:
            return True
        return self.dialogue.confirm("Go on with this address?", default=proof.likely)

    def _takes_authority(self, error: AddressFails) -> bool:
        """Ask for the certificate of a private authority; return whether the next look trusts more."""
        if self.dialogue is None or error.refusal not in UNTRUSTED:
            return False
        name = self.dialogue.ask_if_any(
            "File with the certificate to trust (PEM), or Enter for another address"
        )
        if not name:
            return False
        path = Path(name).expanduser().absolute()
        try:
            verifying.prove_authority(path)
        except SettingsError as fault:
            self.dialogue.mark(fault.faults[0].problem, ok=False, hint=fault.faults[0].remedy)
            return False
        news = path != self.draft.ca_file
        self.draft.ca_file = path
        return news

    # --- the account ---

    def take_account(self, url: str) -> tuple[str, str]:
        """Return an e-mail and a password that the dashboard lets in."""
        refused = 0
        while True:
            email = self._take_email(again=refused > 0)
            password = self._take_password(again=refused > 0)
            if self._let_in(url, email, password):
                return email, password
            refused += 1
            if refused >= _LOGINS:
                raise CredentialsRefused(
                    f"the dashboard refused the login {refused} times; nothing was changed",
                    hint="Log in with a browser first, then run this again: more attempts "
                    "could lock the account.",
                )
            self.draft.email = email

    def _let_in(self, url: str, email: str, password: str) -> bool:
        """Return whether the dashboard lets this account in; as often as it takes to get an answer."""
        if self.offline:
            self._prove(Proof("login", None, "the login was not proved (--offline)"))
            return True
        while True:
            try:
                proof = verifying.prove_account(url, email, password, self.draft.ca_file)
            except CredentialsRefused as error:
                self._failed("login", error)
                return False
            except DashboardUnreachable as error:
                self._failed("login", error)
                if self.dialogue is None or not self.dialogue.confirm("Try again?", default=True):
                    raise
            else:
                self._prove(proof)
                return True

    def _take_email(self, *, again: bool) -> str:
        asked = again or self._head("email", "2 of 5: the e-mail of the Team administrator.")
        default = self.draft.email or ""
        while True:
            text = self.dialogue.ask("E-mail", default) if asked and self.dialogue else default
            try:
                return answers.checked("dashboard", "email", text)
            except UnfitAnswer as error:
                self._unfit("--email", error)
                asked = True

    def _take_password(self, *, again: bool) -> str:
        asked = again or self._head("password", "3 of 5: the password. It is not shown.")
        known = None if again else self.draft.password
        while True:
            text = known or ""
            if asked and self.dialogue:
                keep = " (Enter keeps the present one)" if known else ""
                text = self.dialogue.ask_hidden(f"Password{keep}", optional=known is not None)
                text = text or known or ""
            try:
                return answers.password(text)
            except UnfitAnswer as error:
                self._unfit("--password-file", error)
                asked = True

    # --- the queue_log ---

    def take_source(self, found: Path) -> Path:
        """Return a queue_log that the service's user can read; `found` is where it should be."""
        asked = self._head("source", "4 of 5: the queue_log that Asterisk writes.")
        default = str(self.draft.source or found)
        while True:
            text = self.dialogue.ask("File", default) if asked and self.dialogue else default
            try:
                path = Path(answers.checked("source", "path", text))
                default = str(path)
                self._prove(self._granted(path))
            except UnfitAnswer as error:
                self._unfit("--source", error)
            except SourceUnreadable as error:
                self._failed("queue_log", error)
                if self.dialogue and self.dialogue.confirm("Use it all the same?", default=False):
                    return path
            else:
                return path
            asked = True

    def _granted(self, path: Path) -> Proof:
        """Prove the file, and change who may read it when that is agreed to."""
        try:
            return verifying.prove_source(path, self.owner)
        except SourceBarred as error:
            if not self.owner.service or not self._may_grant(error):
                raise
            for command in error.barrier.commands:
                if problem := run_command(command):
                    raise SourceUnreadable(
                        f"`{' '.join(command)}` failed: {problem}", hint=error.hint
                    ) from None
            return verifying.prove_source(path, self.owner)

    def _may_grant(self, error: SourceBarred) -> bool:
        if self.dialogue is None:
            return self.grant
        self.dialogue.say(f"  {error.message}. This changes it:")
        for command in error.barrier.commands:
            self.dialogue.say(f"    {' '.join(command)}")
        return self.grant or self.dialogue.confirm("Do that now?", default=True)

    # --- history ---

    def take_history(self, source: Path, archives: Iterable[str], *, settled: bool) -> str:
        """Return how far back to ship, after showing what there is.

        `settled` says that the service has started before: the answer counts no more.
        """
        default = self.draft.history or "all"
        if settled:
            if self.voice is not None:
                self.voice.mark("how far back to ship was settled at the first start", ok=True)
            return default
        if not self._head("history", "5 of 5: how far back to ship.") or self.dialogue is None:
            return default
        census = take_census(source, archives)
        rows = {
            "all": f"{count(census.everything.files, 'file')}, {described(census.everything)}",
            "current": f"{source.name} alone, {described(census.current)}",
            "none": "only what comes from now on",
        }
        self.dialogue.say(answers.in_columns(rows))
        for path in census.unread:
            self.dialogue.mark(f"{path} cannot be read to its end", ok=None)
        self._warn_of_barred(census.files)
        return self.dialogue.choose("Ship", HISTORIES, default)

    def _warn_of_barred(self, files: tuple[Path, ...]) -> None:
        """Name the rotated files that were counted here and that the service cannot read."""
        barred = [found for path in files if (found := can_read_as(self.owner.user, path))]
        if barred and self.voice is not None:
            typed = " && ".join(" ".join(command) for command in barred[0].commands)
            self.voice.mark(
                f"{count(len(barred), 'rotated file')} of these cannot be read by the service:"
                f" {barred[0].problem}",
                ok=None,
                hint=f"Type `{typed}`, and the like for the others." if typed else "",
            )

    # --- what is said ---

    def _head(self, name: str, text: str) -> bool:
        """Say what comes next, if it is asked for; return whether it is."""
        if self.dialogue is None or name in self.draft.given:
            return False
        self.dialogue.head(text)
        return True

    def _prove(self, proof: Proof) -> None:
        self.proofs = [one for one in self.proofs if one.what != proof.what] + [proof]
        if self.voice is not None:
            self.voice.mark(proof.detail, ok=proof.ok, hint=proof.hint)

    def _failed(
        self, what: str, error: CredentialsRefused | DashboardUnreachable | SourceUnreadable
    ) -> None:
        """Put a failed proof on record; raise it when nobody can be asked again."""
        proof = Proof(what, False, error.message, error.hint)
        self.proofs = [one for one in self.proofs if one.what != what] + [proof]
        if self.dialogue is None:
            raise error
        self.dialogue.mark(error.message, ok=False, hint=error.hint)

    def _unfit(self, option: str, error: UnfitAnswer) -> None:
        if self.dialogue is None:
            raise UsageError(f"{option}: {error.problem}", hint=error.remedy) from None
        self.dialogue.mark(error.problem, ok=False, hint=error.remedy)


def described(share: Share) -> str:
    """Return in words what some files hold: from when to when, and how much."""
    if share.first is None or share.last is None:
        return "no records yet"
    return (
        f"{_day(share.first)} to {_day(share.last)}:"
        f" {count(share.records, 'record')}, {count(share.calls, 'call')}"
    )


def _day(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.localtime(seconds))
    except (OverflowError, OSError):
        return str(seconds)
