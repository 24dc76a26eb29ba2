"""What the service gives up when it starts, for good: whoever breaks into it later lacks it, too.

All instances run as one user, and the kernel lets processes of one user look into each other:
their memory, with the password in it, and through /proc/PID/root the files that their unit shows
to them alone. No unit forbids that before systemd 257 (PrivatePIDs=). So the service forbids it
itself, from both sides, and, since it never starts a program, that as well. Where the kernel does
not know one of these, the others hold.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

# Of prctl(2).
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
# landlock(7); the numbers of its system calls are the same on every architecture.
_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
_ACCESS_FS_EXECUTE: Final = 1


def confine() -> None:
    """Look into no other process any more, be looked into by none, and start no program.

    It holds for this thread and those it starts, so it comes before any of them. Only root may
    look then (prctl(2), PR_SET_DUMPABLE). A set of landlock rules without a rule denies what it
    is about, here the start of programs; and whoever is under such rules may look only into
    those who are under them, too, by his doing (landlock(7), "Ptrace restrictions").
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    handled = ctypes.c_uint64(_ACCESS_FS_EXECUTE)
    rules = libc.syscall(
        ctypes.c_long(_CREATE_RULESET),
        ctypes.byref(handled),
        ctypes.c_size_t(ctypes.sizeof(handled)),
        ctypes.c_uint32(0),
    )
    if rules >= 0:
        libc.syscall(ctypes.c_long(_RESTRICT_SELF), rules, ctypes.c_uint32(0))
        os.close(rules)
