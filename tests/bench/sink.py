"""A dashboard that takes everything and keeps nothing: a measuring stick, not an emulator.

It speaks just enough HTTP to be fast, in a process of its own: a login that
sets the cookie, and an upload answered with a count.
"""

from __future__ import annotations

import socket
import sys
import threading

_LOGIN = b"HTTP/1.1 200 OK\r\nSet-Cookie: jwt=bench; Path=/\r\nContent-Length: 2\r\n\r\n{}"
_UPLOAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1"


def serve(listener: socket.socket) -> None:
    """Answer connections until the process ends."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    with connection:
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            head, _, rest = head.partition(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            left = length - len(rest)
            while left > 0:
                got = connection.recv_into(view, min(left, len(buffer)))
                if not got:
                    return
                left -= got
            connection.sendall(_LOGIN if b"/login/" in head.split(b"\r\n", 1)[0] else _UPLOAD)


if __name__ == "__main__":
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    sys.stdin.close()
    serve(server)
