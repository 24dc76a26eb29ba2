"""A stand-in for Asterisk, as far as the queue_log goes: Debian 12 has no Asterisk.

Runs in the box with Debian's own python3. What is written to the FIFO `FEED` it
appends to the queue_log, line by line, to the file it has open; SIGHUP makes it
open the file anew, as `asterisk -rx 'logger reload'` does. There is a control
socket, too, which whoever is in its group may call.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

FEED = "/var/spool/stand-in/feed"
CONTROL = "/run/asterisk/asterisk.ctl"


def main(path: str) -> None:
    """Write for ever."""
    os.umask(0o027)
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def reload(*_: object) -> None:
        # Onto the same number: whoever is writing just now writes to one of the two.
        anew = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        os.dup2(anew, log)
        os.close(anew)

    signal.signal(signal.SIGHUP, reload)
    control = socket.socket(socket.AF_UNIX)
    control.bind(CONTROL)
    os.chmod(CONTROL, 0o660)  # noqa: PTH101
    control.listen()
    # For reading and writing: it never ends when nobody else writes.
    with os.fdopen(os.open(FEED, os.O_RDWR), "rb", buffering=0) as feed:
        rest = b""
        while True:
            *lines, rest = (rest + feed.read(65_536)).split(b"\n")
            for line in lines:
                os.write(log, line + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
