"""The settings name another dashboard: what arrives there, and what is said here.

Two dashboards keep everything they get; the number there stands beside the words here.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.errors import ExitCode
from qlogship.shipping.belonging import DECISIONS
from qlogship.state.reader import Reader
from tests.support.calls import call
from tests.support.installation import Installation
from tests.support.sandbox import Sandbox
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW: Final = int(time.time())
OLD_CALLS: Final = call(1, NOW - 3600) + call(3, NOW - 3500)
NEW_CALL: Final = call(5, NOW - 60)

EVERYTHING: Final = ("destination", "--everything", "--yes")
FROM_NOW: Final = ("destination", "--from-now")
SAME: Final = ("destination", "--same")


@pytest.fixture
def new() -> Iterator[Sandbox]:
    """Return the dashboard that the settings name later."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def moved(installation: Installation, dashboard: Sandbox, new: Sandbox) -> Installation:
    """Return an installation that has shipped two calls, and whose settings name another now."""
    installation.write(OLD_CALLS)
    assert installation.once().returncode == ExitCode.DONE
    assert len(dashboard.calls()) == 2
    installation.configure(dashboard={"url": new.url})
    return installation


def lines_of(*texts: bytes) -> list[bytes]:
    """Return the lines of texts, sorted."""
    return sorted(line for text in texts for line in text.splitlines())


def uploads_of(sandbox: Sandbox) -> list[str]:
    """Return the methods of the requests that change what a dashboard holds."""
    return [f"{one.method} {one.path}" for one in sandbox.requests() if "login" not in one.path]


def decide(installation: Installation, *arguments: str) -> str:
    """Make a decision; return what is said."""
    done = installation.call(*arguments)
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    return done.stdout


def shown(installation: Installation) -> dict[str, Any]:
    """Return what `qlogship destination --json` prints."""
    found: dict[str, Any] = json.loads(installation.call("destination", "--json").stdout)
    return found


def test_nothing_is_sent_and_nothing_counted(
    moved: Installation, dashboard: Sandbox, new: Sandbox
) -> None:
    """Until somebody decides, calls are archived, nobody gets any, and all sums are 0."""
    moved.write(NEW_CALL)
    done = moved.once("--flush")
    assert done.returncode == ExitCode.IN_DOUBT
    assert new.url in done.stderr
    assert dashboard.url in done.stderr
    assert "qlogship destination" in done.stderr
    status = moved.status()
    assert status["archive"]["calls"] == 3
    assert status["calls"] == {"shipped": 0, "reported": 0}
    assert status["uploads"]["accepted"] == 0
    assert status["waiting"]["lines"] == status["archive"]["lines"]
    assert status["destination"]["undecided"] is True
    assert status["destination"]["decisions"] == [one.command for one in DECISIONS]
    assert [one["kind"] for one in status["troubles"]] == ["destination"]
    assert uploads_of(new) == []
    assert len(dashboard.calls()) == 2


def test_it_is_said_everywhere(moved: Installation, dashboard: Sandbox, new: Sandbox) -> None:
    """Status, check, the monitor and the ledger say it, and what to type, also before a start."""
    status = moved.call("status").stdout
    assert "UNDECIDED" in status
    assert "qlogship destination" in status
    monitor = moved.call("check", "--monitor")
    assert monitor.returncode == 2
    assert "qlogship destination" in monitor.stdout
    check = json.loads(moved.call("check", "--offline", "--json").stdout)
    found = [one for one in check["findings"] if one["id"] == "ledger.destination"]
    assert [one["level"] for one in found] == ["problem"]
    assert new.url in found[0]["message"]
    assert f"for {dashboard.url}" in moved.call("uploads").stdout
    (row,) = json.loads(moved.call("uploads", "--json").stdout)
    assert (row["superseded"], row["elsewhere"], row["url"]) == (True, True, dashboard.url)
    asked = moved.call("destination")
    assert asked.returncode == ExitCode.IN_DOUBT
    for one in DECISIONS:
        assert one.command in asked.stdout
        assert one.words in asked.stdout
    assert "2" in asked.stdout.split(dashboard.url)[1]


def test_everything(moved: Installation, dashboard: Sandbox, new: Sandbox) -> None:
    """`--everything` ships the whole archive there, and counts nothing of before."""
    decide(moved, *EVERYTHING)
    moved.write(NEW_CALL)
    assert moved.once("--flush").returncode == ExitCode.DONE
    assert lines_of(*new.bodies()) == lines_of(OLD_CALLS, NEW_CALL)
    assert len(dashboard.calls()) == 2
    assert moved.status()["calls"] == {"shipped": 3, "reported": 3}
    first, second = shown(moved)["generations"]
    assert (first["url"], first["calls"], first["current"]) == (dashboard.url, 2, False)
    assert (second["url"], second["calls"], second["current"]) == (new.url, 3, True)
    assert second["begun_at"] is not None


def test_everything_with_a_clear(
    moved: Installation, dashboard: Sandbox, new: Sandbox, tmp_path: Path
) -> None:
    """`--everything --clear` clears the new dashboard, never the old one, then ships all."""
    (tmp_path / "other").mkdir()
    strange = Installation(tmp_path / "other", new.url)
    strange.write(call(11, NOW - 7200))
    assert strange.once().returncode == ExitCode.DONE
    assert len(new.calls()) == 1
    decide(moved, *EVERYTHING, "--clear")
    assert moved.once("--flush").returncode == ExitCode.DONE
    assert lines_of(*new.bodies()) == lines_of(OLD_CALLS)
    assert len(dashboard.calls()) == 2
    assert moved.status()["calls"] == {"shipped": 2, "reported": 2}


def test_from_now(moved: Installation, dashboard: Sandbox, new: Sandbox) -> None:
    """`--from-now` ships what is archived later; what is in the file already is from before."""
    moved.write(call(7, NOW - 120))
    decide(moved, *FROM_NOW)
    moved.write(NEW_CALL)
    assert moved.once("--flush").returncode == ExitCode.DONE
    assert lines_of(*new.bodies()) == lines_of(NEW_CALL)
    assert moved.status()["calls"] == {"shipped": 1, "reported": 1}
    assert moved.status()["waiting"]["lines"] == 0
    assert shown(moved)["generations"][1]["first_seq"] == 1 + OLD_CALLS.count(b"\n") * 3 // 2


@pytest.mark.parametrize("held", ["before", "meanwhile"])
def test_from_now_takes_a_call_in_progress_whole(
    installation: Installation, dashboard: Sandbox, new: Sandbox, held: str
) -> None:
    """A call that is under way when somebody decides goes whole to the new dashboard."""
    begun = call(7, NOW - 30, ended=False)
    installation.write(OLD_CALLS + (begun if held == "before" else b""))
    assert installation.once().returncode == ExitCode.DONE
    installation.configure(dashboard={"url": new.url})
    installation.write(call(9, NOW - 40) + (begun if held == "meanwhile" else b""))
    decide(installation, *FROM_NOW)
    rest = call(7, NOW - 30).removeprefix(begun)
    assert rest != call(7, NOW - 30)
    installation.write(rest)
    assert installation.once("--flush").returncode == ExitCode.DONE
    assert lines_of(*new.bodies()) == lines_of(begun, rest)
    assert lines_of(*dashboard.bodies()) == lines_of(OLD_CALLS)


def test_same(moved: Installation, dashboard: Sandbox, new: Sandbox) -> None:
    """`--same` goes on with the ledger as it is: only what is new is sent, all is counted."""
    decide(moved, *SAME)
    moved.write(NEW_CALL)
    assert moved.once("--flush").returncode == ExitCode.DONE
    assert lines_of(*new.bodies()) == lines_of(NEW_CALL)
    assert moved.status()["calls"] == {"shipped": 3, "reported": 3}
    (only,) = shown(moved)["generations"]
    assert only["url"] == new.url


def test_it_is_asked_once(moved: Installation, new: Sandbox) -> None:
    """What was decided is not asked again, and cannot be decided twice."""
    decide(moved, *SAME)
    assert moved.once().returncode == ExitCode.DONE
    again = moved.call(*EVERYTHING)
    assert again.returncode == ExitCode.USAGE
    assert "nothing to decide" in again.stderr
    assert moved.call("destination").returncode == ExitCode.DONE


@pytest.mark.parametrize("change", ["account", "host"])
def test_another_account_or_name_is_another(
    installation: Installation, dashboard: Sandbox, change: str
) -> None:
    """Another account on the same dashboard is asked about, and so is another name of its host."""
    installation.write(OLD_CALLS)
    assert installation.once().returncode == ExitCode.DONE
    other = dashboard.url.replace("127.0.0.1", "localhost")
    changed = {"email": "boss@example.com"} if change == "account" else {"url": other}
    installation.configure(dashboard=changed)
    assert installation.once().returncode == ExitCode.IN_DOUBT
    assert shown(installation)["undecided"] is True


def test_the_way_it_is_written_asks_nothing(installation: Installation, dashboard: Sandbox) -> None:
    """Capitals and a slash at the end make no other destination."""
    url = dashboard.url.replace("127.0.0.1", "localhost")
    installation.configure(dashboard={"url": url})
    installation.write(OLD_CALLS)
    assert installation.once().returncode == ExitCode.DONE
    written = {"url": url.replace("localhost", "LocalHost") + "/", "email": "Admin@Example.com"}
    installation.configure(dashboard=written)
    assert shown(installation)["undecided"] is False
    assert installation.status()["calls"]["reported"] == 2


def test_a_mistyped_address_that_got_nothing_is_forgotten(
    installation: Installation, dashboard: Sandbox
) -> None:
    """Where no dashboard can have taken anything, the address may change without a question."""
    installation.configure(dashboard={"url": "http://127.0.0.1:1"})
    installation.write(OLD_CALLS)
    assert installation.once().returncode == ExitCode.UNREACHABLE
    installation.configure(dashboard={"url": dashboard.url})
    assert installation.once().returncode == ExitCode.DONE
    assert len(dashboard.calls()) == 2


def test_at_a_reload(installation: Installation, dashboard: Sandbox, new: Sandbox) -> None:
    """A running service notices at a reload, archives on, and goes on when it was decided."""
    installation.write(OLD_CALLS)
    with installation.start() as service:
        service.wait_for("batch_accepted")
        installation.configure(dashboard={"url": new.url})
        service.send(signal.SIGHUP)
        assert service.wait_for("trouble_began")["kind"] == "destination"
        installation.write(NEW_CALL)
        until(lambda: installation.figures().archive.calls == 3, what="the archive grows")
        assert uploads_of(new) == []
        decide(installation, *EVERYTHING)
        service.wait_for("batch_accepted", 2)
        assert service.stop() == ExitCode.DONE
    assert lines_of(*new.bodies()) == lines_of(OLD_CALLS, NEW_CALL)
    assert len(dashboard.calls()) == 2
    assert installation.troubles() == {}


def test_decided_before_the_reload(
    installation: Installation, dashboard: Sandbox, new: Sandbox
) -> None:
    """A service that still has the settings from before sends the old dashboard nothing more."""
    installation.write(OLD_CALLS)
    with installation.start() as service:
        service.wait_for("batch_accepted")
        installation.configure(dashboard={"url": new.url})
        decide(installation, *FROM_NOW)
        installation.write(NEW_CALL)
        until(lambda: installation.figures().archive.calls == 3, what="the archive grows")
        service.send(signal.SIGHUP)
        service.wait_for("batch_accepted", 2)
        assert service.stop() == ExitCode.DONE
    assert lines_of(*new.bodies()) == lines_of(NEW_CALL)
    assert len(dashboard.calls()) == 2


@pytest.mark.parametrize(
    ("decision", "state"), [(SAME, "done"), (FROM_NOW, "refused"), (EVERYTHING, "refused")]
)
def test_a_resync_under_way(
    installation: Installation,
    dashboard: Sandbox,
    new: Sandbox,
    decision: tuple[str, ...],
    state: str,
) -> None:
    """A resync of the old dashboard never clears the new one, unless it is the same."""
    installation.write(OLD_CALLS)
    assert installation.once().returncode == ExitCode.DONE
    assert installation.call("resync", "--yes", "--detach").returncode == ExitCode.DONE
    installation.configure(dashboard={"url": new.url})
    assert installation.once().returncode == ExitCode.IN_DOUBT
    assert uploads_of(new) == []
    assert installation.call("resync", "--yes").returncode == ExitCode.IN_DOUBT
    assert installation.status()["resync"]["state"] == "idle"
    decide(installation, *decision)
    assert installation.once("--flush").returncode == ExitCode.DONE
    cleared = [one for one in uploads_of(new) if "clear" in one.lower()]
    assert bool(cleared) is (state == "done")
    with Reader(installation.state) as reader:
        progress = reader.progress()
    assert progress is not None
    assert progress.resync.phase == state
    assert len(dashboard.calls()) == 2


def test_a_decision_is_carried_out_whole_or_not_at_all(
    moved: Installation, dashboard: Sandbox, new: Sandbox, tmp_path: Path
) -> None:
    """A crash in the middle of a decision leaves the question as it was."""
    before = shown(moved)
    script = tmp_path / "crash.py"
    script.write_text(
        "import os, sys\n"
        "from qlogship.shipping.generations import Generations\n"
        "Generations.write = lambda *_: os._exit(9)\n"
        "from qlogship.cli.app import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    line = moved.command(*EVERYTHING)
    done = subprocess.run([sys.executable, str(script), *line[1:]], check=False, timeout=60)
    assert done.returncode == 9
    assert shown(moved) == before
    decide(moved, *EVERYTHING)
    assert moved.once().returncode == ExitCode.DONE
    assert len(new.calls()) == 2


def test_a_shared_tenant_is_not_cleared_unasked(
    installation: Installation, dashboard: Sandbox, new: Sandbox
) -> None:
    """Where others upload, too, a clear is refused, and says whose data would go."""
    installation.configure(dashboard={"shared": True})
    installation.write(OLD_CALLS)
    assert installation.once().returncode == ExitCode.DONE
    refused = installation.call("resync", "--yes")
    assert refused.returncode == ExitCode.USAGE
    assert "--clears-others" in refused.stderr
    assert "every PBX and person" in refused.stderr
    assert len(dashboard.calls()) == 2
    assert installation.status()["resync"]["state"] == "idle"
    assert "no number here has theirs" in installation.call("status").stdout
    done = installation.call("resync", "--yes", "--clears-others")
    assert done.returncode == ExitCode.IN_DOUBT  # for others go on uploading
    assert "UNCERTAIN" in done.stdout
    installation.configure(dashboard={"url": new.url})
    assert installation.call(*EVERYTHING, "--clear").returncode == ExitCode.USAGE
    assert shown(installation)["undecided"] is True
    decide(installation, *EVERYTHING, "--clear", "--clears-others")


def test_a_shared_tenant_is_never_cleared_by_itself(installation: Installation) -> None:
    """`on_unknown = "resync"` and `shared` contradict each other: both places are named."""
    installation.configure(dashboard={"shared": True}, delivery={"on_unknown": "resync"})
    done = installation.call("config", "check")
    assert done.returncode == ExitCode.SETTINGS
    assert "on_unknown" in done.stderr
    assert "[dashboard] shared" in done.stderr


def test_another_writer_is_suspected_aloud(installation: Installation, dashboard: Sandbox) -> None:
    """An answer that counts more calls than were sent is a sign of somebody else."""
    dashboard.script([{"do": "status", "status": 200, "body": "9", "apply": True}])
    installation.write(OLD_CALLS)
    installation.once()
    assert "another PBX or person" in installation.call("status").stdout
