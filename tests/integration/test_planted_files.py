"""Files that others planted: the log directory is Asterisk's user's, the state the service's."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.clocks import Clocks
from qlogship.config.model import Settings
from qlogship.errors import StateError
from qlogship.installation.doors import Directory, Link, may_follow
from qlogship.installation.owner import acting_as_owner, astray
from qlogship.service.status import report
from qlogship.source.follower import QueueLog
from qlogship.state.lock import StateLock, complaint, holder
from qlogship.state.own_files import own_files
from qlogship.state.reader import Reader
from qlogship.state.store import Store
from tests.support.access import as_user, busy, do_as
from tests.support.calls import call
from tests.support.following import Following

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = 0
ASTERISK: Final = 61_001
SERVICE: Final = 61_002
OTHER: Final = 61_003
SECRET: Final = call(7, 1_795_411_800)
TEXT: Final = call(1, 1_795_411_800)

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


class Site:
    """A directory of root, and in it the log directory, the state, and places of others."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.chmod(0o755)
        self.log = self.make("log", ASTERISK)
        self.path = self.log / "queue_log"
        self.state = self.make("state", SERVICE, mode=0o700)
        self.disk = self.make("disk", ASTERISK)
        self.roots = self.make("roots", ROOT)

    def make(self, name: str, user: int, *, mode: int = 0o755) -> Path:
        """Make a directory of a user."""
        directory = self.place / name
        directory.mkdir()
        directory.chmod(mode)
        os.chown(directory, user, user)
        return directory

    def file(self, path: Path, user: int, text: bytes = SECRET, *, mode: int = 0o644) -> Path:
        """Make a file of a user."""
        path.write_bytes(text)
        path.chmod(mode)
        os.chown(path, user, user)
        return path

    def plant(self, path: Path, target: Path) -> None:
        """Let Asterisk's user make a link."""
        do_as(ASTERISK, path.symlink_to, target)

    def read(self) -> tuple[str, str]:
        """Follow the queue_log as the service does; return the text, and what is wrong."""
        following = Following(self.path)  # reads the schema, which the user may not

        def work() -> str:
            text = following.read()
            found = [following.log.trouble, *following.log.damaged.values()]
            return text.decode() + "|||" + "; ".join(f"{one}" for one in found if one)

        text, _, trouble = as_user(SERVICE, work).partition("|||")
        return text, trouble


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a site that every user can enter; pytest's own directories are closed."""
    with tempfile.TemporaryDirectory(prefix="qlogship-") as name:
        yield Site(Path(name))


# --- the rule


@pytest.mark.parametrize("directory", [ROOT, ASTERISK, SERVICE, OTHER])
@pytest.mark.parametrize("mode", [0o755, 0o775, 0o757, 0o1777])
@pytest.mark.parametrize("maker", [ROOT, ASTERISK, OTHER])
@pytest.mark.parametrize("target", [ROOT, ASTERISK, SERVICE, OTHER])
def test_which_links_are_followed(directory: int, mode: int, maker: int, target: int) -> None:
    """One that only root or the service can place leads anywhere; others to the placer's own."""
    link = Link("/log/queue_log", maker, Directory("/log", directory, mode))
    placers = {directory, maker} - {ROOT}
    trusted = mode == 0o755 and directory in {ROOT, SERVICE}
    assert may_follow(link, target, asks=SERVICE) == (trusted or target in placers)


def way(*directories: tuple[int, int]) -> list[Directory]:
    """Return the directories of a way, each with its user and its mode."""
    return [Directory(f"/{number}", *one) for number, one in enumerate(directories)]


@pytest.mark.parametrize(
    ("directories", "goes"),
    [
        (way((ROOT, 0o755), (ROOT, 0o700)), True),
        (way((ROOT, 0o755), (SERVICE, 0o700)), True),  # it steps down
        (way((ROOT, 0o755), (SERVICE, 0o700), (SERVICE, 0o700)), True),
        (way((ROOT, 0o755), (SERVICE, 0o700), (ROOT, 0o700)), False),
        (way((ROOT, 0o755), (ROOT, 0o1777), (ROOT, 0o700)), True),
        (way((ROOT, 0o755), (ROOT, 0o1777)), False),
        (way((ROOT, 0o755), (ROOT, 0o777), (ROOT, 0o700)), False),
        (way((ROOT, 0o755), (ROOT, 0o775), (ROOT, 0o700)), False),
        (way((ROOT, 0o755), (ROOT, 0o1777), (OTHER, 0o755), (ROOT, 0o700)), False),
    ],
)
def test_which_way_root_takes(directories: list[Directory], *, goes: bool) -> None:
    """Root goes nowhere as root where somebody else could lead it elsewhere."""
    assert (astray(directories, []) is None) == goes


@pytest.mark.parametrize(
    ("directory", "goes"),
    [((ROOT, 0o755), True), ((ROOT, 0o1777), False), ((SERVICE, 0o700), False)],
)
def test_which_links_root_takes(directory: tuple[int, int], *, goes: bool) -> None:
    """To the state root follows a link only where only root can have placed it."""
    link = Link("/state", ROOT, Directory("/", *directory))
    assert (astray(way((ROOT, 0o755), (SERVICE, 0o700)), [link]) is None) == goes


# --- the queue_log


@is_root
@pytest.mark.root
@pytest.mark.parametrize("user", [ROOT, SERVICE, OTHER])
@pytest.mark.parametrize("name", ["queue_log", "queue_log.1"])
def test_a_link_to_what_is_not_asterisks(site: Site, user: int, name: str) -> None:
    """Asterisk's user makes the service read no file of another user by a link."""
    secret = site.file(site.roots / "secret", user)
    if name != "queue_log":
        site.file(site.path, ASTERISK, TEXT)
    site.plant(site.log / name, secret)
    text, trouble = site.read()
    assert SECRET.decode() not in text
    assert trouble == "" if name != "queue_log" else "over the link" in trouble


@is_root
@pytest.mark.root
def test_a_link_through_links(site: Site) -> None:
    """Nor by a link to a link of the service's own, nor by a directory that is a link."""
    secret = site.file(site.state / "queue_log", SERVICE)
    own = site.state / "own"
    own.symlink_to(secret)
    os.lchown(own, SERVICE, SERVICE)
    site.plant(site.path, own)
    assert "over the link" in site.read()[1]
    site.plant(site.log / "below", site.state)
    site.path = site.log / "below" / "queue_log"
    text, trouble = site.read()
    assert (text, "over the link" in trouble) == ("", True)


@is_root
@pytest.mark.root
def test_a_link_into_this_process(site: Site) -> None:
    """Nor by a link to a descriptor that the service has open."""
    secret = site.file(site.state / "secret", SERVICE, mode=0o400)
    handle = os.open(secret, os.O_RDONLY)
    site.plant(site.path, Path(f"/proc/self/fd/{handle}"))
    text, trouble = site.read()
    os.close(handle)
    assert (text, bool(trouble)) == ("", True)


@is_root
@pytest.mark.root
@pytest.mark.parametrize("user", [ROOT, SERVICE, OTHER])
@pytest.mark.parametrize("name", ["queue_log", "queue_log.1"])
def test_a_second_name(site: Site, user: int, name: str) -> None:
    """A file of another user is not read under a second name in Asterisk's directory."""
    if name != "queue_log":
        site.file(site.path, ASTERISK, TEXT)
    (site.log / name).hardlink_to(site.file(site.roots / "secret", user))
    text, trouble = site.read()
    assert SECRET.decode() not in text
    assert "second name" in trouble


@is_root
@pytest.mark.root
def test_a_file_that_was_deleted_elsewhere(site: Site) -> None:
    """A file of the service's own is not read in Asterisk's directory, if it has no other name."""
    site.file(site.path, SERVICE)
    text, trouble = site.read()
    assert (text, "second name" in trouble) == ("", True)


@is_root
@pytest.mark.root
@pytest.mark.parametrize(
    "put",
    [
        lambda site: site.path.symlink_to(site.file(site.disk / "real", ASTERISK)),
        lambda site: site.plant(site.path, site.file(site.disk / "real", ASTERISK)),
        lambda site: site.file(site.path, ASTERISK),
        lambda site: site.file(site.path, ROOT),
        lambda site: site.file(site.path, OTHER),
        lambda site: (site.file(site.path, ASTERISK), (site.log / "x").hardlink_to(site.path)),
    ],
    ids=["roots-link", "asterisks-link", "asterisks", "roots", "of-another", "two-names"],
)
def test_what_is_legitimate(site: Site, put: Callable[[Site], object]) -> None:
    """A link to another disk with Asterisk's own file is followed; files copied in are read."""
    put(site)
    assert site.read() == (SECRET.decode(), "")


@is_root
@pytest.mark.root
def test_a_link_of_roots_own(site: Site) -> None:
    """Where only root places names, a link leads to any file that the service may read."""
    site.path = site.roots / "queue_log"
    site.path.symlink_to(site.file(site.disk / "real", OTHER))
    assert site.read() == (SECRET.decode(), "")


@is_root
@pytest.mark.root
@pytest.mark.parametrize("name", ["queue_log", "queue_log.2"])
def test_file_and_link_by_turns(site: Site, name: str) -> None:
    """What is a file at the look and a link at the opening is not read, however fast it turns."""
    secret = site.file(site.state / "secret", SERVICE, mode=0o400)
    site.file(site.path, ASTERISK, TEXT)
    path, spare = site.log / name, site.log / "spare"

    def turn() -> None:
        for make in (lambda: spare.symlink_to(secret), lambda: spare.write_bytes(TEXT)):
            make()
            spare.rename(path)

    following = Following(site.path)

    def work() -> str:
        text = b""
        for _ in range(1_000):
            following.log.scan()
            text += following.read()
        return "leaked" if SECRET in text else "kept"

    with busy(ASTERISK, turn):
        assert as_user(SERVICE, work) == "kept"


@is_root
@pytest.mark.root
@pytest.mark.parametrize("name", ["queue_log", "queue_log.1", "queue_log.1.gz"])
def test_a_fifo(site: Site, name: str) -> None:
    """A FIFO of Asterisk's user hangs nothing, and is not opened."""
    if name != "queue_log":
        site.file(site.path, ASTERISK, TEXT)
    do_as(ASTERISK, os.mkfifo, site.log / name)
    text, trouble = site.read()
    assert text == ("" if name == "queue_log" else TEXT.decode())
    assert ("is a FIFO" in trouble) == (name == "queue_log")


# --- qlogship's own files


def settings_of(path: Path, directory: Path) -> Settings:
    """Return settings that name a queue_log and a state directory."""
    return Settings.model_validate(
        {
            "dashboard": {"url": "https://example.com"},
            "source": {"path": path},
            "state": {"directory": directory},
        }
    )


def locks(*paths: Path) -> set[str]:
    """Return the record locks that are held on files, as the kernel lists them."""
    keys = {f":{path.stat().st_ino}" for path in paths}
    lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    return {line.split(":", 1)[1] for line in lines if any(f"{key} " in line for key in keys)}


@pytest.mark.parametrize(
    "name", ["qlogship.db", "qlogship.db-shm", "qlogship.db-wal", "lock", "sent"]
)
@pytest.mark.parametrize("second_name", [False, True])
def test_our_own_files(tmp_path: Path, name: str, *, second_name: bool) -> None:
    """None is read whatever leads to it; SQLite's locks and the lock of the state stay."""
    directory = tmp_path / "state"
    settings = settings_of(tmp_path / "queue_log", directory)
    with closing(Store(directory)) as store:
        with store.transaction():
            store.mark_sends()
            store.troubles.save("some", at=1.0, message="", hint="")
        target = directory / name
        if second_name:
            settings.source.path.hardlink_to(target)
        else:
            settings.source.path.symlink_to(target)
        files = [directory / one for one in ("qlogship.db", "qlogship.db-shm", "lock")]
        before = locks(*files)
        assert before
        following = QueueLog(
            settings.source.path, own=partial(own_files, settings), clocks=Clocks()
        )
        assert following.read(1_000) is None
        following.close()
        assert following.trouble is not None
        assert "qlogship's own" in following.trouble.message
        assert locks(*files) == before


@pytest.mark.parametrize(
    "name", ["lock", "sent", "qlogship.db", "qlogship.db-wal", "qlogship.db-shm"]
)
@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_what_stands_in_the_state_directory(tmp_path: Path, name: str, kind: str) -> None:
    """A FIFO or a link in place of a file of the state hangs nothing, and changes nothing."""
    victim = tmp_path / "victim"
    victim.write_text("a long text that must stay as it is")
    directory = tmp_path / "state"
    Store(directory).close()
    path = directory / name
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(victim)
    uses: list[Callable[[Path], object]] = [Store]
    if name == "lock":
        uses += [StateLock, holder, complaint]
    if name != "sent":
        uses.append(lambda directory: Reader(directory).__enter__())
    for use in uses:
        with pytest.raises(StateError, match="a FIFO" if kind == "fifo" else "a link") as caught:
            use(directory)
        assert str(path) in caught.value.message
        assert caught.value.hint
    assert victim.read_text() == "a long text that must stay as it is"


# --- root


@is_root
@pytest.mark.root
def test_root_reads_as_the_owner(site: Site) -> None:
    """While it reads, root is the owner of the state, and root again behind that."""
    groups = os.getgroups()
    with acting_as_owner(site.state):
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (SERVICE, SERVICE, [])
    assert (os.geteuid(), os.getegid(), os.getgroups()) == (0, 0, groups)
    with Reader(site.state) as reader:
        assert os.geteuid() == SERVICE
        reader.figures()
    assert os.geteuid() == 0
    with pytest.raises(StateError), Reader(site.file(site.state / "none", SERVICE)):
        pass
    assert os.geteuid() == 0


@is_root
@pytest.mark.root
def test_root_looks_at_what_the_owner_may_not_read(site: Site) -> None:
    """The queue_log itself is looked at as who called: the unit may give the service a group."""
    site.file(site.path, ASTERISK)
    site.log.chmod(0o700)
    settings = settings_of(site.path, site.state)
    assert report(settings)["source"]["lag_bytes"] == len(SECRET)
    assert os.geteuid() == 0
    (site.log / "aside").symlink_to(site.file(site.roots / "secret", ROOT))
    (site.log / "aside").rename(site.path)
    assert "over the link" in report(settings)["source"]["trouble"]


@is_root
@pytest.mark.root
def test_root_makes_it_as_who_owns_the_place(site: Site) -> None:
    """A state directory that is still to be made in another user's is made by that user."""
    with acting_as_owner(site.state / "south" / "below"):
        assert os.geteuid() == SERVICE


@is_root
@pytest.mark.root
@pytest.mark.parametrize("target", ["roots", "disk", "missing", "/tmp"])
def test_root_follows_no_link_of_the_owner(site: Site, target: str) -> None:
    """A state directory that is a link in a directory of the service's is not used by root."""
    south = site.state / "south"
    south.symlink_to(site.place / target)
    os.lchown(south, SERVICE, SERVICE)
    if target == "missing":
        with acting_as_owner(south):
            assert os.geteuid() == SERVICE  # whose it would be
        return
    with pytest.raises(StateError, match="south"), acting_as_owner(south):
        pass
    with pytest.raises(StateError, match="south"):
        Reader(south)
