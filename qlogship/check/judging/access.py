"""Whether the service's user exists and can read what it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.installation.places import DEFAULT_PATH, grant_command
from qlogship.wording import count, listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qlogship.check.facts.access import Opening, SourceFacts, UserFacts
    from qlogship.installation.identity import Barrier


def judge_user(facts: UserFacts, *, unit: str | None) -> Iterator[Finding]:
    """Judge the user that the service runs as."""
    name = facts.name
    if facts.account is None:
        yield problem(
            "user.missing",
            name,
            "there is no such user, and the service runs as it",
            f"Make it: `useradd --system --home-dir /var/lib/qlogship --shell /usr/sbin/nologin"
            f" {name}`.",
        )
    elif facts.missing_groups:
        yield warning(
            "user.stale-groups",
            name,
            f"the running service is not yet in {listed(facts.missing_groups)}, which its user has"
            " joined since it was started",
            f"Run `systemctl restart {unit or 'qlogship'}`.",
        )
    else:
        yield ok("user.exists", name, f"in {listed(facts.groups, most=8)}")


def judge_source(
    facts: SourceFacts, *, explained: bool, settings: Path = DEFAULT_PATH
) -> Iterator[Finding]:
    """Judge whether the service can read the queue_log; `explained`: why it is missing is known."""
    path = facts.path
    if not facts.exists and explained:
        return
    if not facts.exists:
        yield problem(
            "source.missing",
            path,
            "it does not exist: Asterisk writes another file, or none yet",
            "Compare source.path with `astlogdir` in asterisk.conf; `asterisk -rx 'logger reload'`"
            " makes the file when there is none.",
        )
    elif facts.refused is not None:
        said = facts.refused.problem.removeprefix(f"{path} ")
        yield problem("source.unreadable", path, said, facts.refused.hint)
    elif facts.barrier is not None:
        yield _unreadable(facts, facts.barrier, settings)
    elif facts.key is None:
        yield unknown("source.unseen", path, "you may not look at it")
    elif facts.foreign is not None:
        yield problem(
            "source.foreign",
            path,
            f"{facts.foreign.removeprefix(f'{path} ')}; nothing of it is uploaded",
            "Set source.path to the file that Asterisk writes, usually"
            " /var/log/asterisk/queue_log.",
        )
    elif facts.readable:  # without a user nobody can try, and that was said
        yield from _readable(facts, settings)


def _unreadable(facts: SourceFacts, barrier: Barrier, settings: Path) -> Finding:
    hint = _remedy(barrier, facts.opening, settings)
    if barrier.path in {facts.path, facts.real}:
        return problem("source.unreadable", facts.path, barrier.problem, hint)
    return problem(
        "source.directory-unreadable",
        barrier.path,
        f"{barrier.problem}; the queue_log or what it is rotated to is in it",
        hint,
    )


def _readable(facts: SourceFacts, settings: Path) -> Iterator[Finding]:
    """Judge the files beside the queue_log, which itself can be read."""
    if facts.barred:
        first = facts.barred[0]
        yield warning(
            "source.rotated-unreadable",
            first.path,
            f"of {count(facts.rotated, 'rotated file')} {len(facts.barred)} cannot be read by the"
            f" service: {first.problem}",
            _remedy(first, facts.opening, settings),
        )
    if facts.closed_directories:
        yield warning(
            "source.archives-unreadable",
            listed(facts.closed_directories),
            "source.archives names it, and the service cannot list it",
            "Let the service's user enter and read it.",
        )
    if facts.opening.group is not None:
        yield warning(
            "user.wide-group",
            facts.opening.group,
            "the service is in this group of Asterisk's user: whoever breaks into it may do all"
            " that the group may, and an access list would do",
            f"Run `{grant_command(settings)}`, then `gpasswd --delete {facts.opening.user}"
            f" {facts.opening.group}`, and restart the service.",
        )
    if not facts.barred and not facts.closed_directories:
        also = f", and so can {count(facts.rotated, 'rotated file')}" if facts.rotated else ""
        yield ok("source.readable", facts.path, f"the service can read it{also}")


def _remedy(barrier: Barrier, opening: Opening, settings: Path) -> str:
    """Return what lets the service read a file, where anything may.

    What is named here is done by setup alone, which judges the file again: until a command
    is typed, somebody else may have put another file under the name.
    """
    if not barrier.denied:
        return f"Look at {barrier.path}."
    if opening.grant is None:
        return f"Look at {barrier.path} with `ls -l`; setup would not open it: {opening.refused}."
    also = ", then restart the service" if opening.grant.group is not None else ""
    return f"Run `{grant_command(settings)}`{also}: {opening.grant.words}."
