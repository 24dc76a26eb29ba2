"""The findings as people read them."""

from __future__ import annotations

from typing import Final

from qlogship.check.findings import Finding, ok, problem, unknown, warning
from qlogship.check.terminal import lines, summary

FINE: Final = ok("settings.sound", "/etc/x", "all settings can be used")
DOUBT: Final = warning("settings.doubt", "/etc/x", "clear text", "Use https.")
WRONG: Final = problem("unit.failed", "x.service", "it has failed", "Look at it.")
HIDDEN: Final = unknown("unit.unseen", "x.service", "nobody knows", hint="")


def shown(*findings: Finding) -> list[str]:
    """Return what is printed without colour."""
    return list(lines(findings, colour=False))


def test_all_is_well() -> None:
    """A sound thing has one calm line."""
    assert shown(FINE) == [
        "Settings         ok       /etc/x: all settings can be used",
        "",
        "Nothing is wrong.",
    ]


def test_groups() -> None:
    """A title stands once before its findings; what to type stands below each."""
    assert shown(FINE, DOUBT, WRONG, HIDDEN) == [
        "Settings         ok       /etc/x: all settings can be used",
        "                 WARNING  /etc/x: clear text",
        "                          -> Use https.",
        "Service          PROBLEM  x.service: it has failed",
        "                          -> Look at it.",
        "                 ?        x.service: nobody knows",
        "",
        "1 problem, 1 warning, 1 could not be found out.",
    ]


def test_colour_is_only_around_the_mark() -> None:
    """Colour changes no column and no word."""
    (line, *_) = lines([WRONG], colour=True)
    assert "\x1b[31;1mPROBLEM\x1b[0m" in line
    plain = line.replace("\x1b[31;1m", "").replace("\x1b[0m", "")
    assert plain == shown(WRONG)[0]


def test_foreign_words_command_no_terminal() -> None:
    """What a server or a file says is escaped."""
    foreign = problem("tls.refused", "host\x1b[2J", "a\nb", "Do\x07.")
    assert all(line.isprintable() for line in shown(foreign))


def test_summary_counts() -> None:
    """Several are counted; what is unknown alone is no fault."""
    assert summary([WRONG, WRONG, DOUBT]) == "2 problems, 1 warning."
    assert summary([FINE, HIDDEN]) == "1 could not be found out."
