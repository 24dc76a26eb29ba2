"""Reading a file that may be compressed, and telling a whole one from a cut one.

Here is the one table of the compressions that are read. Whoever adds a row adds
the compression: what rotated files may be called (source/rotated_names.py) and
what messages name as readable follow from it.

logrotate writes `queue_log.1.gz` while `queue_log.1` still stands, so a
compressed file may be met half-written. The decompressors of the libraries are
driven here by hand because only they say where a stream really ended.
"""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class _Compression:
    """How a compressed file begins, and what decompresses it.

    An engine is used like `bz2.BZ2Decompressor`. One that is not `bounded` cannot
    be told how much to return at most, and is fed little at a time instead.
    """

    magic: bytes
    engine: Callable[[], Any]
    bounded: bool = True

    @property
    def input_bytes(self) -> int:
        """How much of the file is decompressed at once; the text may be 32,000 times as long."""
        return 65536 if self.bounded else 512


# A file says itself how much is needed for it, up to gigabytes. `xz -9` says 65 MiB.
_MEMORY_MAX: Final = 80 * 1024 * 1024

_COMPRESSIONS: Final = {
    "gz": _Compression(b"\x1f\x8b", partial(zlib.decompressobj, wbits=31)),
    "bz2": _Compression(b"BZh", bz2.BZ2Decompressor),
    "xz": _Compression(b"\xfd7zXZ\x00", partial(lzma.LZMADecompressor, memlimit=_MEMORY_MAX)),
    "zst": _Compression(
        b"\x28\xb5\x2f\xfd",
        lambda: zstandard.ZstdDecompressor().decompressobj(),
        bounded=False,
    ),
}

SUFFIXES: Final = tuple(f".{kind}" for kind in _COMPRESSIONS)
"""What the names of compressed files end in."""

MAGIC_BYTES: Final = max(len(known.magic) for known in _COMPRESSIONS.values())
"""How many first bytes of a file `compression` wants to see."""

# bz2 says OSError; ValueError is what lzma says of bad properties.
_DAMAGE = (zlib.error, OSError, lzma.LZMAError, zstandard.ZstdError, EOFError, ValueError)


class DamagedError(Exception):
    """A compressed file holds bytes that are no compressed text."""


class TooLongError(DamagedError):
    """It takes too long to go through a compressed file once more."""


def compression(start: bytes, *, suffix: str) -> str | None:
    """Name the compression of a file by its first bytes; None for plain text.

    While those are not all written yet, or are neither, the suffix of its name
    decides: only a file that begins with a time is taken for text then.
    """
    for kind, known in _COMPRESSIONS.items():
        if start.startswith(known.magic):
            return kind
        if suffix == f".{kind}" and start and not start[:1].isdigit():
            return kind
    return None


class Decompressing:
    """Read the text of a compressed file from its beginning on.

    `read_raw(size)` returns the file's next bytes, empty at its end.
    Several compressed streams in one file follow each other. `whole` says,
    at the end, whether the last one was complete. `read` raises
    `DamagedError`; it does not go on for much longer than `patience` seconds.
    """

    def __init__(
        self, read_raw: Callable[[int], bytes], kind: str, *, patience: float = math.inf
    ) -> None:
        self._read_raw = read_raw
        self._compression = _COMPRESSIONS[kind]
        self._engine: Any = None
        self._input = b""
        self._damage: DamagedError | None = None
        self._patience = patience
        self.position = 0
        self.whole = False

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of text, or a little more; empty at the end."""
        parts: list[bytes] = []
        got, until = 0, monotonic() + self._patience
        while got < size and self._damage is None:
            try:
                piece = self._piece(size - got, until)
            except DamagedError as error:
                self._damage = error
                break
            if not piece:
                break
            parts.append(piece)
            got += len(piece)
        if self._damage is not None and not got:
            raise self._damage  # what stood before the damage was good
        self.position += got
        return b"".join(parts)

    def _piece(self, limit: int, until: float) -> bytes:
        """Return some text; empty only at the end of the file."""
        while True:
            if monotonic() > until:  # there may be millions of streams with nothing in them
                raise TooLongError
            if self._engine is None or self._engine.eof:
                self._input = (self._engine.unused_data if self._engine else b"") or self._input
                self._input = self._input or self._read_raw(self._compression.input_bytes)
                if not self._input.strip(b"\0"):  # padding at the end is allowed
                    self.whole = self._engine is not None
                    return b""
                self._engine = self._compression.engine()
            elif not self._input and getattr(self._engine, "needs_input", True):
                self._input = self._read_raw(self._compression.input_bytes)
                if not self._input:
                    return b""
            piece = self._advance(limit)
            if piece:
                return piece

    def _advance(self, limit: int) -> bytes:
        data, self._input = self._input, b""
        bound = (limit,) if self._compression.bounded else ()
        try:
            piece = bytes(self._engine.decompress(data, *bound))
        except _DAMAGE as error:
            raise DamagedError(str(error)) from error
        # zlib hands back what it did not get to; the others keep it.
        self._input = getattr(self._engine, "unconsumed_tail", b"")
        return piece
