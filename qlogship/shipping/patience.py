"""When the next request is due, and whether the dashboard is asked first whether it is itself.

Here lives what is remembered for it; the arithmetic is in `backoff`.

An open outcome is one that leaves open what was stored. Each try after one may be a copy,
so the waits after them grow to an hour, whichever upload they concern, until something is
accepted; and before the next body is sent, a login has to work. A dashboard that restarts
behind its gateway for half an hour costs one open outcome then, and no second one. A token
that was given has nothing to log in with: only the waits protect there.

After a restart nothing is waited for but what the dashboard asked for: whoever restarts has
perhaps mended it. How often the outcome was open is kept, so the probe is due first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.dashboard.verdicts import Verdict, is_slow
from qlogship.shipping.backoff import LOGIN, OPEN, QUICK, next_delay

if TYPE_CHECKING:
    from qlogship.clocks import Clocks
    from qlogship.dashboard.outcome import Outcome
    from qlogship.shipping.backoff import Pace
    from qlogship.shipping.delivery import Decision
    from qlogship.shipping.ledger import Upload
    from qlogship.shipping.position import ShippingPosition


class Patience:
    """Say when to send, and when to ask first; the caller holds the transaction."""

    def __init__(self, position: ShippingPosition, clocks: Clocks) -> None:
        self._position = position
        self._clocks = clocks
        self._open_outcomes = position.open_outcomes()
        self._refused_logins = 0
        self.failed_probes = 0
        """How many logins in a row failed that were to work first."""
        self._is_itself = False
        self._due = clocks.monotonic()

    def begin_again(self) -> None:
        """Forget all: the dashboard answered, and was cleared."""
        self._remember(0)
        self._refused_logins = self.failed_probes = 0
        self._due = self._clocks.monotonic()

    @property
    def over(self) -> bool:
        """Whether nothing need be waited for any more."""
        return self._due <= self._clocks.monotonic()

    def rest(self, now: float) -> float:
        """Return the seconds that are still to be waited, on the monotonic clock."""
        return self._due - now

    def be_due(self, seconds: float = 0.0) -> None:
        """Wait for so many seconds from now on."""
        self._due = self._clocks.monotonic() + seconds

    def be_due_at_least(self, seconds: float = 0.0) -> None:
        """Wait for so many seconds from now on, or for as long as was said before."""
        self._due = max(self._due, self._clocks.monotonic() + seconds)

    def asks_first(self, head: Upload) -> bool:
        """Return whether a login has to work before this upload is sent."""
        return not self._is_itself and (self._open_outcomes > 0 or head.open_sends > 0)

    def sends(self) -> None:
        """Note that a body is sent: what a login proved before holds no longer."""
        self._is_itself = False

    def after(self, upload: Upload, outcome: Outcome, decision: Decision) -> float:
        """Note what came back of an upload; return the seconds before the next try."""
        if outcome.verdict is Verdict.ACCEPTED:
            self._remember(0)
            self._refused_logins = 0
        if decision.is_open:
            return self.after_open(outcome.retry_after, slow=decision.slow)
        if outcome.verdict is Verdict.UNAUTHORIZED:
            return self._refused(outcome)
        pace = QUICK.slow() if decision.slow else QUICK
        return self._wait(upload.attempts, pace, outcome.retry_after)

    def after_open(self, retry_after: float | None = None, *, slow: bool = False) -> float:
        """Note an outcome that leaves open what was stored; return the seconds to wait."""
        self._remember(self._open_outcomes + 1)
        pace = OPEN.slow() if slow else OPEN
        return self._wait(self._open_outcomes, pace, retry_after)

    def probed(self, outcome: Outcome) -> float:
        """Note what came of a login; return the seconds before the next request."""
        if outcome.verdict is Verdict.ACCEPTED:
            self._is_itself = True
            self._refused_logins = self.failed_probes = 0
            return 0.0
        if outcome.verdict is Verdict.UNAUTHORIZED:
            return self._refused(outcome)
        self.failed_probes += 1
        pace = QUICK.slow() if is_slow(outcome.verdict) else QUICK
        return self._wait(self.failed_probes, pace, outcome.retry_after)

    def _refused(self, outcome: Outcome) -> float:
        self._refused_logins += 1
        return self._wait(self._refused_logins, LOGIN, outcome.retry_after)

    def _wait(self, attempt: int, pace: Pace, retry_after: float | None) -> float:
        return next_delay(attempt, random=self._clocks.chance(), retry_after=retry_after, pace=pace)

    def _remember(self, open_outcomes: int) -> None:
        if open_outcomes != self._open_outcomes:
            self._open_outcomes = open_outcomes
            self._position.save_open_outcomes(open_outcomes)
