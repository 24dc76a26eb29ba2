"""The sandbox as tests have it: told what to do wrong, and asked what it saw."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qlogship.queue_log.records import entered_calls
from qlogship.sandbox import faults, server
from qlogship.sandbox.requests import ADMIN
from tests.support.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qlogship.sandbox.options import SandboxOptions
    from qlogship.sandbox.people import Person
    from qlogship.sandbox.storage import SandboxUpload
    from tests.support.traffic import RequestSeen

_LOOK_AGAIN = 0.01


class Sandbox(server.Sandbox):
    """A sandbox for as long as the `with` block lasts, with a log of its requests."""

    def __init__(
        self,
        options: SandboxOptions | None = None,
        *,
        data: Path | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(options, data=data, port=port, clock=clock)
        self._traffic = Traffic(clock)
        self._app.asgi = self._traffic.watch(self._app.asgi)

    @property
    def email(self) -> str:
        """Return the e-mail address that is let in."""
        return self.options.email

    @property
    def password(self) -> str:
        """Return the password that is let in."""
        return self.options.password

    def own(self, name: str) -> str:
        """Return an address of the sandbox's own, such as `summary`, with its token."""
        return f"{self.url}/sandbox/{name}?token={self.token}"

    def script(self, steps: object) -> None:
        """Set the fault script, in its JSON form; it replaces what was left of the last one."""
        self._app.script = faults.parse(steps)

    def faults_left(self) -> list[dict[str, Any]]:
        """Return the steps of the fault script that are still to come."""
        return faults.dump(self._app.script)

    def clear(self) -> None:
        """Forget uploads, users, requests and faults; tokens live on."""
        self.storage.clear()
        self._app.tenant.people.remove([one.id for one in self.people() if one.id != ADMIN])
        self._traffic.forget()
        self.script([])

    def bodies(self) -> list[bytes]:
        """Return the bytes of every kept upload, in order of arrival."""
        return self.storage.bodies()

    def uploads(self) -> list[SandboxUpload]:
        """Return the kept uploads, in order of arrival."""
        return [upload for upload in reversed(self.arrivals()) if upload.kept]

    def calls(self) -> set[bytes]:
        """Return every callid that entered a queue in what is kept."""
        return set().union(*map(entered_calls, self.bodies()))

    def people(self) -> list[Person]:
        """Return the users in the order of their ids, the administrator first."""
        return self._app.tenant.people.page(descending=False)[0]

    def arrivals(self) -> list[SandboxUpload]:
        """Return the newest arrivals first, those that were refused or dropped among them."""
        return self.storage.latest(1000)

    def requests(self) -> list[RequestSeen]:
        """Return the requests to the vendor's API, in order of arrival."""
        return self._traffic.requests()

    def wait_for(self, condition: Callable[[], bool], within: float = 10.0) -> bool:
        """Return True as soon as the condition holds, False when it never did in `within` s."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_AGAIN)
        return True
