"""The sandbox on a port: for good, and in a thread for tests and the demo.

uvicorn's HTTP protocol runs here on a plain asyncio server instead of
uvicorn's own: that one takes a moment to stop and waits for its clients, and
this one has clients that are kept waiting on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import uvicorn
from uvicorn.server import ServerState

from qlogship.errors import UsageError
from qlogship.sandbox import faults
from qlogship.sandbox.app import App
from qlogship.sandbox.connection import ConnectionProtocol
from qlogship.sandbox.database import Database
from qlogship.sandbox.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType


_HOST = "127.0.0.1"
_BACKLOG = 128
# Long enough for an upload that is being stored; nothing else is left to wait for.
_LAST_TASKS = 5.0


def serve(
    options: Options,
    *,
    host: str = _HOST,
    port: int = 0,
    data: Path | None = None,
    script: faults.Script = (),
    started: Callable[[str], None] = lambda _url: None,
) -> None:
    """Run the sandbox until SIGINT or SIGTERM; `started` is called with its address.

    Call it in the main thread. Raises UsageError when the address cannot be
    had, StateError when the data file cannot be used.
    """
    database = Database(data)
    try:
        listener = _listen(host, port)
        asyncio.run(_until_signal(App(options, database, script=script), listener, started))
    finally:
        database.close()


class Sandbox:
    """The sandbox in a thread of its own, for as long as the `with` block lasts.

    With port 0 a free one is taken, and kept over `stop` and `start`, so that
    a client can be shown a far end that goes away and comes back.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        script: faults.Script = (),
        data: Path | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options or Options()
        self._database = Database(data)
        self._app = App(self.options, self._database, script=script, clock=clock)
        self.storage = self._app.tenant.storage
        self.port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and let the data go."""
        self.stop()
        self._database.close()

    @property
    def url(self) -> str:
        """Return the address to give to a client, without a slash at the end."""
        return _url(_HOST, self.port)

    @property
    def email(self) -> str:
        """Return the e-mail address that is let in."""
        return self.options.email

    @property
    def password(self) -> str:
        """Return the password that is let in."""
        return self.options.password

    def start(self) -> None:
        """Listen; returns when clients can connect."""
        if self._thread is not None:
            return
        listener = _listen(_HOST, self.port)
        self.port = listener.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._live, args=(listener, ready), name="sandbox", daemon=True
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Cut every connection and refuse new ones; what was uploaded stays."""
        thread, loop, stop = self._thread, self._loop, self._stop
        if thread is None or loop is None or stop is None:
            return
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        self._thread = None

    def _live(self, listener: socket.socket, ready: threading.Event) -> None:
        try:
            asyncio.run(self._run(listener, ready))
        finally:
            # Whoever waits for the start must not wait for ever when it failed.
            ready.set()

    async def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        await _serve(self._app, listener, self._stop, ready.set)


async def _until_signal(app: App, listener: socket.socket, started: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    host, port = listener.getsockname()[:2]
    await _serve(app, listener, stop, lambda: started(_url(host, port)))


async def _serve(
    app: App,
    listener: socket.socket,
    stop: asyncio.Event,
    started: Callable[[], None],
) -> None:
    """Answer on a listening socket until `stop` is set, then cut whoever is left."""
    config = uvicorn.Config(
        app.asgi,
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
    await stop.wait()
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


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
