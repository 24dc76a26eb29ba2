"""Whom owner and mode keep from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from qlogship.installation.files import File
from qlogship.installation.identity import Account, Step, lacks

READ = 4
ASTERISK = 995
LOG = Path("/var/log/asterisk/queue_log")


def account(*groups: int) -> Account:
    """Return the service's user, in these groups besides its own."""
    return Account("qlogship", 998, frozenset({998, *groups}))


def step(path: Path, need: int, mode: int, *, gid: int = ASTERISK, group: str = "asterisk") -> Step:
    """Return a step to something that belongs to asterisk, or to another group."""
    return Step(File(path, 995, gid, mode, group), need)


@pytest.mark.parametrize(
    ("mode", "groups", "barred"),
    [
        (0o640, (), True),
        (0o640, (ASTERISK,), False),
        (0o644, (), False),
        (0o604, (ASTERISK,), True),
    ],
)
def test_only_the_most_specific_class_of_a_mode_counts(
    mode: int, groups: tuple[int, ...], *, barred: bool
) -> None:
    """As in the kernel, a member of the group has the group's rights, not everybody's."""
    assert lacks(account(*groups), *step(LOG, READ, mode)) is barred
