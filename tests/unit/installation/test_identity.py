"""What root is told to type so that a user can read a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from qlogship.installation.files import File
from qlogship.installation.identity import Account, Step, lacks, permitting

READ, SEARCH, LIST = 4, 1, 5
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


def test_the_group_that_owns_the_file_is_joined() -> None:
    """Where the group may read, the user joins it: once, however many steps ask for it."""
    steps = [step(LOG.parent, LIST, 0o750), step(LOG, READ, 0o640)]
    assert permitting(account(), steps) == (
        ("usermod", "--append", "--groups", "asterisk", "qlogship"),
    )


def test_a_group_without_the_right_is_given_it() -> None:
    """Where the group may not read either, that is changed before the user joins it."""
    assert permitting(account(), [step(LOG, READ, 0o600)]) == (
        ("chmod", "g+r", str(LOG)),
        ("usermod", "--append", "--groups", "asterisk", "qlogship"),
    )
    assert permitting(account(ASTERISK), [step(LOG, READ, 0o600)]) == (("chmod", "g+r", str(LOG)),)


@pytest.mark.parametrize(("gid", "group"), [(0, "root"), (42, "shadow"), (991, "docker")])
def test_nobody_joins_the_group_of_root(gid: int, group: str) -> None:
    """What belongs to root's group, or one as mighty, is opened for this user alone."""
    barred = step(LOG.parent, LIST, 0o750, gid=gid, group=group)
    assert permitting(account(), [barred]) == (
        ("setfacl", "--modify", "user:qlogship:rx", str(LOG.parent)),
    )


def test_what_mode_and_owner_allow_is_barred_by_an_access_list() -> None:
    """A step that failed although its mode allows it takes an entry in its access list."""
    assert permitting(account(), [step(LOG, READ, 0o644)]) == (
        ("setfacl", "--modify", "user:qlogship:r", str(LOG)),
    )


def test_steps_behind_the_barrier_are_looked_at_too() -> None:
    """One round of commands clears the whole way, and asks nothing of steps that are open."""
    steps = [
        step(Path("/srv/pbx"), SEARCH, 0o700, gid=0, group="root"),
        step(Path("/srv/pbx/log"), LIST, 0o755),
        step(Path("/srv/pbx/log/queue_log"), READ, 0o640),
    ]
    assert permitting(account(), steps) == (
        ("setfacl", "--modify", "user:qlogship:x", "/srv/pbx"),
        ("usermod", "--append", "--groups", "asterisk", "qlogship"),
    )
