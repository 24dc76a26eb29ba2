"""The state directory on a real disk: opening, crashing, damage, a full disk, foreign owners."""

from __future__ import annotations

import gc
import os
import pwd
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from qlogship.errors import StateError
from qlogship.source.streams import Stream
from qlogship.state.database import FILE_NAME, MIGRATIONS, connect, connect_to_read
from qlogship.state.lock import holder
from qlogship.state.reader import Reader
from qlogship.state.repairs import hide_damage
from qlogship.state.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Test = TypeVar("Test", bound="Callable[..., Any]")


def is_root(test: Test) -> Test:
    """Skip a test when it is not run by root."""
    skipping = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
    marked: Test = pytest.mark.root(skipping(test))
    return marked


STREAM = Stream(1, b"head", b"tail\n", 0, 1, 2, "/log/queue_log")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a state directory that is not there yet."""
    return tmp_path / "var" / "state"


HOLDER = """
    import sys
    from pathlib import Path
    from qlogship.state.lock import holder
    print(holder(Path(sys.argv[1])))
"""


def append(store: Store, data: bytes, *, offset: int = 0) -> None:
    """Archive something, as the service does."""
    with store.transaction():
        store.cursor.save(STREAM)
        store.archive.append(data, stream=1, offset=offset)


def append_all(store: Store, lines: list[bytes]) -> None:
    """Archive one after the other, as far as it goes."""
    for line in lines:
        append(store, line, offset=store.archive.next_seq)


def fail_after(store: Store, data: bytes) -> None:
    """Write something and break off."""
    with store.transaction():
        store.archive.append(data, stream=1, offset=4)
        store.troubles.save("source", at=1.0, message="", hint="")
        raise ZeroDivisionError


def text_of(store: Store) -> bytes:
    """Return all that is archived."""
    last = store.archive.next_seq - 1
    return store.archive.text([(1, last)]) if last else b""


def open_files() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # iterdir would hold it open


def python(code: str, *arguments: object) -> str:
    """Run this code in another Python; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@contextmanager
def started(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start another Python with this code; it does not outlive the test."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


# Opening


def test_made_when_missing(directory: Path) -> None:
    """A missing state directory is made, and nobody else may look into it or its files."""
    with closing(Store(directory)) as store:
        append(store, b"one\n")
        files = list(directory.iterdir())

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {file.name for file in files} >= {FILE_NAME, "lock"}
    for file in directory.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_reopening(directory: Path) -> None:
    """What was committed is there after closing and opening, as often as one likes."""
    expected = b""
    for number in range(5):
        with closing(Store(directory)) as store:
            assert text_of(store) == expected
            line = b"line %d\n" % number
            append(store, line, offset=len(expected))
            expected += line

    with closing(Store(directory)) as store:
        assert text_of(store) == expected


def test_durable(directory: Path) -> None:
    """Each commit is on the disk before it returns: write-ahead log, fully synchronous."""
    with closing(connect_in(directory)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def connect_in(directory: Path) -> sqlite3.Connection:
    """Open the database alone, making the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    return connect(directory)[0]


@pytest.mark.parametrize("times", [1, 100_000], ids=["a few lines", "packed on a thread"])
def test_all_or_nothing(directory: Path, times: int) -> None:
    """A transaction that fails leaves nothing behind, and the next one is not disturbed."""
    with closing(Store(directory)) as store:
        append(store, b"one\n")
        with pytest.raises(ZeroDivisionError):
            fail_after(store, b"two\n" * times)
        assert store.troubles.all() == []
        with store.transaction():
            store.troubles.save("state", at=1.0, message="", hint="")
        store.reopen()
        append(store, b"three\n", offset=4)

        assert text_of(store) == b"one\nthree\n"
        assert len(store.troubles.all()) == 1


def test_reopened(directory: Path) -> None:
    """After `reopen` the memory agrees with the disk, and the lock was held all the while."""
    with closing(Store(directory)) as store:
        append(store, b"one\n")
        with pytest.raises(ZeroDivisionError):
            fail_after(store, b"lost\n" * 100_000)
        store.reopen()

        assert store.archive.next_seq == 2
        append(store, b"two\n", offset=4)
        assert text_of(store) == b"one\ntwo\n"
        assert python(HOLDER, directory) == str(os.getpid())


WRITE_LINES = """
    import sys
    from pathlib import Path
    from qlogship.source.streams import Stream
    from qlogship.state.store import Store
    store = Store(Path(sys.argv[1]))
    offset = 0
    for number in range(1_000_000):
        line = b"line %d\\n" % number
        with store.transaction():
            store.cursor.save(Stream(1, b"", b"", offset + len(line), 1, 2, "/log/q"))
            store.archive.append(line, stream=1, offset=offset)
        offset += len(line)
        print(number, flush=True)
"""


def test_killed_between_commits(directory: Path) -> None:
    """After a kill -9 there is what was committed, no more and no less, and it can be opened."""
    with started(WRITE_LINES, directory) as writer:
        assert writer.stdout is not None
        last = [int(writer.stdout.readline()) for _ in range(20)][-1]
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
        last = int(rest[-1]) if rest else last

    with closing(Store(directory)) as store:
        lines = text_of(store).splitlines(keepends=True)
        assert lines == [b"line %d\n" % number for number in range(len(lines))]
        assert len(lines) in {last + 1, last + 2}
        assert store.cursor.streams()[0].offset == len(b"".join(lines))


# Versions


def test_newer_version(directory: Path) -> None:
    """A database of a newer qlogship is refused by name and number, and left as it is."""
    with closing(connect_in(directory)) as db:
        db.execute("PRAGMA user_version = 99")
    before = (directory / FILE_NAME).read_bytes()

    for begin in (Store, Reader):
        with pytest.raises(StateError, match="schema version 99") as caught:
            begin(directory)
        assert str(directory / FILE_NAME) in caught.value.message
        assert caught.value.hint.startswith("Install ")
    assert (directory / FILE_NAME).read_bytes() == before


def test_current_version(directory: Path) -> None:
    """A new database has the newest version, and opening it again changes nothing."""
    for _ in range(2):
        with closing(connect_in(directory)) as db:
            assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
            assert db.execute("SELECT count(*) FROM shipping").fetchone()[0] == 1


def test_migration_is_one_step(directory: Path) -> None:
    """A migration that fails half-way leaves the database as it was, and can be repeated."""
    directory.mkdir(parents=True)
    with closing(sqlite3.connect(directory / FILE_NAME)) as db:
        db.execute("CREATE TABLE trouble (in_the_way TEXT)")  # the last one the script makes
    with pytest.raises(StateError):
        Store(directory)
    with closing(sqlite3.connect(directory / FILE_NAME)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master")]
        assert tables == ["trouble"]
        assert db.execute("PRAGMA user_version").fetchone()[0] == 0
        db.execute("DROP TABLE trouble")

    with closing(Store(directory)) as store:
        append(store, b"one\n")


def test_empty_file_is_new(directory: Path) -> None:
    """A database file of no bytes, as a full disk leaves it, is a new database."""
    directory.mkdir(parents=True)
    (directory / FILE_NAME).touch()
    with Reader(directory) as reader:
        assert reader.figures().archive.lines == 0

    with closing(Store(directory)) as store:
        append(store, b"one\n")


# What cannot be used


def no_database(directory: Path) -> None:
    """Put some other file there."""
    directory.mkdir(parents=True)
    (directory / FILE_NAME).write_bytes(b"this is no database\n" * 1_000)


def directory_instead(directory: Path) -> None:
    """Put a directory where the database should be."""
    (directory / FILE_NAME).mkdir(parents=True)


def file_instead(directory: Path) -> None:
    """Put a file where the directory should be."""
    directory.parent.mkdir(parents=True)
    directory.touch()


def truncated_database(directory: Path) -> None:
    """Cut a database in the middle."""
    with closing(Store(directory)) as store:
        append(store, b"one\n" * 200_000)
    os.truncate(directory / FILE_NAME, 8_192)


def tables_gone(directory: Path) -> None:
    """Drop a table."""
    Store(directory).close()
    with closing(sqlite3.connect(directory / FILE_NAME)) as db:
        db.execute("DROP TABLE chunk")


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (no_database, "not a database"),
    (directory_instead, "directory"),
    (file_instead, "File exists"),
    (truncated_database, "malformed"),
    (tables_gone, "no such table"),
]


@pytest.mark.parametrize(("broken", "words"), BROKEN)
def test_unusable(directory: Path, broken: Callable[[Path], None], words: str) -> None:
    """What cannot be used is a StateError that names it and says what to do."""
    broken(directory)

    with pytest.raises(StateError, match=words) as caught:
        Store(directory)
    assert str(directory) in caught.value.message
    assert caught.value.hint
    assert caught.value.hint[0].isupper()


@pytest.mark.parametrize(("broken", "words"), BROKEN)
def test_unusable_leaves_nothing_open(
    directory: Path, broken: Callable[[Path], None], words: str
) -> None:
    """A store that could not be opened holds no file and no lock: it is tried again and again."""
    broken(directory)
    gc.collect()
    before = open_files()
    caught = []
    for _ in range(3):
        with pytest.raises(StateError, match=words) as error:
            Store(directory)
        caught.append(error)

    assert open_files() <= before
    assert holder(directory) is None if directory.is_dir() else True


def test_hint_for_damage(directory: Path) -> None:
    """A damaged database is to be restored or moved away, not to be given space or rights."""
    truncated_database(directory)

    with pytest.raises(StateError) as caught:
        Store(directory)
    assert "backup" in caught.value.hint


def test_mended(directory: Path) -> None:
    """When the damaged database is moved away, as the hint says, a new one is made."""
    no_database(directory)
    with pytest.raises(StateError):
        Store(directory)
    (directory / FILE_NAME).rename(directory / "away")

    with closing(Store(directory)) as store:
        append(store, b"one\n")


# A full disk


def test_full_database(directory: Path) -> None:
    """When SQLite says full, nothing of the transaction stays, and the rest can be used."""
    with closing(Store(directory)) as store:
        append(store, b"one\n")
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StateError, match="full") as caught:
            append(store, os.urandom(500_000) + b"\n", offset=4)
        assert "space" in caught.value.hint
        assert str(directory / FILE_NAME) in caught.value.message
        store.reopen()
        assert text_of(store) == b"one\n"
        append(store, b"two\n", offset=4)

        assert text_of(store) == b"one\ntwo\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of four megabytes."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield mount
    subprocess.run(["umount", "--lazy", mount], check=True)


@is_root
def test_full_disk(small_disk: Path) -> None:
    """On a full disk nothing is half-written; once there is space, the same store goes on."""
    directory = small_disk / "state"
    lines = [os.urandom(30_000).replace(b"\n", b"") + b"\n" for _ in range(60)]
    with closing(Store(directory)) as store:
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 2_500_000)
        with pytest.raises(StateError) as caught:
            append_all(store, lines)
        assert "space" in caught.value.hint
        for _ in range(3):
            store.reopen()
            written = store.archive.next_seq - 1
            assert 0 < written < len(lines)
            with pytest.raises(StateError):
                append_all(store, lines[written:])
        ballast.unlink()
        store.reopen()
        assert text_of(store) == b"".join(lines[:written])
        append(store, lines[written], offset=written + 1)

    with closing(Store(directory)) as store:
        assert text_of(store) == b"".join(lines[: written + 1])


@is_root
def test_full_disk_without_reopening(small_disk: Path) -> None:
    """A transaction that failed on a full disk is over: it does not stand in the next one's way."""
    directory = small_disk / "state"
    with closing(Store(directory)) as store:
        append(store, b"one\n")
        ballast = small_disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(b"x" * 5_000_000)
        with pytest.raises(StateError):
            append(store, os.urandom(100_000) + b"\n", offset=4)
        ballast.unlink()
        with store.transaction():
            store.troubles.save("state", at=1.0, message="", hint="")

        assert len(store.troubles.all()) == 1


@is_root
def test_full_at_the_first_start(small_disk: Path) -> None:
    """A disk that is full from the beginning is an error with a hint, and heals by itself."""
    ballast = small_disk / "ballast"
    (small_disk / "state").mkdir()
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(b"x" * 5_000_000)
    with pytest.raises(StateError) as caught:
        Store(small_disk / "state")
    assert caught.value.hint
    ballast.unlink()

    with closing(Store(small_disk / "state")) as store:
        append(store, b"one\n")


@is_root
def test_read_only_disk(small_disk: Path) -> None:
    """On a read-only file system writing is an error with a hint; what is there can be read."""
    directory = small_disk / "state"
    with closing(Store(directory)) as store:
        append(store, b"one\n")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    try:
        with pytest.raises(StateError) as caught:
            Store(directory)
        assert str(directory) in caught.value.message
        assert caught.value.hint
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)

    with closing(Store(directory)) as store:
        assert text_of(store) == b"one\n"


# Whose it is


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_directory_of_another(directory: Path) -> None:
    """A directory that this user may not write is an error that names both."""
    directory.mkdir(parents=True)
    directory.chmod(0o500)
    try:
        with pytest.raises(StateError) as caught:
            Store(directory)
    finally:
        directory.chmod(0o700)
    assert pwd.getpwuid(os.geteuid()).pw_name in caught.value.message
    assert str(directory) in caught.value.message


NOBODY = 65534


@pytest.fixture
def for_all() -> Iterator[Path]:
    """Return a state directory of the user nobody, which pytest's place would hide from them."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        directory = place / "state"
        with closing(Store(directory)) as store:
            append(store, b"one\n")
        for path in (directory, *directory.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        yield directory


@contextmanager
def nobody(work: Callable[[], str]) -> Iterator[Callable[[], str]]:
    """Do this work in a process of the user nobody; yield what waits for its result.

    The process is a fork, since nobody may not be allowed to read our Python.
    """
    results, result = os.pipe()
    child = os.fork()
    if child == 0:
        said = "broke off"
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            said = work()
        except BaseException as error:  # noqa: BLE001  # the parent judges it
            said = repr(error)
        finally:
            os.write(result, said.encode())
            os._exit(0)
    os.close(result)

    def wait() -> str:
        return os.read(results, 10_000).decode()

    try:
        yield wait
    finally:
        os.waitpid(child, 0)
        os.close(results)


def use(begin: Callable[[], Store | Reader]) -> str:
    """Open it; return "used", or what the error says."""
    try:
        opened = begin()
    except StateError as error:
        return f"{error.message}|{error.hint}"
    if isinstance(opened, Store):
        with opened.transaction():
            opened.troubles.save("fresh", at=1.0, message="", hint="")
        opened.close()
    else:
        with opened:
            opened.figures()
    return "used"


@is_root
@pytest.mark.parametrize("mode", [0o700, 0o755])
@pytest.mark.parametrize("kind", [Store, Reader])
def test_owner_mismatch(for_all: Path, kind: type[Store | Reader], mode: int) -> None:
    """A user who may not use the state is told who they are, where, and what to do."""
    for path in (for_all, *for_all.iterdir()):
        os.chown(path, 0, 0)
    for_all.chmod(mode)
    with nobody(lambda: use(lambda: kind(for_all))) as wait:
        message, _, hint = wait().partition("|")

    assert pwd.getpwuid(NOBODY).pw_name in message
    assert str(for_all) in message
    assert hint


def owners(directory: Path) -> set[int]:
    """Return who owns the files of a directory."""
    return {file.stat().st_uid for file in directory.iterdir()}


@is_root
def test_root_reads_what_is_closed(for_all: Path) -> None:
    """Root reading the state of a stopped service leaves no file that the service cannot use."""
    for _ in range(2):
        with Reader(for_all) as reader:
            assert reader.figures().archive.lines == 1
            assert holder(for_all) is None
            assert owners(for_all) == {NOBODY}
    assert owners(for_all) == {NOBODY}

    with nobody(lambda: use(lambda: Store(for_all))) as wait:
        assert wait() == "used"


@is_root
def test_root_reads_what_is_open(for_all: Path) -> None:
    """Root reading beside the running service sees what it committed, and leaves nothing behind."""
    ask, asked = os.pipe()
    told, tell = os.pipe()

    def serve() -> str:
        with closing(Store(for_all)) as store:
            for number in range(3):
                os.write(tell, b"%d" % os.getpid())
                os.read(ask, 1)
                with store.transaction():
                    store.troubles.save(f"t{number}", at=float(number), message="", hint="")
        return "closed"

    with nobody(serve) as wait:
        for number in range(3):
            pid = int(os.read(told, 100))
            with Reader(for_all) as reader:
                assert holder(for_all) == pid
                assert [trouble.kind for trouble in reader.troubles()] == [
                    f"t{before}" for before in range(number)
                ]
                assert owners(for_all) == {NOBODY}
            os.write(asked, b"x")
        assert wait() == "closed"
    for pipe in (ask, asked, told, tell):
        os.close(pipe)

    assert owners(for_all) == {NOBODY}


# Reading beside the service


def test_nothing_to_read(directory: Path) -> None:
    """A state directory that is missing or empty reads as empty, and nothing is made."""
    with Reader(directory) as reader:
        assert reader.figures().archive.lines == 0
        assert reader.troubles() == []
        assert reader.uploads() == []
        assert reader.archive is None
    directory.mkdir(parents=True)
    with Reader(directory) as reader:
        assert reader.figures().generation == 1

    assert list(directory.iterdir()) == []


def test_a_row_that_comes_between_two_looks_is_no_damage(directory: Path) -> None:
    """A table is compared with its copies as at one moment, also when both were empty."""
    store = Store(directory)
    database = connect_to_read(directory)
    assert database is not None
    written: list[str] = []

    def write(statement: str) -> None:
        if "FROM main.stream NOT INDEXED" in statement and not written:
            written.append(statement)
            with store.transaction():
                store.cursor.save(Stream(1, b"", b"", 1, 1, 2, "/log/q"))

    with closing(store), closing(database):
        database.set_trace_callback(write)
        assert not hide_damage(database, large=True)
    assert written


def test_reading_while_writing(directory: Path) -> None:
    """While another process writes, each reading is of one moment, and none fails."""
    with started(WRITE_BLOCKS, directory) as writer:
        check_while(writer, directory)


WRITE_BLOCKS = """
    import sys
    from pathlib import Path
    from qlogship.source.streams import Stream
    from qlogship.state.store import Store
    store = Store(Path(sys.argv[1]))
    print("ready", flush=True)
    offset = 0
    for number in range(150):
        data = b"1795411800|%d.1|q|NONE|ENTERQUEUE||1|1\\n" % number * 200
        with store.transaction():
            store.cursor.save(Stream(1, b"", b"", offset + len(data), 1, 2, "/log/q"))
            store.archive.append(data, stream=1, offset=offset)
            store.position.save_held(calls=number + 1, lines=offset + len(data))
        offset += len(data)
    store.close()
"""


def check_while(writer: subprocess.Popen[str], directory: Path) -> None:
    """Read again and again until the writer has ended."""
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    seen = []
    while writer.poll() is None:
        with Reader(directory) as reader:
            now = reader.figures()
            assert now.archive.lines == now.archive.calls * 200
            assert now.archive.calls == now.held.calls
            assert now.archive.bytes == now.held.lines
            seen.append(now.archive.lines)
            assert reader.archive is not None
            last = reader.archive.next_seq - 1
            if last:
                assert reader.archive.text([(1, last)]).count(b"\n") == last
    assert writer.returncode == 0

    assert seen == sorted(seen)
    with Reader(directory) as reader:
        assert reader.figures().archive.lines == 30_000


def test_reader_changes_nothing(directory: Path) -> None:
    """A reader cannot write, even by mistake."""
    with closing(Store(directory)) as store:
        append(store, b"one\n")
    with Reader(directory) as reader:
        assert reader.archive is not None
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.archive.append(b"two\n", stream=1, offset=4)


def test_locked_out(directory: Path) -> None:
    """A second store in another process is refused, and the first one is not disturbed."""
    with closing(Store(directory)) as store:
        append(store, b"one\n")
        said = python(
            """
            import sys
            from pathlib import Path
            from qlogship.errors import LockedError
            from qlogship.state.store import Store
            try:
                Store(Path(sys.argv[1]))
            except LockedError as error:
                print(error.pid)
            """,
            directory,
        )
        assert said == str(os.getpid())
        append(store, b"two\n", offset=4)
        assert text_of(store) == b"one\ntwo\n"
