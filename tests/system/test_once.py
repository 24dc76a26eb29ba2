"""`qlogship run --once`: what it ships, and what its exit code says."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from typing import TYPE_CHECKING, Final

import pytest

from qlogship.errors import ExitCode
from tests.support.arrivals import lines_of
from tests.support.calls import call

if TYPE_CHECKING:
    from tests.support.installation import Installation
    from tests.support.sandbox import Sandbox

NOON: Final = 1_795_411_800
AS_ROOT: Final = os.geteuid() == 0


def errors(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said, without its log lines."""
    return "\n".join(line for line in done.stderr.splitlines() if not line.startswith("{"))


def test_whole_calls_go_and_open_ones_stay(installation: Installation, dashboard: Sandbox) -> None:
    """What is complete is shipped now; a call under way is kept for later."""
    done, going_on = call(1, NOON), call(3, NOON, ended=False)
    installation.write(done + going_on)
    shipped = installation.once()
    assert (shipped.returncode, shipped.stdout) == (ExitCode.DONE, "")
    assert dashboard.bodies() == [done]
    held = installation.figures()
    assert (held.held.calls, held.held.lines) == (1, 2)


def test_the_first_call_after_quiet_days_stays(
    installation: Installation, dashboard: Sandbox
) -> None:
    """At the first start, too, a call that has just come in waits for its end."""
    now = int(time.time())
    before, entering = call(1, now - 3 * 86_400), lines_of(call(3, now))[0]
    installation.write(before + entering)
    assert installation.once().returncode == ExitCode.DONE
    assert dashboard.bodies() == [before]
    assert installation.figures().held.lines == 1


def test_flush_lets_open_calls_go(installation: Installation, dashboard: Sandbox) -> None:
    """--flush ships calls that are still open, too; what comes of them later travels alone."""
    installation.write(call(1, NOON, ended=False))
    assert installation.once("--flush").returncode == ExitCode.DONE
    assert dashboard.bodies() == [call(1, NOON, ended=False)]
    assert installation.figures().held.lines == 0


def test_an_unfinished_line_waits(installation: Installation, dashboard: Sandbox) -> None:
    """Half a record is never shipped, with --flush neither."""
    text = call(1, NOON)
    installation.write(text[:-10])
    assert installation.once("--flush").returncode == ExitCode.DONE
    installation.write(text[-10:])
    assert installation.once("--flush").returncode == ExitCode.DONE
    assert b"".join(dashboard.bodies()) == text


def test_nothing_to_do_is_done(installation: Installation, dashboard: Sandbox) -> None:
    """An empty queue_log asks nothing of the dashboard."""
    installation.write(b"")
    assert installation.once().returncode == ExitCode.DONE
    assert dashboard.requests() == []


def test_what_is_no_queue_log_is_not_sent(installation: Installation, dashboard: Sandbox) -> None:
    """Another log at the path: exit code 14, a sentence and a hint; a true one is shipped later."""
    other = b"[2026-11-28 04:39:34] VERBOSE[812] pbx.c: secret=abc in new stack\n" * 500
    installation.write(other)
    done = installation.once("--flush")
    assert done.returncode == ExitCode.SOURCE
    assert "is not a queue_log" in errors(done)
    assert "Set source.path" in errors(done)
    assert "is not a queue_log" in installation.status()["source"]["trouble"]
    assert "source" in installation.troubles()
    assert (dashboard.requests(), installation.archived()) == ([], b"")
    own = call(1, NOON)
    installation.write(own)
    assert installation.once().returncode == ExitCode.DONE
    installation.write(other)
    turned = installation.once()
    assert turned.returncode == ExitCode.SOURCE
    assert "not written as a queue_log any more" in errors(turned)
    assert dashboard.bodies() == [own]


def test_all_faults_of_the_settings_at_once(installation: Installation, dashboard: Sandbox) -> None:
    """Each fault names its place and its remedy, for the service and for commands alike."""
    installation.config.write_text(
        '[dashboard]\nurl = "ftp://nowhere"\nemail = "nobody"\npassword = "in the file"\n'
        '[source]\npath = "queue_log"\nhistory = "most"\n'
        '[batch]\nlinger = -1.0\nmax_bytes = "big"\nlinger_most = 3\n'
        '[delivery]\non_unknown = "again"\n[sorce]\n'
    )
    for arguments in (("run",), ("status",)):
        done = installation.call(*arguments, QLOGSHIP_BATCH__SETTEL="3")
        assert done.returncode == ExitCode.SETTINGS
        assert done.stdout == ""
        for place in (
            "url",
            "email",
            "password",
            "path",
            "history",
            "linger",
            "max_bytes",
            "linger_most",
            "on_unknown",
            "sorce",
            "QLOGSHIP_BATCH__SETTEL",
        ):
            assert place in done.stderr, place
        assert done.stderr.count("->") >= 11
        assert "in the file" not in done.stderr
        assert "Traceback" not in done.stderr
    assert not installation.state.exists()
    assert dashboard.requests() == []


def test_settings_that_are_missing(installation: Installation) -> None:
    """A settings file that is not there is named."""
    installation.config.unlink()
    done = installation.once()
    assert done.returncode == ExitCode.SETTINGS
    assert str(installation.config) in done.stderr


@pytest.mark.parametrize("arguments", [("run", "--flush"), ("run", "--nonsense"), ("runn",)])
def test_a_wrong_command_line(installation: Installation, arguments: tuple[str, ...]) -> None:
    """What makes no sense is refused before anything is touched."""
    done = installation.call(*arguments)
    assert done.returncode == ExitCode.USAGE
    assert "error:" in done.stderr
    assert not installation.state.exists()


def test_a_wrong_password(installation: Installation, dashboard: Sandbox) -> None:
    """It is said in so many words, shown by `status`, and forgotten when it is right again."""
    installation.write(call(1, NOON))
    installation.set_password("wrong")
    done = installation.once()
    assert done.returncode == ExitCode.CREDENTIALS
    assert "e-mail or password refused" in errors(done)
    assert "dashboard.email" in errors(done)
    (trouble,) = installation.status()["troubles"]
    assert trouble["kind"] == "dashboard_refuses_credentials"
    assert "e-mail or password refused" in trouble["message"]
    assert trouble["hint"]
    # Not tried again and again: that would lock the account.
    assert len(dashboard.requests()) == 1
    installation.set_password("sandbox-password")
    assert installation.once().returncode == ExitCode.DONE
    assert dashboard.bodies() == [call(1, NOON)]
    assert installation.troubles() == {}


def test_a_dashboard_that_is_away(installation: Installation, dashboard: Sandbox) -> None:
    """It is tried a few times, and all is shipped the next time."""
    installation.write(call(1, NOON))
    dashboard.stop()
    done = installation.once()
    assert done.returncode == ExitCode.UNREACHABLE
    assert "cannot be reached" in errors(done)
    (upload,) = installation.ledger()
    assert (upload.state, upload.possible_duplicate) == ("prepared", False)
    assert 1 <= upload.attempts <= 5
    assert list(installation.troubles()) == ["dashboard_unreachable"]
    dashboard.start()
    assert installation.once().returncode == ExitCode.DONE
    assert dashboard.bodies() == [call(1, NOON)]
    assert installation.troubles() == {}


def test_another_address(installation: Installation, dashboard: Sandbox) -> None:
    """A redirect is a matter of the settings, and names where it points."""
    installation.write(call(1, NOON))
    dashboard.script([{"on": "any", "times": None, "do": "redirect", "location": "/elsewhere"}])
    done = installation.once()
    assert done.returncode == ExitCode.SETTINGS
    assert "dashboard.url" in errors(done)
    assert "/elsewhere" in errors(done)


def test_something_quarantined(installation: Installation, dashboard: Sandbox) -> None:
    """What is refused for good makes the exit code say that not all is well, also later."""
    installation.write(call(1, NOON))
    dashboard.script([{"do": "status", "status": 422}])
    assert installation.once().returncode == ExitCode.IN_DOUBT
    assert installation.once().returncode == ExitCode.IN_DOUBT
    assert installation.ledger()[0].state == "rejected"
    assert installation.figures().uploads.quarantined == 1


def test_everything_refused(installation: Installation, dashboard: Sandbox) -> None:
    """A dashboard that takes no upload at all is a dashboard that cannot be used: 13."""
    installation.write(b"".join(call(number, NOON) for number in range(1, 41, 2)))
    for code in (404, 422):
        dashboard.script([{"do": "status", "status": code, "times": None}])
        done = installation.once("--flush")
        assert done.returncode == ExitCode.UNREACHABLE
        assert str(code) in errors(done)
        assert installation.figures().uploads.quarantined == 0
    dashboard.script([])
    assert installation.once().returncode == ExitCode.DONE
    assert installation.figures().shipped.calls == 20


def test_something_unknown(installation: Installation, dashboard: Sandbox) -> None:
    """An unknown outcome that waits for a person: 3, now and at the next run."""
    installation.configure(delivery={"on_unknown": "hold"})
    installation.write(call(1, NOON))
    dashboard.script([{"do": "lose_reply"}])
    codes = [installation.once().returncode, installation.once().returncode]
    assert installation.ledger()[0].state == "unknown"
    assert codes == [ExitCode.IN_DOUBT, ExitCode.IN_DOUBT]


def test_an_unknown_outcome_is_resent(installation: Installation, dashboard: Sandbox) -> None:
    """With on_unknown = resend all goes well, and the ledger marks what may be there twice."""
    installation.write(call(1, NOON))
    dashboard.script([{"do": "lose_reply"}])
    assert installation.once().returncode == ExitCode.DONE
    (upload,) = installation.ledger()
    assert (upload.state, upload.attempts, upload.possible_duplicate) == ("accepted", 2, True)
    assert dashboard.bodies() == [call(1, NOON)] * 2


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "unreadable"])
def test_a_queue_log_that_cannot_be_read(
    kind: str, installation: Installation, dashboard: Sandbox
) -> None:
    """It is named with the reason, and the dashboard is not bothered."""
    if kind == "directory":
        installation.log.mkdir()
    elif kind == "fifo":
        os.mkfifo(installation.log)
    elif kind == "unreadable":
        if AS_ROOT:
            pytest.skip("root reads everything; test_run_trouble has this for another user")
        installation.write(call(1, NOON))
        installation.log.chmod(0)
    done = installation.once()
    assert done.returncode == ExitCode.SOURCE
    assert str(installation.log) in errors(done)
    assert "hint:" in errors(done)
    assert dashboard.requests() == []
    if kind == "missing":
        status = installation.status()
        assert status["source"]["lag_bytes"] is None
        assert str(installation.log) in status["source"]["trouble"]


def test_a_second_instance(installation: Installation) -> None:
    """It refuses, and names the pid of the first, which `status` knows too."""
    installation.write(call(1, NOON))
    with installation.start() as first:
        first.wait_for("batch_accepted")
        for options in ((), ("--once",)):
            second = installation.call("run", *options)
            assert second.returncode == ExitCode.LOCKED
            assert f"pid {first.pid}" in errors(second)
            assert f"kill {first.pid}" in errors(second)
        assert installation.status()["service"] == {"running": True, "pid": first.pid}
        assert first.stop() == ExitCode.DONE
    assert installation.status()["service"] == {"running": False, "pid": None}


def test_ctrl_c(installation: Installation, dashboard: Sandbox) -> None:
    """It ends at once while an upload hangs; what becomes of that is unknown, and not forgotten."""
    installation.write(call(1, NOON))
    dashboard.script([{"do": "hang"}])
    process = subprocess.Popen(
        installation.command("run", "--once"), stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        assert dashboard.wait_for(lambda: not dashboard.faults_left())
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=5)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == ExitCode.INTERRUPTED
    assert b"Traceback" not in said
    assert installation.once().returncode == ExitCode.DONE
    (upload,) = installation.ledger()
    assert (upload.state, upload.possible_duplicate) == ("accepted", True)


def test_what_it_says_and_what_it_leaves(installation: Installation) -> None:
    """Each log line is a JSON object where there is no terminal; the state is private."""
    installation.write(call(1, NOON))
    done = installation.once()
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["destination_bound", "batch_accepted"]
    line = lines[-1]
    assert line["level"] == "info"
    assert line["time"]
    assert (line["upload"], line["lines"], line["calls"], line["reported_calls"]) == (1, 3, 1, 1)
    assert line["bytes"] == len(call(1, NOON))
    # The archive holds callers' numbers.
    assert stat.S_IMODE(installation.state.stat().st_mode) == 0o700
    for file in installation.state.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
