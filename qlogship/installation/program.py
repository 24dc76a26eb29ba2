"""This program as another process: the words that start it."""

from __future__ import annotations

import sys


def this_program() -> tuple[str, ...]:
    """Return the words that start qlogship as this process was started.

    Where this one does not heed PYTHONPATH, no more does that one; the current directory, which
    `-m` alone would search first, is heeded never: root may stand in one of somebody else's.
    """
    isolated = "-I" if sys.flags.isolated else "-P"
    no_byte_code = ("-B",) if sys.flags.dont_write_bytecode else ()
    return sys.executable, isolated, *no_byte_code, "-m", "qlogship"
