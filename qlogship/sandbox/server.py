"""The sandbox on a port: for good, and in a thread for tests and the demo.

uvicorn's HTTP protocol runs here on a plain asyncio server instead of
uvicorn's own: that one takes a moment to stop and waits for its clients, and
this one has clients that are kept waiting on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import uvicorn
from uvicorn.server import ServerState

from qlogship.errors import UsageError
from qlogship.sandbox import faults
from qlogship.sandbox.app import App
from qlogship.sandbox.connection import ConnectionProtocol
from qlogship.sandbox.database import Database
from qlogship.sandbox.door import PARAMETER, Door
from qlogship.sandbox.options import SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HOST = "127.0.0.1"
_BACKLOG = 128
# Long enough for an upload that is being stored; nothing else is left to wait for.
_LAST_TASKS = 5.0


def serve(
    options: SandboxOptions,
    *,
    host: str = _HOST,
    port: int = 0,
    token: str | None = None,
    data: Path | None = None,
    script: faults.Script = (),
    started: Callable[[str, str], None] = lambda _url, _page: None,
) -> None:
    """Run the sandbox until SIGINT or SIGTERM; `started` is called with its address and its page's.

    Call it in the main thread. Raises UsageError when the address cannot be
    had, StateError when the data file cannot be used.
    """
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with Sandbox(options, script=script, data=data, host=host, port=port, token=token) as sandbox:
        started(sandbox.url, sandbox.page)
        signal.sigwait(ends)


class Sandbox:
    """The sandbox in a thread of its own, for as long as the `with` block lasts.

    With port 0 a free one is taken, and kept over `stop` and `start`, so that
    a client can be shown a far end that goes away and comes back.
    """

    def __init__(
        self,
        options: SandboxOptions | None = None,
        *,
        script: faults.Script = (),
        data: Path | None = None,
        host: str = _HOST,
        port: int = 0,
        token: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options or SandboxOptions()
        self._database = Database(data)
        self.token = token or secrets.token_urlsafe(9)
        door = Door(host, self.token)
        self._app = App(self.options, self._database, door, script=script, clock=clock)
        self.storage = self._app.tenant.storage
        self._host = host
        self.port = port
        self._thread: threading.Thread | None = None
        self._stop: Future[None] = Future()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._database.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._database.close()

    @property
    def url(self) -> str:
        """Return the address to give to a client, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def page(self) -> str:
        """Return the address of the page, with the token that opens it."""
        return f"{self.url}/?{PARAMETER}={quote(self.token, safe='')}"

    def start(self) -> None:
        """Listen; returns when clients can connect."""
        if self._thread is not None:
            return
        listener = _listen(self._host, self.port)
        self.port = listener.getsockname()[1]
        self._stop = Future()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._live, args=(listener, ready), name="sandbox", daemon=True
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Cut every connection and refuse new ones; what was uploaded stays."""
        if self._thread is not None:
            self._stop.set_result(None)
            self._thread.join()
            self._thread = None

    def _live(self, listener: socket.socket, ready: threading.Event) -> None:
        try:
            asyncio.run(_serve(self._app, listener, self._stop, ready.set))
        finally:
            # Whoever waits for the start must not wait for ever when it failed.
            ready.set()


async def _serve(
    app: App,
    listener: socket.socket,
    stop: Future[None],
    started: Callable[[], None],
) -> None:
    """Answer on a listening socket until `stop` is done, then cut whoever is left."""
    config = uvicorn.Config(
        app.asgi,
        interface="asgi3",  # it takes a method for something older
        http=ConnectionProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: ConnectionProtocol(config=config, server_state=state, app_state={}),
        sock=listener,
        backlog=_BACKLOG,
    )
    started()
    await asyncio.wrap_future(stop)
    server.close()
    for connection in list(state.connections):
        connection.transport.abort()
    if state.tasks:
        _, late = await asyncio.wait(state.tasks, timeout=_LAST_TASKS)
        for task in late:
            task.cancel()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.wait_closed(), _LAST_TASKS)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        # The error's own words repeat the address; those of its number do not.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror or str(error)
        raise UsageError(
            f"the sandbox cannot listen on {host} port {port}: {reason}",
            hint="Choose another with --port, or leave --host out.",
        ) from error
    # Connections inherit it. asyncio sets it only on sockets that name their
    # protocol, and without it a reply of two writes takes 40 milliseconds.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
