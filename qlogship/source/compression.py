"""Reading a file that may be compressed, and telling a whole one from a cut one.

logrotate writes `queue_log.1.gz` while `queue_log.1` still stands, so a
compressed file may be met half-written. The decompressors of the libraries are
driven here by hand because only they say where a stream really ended.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Any, Final

import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable

_MAGIC: Final = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
}
# zstandard's incremental decompressor has no limit on what one call returns.
_INPUT_BYTES: Final = {"gz": 65536, "bz2": 65536, "xz": 65536, "zst": 4096}
# bz2 says OSError; ValueError is what lzma says of bad properties.
_DAMAGE = (zlib.error, OSError, lzma.LZMAError, zstandard.ZstdError, EOFError, ValueError)


class DamagedError(Exception):
    """A compressed file holds bytes that are no compressed text."""


def compression(start: bytes, *, suffix: str) -> str | None:
    """Name the compression of a file by its first bytes; None for plain text.

    While those are not all written yet, or are neither, the suffix of its name
    decides: only a file that begins with a time is taken for text then.
    """
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
        if suffix == f".{kind}" and start and not start[:1].isdigit():
            return kind
    return None


class Decompressing:
    """Read the text of a compressed file from its beginning on.

    `read_raw(size)` returns the file's next bytes, empty at its end.
    Several compressed streams in one file follow each other. `whole` says,
    at the end, whether the last one was complete. `read` raises
    `DamagedError`.
    """

    def __init__(self, read_raw: Callable[[int], bytes], kind: str) -> None:
        self._read_raw = read_raw
        self._kind = kind
        self._engine: Any = None
        self._input = b""
        self._damage: DamagedError | None = None
        self.position = 0
        self.whole = False

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of text, or a little more; empty at the end."""
        parts: list[bytes] = []
        got = 0
        while got < size and self._damage is None:
            try:
                piece = self._piece(size - got)
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

    def _piece(self, limit: int) -> bytes:
        """Return some text; empty only at the end of the file."""
        while True:
            if self._engine is None or self._engine.eof:
                self._input = (self._engine.unused_data if self._engine else b"") or self._input
                self._input = self._input or self._read_raw(_INPUT_BYTES[self._kind])
                if not self._input.strip(b"\0"):  # padding at the end is allowed
                    self.whole = self._engine is not None
                    return b""
                self._engine = self._new_engine()
            elif not self._input and self._wants_input():
                self._input = self._read_raw(_INPUT_BYTES[self._kind])
                if not self._input:
                    return b""
            piece = self._advance(limit)
            if piece:
                return piece

    def _advance(self, limit: int) -> bytes:
        data, self._input = self._input, b""
        try:
            if self._kind == "zst":
                return bytes(self._engine.decompress(data))
            piece = bytes(self._engine.decompress(data, limit))
        except _DAMAGE as error:
            raise DamagedError(str(error)) from error
        if self._kind == "gz":
            self._input = self._engine.unconsumed_tail
        return piece

    def _wants_input(self) -> bool:
        return self._kind in {"gz", "zst"} or self._engine.needs_input

    def _new_engine(self) -> object:
        match self._kind:
            case "gz":
                return zlib.decompressobj(wbits=31)
            case "bz2":
                return bz2.BZ2Decompressor()
            case "xz":
                return lzma.LZMADecompressor()
            case _:
                return zstandard.ZstdDecompressor().decompressobj()
