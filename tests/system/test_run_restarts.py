"""`qlogship run` started again and again by systemd: it waits longer and longer by itself."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from qlogship.errors import ExitCode
from qlogship.service.restart_delay import RESTART_SEC, WELL_AFTER
from tests.support.calls import call
from tests.support.notify import Manager
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

NOON = 1_795_411_800


@pytest.fixture
def manager() -> Iterator[Manager]:
    """Return somebody to notify."""
    with Manager() as manager:
        yield manager


class Unit:
    """What the unit gives the service from one start to the next: its RuntimeDirectory."""

    def __init__(self, directory: Path, manager: Manager) -> None:
        directory.mkdir()
        self.environment = manager.environment() | {"RUNTIME_DIRECTORY": str(directory)}
        self._file = directory / "last-run"

    def remember(self, failures: int, *, ended_ago: float, lasted: float = 1.0) -> None:
        """Leave behind what a run in a row of so many failures leaves."""
        ended = time.monotonic() - ended_ago
        last = {"failures": failures, "began": ended - lasted, "ended": ended, "reason": "no luck"}
        self._file.write_text(json.dumps(last))

    def spoil(self, text: str) -> None:
        """Leave something behind that is no memory of a run."""
        self._file.write_text(text)

    @property
    def remembered(self) -> dict[str, Any] | None:
        """What the next start will find."""
        if not self._file.exists():
            return None
        found: dict[str, Any] = json.loads(self._file.read_bytes())
        return found


@pytest.fixture
def unit(tmp_path: Path, manager: Manager) -> Unit:
    """Return a unit that was never started."""
    return Unit(tmp_path / "runtime", manager)


def test_it_waits_before_it_opens_anything_and_stops_at_once(
    installation: Installation, unit: Unit, manager: Manager
) -> None:
    """After failures in a row it says why it waits, and for how long; SIGTERM ends that."""
    unit.remember(8, ended_ago=RESTART_SEC + 0.1)
    with installation.start(**unit.environment) as service:
        said = service.wait_for("start_delayed")
        assert (said["seconds"], said["failures"], said["reason"]) == (300.0, 8, "no luck")
        (status,) = until(manager.statuses)
        assert status == (
            "waiting 300 s, because the last 8 runs failed (no luck); "
            "`systemctl restart` does not wait"
        )
        assert not installation.state.exists()
        assert service.stop() == ExitCode.DONE
    assert manager.times("READY=1") == []
    assert len(service.events("start_delayed")) == 1
    # What a person stopped, and starts again, does not wait.
    assert unit.remembered is None


def test_a_wait_that_is_over(
    installation: Installation, unit: Unit, manager: Manager, dashboard: Sandbox
) -> None:
    """It then runs as ever, with the settings as they are by then."""
    unit.remember(2, ended_ago=RESTART_SEC + 0.1)
    installation.configure(source={"path": str(installation.directory / "elsewhere")})
    with installation.start(**unit.environment) as service:
        waits = service.wait_for("start_delayed")["seconds"]
        began = time.monotonic()
        installation.configure(source={"path": str(installation.log)})
        installation.write(call(1, NOON))
        ready = manager.wait_for("READY=1")
        assert waits - 1.0 < ready - began < waits + 5.0
        service.wait_for("batch_accepted")
        assert dashboard.bodies() == [call(1, NOON)]
        remembered = unit.remembered
        assert remembered is not None
        assert (remembered["failures"], remembered["ended"]) == (3, None)


@pytest.mark.parametrize("case", ["first", "by hand", "long ago", "spoilt", "good run"])
def test_it_starts_at_once(
    case: str, installation: Installation, unit: Unit, manager: Manager
) -> None:
    """After one failure, after a good run, by a person's hand, and when nothing is known."""
    if case == "first":
        unit.remember(1, ended_ago=RESTART_SEC + 0.1)
    elif case == "by hand":
        unit.remember(9, ended_ago=0.5)
    elif case == "long ago":
        unit.remember(9, ended_ago=3_600.0)
    elif case == "good run":
        unit.remember(9, ended_ago=RESTART_SEC + 0.1, lasted=WELL_AFTER)
    else:
        unit.spoil('{"failures": "many", "began": []}')
    with installation.start(**unit.environment) as service:
        manager.wait_for("READY=1")
        assert service.events("start_delayed") == []
        assert service.stop() == ExitCode.DONE
    assert unit.remembered is None


def test_failures_are_counted(installation: Installation, unit: Unit, manager: Manager) -> None:
    """A start that fails, and one that is killed, leave behind what the next one must know."""
    installation.state.write_bytes(b"a file, no directory")
    with installation.start(**unit.environment) as service:
        assert service.wait() == ExitCode.FAILED
    failed = unit.remembered
    assert failed is not None
    assert failed["failures"] == 1
    assert str(installation.state) in failed["reason"]
    assert failed["ended"] <= time.monotonic()

    installation.state.unlink()
    with installation.start(**unit.environment) as service:
        manager.wait_for("READY=1")
        service.kill()
    killed = unit.remembered
    assert killed is not None
    assert (killed["failures"], killed["ended"], killed["reason"]) == (2, None, None)
