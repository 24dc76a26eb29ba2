"""What Asterisk's settings say, line by line."""

from __future__ import annotations

from qlogship.cli.setup.finding import entries

LOGGER = """\
; comment
[general]            ; the general section
;queue_log_name = no
queue_log_name => calls_log ; ours
Date Format=%F
;-- queue_log_name = also no
--;
#include "logger_general.conf"
#tryinclude <other.conf> ; maybe
[logfiles](!)
console => notice,warning
no entry
"""


def test_sections_keys_values_and_includes() -> None:
    """Comments of both kinds are passed over; => is =; names are in lower case."""
    assert list(entries(LOGGER)) == [
        ("general", "queue_log_name", "calls_log"),
        ("general", "date format", "%F"),
        ("general", "#include", "logger_general.conf"),
        ("general", "#include", "other.conf"),
        ("logfiles", "console", "notice,warning"),
    ]
