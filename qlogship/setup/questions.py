"""The questions about the dashboard and the queue_log: each answer is taken, and proved.

Here live the order within a question and what is said; the looks at the world are
in `verifying`, those about the beginning in `beginning`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from qlogship.dashboard.address import trust
from qlogship.errors import (
    CredentialsRefused,
    DashboardUnreachable,
    NotAQueueLog,
    SettingsError,
    SourceUnreadable,
)
from qlogship.setup import answers, verifying
from qlogship.setup.asking import Asking
from qlogship.setup.dialogue import Proof
from qlogship.setup.verifying import UNTRUSTED, AddressFails, SourceBarred

# An account may be locked after some refused logins; nobody knows after how many.
_LOGINS: Final = 3


@dataclass(slots=True)
class Questions(Asking):
    """The questions about the dashboard and the queue_log."""

    _refused: int = field(default=0, init=False)

    # --- the dashboard ---

    def take_address(self) -> str:
        """Return an address that leads to the dashboard, as far as that can be proved."""
        asked = self.head(
            "url",
            "The Team Dashboard. Type its address, or the name of the tenant:\n"
            "company stands for https://company.softphone.pro.",
        )
        url = self.known.url or ""
        while True:
            url = self.fit(
                "--url",
                partial(answers.address, allow_http=bool(self.known.allow_http)),
                partial(self.dialogue.ask, "Address", url),
                None if asked else url,
            )
            asked = True
            try:
                if self._goes_on_with(url):
                    return url
            except AddressFails as error:
                self.failed("address", error)
                asked = error.refusal not in UNTRUSTED or not self._trusts_more()

    def _goes_on_with(self, url: str) -> bool:
        if self.options.offline:
            self.proved(Proof("address", None, f"{url} was not proved (--offline)"))
            return True
        self.dialogue.say(f"  looking at {url} ...")
        proof = verifying.prove_address(url, self.known.ca_file)
        self.proved(proof)
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
            self.proved(Proof("login", None, "the login was not proved (--offline)"))
            return True
        while True:
            try:
                proof = verifying.prove_account(url, email, password, self.known.ca_file)
            except CredentialsRefused as error:
                self.failed("login", error)
                return False
            except DashboardUnreachable as error:
                self.failed("login", error)
                if not self.dialogue.agrees("Try again?"):
                    raise
            else:
                self.proved(proof)
                return True

    def _take_email(self) -> str:
        asked = self._refused or self.head("email", "The e-mail of the Team administrator.")
        known = self.known.email or ""
        check = partial(answers.checked, "dashboard", "email")
        ask = partial(self.dialogue.ask, "E-mail", known)
        return self.fit("--email", check, ask, None if asked else known)

    def _take_password(self) -> str:
        asked = self._refused or self.head("password", "The password. It is not shown.")
        known = None if self._refused else self.known.password
        keep = " (Enter keeps the present one)" if known else ""

        def ask() -> str:
            optional = known is not None
            return self.dialogue.ask_hidden(f"Password{keep}", optional=optional) or known or ""

        return self.fit("--password-file", answers.password, ask, None if asked else known or "")

    # --- the queue_log ---

    def take_source(self, found: Path) -> Path:
        """Return a queue_log that the service's user can read; `found` is where it should be."""
        asked = self.head("source", "The queue_log that Asterisk writes.")
        source = str(self.known.source or found)
        check = partial(answers.checked, "source", "path")
        while True:
            ask = partial(self.dialogue.ask, "File", source)
            source = self.fit("--source", check, ask, None if asked else source)
            asked = True
            try:
                self._prove_source(Path(source), found)
            except NotAQueueLog as error:
                self.failed("queue_log", error)
                source = str(verifying.likely_queue_log(Path(source), found) or found)
            except SourceUnreadable as error:
                self.failed("queue_log", error)
                if self.dialogue.agrees("Use it all the same?", default=False):
                    return Path(source)
            else:
                return Path(source)

    def _prove_source(self, path: Path, likely: Path) -> None:
        """Prove the file, and change who may read it when that is agreed to."""
        try:
            proof = verifying.prove_source(path, self.owner, likely)
        except SourceBarred as error:
            if not self.owner.service:
                raise
            self.dialogue.mark(None, error.message, f"This changes it: {error.grant.words}.")
            if not self.options.grant and not self.dialogue.agrees("Do that now?"):
                raise
            verifying.let_in(path, self.owner, likely)
            proof = verifying.prove_source(path, self.owner, likely)
        else:
            wanted = self.options.grant and self.owner.service
            # Who reads it because a group or everybody may is given the narrower right as well.
            if wanted and verifying.is_open_by_list(path, self.owner):
                verifying.let_in(path, self.owner, likely)
        self.proved(proof)
