"""The exception tree and the one table of exit codes.

Here live the errors a caller may branch on, the exit code each one ends a
command with, and nothing else. A message says what happened and names the
thing and its value; a hint is one sentence that starts with a verb: what to
type next.

    QlogshipError             1
    +-- UsageError            2
    |   +-- InvalidUser       2
    +-- SettingsError        10
    +-- LockedError          11
    +-- CredentialsRefused   12
    +-- DashboardUnreachable 13
    +-- DashboardRefused      1
    +-- OutcomeUnknown        3
    +-- SourceUnreadable     14
    |   +-- NotAQueueLog     14
    +-- FileNotWritten        1
    +-- FileNotUsable         1
    +-- UserExists            1
    +-- StateError            1
    +-- ResyncRefused         1
    +-- DestinationUndecided  3
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExitCode(IntEnum):
    """What a command's exit status means; `EXIT_MEANINGS` has the words."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    IN_DOUBT = 3
    SETTINGS = 10
    LOCKED = 11
    CREDENTIALS = 12
    UNREACHABLE = 13
    SOURCE = 14
    INTERRUPTED = 130


EXIT_MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "usage",
    ExitCode.IN_DOUBT: "done, but something is quarantined, or a number is wrong or uncertain",
    ExitCode.SETTINGS: "settings",
    ExitCode.LOCKED: "another instance holds the state directory",
    ExitCode.CREDENTIALS: "the dashboard refuses the credentials",
    ExitCode.UNREACHABLE: "the dashboard cannot be reached",
    ExitCode.SOURCE: "the queue_log cannot be read",
    ExitCode.INTERRUPTED: "interrupted",
}


class QlogshipError(Exception):
    """The base of every error qlogship raises on purpose; never raised itself.

    `hint` is one sentence that starts with a verb; empty when there is
    nothing a person could do.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(QlogshipError):
    """The command line asks for something that makes no sense."""

    exit_code = ExitCode.USAGE


class InvalidUser(UsageError):
    """A user who cannot be made; `faults` names every field and what is wrong with it."""

    def __init__(self, who: str, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            f"the user {who} cannot be made: "
            + "; ".join(f"{name}: {problem}" for name, problem in faults),
            hint="Mend these fields and try again.",
        )
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the settings: where, what, what to do."""

    place: str
    problem: str
    remedy: str


class SettingsError(QlogshipError):
    """The settings cannot be used; `faults` names every one of them at once."""

    exit_code = ExitCode.SETTINGS

    def __init__(self, faults: Sequence[Fault]) -> None:
        count = len(faults)
        super().__init__(
            f"{count} fault{'s' if count != 1 else ''} in the settings",
            hint="Mend them and run `qlogship config check`.",
        )
        self.faults = tuple(faults)


class LockedError(QlogshipError):
    """Another process holds the state directory; `pid` names it when known."""

    exit_code = ExitCode.LOCKED

    def __init__(self, message: str, *, pid: int | None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pid = pid


class CredentialsRefused(QlogshipError):
    """The dashboard answered that it does not know this e-mail, password or token."""

    exit_code = ExitCode.CREDENTIALS


class DashboardUnreachable(QlogshipError):
    """No connection to the dashboard, or no useful answer from it."""

    exit_code = ExitCode.UNREACHABLE


class AnswerTooLarge(DashboardUnreachable):
    """What came has more bytes, more parts or more pages than anything that was asked for."""


class DashboardRefused(QlogshipError):
    """The dashboard answered a request with an error: what was asked for was not done.

    `status` is that of the answer, `answer` its text without secrets, cut to a
    length that can be shown, `retry_after` how many seconds it asks to wait, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        answer: str = "",
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.answer = answer
        self.retry_after = retry_after


class OutcomeUnknown(QlogshipError):
    """A change was asked for, and no answer proves what became of it.

    It must be looked up before it is asked for again.
    """

    exit_code = ExitCode.IN_DOUBT


class FileNotWritten(QlogshipError):
    """What was downloaded cannot be written to where it was to go."""


class FileNotUsable(QlogshipError):
    """A file that the command line names cannot be read, or holds something else."""


class UserExists(QlogshipError):
    """Somebody has the e-mail address of a user who was to be added."""


class SourceUnreadable(QlogshipError):
    """The queue_log is missing, is no regular file, or may not be read."""

    exit_code = ExitCode.SOURCE


class NotAQueueLog(SourceUnreadable):
    """A file that can be read, and is no queue_log, or has become something else."""


class ResyncRefused(QlogshipError):
    """A resync was not begun: it would lose something, or was not confirmed."""


class DestinationUndecided(QlogshipError):
    """Nothing is sent until somebody decides whether the ledger belongs to the dashboard."""

    exit_code = ExitCode.IN_DOUBT


class StateError(QlogshipError):
    """The state directory or its database cannot be used."""
