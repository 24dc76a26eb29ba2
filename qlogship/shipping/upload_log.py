"""What is told of uploads: a line in the log for each, and the troubles that they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlogship.dashboard.verdicts import REFUSES_EVERYTHING, trouble_of

if TYPE_CHECKING:
    from qlogship.dashboard.outcome import Outcome
    from qlogship.errors import StateError
    from qlogship.shipping.delivery import Decision
    from qlogship.shipping.ledger import Upload
    from qlogship.troubles.notices import Notices


class UploadLog:
    """Tell what became of each attempt; `log` is a structlog logger."""

    def __init__(self, notices: Notices, log: Any) -> None:  # noqa: ANN401
        self._notices = notices
        self._log = log
        self.set_aside = 0
        """How many uploads became unknown, and are not sent again."""

    @property
    def troubles(self) -> dict[str, str]:
        """The kinds of trouble there are now, each with its message."""
        return self._notices.kinds

    def cut_off(self, upload: Upload) -> None:
        """Tell of an attempt whose outcome nobody waited for."""
        self._log.warning("upload_was_cut_off", upload=upload.id)

    def unreadable(self, upload: Upload, error: StateError) -> None:
        """Tell of an upload whose records the archive does not give any more."""
        self._log.error("upload_unreadable", upload=upload.id, detail=error.message)

    def answered(
        self, upload: Upload, outcome: Outcome, decision: Decision, *, delay: float, seconds: float
    ) -> None:
        """Tell what came back after `seconds`; `delay` is the wait before the next attempt."""
        facts = {
            "upload": upload.id,
            "lines": upload.composition.lines,
            "calls": upload.composition.calls,
            "bytes": upload.composition.bytes,
            "seconds": round(seconds, 3),
        }
        if decision.state == "accepted":
            self._accepted(upload, outcome, facts)
        elif decision.state in {"rejected", "split"}:
            # Only an acceptance proves that not everything is refused.
            self._notices.end_all("dashboard_", but={REFUSES_EVERYTHING.kind})
            if decision.state == "split":
                self._log.warning("upload_split", **facts, detail=outcome.detail)
            else:
                self._log.error("batch_quarantined", **facts, detail=outcome.detail)
        trouble = decision.trouble
        if trouble is not None:
            self._notices.begin(trouble.kind, outcome.detail, trouble.hint, grave=decision.slow)
            self._notices.end_all("dashboard_", but={trouble.kind})
        if decision.state == "unknown" and not decision.again:
            self.set_aside += 1
        if decision.set_aside:
            self._log.error(
                "upload_set_aside", **facts, detail=outcome.detail, sends=upload.open_sends
            )
        elif decision.state == "unknown":
            self._log.warning(
                "outcome_unknown", **facts, detail=outcome.detail, again=decision.again
            )
        if decision.again:
            self._log.debug("upload_postponed", **facts, detail=outcome.detail, wait=delay)

    def probed(self, outcome: Outcome, *, delay: float) -> None:
        """Tell what came of a login that was to work before the next upload."""
        trouble = trouble_of(outcome.verdict)
        if trouble is not None:
            self._notices.begin(trouble.kind, outcome.detail, trouble.hint, grave=trouble.person)
            self._notices.end_all("dashboard_", but={trouble.kind})
        self._log.debug("dashboard_probed", detail=outcome.detail, wait=delay)

    def _accepted(self, upload: Upload, outcome: Outcome, facts: dict[str, float]) -> None:
        self._notices.end_all("dashboard_")
        self._log.info(
            "batch_accepted",
            **facts,
            reported_calls=outcome.reported_calls,
            possible_duplicate=upload.possible_duplicate,
        )
        if outcome.reported_calls is None:
            self._notices.begin(
                "count_unreadable",
                f"the dashboard's answer holds no count of calls: {outcome.answer[:200]!r}",
                "Nothing need be done; reported calls cannot be compared.",
            )
        else:
            self._notices.end("count_unreadable")
