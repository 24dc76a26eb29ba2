"""Acting as the owner of the state directory when called by root.

A command that writes state must leave no file that the service cannot write.
"""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def become_owner(directory: Path) -> None:
    """Give up root for the user who owns `directory`, for good; nothing for anybody else.

    Read secrets before: that user may not be allowed to.
    """
    if os.geteuid() != 0:
        return
    try:
        status = directory.stat()
    except OSError:
        return  # it will be made, and be root's
    if status.st_uid == 0:
        return
    try:
        user = pwd.getpwuid(status.st_uid)
    except KeyError:  # a user of a container, or one that was removed
        os.setgroups([])
        os.setgid(status.st_gid)
    else:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
    os.setuid(status.st_uid)
