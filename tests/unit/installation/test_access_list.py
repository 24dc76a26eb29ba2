"""Access lists: what is read, what one more user changes, and what he does not."""

from __future__ import annotations

from itertools import product

import pytest

from qlogship.installation.access_list import AccessList, Entry, Tag, for_new_files

NAMELESS = 0xFFFFFFFF
QLOGSHIP, OTHER = 998, 1000
# setfacl -m user:1000:rw,group:50:r,mask::r on a file of mode 0640, as the kernel keeps it.
KEPT = bytes.fromhex(
    "02000000"
    "01000600ffffffff"
    "02000600e8030000"
    "04000400ffffffff"
    "0800040032000000"
    "10000400ffffffff"
    "20000000ffffffff"
)


def test_what_the_kernel_keeps_is_read_and_written() -> None:
    """The bytes are the kernel's; a list that is read is written as it was."""
    found = AccessList.of_bytes(KEPT)
    assert found.as_bytes() == KEPT
    assert found.rights(Tag.USER, 1000) == 4  # rw, and the mask leaves r
    assert found.rights(Tag.GROUP, 50) == 4
    assert found.rights(Tag.USER, QLOGSHIP) == 0


@pytest.mark.parametrize("data", [b"", b"\x01\x00\x00\x00", KEPT[:-1], KEPT[:4] + b"\x03" * 8])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    """Another version, a torn entry, a tag of nobody."""
    with pytest.raises(ValueError, match=r"access list|Tag"):
        AccessList.of_bytes(data)


@pytest.mark.parametrize("before", [None, 0, 1, 4])
@pytest.mark.parametrize("need", [1, 4, 5])
def test_one_more_user_changes_nobody_elses_rights(before: int | None, need: int) -> None:
    """Whatever owner, group, others, another user and the mask had: they have it still."""
    for group, other, named, mask in product(range(8), repeat=4):
        entries = [
            Entry(Tag.OWNER, NAMELESS, 6),
            Entry(Tag.USER, OTHER, named),
            Entry(Tag.OWNING_GROUP, NAMELESS, group),
            Entry(Tag.GROUP, 50, named),
            Entry(Tag.MASK, NAMELESS, mask),
            Entry(Tag.OTHER, NAMELESS, other),
        ]
        if before is not None:
            entries.insert(1, Entry(Tag.USER, QLOGSHIP, before))
        old = AccessList(tuple(entries))
        new = old.with_user(QLOGSHIP, need)
        for one in old.entries:
            if one.tag is not Tag.MASK and one.number != QLOGSHIP:
                key = one.tag, one.number
                assert new.rights(*key) == old.rights(*key), (old, new)
        assert new.rights(Tag.USER, QLOGSHIP) == need | old.rights(Tag.USER, QLOGSHIP)
        assert new.with_user(QLOGSHIP, need) == new


def test_a_mode_becomes_a_list() -> None:
    """A file of 0600 opened to one user stays closed to its group."""
    new = AccessList.of_mode(0o100600).with_user(QLOGSHIP, 4)
    assert new.rights(Tag.USER, QLOGSHIP) == 4
    assert new.rights(Tag.OWNING_GROUP) == new.rights(Tag.OTHER) == 0


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o664, 0o666])
def test_new_files_are_as_open_as_the_old_one(mode: int) -> None:
    """The list gives a file that is made with 0666 the mode that the umask gave it before."""
    made = for_new_files(mode)
    group, other = made.rights(Tag.OWNING_GROUP), made.rights(Tag.OTHER)
    assert (0o666 & (made.rights(Tag.OWNER) << 6 | group << 3 | other)) == mode


def test_who_can_write_is_named() -> None:
    """Everybody but the owner whom an entry lets write, as far as the mask lets it."""
    assert AccessList.of_mode(0o755).writers() == []
    assert [one.tag for one in AccessList.of_mode(0o777).writers()] == [Tag.OWNING_GROUP, Tag.OTHER]
    assert AccessList.of_bytes(KEPT).writers() == []
