"""logrotate's configuration: its syntax, and what a stanza comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.check.logrotate.configuration import Included, Logrotate
from qlogship.check.logrotate.stanza import (
    NameOptions,
    Ownership,
    RotationOptions,
    makes_asterisk_reopen,
    matches,
    rotated_paths,
)
from tests.fixtures import logrotate as real

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOG = "/var/log/asterisk/queue_log"


def parsed(text: str, files: Mapping[str, list[Included]] | None = None) -> Logrotate:
    """Return a configuration whose includes lead to `files`."""

    def include(path: str) -> Iterable[Included]:
        return files.get(path, []) if files else []

    return Logrotate("/etc/logrotate.conf", text, include=include)


def options(text: str) -> RotationOptions:
    """Return what is done with the queue_log by the one stanza that takes it."""
    found = parsed(text)
    assert found.complaints == []
    (stanza,) = found.matching([LOG])
    return stanza.options


ASTERISK = Ownership(0o640, "asterisk", "asterisk")


@pytest.mark.parametrize(
    ("text", "line", "expected", "reopens"),
    [
        (
            real.FREEPBX_17,
            18,
            RotationOptions(rotate=30, create=ASTERISK, su=Ownership(None, "asterisk", "asterisk")),
            True,
        ),
        (real.FREEPBX_13, 2, RotationOptions(rotate=30, create=ASTERISK), False),
        (
            real.ISSABEL,
            2,
            RotationOptions(rotate=36, create=ASTERISK, su=Ownership(None, "asterisk", "asterisk")),
            True,
        ),
        (
            real.CONTRIB,
            3,
            RotationOptions(
                rotate=52,
                compress=True,
                delaycompress=True,
                create=Ownership(0o640, "root", "root"),
            ),
            True,
        ),
        (
            real.WAZO,
            2,
            RotationOptions(
                rotate=15,
                compress=True,
                su=Ownership(None, "asterisk", "www-data"),
                create=Ownership(0o640, "asterisk", "www-data"),
            ),
            True,
        ),
        (real.DEBIAN, 2, RotationOptions(rotate=4), True),
        (
            real.PLD,
            2,
            RotationOptions(
                rotate=30,
                compress=True,
                delaycompress=True,
                su=Ownership(None, "root", "asterisk"),
                create=ASTERISK,
                names=NameOptions(olddir="/var/log/archive/asterisk"),
            ),
            True,
        ),
        (
            real.ATSIP,
            2,
            RotationOptions(
                rotate=30, way="copytruncate", compress=True, names=NameOptions(dateext=True)
            ),
            False,
        ),
    ],
    ids=["freepbx-17", "freepbx-13", "issabel", "contrib", "wazo", "debian", "pld", "atsip"],
)
def test_real_stanzas(text: str, line: int, expected: RotationOptions, *, reopens: bool) -> None:
    """The stanzas of distributions are read, each with its place and its options."""
    found = parsed(text)
    assert found.complaints == []
    (stanza,) = found.matching([LOG])
    assert stanza.place == f"/etc/logrotate.conf:{line}"
    scripts = dict(stanza.options.scripts)
    assert stanza.options == RotationOptions(
        **{
            name: getattr(expected, name) for name in RotationOptions.__slots__ if name != "scripts"
        },
        scripts=scripts,
    )
    assert makes_asterisk_reopen(stanza.options) is reopens


@pytest.mark.parametrize(
    "text",
    [
        f"{LOG} {{\n copytruncate\n}}",
        f"{LOG}{{\n copytruncate\n}}",
        f'"{LOG}" {{\n copytruncate\n}}',
        f"'{LOG}' /x {{\n copytruncate\n}}",
        f"/x\n# a comment\n\n  {LOG}\n{{\n copytruncate\n}}",
        f"{LOG} {{ copytruncate }}",
        f"{LOG} {{ weekly copytruncate missingok\n}}",
        f"{LOG} {{\n rotate = 5\n copytruncate # so be it\n}}".replace(" # so be it", ""),
        f"copytruncate\n{LOG} {{\n}}",
        f"copytruncate\n{LOG} {{\n rotate 4 }}",
        f"nocopytruncate\n{LOG} {{\n copytruncate\n}}\nnocopytruncate",
        f"/x {{\n}} {LOG} {{\n copytruncate\n}}",
        f"/x {{\n postrotate\n }}\n {LOG} {{\n endscript\n}}\n{LOG} {{\n copytruncate\n}}",
        "/var/log/*/queue_[k-m]og {\n copytruncate\n}",
    ],
)
def test_syntax(text: str) -> None:
    """Quotes, several names, comments, scripts and options of all stanzas are understood."""
    assert options(text).way == "copytruncate"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("create", Ownership()),
        ("create 0600", Ownership(0o600)),
        ("create asterisk asterisk", Ownership(None, "asterisk", "asterisk")),
        ("create 64 root adm", Ownership(0o64, "root", "adm")),
        ("create 0640\nnocreate", None),
    ],
)
def test_create(line: str, expected: Ownership | None) -> None:
    """Mode and owner are each told or left as they were."""
    assert options(f"{LOG} {{\n{line}\n}}").create == expected


def test_options_are_inherited_from_above_only() -> None:
    """A stanza has the options that stood before it, not those that follow."""
    assert options(f"rotate 3\ncreate 600 root root\n{LOG} {{\n}}\nrotate 9") == RotationOptions(
        rotate=3, create=Ownership(0o600, "root", "root")
    )


def test_includes() -> None:
    """Included files are read in their order, and what they set is in force afterwards."""
    files = {
        "/etc/logrotate.d": [
            Included("/etc/logrotate.d/a", "dateext\n/x {\n}"),
            Included("/etc/logrotate.d/b", f"{LOG} {{\n rotate 7\n}}"),
            Included("/etc/logrotate.d/b.rpmsave", f"{LOG} {{\n rotate 8\n}}"),
            Included("/etc/logrotate.d/b.mine", f"{LOG} {{\n rotate 9\n}}"),
        ]
    }
    text = 'tabooext + .mine\ncompress\ninclude "/etc/logrotate.d"\n'
    (stanza,) = parsed(text, files).matching([LOG])
    assert stanza.place == "/etc/logrotate.d/b:1"
    assert stanza.options == RotationOptions(
        rotate=7, compress=True, names=NameOptions(dateext=True)
    )


def test_an_include_that_includes_itself_ends() -> None:
    """A circle of includes is left."""
    text = f"include /etc/logrotate.conf\n{LOG} {{\n}}"
    files = {"/etc/logrotate.conf": [Included("/etc/logrotate.conf", text)]}
    assert len(parsed(text, files).matching([LOG])) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{LOG} {{\n rotat 4\n}}", "2: unknown option 'rotat'"),
        (f"{LOG} {{\n rotate x\n}}", "2: rotate x"),
        (f"{LOG} {{\n rotate -5\n}}", "2: rotate -5"),
        (f"{LOG} {{\n rotate {'9' * 5000}\n}}", "2: rotate 99"),
        (f"{LOG} {{\n rotate 3 # weeks\n}}", "2: rotate 3 # weeks"),
        (f"{LOG} {{\n rotate\n}}", "2: rotate"),
        (f"{LOG} {{\n maxsize 10M # enough\n}}", "2: maxsize 10M # enough"),
        (f"{LOG} {{\n size 1T\n}}", "2: size 1T"),
        (f"{LOG} {{\n create 640 root adm # why not\n}}", "2: create 640 root adm #"),
        (f"{LOG} {{\n su root\n}}", "2: su root"),
        (f"{LOG} {{\n olddir old # here\n}}", "2: olddir old # here"),
        (f"{LOG} {{\n daily\n", "missing"),
        (f"{LOG}\n", "followed by nothing"),
    ],
)
def test_complaints(text: str, words: str) -> None:
    """What logrotate would stumble over is told with its place."""
    (complaint,) = parsed(text).complaints
    assert complaint.startswith("/etc/logrotate.conf:")
    assert words in complaint


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        (LOG, True),
        ("/var/log/asterisk/queue_log*", True),
        ("/var/log/asterisk//./queue_log", True),
        ("/var/log/asterisk/*log", True),
        ("/var/log/*/*", True),
        ("/var/log/*", False),
        ("/var/log/asterisk/supervisor_queue_log", False),
        ("/var/log/asterisk/queue_log.1", False),
        ("/var/log/asterisk/*.log", False),
    ],
)
def test_globs(pattern: str, *, taken: bool) -> None:
    """A star does not go beyond a directory; a neighbour's name is another name."""
    assert matches(pattern, LOG) is taken


def test_a_star_takes_no_hidden_file() -> None:
    """A name that begins with a dot has to be asked for."""
    assert not matches("/a/*", "/a/.b")
    assert matches("/a/.*", "/a/.b")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", ("/var/log/asterisk/queue_log.1",)),
        ("compress", ("/var/log/asterisk/queue_log.1", "/var/log/asterisk/queue_log.1.gz")),
        ("dateext", ("/var/log/asterisk/queue_log-20261123",)),
        (
            "dateext\ndateformat .%Y-%m-%d_%s%%",
            ("/var/log/asterisk/queue_log.2026-11-23_1795411501%",),
        ),
        ("addextension .txt", ("/var/log/asterisk/queue_log.1.txt",)),
        ("extension _log", ("/var/log/asterisk/queue.1_log",)),
        ("olddir /old/", ("/old/queue_log.1",)),
        ("olddir old", ("/var/log/asterisk/old/queue_log.1",)),
        ("olddir ../asterisk/./", ("/var/log/asterisk/queue_log.1",)),
        ("olddir old\nnoolddir", ("/var/log/asterisk/queue_log.1",)),
    ],
)
def test_names_of_rotated_files(lines: str, expected: tuple[str, ...]) -> None:
    """A rotated file is called what logrotate would call it."""
    assert rotated_paths(LOG, options(f"{LOG} {{\n{lines}\n}}")) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", ".gz"),
        ("compresscmd /usr/bin/xz", ".xz"),
        ("compresscmd zip -9", ".zip"),
        ("compresscmd zip\ncompressext .z", ".z"),
    ],
)
def test_extension_of_compressed_files(lines: str, expected: str) -> None:
    """It follows the program unless it is told."""
    plain, packed = rotated_paths(LOG, options(f"{LOG} {{\ncompress\n{lines}\n}}"))
    assert packed == plain + expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("/usr/sbin/asterisk -rx 'logger reload' > /dev/null 2> /dev/null || true", True),
        ('asterisk -rx "logger reload"', True),
        ("asterisk -rx 'core reload'", True),
        ("asterisk -rx reload", True),
        ("asterisk -rx 'logger rotate'", True),
        ("[ -x /usr/sbin/asterisk ] && \\\n asterisk -rx \\\n 'logger reload'", True),
        ("docker exec pbx asterisk -rx 'logger reload'", True),
        ("invoke-rc.d asterisk logger-reload", True),
        ("/etc/init.d/asterisk reload >/dev/null", True),
        ("systemctl reload asterisk", True),
        ("systemctl kill -s HUP asterisk.service", True),
        ("service asterisk restart", True),
        ("/bin/kill -HUP `cat /var/run/asterisk/asterisk.pid`", True),
        ("killall -1 asterisk", True),
        ("pkill -HUP asterisk", True),
        ("pkill --signal 1 -x asterisk", True),
        ("kill -s 1 $(pidof asterisk)", True),
        ("start-stop-daemon --stop --signal HUP --exec /usr/sbin/asterisk", True),
        ("fwconsole reload", True),
        ("/usr/sbin/fwconsole r", True),
        ("amportal a r", True),
        ("asterisk -rx logger\\ reload", True),
        ("asterisk -rx 'core restart when convenient'", True),
        ("runuser -u asterisk -- asterisk -rx 'logger reload'", True),
        ("", False),
        ("# asterisk -rx 'logger reload'", False),
        ("true # asterisk -rx 'logger reload'", None),
        ("kill -s 10 $(pidof asterisk)", None),
        ("asterisk -rx 'dialplan reload'", None),
        ("asterisk -rx 'core show channels'", None),
        ("systemctl reload nginx", None),
        ("/usr/local/bin/after-rotate", None),
    ],
)
def test_whether_asterisk_is_told(script: str, *, expected: bool | None) -> None:
    """A script that makes Asterisk open its files anew is known by its words; others are not."""
    found = options(f"{LOG} {{\npostrotate\n{script}\nendscript\n}}")
    assert makes_asterisk_reopen(found) is expected


def test_a_script_before_the_rename_is_too_early() -> None:
    """Only what runs behind the rename makes Asterisk leave the old file."""
    found = options(f"{LOG} {{\nprerotate\nasterisk -rx 'logger reload'\nendscript\n}}")
    assert makes_asterisk_reopen(found) is False


@given(st.text(alphabet="/*{}\"'#= \nabcreotpdsil01\0é", max_size=200))
def test_any_text_is_read(text: str) -> None:
    """No text makes the reader fail, or go on for ever."""
    parsed(text, {"a": [Included("a", text)]}).matching([LOG])
