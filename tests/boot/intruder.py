"""Whoever has broken into the service, trying what he should not be able to do from there.

Runs in the box with Debian's own python3, in place of the service or in its namespaces.
Takes a JSON file: lists of paths under `read`, `write`, `connect` and `run`; directories that
are his to write in under `places`. Prints a JSON object, from each attempt to "reached" or to
what stood against it. With a user as second argument it becomes that user first, and leaves out
what the rules about system calls are to refuse: they do not hold for who enters by the namespaces.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import pwd
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

IO_URING_SETUP = 425
PROCESS_VM_READV = 310
PTRACE, PTRACE_ATTACH = 101, 16
NEW_USER = 0x10000000
LOADER = "/lib64/ld-linux-x86-64.so.2"
REACHED = "reached"


def main() -> None:
    """Try everything, and say what came of it."""
    wanted = json.loads(Path(sys.argv[1]).read_text())
    found: dict[str, str] = {}
    outside_its_rules = len(sys.argv) > 2
    if outside_its_rules:
        user = pwd.getpwnam(sys.argv[2])
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    for kind, attempt in (("read", read), ("write", write), ("connect", connect), ("run", run)):
        for path in wanted.get(kind, ()):
            found[f"{kind} {path}"] = outcome(attempt, path)
    for place in wanted.get("places", ()):
        found[f"write {place}"] = outcome(write, f"{place}/of-the-intruder")
        found[f"run {place}/true"] = outcome(run_copy, place)
        found[f"map {place}/code"] = outcome(map_code, place)
    found["run by the loader"] = outcome(run, LOADER, "/usr/bin/true")
    for number in other_processes():
        for name in ("root/etc", "environ", "mem", "maps"):
            found[f"process {number}: {name}"] = outcome(open_only, f"/proc/{number}/{name}")
    if not outside_its_rules:
        found |= {name: outcome(attempt) for name, attempt in system_calls().items()}
    print(json.dumps(found), flush=True)


def outcome(attempt: Callable[..., object], *arguments: str) -> str:
    """Return "reached", or the name of the error."""
    try:
        attempt(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return REACHED


def read(path: str) -> None:
    """Look into a file or a directory."""
    if os.path.isdir(path):  # noqa: PTH112 -- a directory that cannot be entered is one, too
        os.listdir(path)  # noqa: PTH208
    else:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            file.read(1)


def open_only(path: str) -> None:
    """Open a file or a directory."""
    os.close(os.open(path, os.O_RDONLY))


def write(path: str) -> None:
    """Make a file."""
    Path(path).write_bytes(b"x")
    Path(path).unlink()


def connect(path: str) -> None:
    """Knock at a socket."""
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.connect(path)


def run(path: str, *arguments: str) -> None:
    """Start a program, which hears and says nothing; it must end well."""
    quiet = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
    child = os.posix_spawn(path, [path, *arguments], {}, file_actions=quiet)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise OSError(errno.ENOEXEC, "it was started, and could not run")


def run_copy(place: str) -> None:
    """Start a program of one's own."""
    copy = Path(place, "true")
    try:
        shutil.copy("/usr/bin/true", copy)
        copy.chmod(0o700)
        run(str(copy))
    finally:
        copy.unlink(missing_ok=True)


def map_code(place: str) -> None:
    """Load code of one's own, as a library is loaded."""
    code = Path(place, "code")
    try:
        code.write_bytes(bytes(4096))
        with code.open("rb") as file:
            mmap.mmap(
                file.fileno(), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC
            ).close()
    finally:
        code.unlink(missing_ok=True)


def other_processes() -> list[int]:
    """Return the processes that are to be seen, but for this one."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [number for number in numbers if number != os.getpid()]


def system_calls() -> dict[str, Callable[[], object]]:
    """Return what only a system call asks for."""
    return {
        "bind TCP": lambda: socket.socket().bind(("0.0.0.0", 5060)),  # noqa: S104
        "bind TCP, any port": lambda: socket.socket().bind(("127.0.0.1", 0)),
        "bind TCP over IPv6": lambda: socket.socket(socket.AF_INET6).bind(("::", 5060)),
        "bind UDP": lambda: socket.socket(type=socket.SOCK_DGRAM).bind(("127.0.0.1", 5060)),
        "bind a name": lambda: socket.socket(socket.AF_UNIX).bind("\0intruder"),
        "listen": lambda: socket.socket().listen(),
        "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
        "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
        "program in memory": lambda: os.memfd_create("program"),
        "io_uring": lambda: call(IO_URING_SETUP, 8, ctypes.create_string_buffer(256)),
        "memory of another": lambda: call(PROCESS_VM_READV, 1, 0, 0, 0, 0, 0),
        "trace another": lambda: call(PTRACE, PTRACE_ATTACH, os.getppid(), 0, 0),
        "user namespace": lambda: libc_call("unshare", NEW_USER),
        "writable code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    }


def call(number: int, *arguments: object) -> None:
    """Make a system call by its number on x86_64."""
    libc_call("syscall", number, *arguments)


def libc_call(name: str, *arguments: object) -> None:
    """Call a function of the C library."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


if __name__ == "__main__":
    main()
