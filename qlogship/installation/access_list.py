"""Access lists (acl(5)): what the kernel keeps of one, and how one user is put into it.

Nobody else's rights change by that: setfacl would widen the mask for every entry in the
list, so the entries that the old mask had narrowed are narrowed themselves.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, NamedTuple, Self

ACCESS: Final = "system.posix_acl_access"
"""The attribute that holds who may do what with a file."""

DEFAULT: Final = "system.posix_acl_default"
"""The attribute of a directory that holds the list of what is made in it."""

_HEADER: Final = struct.Struct("<I")
_ENTRY: Final = struct.Struct("<HHI")
_VERSION: Final = 2
_NOBODY: Final = 0xFFFFFFFF  # the entries that name nobody

_READ, _SEARCH = 4, 1


class Tag(IntEnum):
    """Whom an entry is about; the numbers are the kernel's, and its order."""

    OWNER = 0x01
    USER = 0x02
    OWNING_GROUP = 0x04
    GROUP = 0x08
    MASK = 0x10
    OTHER = 0x20


class Entry(NamedTuple):
    """Whom it is about, by number where one is named, and what they may: as in a mode."""

    tag: Tag
    number: int
    rights: int


@dataclass(frozen=True, slots=True)
class AccessList:
    """The entries, in the kernel's order."""

    entries: tuple[Entry, ...]

    @classmethod
    def of_mode(cls, mode: int) -> Self:
        """Return what a mode says without a list."""
        tags = (Tag.OWNER, Tag.OWNING_GROUP, Tag.OTHER)
        return cls(
            tuple(
                Entry(tag, _NOBODY, mode >> shift & 7)
                for tag, shift in zip(tags, (6, 3, 0), strict=True)
            )
        )

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """Read what the kernel keeps. Raises ValueError for what is none."""
        body = data[_HEADER.size :]
        if data[: _HEADER.size] != _HEADER.pack(_VERSION) or len(body) % _ENTRY.size:
            raise ValueError("no access list")
        return cls(
            tuple(
                Entry(Tag(tag), number, rights) for tag, rights, number in _ENTRY.iter_unpack(body)
            )
        )

    def as_bytes(self) -> bytes:
        """Return what the kernel takes."""
        body = (_ENTRY.pack(tag, rights, number) for tag, number, rights in self.entries)
        return _HEADER.pack(_VERSION) + b"".join(body)

    def rights(self, tag: Tag, number: int = _NOBODY) -> int:
        """Return what an entry grants, as far as the mask lets it."""
        found = (one.rights for one in self.entries if one[:2] == (tag, number))
        rights = next(found, 0)
        return rights if tag in {Tag.OWNER, Tag.OTHER} else rights & self._mask

    def writers(self) -> list[Entry]:
        """Return the entries, but the owner's, that let somebody write."""
        return [
            one
            for one in self.entries
            if one.tag not in {Tag.OWNER, Tag.MASK} and self.rights(one.tag, one.number) & 2
        ]

    def with_user(self, uid: int, rights: int) -> Self:
        """Return the list with one user who may, besides what that one could; no other changes."""
        masked = {Tag.USER, Tag.OWNING_GROUP, Tag.GROUP}
        kept = {
            one[:2]: one._replace(rights=self.rights(one.tag, one.number))
            if one.tag in masked
            else one
            for one in self.entries
        }
        rights |= self.rights(Tag.USER, uid)
        kept[Tag.USER, uid] = Entry(Tag.USER, uid, rights)
        mask = 0
        for one in kept.values():
            if one.tag in masked:
                mask |= one.rights
        kept[Tag.MASK, _NOBODY] = Entry(Tag.MASK, _NOBODY, mask)
        return replace(self, entries=tuple(sorted(kept.values())))

    @property
    def _mask(self) -> int:
        return next((one.rights for one in self.entries if one.tag is Tag.MASK), 7)


def for_new_files(mode: int) -> AccessList:
    """Return the list for a directory whose new files are to be as open as one with this mode.

    A list makes the kernel forget the umask of whoever makes a file. Directories that are
    made there take the same list: who may read may search.
    """
    search = sum(_SEARCH << shift for shift in (6, 3, 0) if mode >> shift & _READ)
    return AccessList.of_mode(mode & 0o666 | search | 0o700)
