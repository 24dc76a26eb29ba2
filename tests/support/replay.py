"""A recorded queue_log, written again as Asterisk wrote it: in pieces, through its rotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fixtures.queue_log import TREES, sample
from tests.support.arrivals import lines_of, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

PARTS = 20


@dataclass(frozen=True)
class Move:
    """One thing that happens to the files; `at` is when, in epoch seconds.

    `grows`: this is appended. `renames`: the live file becomes an archive, by
    its strategy. `opens`: a new, empty live file appears.
    """

    at: int
    grows: bytes = b""
    renames: bool = False
    opens: bool = False


def text_of_tree(tree: str) -> bytes:
    """Return all that was written, oldest first."""
    return b"".join(sample(f"{tree}/{name}") for name in TREES[tree])


def moves(tree: str, random: Random, *, parts: int = PARTS) -> Iterator[Move]:
    """Yield what happened while a tree of files was written.

    Each file grows in random pieces, of which none spans two seconds.
    """
    texts = [sample(f"{tree}/{name}") for name in TREES[tree]]
    at = 0
    for number, text in enumerate(texts):
        if number:
            yield Move(at, renames=True)
            yield Move(at, opens=True)
        pieces = list(_pieces(text, random, parts, at))
        if not number:
            yield Move(pieces[0].at, opens=True)
        yield from pieces
        at = pieces[-1].at


def _pieces(text: bytes, random: Random, parts: int, at: int) -> Iterator[Move]:
    cuts = set(random.sample(range(1, len(text)), parts - 1))
    piece = b""
    place = 0
    for line in lines_of(text):
        row = record(line)
        if row is not None and int(row[0]) != at:
            if piece:
                yield Move(at, grows=piece)
            piece, at = b"", int(row[0])
        for byte in range(len(line)):
            piece += line[byte : byte + 1]
            place += 1
            if place in cuts:
                yield Move(at, grows=piece)
                piece = b""
    if piece:
        yield Move(at, grows=piece)


class Files:
    """The queue_log and its archives, under one of Asterisk's strategies."""

    def __init__(self, path: Path, tree: str) -> None:
        self.path = path
        self._tree = tree
        self._stamps = iter(TREES[tree])
        path.parent.mkdir(parents=True, exist_ok=True)

    def make(self, move: Move) -> None:
        """Carry out one move."""
        if move.renames:
            self._rename()
        elif move.opens:
            self.path.touch()
        else:
            with self.path.open("ab", buffering=0) as file:
                file.write(move.grows)

    def _rename(self) -> None:
        match self._tree:
            case "rotate":
                # Every archive's name shifts; .0 is the newest.
                numbers = sorted(self._numbers(), reverse=True)
                for number in numbers:
                    self._named(number).rename(self._named(number + 1))
                self.path.rename(self._named(0))
            case "sequential":
                self.path.rename(self._named(len(self._numbers())))
            case _:
                self.path.rename(self.path.with_name(next(self._stamps)))

    def _numbers(self) -> list[int]:
        return [int(file.suffix[1:]) for file in self.path.parent.glob(f"{self.path.name}.*")]

    def _named(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
