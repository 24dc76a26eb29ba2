"""`qlogship check` as installed: what it prints, how it ends, and that it changes nothing."""

from __future__ import annotations

import json
import os
import pwd
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from qlogship.check.findings import GROUPS
from qlogship.errors import ExitCode
from tests.support.calls import call
from tests.support.installation import Installation
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sandbox import Sandbox
NOON: Final = 1_795_411_800

# A contract: keys are added, never renamed.
KEYS: Final = {"ok", "exit_code", "problems", "warnings", "unknown", "findings", "facts"}
FINDING_KEYS: Final = {"id", "level", "about", "message", "hint"}
FACTS: Final = {
    *("settings", "now", "user", "queue_log", "asterisk", "rotation", "state", "disk"),
    *("dashboard", "clock", "unit"),
}

DOCUMENTED: Final = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8")

OK_LINE: Final = re.compile(r"QLOGSHIP OK - nothing waits.*\| lag=0s;900;3600;0 held=1;")


def checked(installation: Installation, *options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and what `check --json` prints."""
    done = installation.call("check", "--json", *options)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def contents(installation: Installation) -> dict[str, bytes]:
    """Return the files of the state directory, but those that SQLite makes to read by."""
    return {
        path.name: path.read_bytes()
        for path in installation.state.iterdir()
        if not path.name.endswith(("-shm", "-wal"))
    }


def test_what_it_prints(installation: Installation) -> None:
    """JSON holds findings and facts; people read the same, with a last line that sums up."""
    installation.write(call(1, NOON))
    assert installation.once().returncode == ExitCode.DONE
    before = contents(installation)
    code, found = checked(installation)

    assert found.keys() >= KEYS
    assert found["facts"].keys() >= FACTS
    assert all(one.keys() >= FINDING_KEYS for one in found["findings"])
    assert all(f"`{one['id']}`" in DOCUMENTED for one in found["findings"])
    assert code == found["exit_code"]
    told = {one["id"]: one for one in found["findings"]}
    assert told["login.accepted"]["level"] == "ok"
    assert told["settings.sound"]["about"] == str(installation.config)
    # The sandbox answers, and shows its page only to who has its token.
    assert found["facts"]["dashboard"]["status"] == 403
    assert contents(installation) == before

    shown = installation.call("check")
    assert (shown.returncode, shown.stderr) == (code, "")
    titles = {GROUPS[one["id"].partition(".")[0]].title for one in found["findings"]}
    assert all(re.search(rf"^{title}  ", shown.stdout, re.MULTILINE) for title in titles)
    assert "\x1b" not in shown.stdout
    for one in found["findings"]:
        if one["level"] != "ok" and one["hint"]:
            assert f"-> {one['hint']}\n" in shown.stdout


def test_offline(installation: Installation, dashboard: Sandbox) -> None:
    """Nobody is asked over the network."""
    before = len(dashboard.requests())
    _, found = checked(installation, "--offline")

    assert len(dashboard.requests()) == before
    groups = {one["id"].partition(".")[0] for one in found["findings"]}
    assert groups.isdisjoint({"dashboard", "tls", "login"})
    assert found["facts"]["dashboard"] is None


def test_exit_codes(installation: Installation, dashboard: Sandbox) -> None:
    """The gravest problem decides: credentials, the way to the dashboard, then all else."""
    installation.set_password("wrong")
    assert checked(installation)[0] == ExitCode.CREDENTIALS
    installation.configure(dashboard={"url": "http://127.0.0.1:9"})
    assert checked(installation)[0] == ExitCode.UNREACHABLE
    installation.configure(batch={"linger": -1})
    code, found = checked(installation)
    assert code == ExitCode.SETTINGS
    assert "linger" in found["findings"][0]["message"] + found["findings"][0]["about"]


def test_no_secret_is_shown(installation: Installation) -> None:
    """Neither findings nor facts hold the password."""
    installation.set_password("a-secret-nobody-sees")
    done = installation.call("check", "--json")
    assert "a-secret-nobody-sees" not in done.stdout + done.stderr


def monitored(installation: Installation, *options: str) -> tuple[int, str]:
    """Return the exit code and the line of `check --monitor`."""
    done = installation.call("check", "--monitor", *options)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.returncode, done.stdout


def test_monitoring(installation: Installation, dashboard: Sandbox) -> None:
    """A running service is OK, a stopped one CRITICAL; nobody logs in for it."""
    installation.write(call(1, NOON) + call(3, int(time.time()), ended=False))
    with installation.start() as service:
        service.wait_for("batch_accepted")
        until(lambda: installation.figures().held.calls == 1)
        asked = len(dashboard.requests())
        code, line = monitored(installation)
        assert (code, OK_LINE.match(line) is not None) == (0, True), line
        assert len(dashboard.requests()) == asked
        assert service.stop() == ExitCode.DONE
    code, line = monitored(installation)
    assert code == 2
    assert line.startswith("QLOGSHIP CRITICAL - the service is not running | lag=0s")


def test_thresholds(installation: Installation) -> None:
    """They are numbers of seconds; what is none is UNKNOWN, in the same form."""
    assert "lag=0s;60;300;0" in monitored(installation, "--warning", "60", "--critical", "300")[1]
    for options in (["--warning", "soon"], ["--warning", "9999"]):
        code, line = monitored(installation, *options)
        assert code == 3
        assert line.startswith("QLOGSHIP UNKNOWN - ")


def test_monitoring_without_settings(installation: Installation) -> None:
    """What cannot be found out is UNKNOWN, not CRITICAL."""
    installation.config.unlink()
    code, line = monitored(installation)
    assert (code, line[:20]) == (3, "QLOGSHIP UNKNOWN - 1")


@pytest.fixture
def unprivileged(dashboard: Sandbox) -> Iterator[Installation]:
    """Return an installation of root's, asked about by nobody."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="qlogship-") as directory:
        installation = Installation(Path(directory), dashboard.url)
        installation.directory.chmod(0o755)
        installation.write(call(1, NOON))
        assert installation.once().returncode == ExitCode.DONE
        installation.user = pwd.getpwnam("nobody").pw_uid
        try:
            installation.call("--version")
        except PermissionError:
            pytest.skip("nobody may not run this Python")
        yield installation


@pytest.mark.root
def test_whoever_may_not_look(unprivileged: Installation) -> None:
    """An unprivileged user is told what to type; nothing is guessed, nothing crashes."""
    code, line = monitored(unprivileged)
    assert code == 3
    assert "sudoers" in line
    _, found = checked(unprivileged)
    levels = {one["id"]: one["level"] for one in found["findings"]}
    assert levels["secret.unseen"] == levels["state.unseen"] == levels["login.untried"] == "unknown"
    unprivileged.config.chmod(0o600)
    code, found = checked(unprivileged)
    assert (code, [one["id"] for one in found["findings"]]) == (10, ["settings.unseen"])
    code, line = monitored(unprivileged)
    assert code == 3
    assert "sudoers" in line
