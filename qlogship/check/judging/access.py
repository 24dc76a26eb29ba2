"""Whether the service's user exists and can read what it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.check.words import commands, listed
from qlogship.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlogship.check.facts.access import SourceFacts, UserFacts


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


def judge_source(facts: SourceFacts, *, explained: bool) -> Iterator[Finding]:
    """Judge whether the service can read the queue_log; `explained`: why it is missing is known."""
    path = facts.path
    if not facts.exists:
        if not explained:
            yield problem(
                "source.missing",
                path,
                "it does not exist: Asterisk writes another file, or none yet",
                "Compare source.path with `astlogdir` in asterisk.conf; `asterisk -rx 'logger"
                " reload'` makes the file when there is none.",
            )
        return
    if facts.barrier is not None:
        yield _unreadable(facts)
        return
    if facts.key is None:
        yield unknown("source.unseen", path, "you may not look at it", "Run this as root.")
        return
    if facts.readable is None:
        return  # without a user nobody can try, and that was said
    barred = False
    if facts.barred:
        barred = True
        first = facts.barred[0]
        yield warning(
            "source.rotated-unreadable",
            first.path,
            f"of {count(facts.rotated, 'rotated file')} {len(facts.barred)} cannot be read by the"
            f" service: {first.problem}",
            commands(first),
        )
    if facts.closed_directories:
        barred = True
        yield warning(
            "source.archives-unreadable",
            listed(facts.closed_directories),
            "source.archives names it, and the service cannot list it",
            "Let the service's user enter and read it.",
        )
    if not barred:
        also = f", and so can {count(facts.rotated, 'rotated file')}" if facts.rotated else ""
        yield ok("source.readable", path, f"the service can read it{also}")


def _unreadable(facts: SourceFacts) -> Finding:
    barrier = facts.barrier
    assert barrier is not None  # noqa: S101 -- for the type checker; the caller has looked
    if barrier.path in {facts.path, facts.real}:
        return problem("source.unreadable", facts.path, barrier.problem, commands(barrier))
    return problem(
        "source.directory-unreadable",
        barrier.path,
        f"{barrier.problem}; the queue_log or what it is rotated to is in it",
        commands(barrier),
    )
