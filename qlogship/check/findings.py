"""What `check` says about one thing, and what a whole examination comes to.

The id of a finding is made of its group and a name. It stands where the finding is
judged and in docs/check.md, and a test compares the two. An id is a contract with
scripts and monitoring systems: ids are added, never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from qlogship.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable


class Level(StrEnum):
    """How grave a finding is.

    PROBLEM: calls do not reach the dashboard, or will not, until a person acts.
    WARNING: it works, and should be looked at. UNKNOWN: it could not be found
    out, which is neither good nor bad.
    """

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one kind: their title, and the exit code of a problem among them."""

    title: str
    exit_code: ExitCode


GROUPS: Final[dict[str, Group]] = {
    "settings": Group("Settings", ExitCode.SETTINGS),
    "secret": Group("Secrets", ExitCode.SETTINGS),
    "user": Group("Service user", ExitCode.FAILED),
    "source": Group("queue_log", ExitCode.SOURCE),
    "asterisk": Group("Asterisk", ExitCode.SOURCE),
    "rotation": Group("Rotation", ExitCode.SOURCE),
    "state": Group("State directory", ExitCode.FAILED),
    "disk": Group("Disk", ExitCode.FAILED),
    "clock": Group("Clock", ExitCode.FAILED),
    "dashboard": Group("Dashboard", ExitCode.UNREACHABLE),
    "tls": Group("Certificate", ExitCode.UNREACHABLE),
    "login": Group("Login", ExitCode.CREDENTIALS),
    "unit": Group("Service", ExitCode.FAILED),
    "ledger": Group("Shipping", ExitCode.FAILED),
}
"""In the order in which findings are shown, and in which somebody would mend them."""

# Of several problems the code of the first of these counts. Settings come first,
# since nothing works without them.
_GRAVEST: Final = (
    ExitCode.SETTINGS,
    ExitCode.CREDENTIALS,
    ExitCode.UNREACHABLE,
    ExitCode.SOURCE,
    ExitCode.FAILED,
)

# A problem that is not of its group's kind: to be refused is one of credentials,
# to get no answer to the login is not.
_OWN_CODES: Final = {"login.failed": ExitCode.UNREACHABLE}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it stands, what that means, and what to type.

    `about` names the thing: a file, a user, an address, a unit. `hint` is one
    sentence that starts with a verb; empty when there is nothing to do.
    """

    id: str
    level: Level
    about: str
    message: str
    hint: str = ""

    @property
    def group(self) -> str:
        """The key of its group."""
        return self.id.partition(".")[0]

    @property
    def exit_code(self) -> ExitCode:
        """What it ends the command with, when it is a problem."""
        return _OWN_CODES.get(self.id, GROUPS[self.group].exit_code)


def ok(id_: str, about: object, message: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(id_, Level.OK, str(about), message)


def unknown(id_: str, about: object, message: str, hint: str = "Run this as root.") -> Finding:
    """Return a finding that nothing could be found out, by default for want of permissions."""
    return Finding(id_, Level.UNKNOWN, str(about), message, hint)


def warning(id_: str, about: object, message: str, hint: str) -> Finding:
    """Return a warning."""
    return Finding(id_, Level.WARNING, str(about), message, hint)


def problem(id_: str, about: object, message: str, hint: str) -> Finding:
    """Return a problem."""
    return Finding(id_, Level.PROBLEM, str(about), message, hint)


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """Return what the command ends with: 0 unless there is a problem."""
    codes = {finding.exit_code for finding in findings if finding.level is Level.PROBLEM}
    return next((code for code in _GRAVEST if code in codes), ExitCode.DONE)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of their groups; within a group they stay as they came."""
    places = list(GROUPS)
    return sorted(findings, key=lambda finding: places.index(finding.group))
