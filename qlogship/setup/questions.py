"""The questions of setup: each answer is taken, proved, and asked for again when it fails.

Here live the order within a question and what is said; the looks at the world are
in `verifying`. Where nobody can be asked, the first failure is raised.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qlogship.config.secret import Unfit
from qlogship.dashboard.address import trust
from qlogship.errors import (
    CredentialsRefused,
    DashboardUnreachable,
    NotAQueueLog,
    SettingsError,
    SourceUnreadable,
    UsageError,
)
from qlogship.installation.identity import can_read_as
from qlogship.setup import answers, verifying
from qlogship.setup.census import Share, take_census
from qlogship.setup.dialogue import Proof
from qlogship.setup.verifying import UNTRUSTED, AddressFails, SourceBarred
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qlogship.installation.places import Owner
    from qlogship.setup.answers import Answers, Options
    from qlogship.setup.dialogue import Dialogue

# An account may be locked after some refused logins; nobody knows after how many.
_LOGINS: Final = 3


@dataclass(slots=True)
class Questions:
    """What is asked in one run of setup, and what was proved so far.

    `known` comes from options and from settings that exist; what came by an option is
    not asked for.
    """

    known: Answers
    options: Options
    owner: Owner
    dialogue: Dialogue
    proofs: list[Proof]
    _refused: int = field(default=0, init=False)

    # --- the dashboard ---

    def take_address(self) -> str:
        """Return an address that leads to the dashboard, as far as that can be proved."""
        asked = self._head(
            "url",
            "1 of 5: the Team Dashboard. Type its address, or the name of the tenant:\n"
            "company stands for https://company.softphone.pro.",
        )
        url = self.known.url or ""
        while True:
            url = self._fit(
                "--url",
                answers.address,
                partial(self.dialogue.ask, "Address", url),
                None if asked else url,
            )
            asked = True
            try:
                if self._goes_on_with(url):
                    return url
            except AddressFails as error:
                self._failed("address", error)
                asked = error.refusal not in UNTRUSTED or not self._trusts_more()

    def _goes_on_with(self, url: str) -> bool:
        if self.options.offline:
            self._proved(Proof("address", None, f"{url} was not proved (--offline)"))
            return True
        self.dialogue.say(f"  looking at {url} ...")
        proof = verifying.prove_address(url, self.known.ca_file)
        self._proved(proof)
        if proof.ok or not self.dialogue.asks:
            return True
        return self.dialogue.agrees("Go on with this address?", default=proof.likely)

    def _trusts_more(self) -> bool:
        """Ask for the certificate of a private authority; return whether there is another now."""
        name = self.dialogue.ask_if_any(
            "File with the certificate to trust (PEM), or Enter for another address"
        )
        if not name:
            return False
        path = Path(name).expanduser().absolute()
        try:
            trust(path)
        except SettingsError as error:
            self.dialogue.mark(False, error.faults[0].problem, error.faults[0].remedy)
            return False
        before = self.known.ca_file
        self.known = replace(self.known, ca_file=path)
        return path != before

    # --- the account ---

    def take_account(self, url: str) -> tuple[str, str]:
        """Return an e-mail and a password that the dashboard lets in."""
        while True:
            email, password = self._take_email(), self._take_password()
            if self._is_let_in(url, email, password):
                return email, password
            self._refused += 1
            if self._refused >= _LOGINS:
                raise CredentialsRefused(
                    f"the dashboard refused the login {self._refused} times; nothing was changed",
                    hint="Log in with a browser first, then run this again: more attempts "
                    "could lock the account.",
                )
            self.known = replace(self.known, email=email)

    def _is_let_in(self, url: str, email: str, password: str) -> bool:
        """Return whether the dashboard lets this account in; ask until it gives an answer."""
        if self.options.offline:
            self._proved(Proof("login", None, "the login was not proved (--offline)"))
            return True
        while True:
            try:
                proof = verifying.prove_account(url, email, password, self.known.ca_file)
            except CredentialsRefused as error:
                self._failed("login", error)
                return False
            except DashboardUnreachable as error:
                self._failed("login", error)
                if not self.dialogue.agrees("Try again?"):
                    raise
            else:
                self._proved(proof)
                return True

    def _take_email(self) -> str:
        asked = self._refused or self._head(
            "email", "2 of 5: the e-mail of the Team administrator."
        )
        known = self.known.email or ""
        check = partial(answers.checked, "dashboard", "email")
        ask = partial(self.dialogue.ask, "E-mail", known)
        return self._fit("--email", check, ask, None if asked else known)

    def _take_password(self) -> str:
        asked = self._refused or self._head("password", "3 of 5: the password. It is not shown.")
        known = None if self._refused else self.known.password
        keep = " (Enter keeps the present one)" if known else ""

        def ask() -> str:
            optional = known is not None
            return self.dialogue.ask_hidden(f"Password{keep}", optional=optional) or known or ""

        return self._fit("--password-file", answers.password, ask, None if asked else known or "")

    # --- the queue_log ---

    def take_source(self, found: Path) -> Path:
        """Return a queue_log that the service's user can read; `found` is where it should be."""
        asked = self._head("source", "4 of 5: the queue_log that Asterisk writes.")
        source = str(self.known.source or found)
        check = partial(answers.checked, "source", "path")
        while True:
            ask = partial(self.dialogue.ask, "File", source)
            source = self._fit("--source", check, ask, None if asked else source)
            asked = True
            try:
                self._prove_source(Path(source))
            except SourceUnreadable as error:
                self._failed("queue_log", error)
                if isinstance(error, NotAQueueLog):
                    continue
                if self.dialogue.agrees("Use it all the same?", default=False):
                    return Path(source)
            else:
                return Path(source)

    def _prove_source(self, path: Path) -> None:
        """Prove the file, and change who may read it when that is agreed to."""
        try:
            proof = verifying.prove_source(path, self.owner)
        except SourceBarred as error:
            if not self.owner.service:
                raise
            commands = [" ".join(command) for command in error.barrier.commands]
            for line in (f"  {error.message}. This changes it:", *(f"    {c}" for c in commands)):
                self.dialogue.say(line)
            if not self.options.grant and not self.dialogue.agrees("Do that now?"):
                raise
            verifying.let_in(error)
            proof = verifying.prove_source(path, self.owner)
        self._proved(proof)

    # --- history ---

    def take_history(self, source: Path, archives: Iterable[str], *, settled: bool) -> str:
        """Return how far back to ship, after showing what there is.

        `settled` says that the service has started before: the answer counts no more.
        """
        known = self.known.history or "all"
        if settled:
            self.dialogue.mark(True, "how far back to ship was settled at the first start")
            return known
        if not self._head("history", "5 of 5: how far back to ship."):
            return known
        census = take_census(source, archives)
        rows = {
            "all": f"{count(census.everything.files, 'file')}, {_described(census.everything)}",
            "current": f"{source.name} alone, {_described(census.current)}",
            "none": "only what comes from now on",
        }
        rows.setdefault(known, "all is archived; uploaded is what is from that day on")
        self.dialogue.say(answers.in_columns(rows))
        for path in census.unread:
            self.dialogue.mark(None, f"{path} cannot be read to its end")
        barred = [found for path in census.files if (found := can_read_as(self.owner.user, path))]
        if barred:
            self.dialogue.mark(
                None,
                f"{count(len(barred), 'rotated file')} of these cannot be read by the service:"
                f" {barred[0].problem}",
                f"Type `{typed}`, and the like for the others."
                if (typed := barred[0].typed)
                else "",
            )
        return self.dialogue.choose("Ship", tuple(rows), known)

    # --- what is said ---

    def _head(self, name: str, text: str) -> bool:
        """Say what comes next, if it is asked for; return whether it is."""
        asked = self.dialogue.asks and name not in self.options.said.said
        if asked:
            self.dialogue.head(text)
        return asked

    def _proved(self, proof: Proof) -> None:
        self._record(proof)
        self.dialogue.mark(proof.ok, proof.detail, proof.hint)

    def _failed(
        self, what: str, error: CredentialsRefused | DashboardUnreachable | SourceUnreadable
    ) -> None:
        """Put a failed proof on record; raise it when nobody can be asked again."""
        self._record(Proof(what, False, error.message, error.hint))
        if not self.dialogue.asks:
            raise error
        self.dialogue.mark(False, error.message, error.hint)

    def _record(self, proof: Proof) -> None:
        self.proofs[:] = [one for one in self.proofs if one.what != proof.what] + [proof]

    def _fit(
        self, option: str, check: Callable[[str], str], ask: Callable[[], str], known: str | None
    ) -> str:
        """Return an answer that passes a check: what is known, unless that is None, or asked for.

        Raises UsageError when it does not pass and nobody can be asked.
        """
        text = ask() if known is None else known
        while True:
            try:
                return check(text)
            except Unfit as error:
                if not self.dialogue.asks:
                    raise UsageError(f"{option}: {error.problem}", hint=error.remedy) from None
                self.dialogue.mark(False, error.problem, error.remedy)
            text = ask()


def _described(share: Share) -> str:
    """Return in words what some files hold: from when to when, and how much."""
    if share.first is None or share.last is None:
        return "no records yet"
    return (
        f"{verifying.day(share.first)} to {verifying.day(share.last)}:"
        f" {count(share.records, 'record')}, {count(share.calls, 'call')}"
    )
