"""`qlogship run` as a process: what it tells systemd, how it takes signals, how it ends."""

from __future__ import annotations

import re
import signal
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
import trustme

from qlogship.errors import ExitCode
from qlogship.sandbox.options import SandboxOptions
from tests.support.calls import call
from tests.support.notify import Manager
from tests.support.sandbox import Sandbox
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.installation import Installation, Running

NOON: Final = 1_795_411_800
SOON: Final = 5.0
"""Seconds in which it must end when told to."""


@pytest.fixture
def manager() -> Iterator[Manager]:
    """Return somebody to notify."""
    with Manager() as manager:
        yield manager


def test_ready_does_not_wait_for_the_network(
    installation: Installation, dashboard: Sandbox, manager: Manager
) -> None:
    """It is ready when it follows the file, also where the dashboard is away; STATUS says so."""
    dashboard.stop()
    installation.write(call(1, NOON))
    with installation.start(**manager.environment()) as service:
        ready = manager.wait_for("READY=1")
        trouble = until(lambda: trouble_at(manager), what=str(manager.said))
        assert trouble is not None
        assert ready <= trouble
        assert len(manager.times("READY=1")) == 1
        dashboard.start()
        # The backoff may be a few seconds by now.
        service.wait_for("batch_accepted", seconds=30)
        until(lambda: "everything that may go is shipped" in manager.statuses()[-1])
        assert service.stop() == ExitCode.DONE
        stopping = manager.wait_for("STOPPING=1")
        assert stopping > ready


def trouble_at(manager: Manager) -> float | None:
    """Return when the status first spoke of trouble."""
    for said in list(manager.said):
        for line in said.lines:
            if line.startswith("STATUS=trouble:") and "cannot be reached" in line:
                return said.at
    return None


@pytest.mark.parametrize("fault", ["settings", "lock", "state"])
def test_never_ready_when_it_cannot_start(
    fault: str, installation: Installation, manager: Manager
) -> None:
    """A start that fails says nothing to systemd but its exit code."""
    if fault == "settings":
        installation.configure(batch={"linger": -1.0})
        assert started(installation, manager) == ExitCode.SETTINGS
    elif fault == "state":
        installation.state.write_bytes(b"a file, no directory")
        assert started(installation, manager) == ExitCode.FAILED
    else:
        with installation.start() as first:
            first.wait_for("service_started")
            assert started(installation, manager) == ExitCode.LOCKED
    assert manager.said == []


def started(installation: Installation, manager: Manager) -> int:
    """Start a service that cannot start; return its exit code."""
    with installation.start(**manager.environment(watchdog=10.0)) as service:
        return service.wait()


@pytest.mark.alone
def test_watchdog_pings_at_half_its_interval(
    installation: Installation, dashboard: Sandbox, manager: Manager
) -> None:
    """Whatever an upload does meanwhile, the signs of life come, and not more often than needed."""
    installation.write(call(1, NOON))
    dashboard.script([{"do": "hang"}])
    with installation.start(**manager.environment(watchdog=1.0)):
        began = manager.wait_for("READY=1")
        manager.wait_for("WATCHDOG=1", 7)
        pings = manager.times("WATCHDOG=1")[:7]
        assert dashboard.faults_left() == []
        gaps = [later - earlier for earlier, later in zip([began, *pings], pings, strict=False)]
        assert max(gaps) < 0.9, gaps
        assert min(gaps[1:]) > 0.3, gaps


def test_no_ping_that_nobody_asked_for(installation: Installation, manager: Manager) -> None:
    """Without a watchdog, or with somebody else's, there is none to feed."""
    environ = manager.environment(watchdog=0.2) | {"WATCHDOG_PID": "1"}
    with installation.start(**environ) as service:
        manager.wait_for("READY=1")
        installation.write(call(1, NOON))
        service.wait_for("batch_accepted")
        assert service.stop() == ExitCode.DONE
    assert manager.times("WATCHDOG=1") == []


def test_reload_takes_the_new_settings(
    installation: Installation, dashboard: Sandbox, manager: Manager
) -> None:
    """Address, password, linger: what SIGHUP reads counts from then on; systemd sees it happen."""
    with Sandbox(SandboxOptions(password="another one")) as other:
        installation.configure(batch={"linger": 600.0})
        installation.write(call(1, NOON))
        with installation.start(**manager.environment()) as service:
            manager.wait_for("READY=1")
            until(lambda: installation.figures().archive.lines == 3)
            installation.url = other.url
            installation.set_password("another one")
            installation.configure(batch={"linger": 0.0})
            before = time.monotonic_ns() // 1000
            service.send(signal.SIGHUP)
            service.wait_for("settings_reloaded")
            service.wait_for("batch_accepted")
            manager.wait_for("READY=1", 2)
            assert other.bodies() == [call(1, NOON)]
            assert dashboard.requests() == []
            (reloading,) = (said for said in manager.said if "RELOADING=1" in said.lines)
            found = re.search(r"MONOTONIC_USEC=(\d+)", " ".join(reloading.lines))
            assert found is not None
            assert before <= int(found[1]) <= time.monotonic_ns() // 1000
            assert manager.times("READY=1")[0] < reloading.at < manager.times("READY=1")[1]
            assert service.stop() == ExitCode.DONE


def test_reload_keeps_the_settings_when_the_new_ones_are_wrong(
    installation: Installation, dashboard: Sandbox, manager: Manager
) -> None:
    """It says what is wrong with them and goes on as before; a later reload can be right."""
    with installation.start(**manager.environment()) as service:
        manager.wait_for("READY=1")
        installation.configure(batch={"linger": -1.0, "lingerr": 3})
        service.send(signal.SIGHUP)
        refused = service.wait_for("reload_refused")
        assert refused["level"] == "error"
        assert "linger" in str(refused)
        assert "lingerr" in str(refused)
        manager.wait_for("READY=1", 2)
        installation.write(call(1, NOON))
        service.wait_for("batch_accepted")
        installation.configure(batch={"linger": 0.0, "lingerr": None}, log={"level": "warning"})
        service.send(signal.SIGHUP)
        manager.wait_for("READY=1", 3)
        installation.write(call(3, NOON))
        until(lambda: len(dashboard.bodies()) == 2)
        assert len(service.events("batch_accepted")) == 1  # of warnings there were none
        assert service.stop() == ExitCode.DONE


@pytest.mark.parametrize("fault", ["state directory", "certificates"])
def test_reload_survives_what_is_wrong_beyond_the_settings_file(
    fault: str, installation: Installation
) -> None:
    """New settings that cannot be carried out are refused like those that cannot be read."""
    if fault == "certificates":
        ca_file = installation.directory / "ca.pem"
        ca_file.write_text("no certificate")
        url = "https://127.0.0.1:1"
        changes: dict[str, dict[str, Any]] = {"dashboard": {"url": url, "ca_file": str(ca_file)}}
    else:
        blocked = installation.directory / "blocked"
        blocked.write_text("a file, no directory")
        changes = {"state": {"directory": str(blocked)}}
    with installation.start() as service:
        service.wait_for("service_started")
        installation.configure(**changes)
        service.send(signal.SIGHUP)
        service.wait_for("reload_refused")
        installation.write(call(1, NOON))
        service.wait_for("batch_accepted")
        assert service.stop() == ExitCode.DONE


def test_reload_survives_certificates_that_went_bad(installation: Installation) -> None:
    """Settings that were right once stay in use, also where they could not be loaded any more."""
    ca_file = installation.directory / "ca.pem"
    trustme.CA().cert_pem.write_to_path(ca_file)
    installation.url = "https://127.0.0.1:1"
    installation.configure(dashboard={"ca_file": str(ca_file)})
    with installation.start() as service:
        service.wait_for("service_started")
        ca_file.write_text("no certificate")
        service.send(signal.SIGHUP)
        service.wait_for("reload_refused")
        installation.write(call(1, NOON))
        until(lambda: installation.figures().archive.lines == 3)
        assert service.stop() == ExitCode.DONE


def test_reload_waits_for_the_upload_under_way(
    installation: Installation, dashboard: Sandbox
) -> None:
    """A reload makes no upload unknown, and never two at a time."""
    dashboard.script([{"do": "delay", "seconds": 3.4}])
    installation.write(call(1, NOON))
    with installation.start() as service:
        assert dashboard.wait_for(lambda: not dashboard.faults_left())
        service.send(signal.SIGHUP)
        installation.write(call(3, NOON))
        service.wait_for("settings_reloaded")
        service.wait_for("batch_accepted", 2)
        assert service.stop() == ExitCode.DONE
    assert dashboard.bodies() == [call(1, NOON), call(3, NOON)]
    assert [row.attempts for row in installation.ledger()] == [1, 1]
    assert max(seen.concurrency for seen in dashboard.requests()) == 1


@pytest.mark.parametrize(
    ("number", "step"),
    [
        pytest.param(signal.SIGTERM, {"do": "trickle", "every": 0.2}, id="trickle"),
        pytest.param(signal.SIGINT, {"do": "hang", "after": 10}, id="unread, by SIGINT"),
    ],
)
def test_stop_ends_it_soon(
    number: signal.Signals, step: dict[str, Any], installation: Installation, dashboard: Sandbox
) -> None:
    """An upload that hangs does not keep it; the next start knows that its outcome is unknown."""
    dashboard.script([step])
    installation.write(call(1, NOON))
    with installation.start() as service:
        assert dashboard.wait_for(lambda: not dashboard.faults_left())
        until(lambda: installation.ledger()[0].attempts == 1)
        began = time.monotonic()
        service.send(number)
        assert service.wait(SOON) == ExitCode.DONE
        assert time.monotonic() - began < SOON
        assert service.events("service_stopped")
    assert installation.once().returncode == ExitCode.DONE
    (row,) = installation.ledger()
    assert (row.state, row.attempts, row.possible_duplicate) == ("accepted", 2, True)


def test_stop_waits_a_moment_for_the_answer(installation: Installation, dashboard: Sandbox) -> None:
    """An upload that is nearly done is not made unknown by stopping."""
    dashboard.script([{"do": "delay", "seconds": 1.5}])
    installation.write(call(1, NOON))
    with installation.start() as service:
        assert dashboard.wait_for(lambda: not dashboard.faults_left())
        assert service.stop(SOON) == ExitCode.DONE
        assert service.events("batch_accepted")
    (row,) = installation.ledger()
    assert (row.state, row.attempts, row.possible_duplicate) == ("accepted", 1, False)


def test_a_line_is_shipped_within_a_moment(installation: Installation, dashboard: Sandbox) -> None:
    """A hint from the file system is enough: nobody waits for the poll."""
    installation.write(b"")
    with installation.start() as service:
        service.wait_for("service_started")
        for number in range(1, 10, 2):
            installation.write(call(number, NOON + number))
            wait_for_uploads(dashboard, number // 2 + 1)
        # Renamed and begun anew, as by `logger rotate`.
        installation.log.rename(installation.log.with_name("queue_log.0"))
        installation.write(call(21, NOON + 21))
        wait_for_uploads(dashboard, 6)
        assert service.stop() == ExitCode.DONE


def wait_for_uploads(dashboard: Sandbox, count: int) -> None:
    """Wait until so many have arrived, which is long before the next poll."""
    until(lambda: len(dashboard.bodies()) == count, 5.0)


def test_start_and_stop_are_on_record(installation: Installation) -> None:
    """Each log line is a JSON object; the life cycle is told at INFO."""
    with installation.start() as service:
        service.wait_for("service_started")
        assert service.stop() == ExitCode.DONE
        assert events(service) == [
            "service_started",
            "destination_bound",
            "trouble_began",
            "service_stopped",
        ]
        assert all(line["time"] and line["level"] for line in service.lines)
        (trouble,) = service.events("trouble_began")
        assert str(installation.log) in trouble["message"]


def events(service: Running) -> list[str]:
    """Return the names of what was said."""
    return [line["event"] for line in service.lines]
