"""What `check` says about one thing, and what a whole examination comes to.

Here live all ids that a finding may have; docs/check.md explains each of them,
and a test compares the two. An id is a contract with scripts and monitoring
systems: ids are added, never renamed.
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
    """Findings of one kind: their title, the exit code of a problem among them, their names."""

    title: str
    exit_code: ExitCode
    names: tuple[str, ...]


GROUPS: Final[dict[str, Group]] = {
    "settings": Group(
        "Settings",
        ExitCode.SETTINGS,
        ("sound", "fault", "doubt", "writable", "unseen"),
    ),
    "secret": Group(
        "Secrets",
        ExitCode.SETTINGS,
        ("safe", "fault", "open", "unreadable", "unseen"),
    ),
    "user": Group("Service user", ExitCode.FAILED, ("exists", "missing", "stale-groups")),
    "source": Group(
        "queue_log",
        ExitCode.SOURCE,
        (
            *("readable", "missing", "unreadable", "directory-unreadable"),
            *("rotated-unreadable", "archives-unreadable", "unseen"),
        ),
    ),
    "asterisk": Group(
        "Asterisk",
        ExitCode.SOURCE,
        (
            *("writes", "queue-log-off", "realtime-only", "holds-rotated", "holds-deleted"),
            *("other-file", "not-open", "not-running", "in-container", "unseen"),
            *("rotate-hook", "conf-unread"),
        ),
    ),
    "rotation": Group(
        "Rotation",
        ExitCode.SOURCE,
        (
            *("sound", "none", "no-reload", "reload-unclear", "copytruncate", "create-owner"),
            *("create-mode", "olddir", "name", "rotate-zero", "shred", "twice", "su"),
            *("faulty", "unread"),
        ),
    ),
    "state": Group(
        "State directory",
        ExitCode.FAILED,
        (
            *("sound", "missing", "not-writable", "foreign-files", "open", "damaged"),
            "unseen",
        ),
    ),
    "disk": Group(
        "Disk", ExitCode.FAILED, ("room", "state-full", "state-low", "source-full", "source-low")
    ),
    "clock": Group(
        "Clock",
        ExitCode.FAILED,
        ("right", "differs", "behind-archive", "unsynchronised", "uncompared"),
    ),
    "dashboard": Group(
        "Dashboard",
        ExitCode.UNREACHABLE,
        ("reached", "no-address", "unreachable", "no-answer", "redirects"),
    ),
    "tls": Group(
        "Certificate",
        ExitCode.UNREACHABLE,
        (
            *("trusted", "expires", "expired", "not-yet-valid", "wrong-name", "self-signed"),
            *("private-authority", "issuer-unknown", "refused"),
        ),
    ),
    "login": Group("Login", ExitCode.CREDENTIALS, ("accepted", "refused", "failed", "untried")),
    "unit": Group(
        "Service",
        ExitCode.FAILED,
        (
            *("running", "not-installed", "masked", "disabled", "not-running", "failed"),
            *("restarting", "foreign", "other-program", "other-settings", "reload-needed"),
            *("drop-ins", "unseen"),
        ),
    ),
    "ledger": Group(
        "Shipping",
        ExitCode.FAILED,
        (
            *("shipping", "lag", "unknown", "quarantined", "duplicates", "trouble"),
            *("resync", "nothing-yet"),
        ),
    ),
}
"""In the order in which findings are shown, and in which somebody would mend them."""

IDS: Final = frozenset(f"{key}.{name}" for key, group in GROUPS.items() for name in group.names)

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

    def __post_init__(self) -> None:
        if self.id not in IDS:
            raise ValueError(f"no such finding: {self.id}")

    @property
    def group(self) -> str:
        """The key of its group."""
        return self.id.partition(".")[0]

    @property
    def exit_code(self) -> ExitCode:
        """What it ends the command with, when it is a problem."""
        return _OWN_CODES.get(self.id, GROUPS[self.group].exit_code)


def ok(id_: str, about: object, message: str, hint: str = "") -> Finding:
    """Return a finding that all is well."""
    return Finding(id_, Level.OK, str(about), message, hint)


def unknown(id_: str, about: object, message: str, hint: str = "") -> Finding:
    """Return a finding that nothing could be found out."""
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
    places = {key: place for place, key in enumerate(GROUPS)}
    return sorted(findings, key=lambda finding: places[finding.group])
