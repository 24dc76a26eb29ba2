"""Asterisk's configuration as whoever took it over may write it: reading it has an end."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from qlogship.errors import SourceUnreadable
from qlogship.installation import asterisk_files
from qlogship.installation.asterisk_conf import logger
from qlogship.installation.asterisk_files import read_conf
from qlogship.installation.files import TEXT_MAX, read_text

if TYPE_CHECKING:
    from pathlib import Path

# Far above what any of these takes; without an end they take hours.
PATIENCE = 20.0


def include_each_other(path: Path) -> None:
    """Make seven files, each of which includes all seven."""
    for one in range(7):
        lines = "".join(f"#include {other}.conf\n" for other in range(7))
        path.with_name(f"{one}.conf").write_text(lines)
    path.write_text("#include 0.conf\n")


def name_everything(path: Path) -> None:
    """Make patterns that mean every file of the machine, many times."""
    path.write_text("#include /*/*/*/*/*/*\n#include /**/*/**\n#include /proc/*/*/*\n" * 50)


def be_huge(path: Path) -> None:
    """Make a file of a terabyte, with nothing in it."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


def inherit_without_end(path: Path) -> None:
    """Make a large section, and as many that are made from it."""
    values = "".join(f"v{number}=1\n" for number in range(20_000))
    path.write_text(f"[a](!)\n{values}" + "[b](a,a,a,a,a,a)\n" * 20_000)


def be_many(path: Path) -> None:
    """Make a thousand files, and one pattern for them all."""
    for number in range(1000):
        path.with_name(f"x{number}.conf").write_text("[general]\n")
    path.write_text("#include x*.conf\n")


@pytest.mark.parametrize(
    "attack", [include_each_other, name_everything, be_huge, inherit_without_end, be_many]
)
def test_there_is_an_end(tmp_path: Path, attack: object) -> None:
    """Of files, names, bytes, lines and seconds; what was left out is said to be."""
    assert callable(attack)
    path = tmp_path / "logger.conf"
    attack(path)
    began = time.monotonic()
    conf = read_conf(path)
    assert time.monotonic() - began < PATIENCE
    assert conf is None or conf.cut


def test_what_a_pbx_has_is_read_to_its_end(tmp_path: Path) -> None:
    """A hundred files of a hundred lines are no attack; hidden files match no pattern."""
    for number in range(100):
        tmp_path.joinpath(f"x{number}.conf").write_text(f"k{number}=1\n" * 100)
    tmp_path.joinpath(".x.conf").write_text("hidden=1\n")
    path = tmp_path / "logger.conf"
    path.write_text("[general]\n#include *x*.conf\n#include /nowhere/*.conf\n")
    conf = read_conf(path)
    assert conf is not None
    assert not conf.cut
    assert conf.get("general", "k99") == "1"
    assert conf.get("general", "hidden") is None


def test_nothing_but_a_regular_file_is_opened(tmp_path: Path) -> None:
    """A FIFO whose other end somebody holds, a device that would never end: no text, at once."""
    path = tmp_path / "logger.conf"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR)
    os.write(both, b"[general]\n")
    try:
        assert read_text(path) is None
        assert os.read(both, 100) == b"[general]\n"  # nobody has taken it
    finally:
        os.close(both)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert read_text(path) is None
    path.unlink()
    path.write_bytes(b"x" * (TEXT_MAX + 1))
    assert read_text(path) == "x" * TEXT_MAX


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/shadow",
        "/etc/shadow",
        "a/b",
        "..",
        ".",
        "a\0b",
        "a\x1b[2J",
        "x" * 256,
        "\u00e9" * 128,
    ],
)
def test_a_name_with_a_way_in_it_is_refused(tmp_path: Path, name: str) -> None:
    """queue_log_name is a name: what leads elsewhere, or nowhere, is refused; it says who looks."""
    (tmp_path / "logger.conf").write_text(f"[general]\nqueue_log_name = {name}\n")
    conf = read_conf(tmp_path / "logger.conf")
    assert conf is not None
    assert (logger(conf).name, logger(conf).refused_name) == ("queue_log", name)
    with pytest.raises(SourceUnreadable, match=r"queue_log_name in logger\.conf") as caught:
        asterisk_files.queue_log(tmp_path)
    assert "--source" in caught.value.hint


@pytest.mark.parametrize("directory", ["/var/log/x/../..", "/var/log/a\0b"])
def test_a_directory_that_goes_back_is_refused(tmp_path: Path, directory: str) -> None:
    """The same of astlogdir with `..` in it, or with what no path has."""
    (tmp_path / "asterisk.conf").write_text(f"[directories]\nastlogdir => {directory}\n")
    with pytest.raises(SourceUnreadable, match="astlogdir"):
        asterisk_files.queue_log(tmp_path)
