"""How setup asks: each answer is checked, and asked for again when it fails.

Here lives what all questions have in common. Where nobody can be asked, the first
failure is raised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlogship.config.secret import Unfit
from qlogship.errors import UsageError
from qlogship.setup.dialogue import Proof

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlogship.errors import CredentialsRefused, DashboardUnreachable, SourceUnreadable
    from qlogship.installation.places import Owner
    from qlogship.setup.answers import Answers, Options
    from qlogship.setup.dialogue import Dialogue


@dataclass(slots=True)
class Asking:
    """What is asked in one run of setup, and what was proved so far.

    `known` comes from options and from settings that exist; what came by an option is
    not asked for.
    """

    known: Answers
    options: Options
    owner: Owner
    dialogue: Dialogue
    proofs: list[Proof]
    _number: int = field(default=0, init=False)

    def head(self, name: str, text: str) -> bool:
        """Say what comes next, if it is asked for; return whether it is."""
        asked = self.dialogue.asks and name not in self.options.said.said
        if asked:
            self._number += 1
            self.dialogue.head(f"{self._number}. {text}")
        return asked

    def proved(self, proof: Proof) -> None:
        """Put a proof on record, and say it."""
        self._record(proof)
        self.dialogue.mark(proof.ok, proof.detail, proof.hint)

    def failed(
        self, what: str, error: CredentialsRefused | DashboardUnreachable | SourceUnreadable
    ) -> None:
        """Put a failed proof on record; raise it when nobody can be asked again."""
        self._record(Proof(what, False, error.message, error.hint))
        if not self.dialogue.asks:
            raise error
        self.dialogue.mark(False, error.message, error.hint)

    def fit(
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

    def _record(self, proof: Proof) -> None:
        self.proofs[:] = [one for one in self.proofs if one.what != proof.what] + [proof]
