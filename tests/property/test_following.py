"""Following under any history: two state machines against one simple model.

The model knows of each file only its bytes. A piece that the follower hands out
must stand at its offset in exactly one of the files, and right behind what was
handed out of that file before; at the end nothing may be left over. That is
exact equality, byte for byte, each line once, in order within its file.

The second machine may also truncate a file in place and delete one. What was
not read by then is gone, and the model knows the bounds only: what was handed
out of such a file is a beginning of it, still each byte once, and all other
files are exact.
"""

from __future__ import annotations

import bz2
import gzip
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.following import ROTATIONS, Asterisk, Clock, Following, rotate_logrotate

if TYPE_CHECKING:
    from qlogship.source.interface import Piece

STEPS = 40
LIMITS = st.sampled_from([60, 300, 5_000, 1 << 20])


def inode_of(path: Path) -> tuple[int, int]:
    """Return device and inode of a file."""
    status = path.stat()
    return status.st_dev, status.st_ino


@dataclass(eq=False, slots=True)
class Text:
    """One run of text, under whatever names: its bytes, and how far it was handed out."""

    number: int
    content: bytes = b""
    read: int = 0
    gone: bool = False
    grew_at: float = 0.0

    @property
    def has_call(self) -> bool:
        """Whether there is a whole record of a call in it."""
        return any(b"|sales|" in line for line in self.content.split(b"\n")[:-1])

    @property
    def is_known(self) -> bool:
        """Whether what was handed out of it, if anything, has a whole record of a call."""
        return self.has_call and (self.read == 0 or Text(0, self.content[: self.read]).has_call)


class Exactly(RuleBasedStateMachine):
    """Everything that rotation, crashes and power cuts do; nothing may be lost or repeated."""

    def __init__(self) -> None:
        super().__init__()
        # A file system in memory is quick, and uses no inode twice by chance.
        self.directory = Path(tempfile.mkdtemp(prefix="following-"))
        self.path = self.directory / "queue_log"
        self.clock = Clock()
        self.texts: list[Text] = []
        self.asterisk = Asterisk(self.path, clock=self.clock)
        self.rest = b""
        self.written = self.new_text()
        self.names: dict[Path, Text] = {self.path: self.written}
        self.copies: set[Path] = set()
        self.freed: list[Path] = []
        self.finished = 0
        self.replaced = False
        self.packing: dict[Path, tuple[Path, bytes]] = {}
        self.follower = Following(self.path, clock=self.clock)

    def new_text(self) -> Text:
        """Note that a file was begun."""
        self.texts.append(Text(len(self.texts), grew_at=self.clock.monotonic()))
        return self.texts[-1]

    # What is written

    def wrote(self, data: bytes) -> None:
        """Note what Asterisk appended to the file that it has open."""
        self.written.content += data
        self.written.grew_at = self.clock.monotonic()

    @rule(count=st.integers(1, 12), length=st.sampled_from([0, 0, 40, 700]))
    def append(self, count: int, length: int) -> None:
        """Asterisk appends records, wherever its file is by now."""
        data, self.rest = self.rest + self.asterisk.records.many(count, data="x" * length), b""
        self.wrote(self.asterisk.write(data))

    @rule(share=st.floats(0.05, 0.8))
    def append_part(self, share: float) -> None:
        """Half a record appears; the rest comes with the next one."""
        record = self.asterisk.records.one()
        cut = 24 + int(share * (len(record) - 36))  # each part is like no other
        data, self.rest = self.rest + record[:cut], record[cut:]
        self.wrote(self.asterisk.write(data))

    @rule()
    def reload(self) -> None:
        """Asterisk opens its path again."""
        self.rest = b""
        if self.path not in self.names:
            self.names[self.path] = self.new_text()
            self.reuse_inode()
        record = self.asterisk.reload()
        self.written = self.names[self.path]
        self.wrote(record)

    def reuse_inode(self) -> None:
        """Make the new file of an inode that nobody holds any more, as ext4 likes to do."""
        opened = {inode_of(file) for file in self.open_files()}
        for path in self.freed:
            if inode_of(path) not in opened:
                os.truncate(path, 0)
                path.rename(self.path)
                self.freed.remove(path)
                return

    def open_files(self) -> list[Path]:
        """Return what this process has open."""
        return [file for file in Path("/proc/self/fd").iterdir() if file.exists()]

    def stamp(self, path: Path) -> None:
        """Date a file that was written just now by the test's clock."""
        os.utime(path, (self.clock.wall(), self.clock.wall()))

    # What becomes of the files

    def moved(self, before: dict[tuple[int, int], Text]) -> None:
        """Note the names that files have after renames, by their inodes before."""
        self.names = {
            path: before[inode_of(path)] for path in sorted(self.directory.glob("queue_log*"))
        }

    def inodes(self) -> dict[tuple[int, int], Text]:
        """Return which text each inode holds."""
        return {inode_of(path): text for path, text in self.names.items()}

    @precondition(lambda self: self.path in self.names and not self.packing)
    @rule(strategy=st.sampled_from(sorted(ROTATIONS)), reopen=st.booleans())
    def rotate(self, strategy: str, reopen: bool) -> None:  # noqa: FBT001  # Hypothesis names it
        """The file is renamed, and Asterisk reopens its path now or later."""
        before = self.inodes()
        ROTATIONS[strategy](self.path)
        self.moved(before)
        if reopen:
            self.reload()

    @precondition(lambda self: self.path in self.names and not self.packing)
    @rule(keep_time=st.booleans())
    def copytruncate(self, keep_time: bool) -> None:  # noqa: FBT001  # the same
        """The file is copied whole, and then truncated."""
        before = self.inodes()
        text = self.names[self.path]
        copy = rotate_logrotate(self.path)  # for the name
        copy.rename(self.path)
        self.moved(before)
        shutil.copyfile(self.path, copy)
        if keep_time:
            shutil.copystat(self.path, copy)
        else:
            self.stamp(copy)
        self.names[copy] = text
        self.truncated()

    def truncated(self) -> None:
        """Empty the live file."""
        os.truncate(self.path, 0)
        self.stamp(self.path)
        text = self.names[self.path]
        self.names[self.path] = self.new_text()
        if self.written is text:
            self.written = self.names[self.path]

    def plain(self) -> list[Path]:
        """Return the rotated files that nobody writes to."""
        return sorted(
            path
            for path, text in self.names.items()
            if path != self.path
            and path not in self.copies
            and path.suffix not in {".gz", ".bz2", ".bak"}
            and text is not self.written
            and path not in self.packing
        )

    @precondition(lambda self: self.plain())
    @rule(
        which=st.integers(0, 9), suffix=st.sampled_from([".gz", ".bz2"]), half=st.floats(0.0, 1.0)
    )
    def pack(self, which: int, suffix: str, half: float) -> None:
        """A rotated file is compressed, as far as this beside the plain one."""
        files = self.plain()
        path = files[which % len(files)]
        packed = path.with_name(path.name + suffix)
        if packed in self.names:
            return
        whole = (gzip.compress if suffix == ".gz" else bz2.compress)(path.read_bytes())
        packed.write_bytes(whole[: int(half * len(whole))])
        self.stamp(packed)
        self.names[packed] = self.names[path]
        self.packing[path] = packed, whole

    @precondition(lambda self: self.packing)
    @rule()
    def finish_packing(self) -> None:
        """The compressed file is finished, and the plain one goes."""
        for path, (packed, whole) in self.packing.items():
            packed.write_bytes(whole)
            shutil.copystat(path, packed)
            self.freed.append(path.rename(self.freed_name()))
            del self.names[path]
        self.packing.clear()

    def freed_name(self) -> Path:
        """Return a name, of no family, for an inode that is free."""
        self.finished += 1
        return self.directory / f"free-{self.finished}"

    # Where nothing but a CONFIGRELOAD was read, a copy might as well be a file of that second.
    @precondition(lambda self: self.path in self.names and self.names[self.path].is_known)
    @rule(name=st.sampled_from(["queue_log.bak", "queue_log-20261231"]))
    def copy(self, name: str) -> None:
        """Somebody makes a copy of the live file and leaves it there."""
        copy = self.path.with_name(name)
        shutil.copyfile(self.path, copy)
        self.stamp(copy)
        self.names[copy] = self.names[self.path]
        self.copies.add(copy)

    @precondition(
        lambda self: (
            self.path in self.names
            and self.names[self.path].has_call
            and not self.rest
            and not self.replaced
        )
    )
    @rule()
    def copy_and_move(self) -> None:
        """The live file is replaced by a copy of itself, once, and Asterisk told to reload."""
        self.replaced = True
        copy = self.path.with_name("copy")
        shutil.copyfile(self.path, copy)
        self.stamp(copy)
        copy.rename(self.path)
        if self.written is self.names[self.path]:
            self.reload()

    @precondition(lambda self: self.path in self.names and not self.copies and not self.packing)
    @rule(share=st.floats(0.0, 1.0), look=st.booleans())
    def power_cut(self, share: float, look: bool) -> None:  # noqa: FBT001  # the same
        """The end of the live file never reached the disk; both sides start again."""
        text = self.names[self.path]
        if text is not self.written:
            return
        cut = int(share * len(text.content))
        if not Text(0, text.content[:cut]).has_call:
            cut = 0  # what is left might as well be of a file of the same second
        os.truncate(self.path, cut)
        self.stamp(self.path)
        text.content = text.content[:cut]
        text.read = min(text.read, text.content.rfind(b"\n") + 1)
        self.rest = b""
        self.follower.restart()
        if look:
            self.read(1, 300)
        self.wrote(self.asterisk.write(self.asterisk.records.one("QUEUESTART")))

    # What the follower does

    @rule(pieces=st.integers(1, 6), limit=LIMITS)
    def read(self, pieces: int, limit: int) -> None:
        """Some pieces are read and written down."""
        for _ in range(pieces):
            piece = self.follower.step(limit)
            if piece is None:
                break
            self.account(piece)

    @rule()
    def read_all(self) -> None:
        """All there is is read and written down."""
        while (piece := self.follower.step()) is not None:
            self.account(piece)

    @rule()
    def scan(self) -> None:
        """The follower is told that something happened beside the file."""
        self.follower.log.scan()

    @rule()
    def restart(self) -> None:
        """The follower begins again from what was written down."""
        self.follower.restart()

    @rule(pieces=st.integers(1, 6), limit=LIMITS)
    def crash(self, pieces: int, limit: int) -> None:
        """What was read last was never written down."""
        self.follower.crash(pieces=pieces, limit=limit)

    @rule(seconds=st.sampled_from([1.0, 11.0, 31.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    # The model

    def account(self, piece: Piece) -> None:
        """Find the place of a piece in what was written."""
        begin, end = piece.offset, piece.offset + len(piece.data)
        for text in self.texts:
            if text.read == begin and text.content[begin:end] == piece.data:
                text.read = end
                self.check_torn(text, piece)
                return
        for text in self.texts:
            note(f"text {text.number}: {text.read} of {len(text.content)}, {text.content[:60]!r}")
        raise AssertionError(f"handed out, but not due at {begin} of anything: {piece.data!r}")

    def check_torn(self, text: Text, piece: Piece) -> None:
        """Prove that the end of a file that may still grow was waited for."""
        if piece.data.endswith(b"\n") or self.copies:
            return
        streams = {stream.id: stream for stream in self.follower.streams()}
        if Path(streams[piece.stream].path).suffix not in {".gz", ".bz2"}:
            assert text is not self.names.get(self.path), "the live file's last line was torn"
            assert self.clock.monotonic() - text.grew_at >= 30.0, "not waited for its rest"

    @invariant()
    def archive_agrees(self) -> None:
        """The archive holds what was handed out, torn records with a newline of its own."""
        written = b"".join(
            piece.data if piece.data.endswith(b"\n") else piece.data + b"\n"
            for piece in self.follower.pieces[-3:]
        )
        assert self.follower.archived.endswith(written)

    def teardown(self) -> None:
        """Let everything come to rest; then nothing may be left over."""
        try:
            self.finish_packing()
            self.reload()
            for _ in range(4):
                self.follower.log.scan()
                self.read_all()
                self.clock.advance(31.0)
            for text in self.texts:
                if text.gone:
                    continue
                due = text.content
                if text is self.names[self.path]:
                    due = due[: due.rfind(b"\n") + 1]
                assert text.read == len(due), f"text {text.number}: {due[text.read :]!r} is lost"
        finally:
            self.follower.close()
            self.asterisk.close()
            shutil.rmtree(self.directory)


class WithinBounds(Exactly):
    """The same, and files are truncated or deleted with what nobody has read yet."""

    @precondition(lambda self: self.path in self.names)
    @rule()
    def truncate(self) -> None:
        """The live file is emptied in place, with all that was not read."""
        self.names[self.path].gone = True
        self.truncated()

    @precondition(lambda self: self.path in self.names)
    @rule()
    def delete(self) -> None:
        """The live file is deleted; Asterisk goes on writing to it."""
        self.path.unlink()
        self.names.pop(self.path).gone = True

    @precondition(lambda self: self.plain() and not self.packing)
    @rule(which=st.integers(0, 9))
    def delete_rotated(self, which: int) -> None:
        """A rotated file is deleted."""
        files = self.plain()
        path = files[which % len(files)]
        path.unlink()
        self.names.pop(path).gone = True


Exactly.TestCase.settings = WithinBounds.TestCase.settings = settings(stateful_step_count=STEPS)

TestExactly = Exactly.TestCase
TestWithinBounds = WithinBounds.TestCase
