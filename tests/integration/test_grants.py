"""What is opened to the service's user, on real files of several users."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qlogship.installation import grants
from qlogship.installation.access_list import ACCESS
from qlogship.installation.asterisk_user import Writer, writers
from qlogship.installation.grants import NotGranted
from qlogship.installation.identity import Account
from qlogship.installation.way import Astray, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can have files of several users"),
]

ASTERISK, OTHER, GUEST = 4242, 4343, 4444
SERVICE = Account("qlogship", 4545, frozenset({4545}))
AMONG = (Writer("asterisk", ASTERISK, ASTERISK),)


@pytest.fixture
def log() -> Iterator[Path]:
    """Return a queue_log of asterisk's, on a way of root's: /tmp is everybody's."""
    with tempfile.TemporaryDirectory(dir="/srv") as name:
        top = Path(name)
        top.chmod(0o755)
        directory = top / "asterisk"
        directory.mkdir(mode=0o750)
        path = directory / "queue_log"
        path.write_text("1700000000|NONE|NONE|NONE|QUEUESTART|\n")
        path.chmod(0o640)
        for one in (directory, path):
            os.chown(one, ASTERISK, ASTERISK)
        yield path


def refusal(path: Path, among: tuple[Writer, ...] = AMONG) -> str:
    """Return why nothing is given to anybody."""
    with pytest.raises(NotGranted) as verdict:
        grants.give(path, SERVICE, belongs=lambda name: name.startswith("queue_log"), among=among)
    return str(verdict.value)


def is_opened(path: Path) -> bool:
    """Return whether somebody was put into a list."""
    return ACCESS in os.listxattr(path)


def test_a_file_that_is_replaced_after_it_was_judged_is_not_opened(log: Path) -> None:
    """What was judged is what is opened: by its handle, whatever has its name by then."""
    secret = log.parent.parent / "secret"
    secret.write_text("root's")
    swapped = False

    def swap(_: str) -> bool:
        # Asked in the middle of it, as if Asterisk's user had waited for that moment.
        nonlocal swapped
        if not swapped:
            log.rename(log.with_name("moved"))
            log.symlink_to(secret)
            log.with_name("queue_log.1").symlink_to(secret)
            swapped = True
        return True

    grants.give(log, SERVICE, belongs=swap, among=AMONG)
    assert swapped
    assert not is_opened(secret)
    assert is_opened(log.with_name("moved"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("owner root", "is a file of root"),
        ("owner another", "is a file of 4343"),
        ("link", "is a link in a directory that is not root's"),
        ("hard link of root", "is a file of root"),
        ("fifo", "is no regular file"),
        ("directory", "is a directory"),
        ("missing", "No such file"),
        ("others write", "everybody can place files in"),
        ("sticky", "everybody can place files in"),
        ("a group writes", "group 4343 can place files in"),
        ("a user writes by a list", "4444 can place files in"),
        ("directory of another", "is a directory of 4343"),
    ],
)
def test_nothing_else_is_opened(log: Path, change: str, why: str) -> None:
    """Only a regular file of Asterisk's user, where only that user and root can place names."""
    directory, secret = log.parent, log.parent.parent / "secret"
    secret.write_text("root's")
    match change:
        case "owner root":
            os.chown(log, 0, ASTERISK)
        case "owner another":
            os.chown(log, OTHER, OTHER)
        case "directory" | "missing" | "link" | "hard link of root" | "fifo":
            log.unlink()
            _replace(log, change, secret)
        case "others write":
            directory.chmod(0o757)
        case "sticky":
            directory.chmod(0o1777)
        case "a group writes":
            os.chown(directory, ASTERISK, OTHER)
            directory.chmod(0o770)
        case "a user writes by a list":
            with Way(log, AMONG) as way:
                rights = way.directories[-1].rights.with_user(GUEST, 2)
            os.setxattr(directory, ACCESS, rights.as_bytes())
        case _:
            os.chown(directory, OTHER, OTHER)
    assert why in refusal(log)
    assert not is_opened(secret)


def _replace(log: Path, what: str, secret: Path) -> None:
    match what:
        case "directory":
            log.mkdir()
        case "fifo":
            os.mkfifo(log)
        case "link":
            log.symlink_to(secret)
        case "hard link of root":
            log.hardlink_to(secret)
    if what in {"directory", "fifo"}:
        os.chown(log, ASTERISK, ASTERISK)


def test_root_may_lead_the_way_by_links(log: Path) -> None:
    """A link in a directory of root is root's word; of Asterisk's user, neither that nor `..`."""
    top = log.parent.parent
    (top / "log").symlink_to("asterisk")
    assert grants.find(top / "log" / "queue_log", SERVICE, AMONG).group is None
    (log.parent / "back").mkdir()
    os.chown(log.parent / "back", ASTERISK, ASTERISK)
    assert "leaves by .." in refusal(log.parent / "back" / ".." / "queue_log")
    assert "is a link" in refusal(_link(log.with_name("by"), log))


def _link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


def test_files_of_two_users_are_not_mixed(log: Path) -> None:
    """One user called Asterisk's cannot lead to the files of another one who is, too."""
    os.chown(log, OTHER, OTHER)
    assert "is a directory of 4242" in refusal(log, (*AMONG, Writer("pbx", OTHER)))


def test_others_above_may_neither_link_nor_go_back(log: Path) -> None:
    """As on Ubuntu, where group syslog can write /var/log: passing is no harm, a link is."""
    top = log.parent.parent
    os.chown(top, 0, OTHER)
    top.chmod(0o775)
    assert grants.find(log, SERVICE, AMONG).group is None
    (top / "log").symlink_to("asterisk")
    assert "is a link" in refusal(top / "log" / "queue_log")
    assert "leaves by .." in refusal(top / ".." / top.name / "asterisk" / "queue_log")


def test_a_group_that_is_shared_does_not_make_a_directory_safe(log: Path) -> None:
    """Asterisk's own group may write there when nobody else is in it."""
    log.parent.chmod(0o770)
    assert "can place files" in refusal(log, (Writer("asterisk", ASTERISK, ASTERISK, shared=True),))
    assert grants.find(log, SERVICE, AMONG).group is None


def test_root_is_nobodys_writer() -> None:
    """An Asterisk that runs as root makes none of root's files one that may be opened."""
    assert all(one.uid for one in writers())
    with pytest.raises(Astray, match="is a file of root"):
        Way(Path("/etc/passwd"), AMONG)


def test_who_borrows_anothers_program_is_not_that_other(tmp_path: Path) -> None:
    """A process that is called asterisk counts when it is one user throughout, and not root."""
    for pid, uids in enumerate(("4242 4242 4242 4242", "4242 4343 4343 4343", "0 0 0 0"), start=2):
        home = tmp_path / str(pid)
        home.mkdir()
        (home / "comm").write_text("asterisk\n")
        (home / "status").write_text(f"Name:\tasterisk\nUid:\t{uids}\n")
    assert ASTERISK in {one.uid for one in writers(tmp_path)}
    assert {one.uid for one in writers(tmp_path)} & {0, 4343} == set()


_WITHOUT_LISTS = """
import os, sys
from pathlib import Path
from qlogship.installation import grants
from qlogship.installation.asterisk_user import Writer
from qlogship.installation.identity import Account
log = Path(sys.argv[1])
log.write_text("")
for one, mode in ((log.parent, 0o750), (log, 0o640)):
    one.chmod(mode)
    os.chown(one, 4242, 4242)
for group in (4242, None):
    try:
        print(grants.find(log, Account("qlogship", 4545, frozenset()), [Writer("a", 4242, group)]))
    except grants.NotGranted as verdict:
        print(verdict)
"""


def test_where_there_are_no_lists_the_group_does(log: Path) -> None:
    """A file system without access lists leaves the group of Asterisk's user, if it has its own."""
    mount = 'mount -t ramfs ramfs "$1" && exec "$2" -c "$3" "$1/queue_log"'
    program = ["sh", "-c", mount, "sh", str(log.parent), sys.executable, _WITHOUT_LISTS]
    done = subprocess.run(
        ["unshare", "--mount", *program], capture_output=True, text=True, check=False, timeout=60
    )
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("nothing can be mounted here")
    with_group, without = done.stdout.splitlines()
    assert "group='4242'" in with_group, done.stderr
    assert "there are no access lists where" in with_group
    assert "no group of its own" in without
