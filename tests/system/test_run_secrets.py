"""No secret gets out: not into a log line, an error, a command line, or the state directory."""

from __future__ import annotations

import base64
import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from qlogship.errors import ExitCode
from qlogship.sandbox.options import SandboxOptions
from tests.support.calls import call
from tests.support.installation import Installation
from tests.support.sandbox import Sandbox
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.installation import Running

NOON: Final = 1_795_411_800
RIGHT: Final = 'Кли"мент&ина+7=9'
WRONG: Final = "Wr0ng/Pa55?word<x>"
TOKEN: Final = re.compile(rb"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
"""A JSON Web Token, which is what the sandbox hands out."""


def forms(secret: str) -> Iterator[bytes]:
    """Yield a secret as it may be spelled somewhere."""
    for text in (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode(),
        repr(secret)[1:-1],
    ):
        yield text.encode()


def assert_clean(where: str, data: bytes) -> None:
    """There is neither a password nor a token in these bytes."""
    for secret in (RIGHT, WRONG):
        for form in forms(secret):
            assert form not in data, f"a password in {where}"
    assert not TOKEN.search(data), f"a token in {where}"


def assert_clean_machine(installation: Installation, service: Running) -> None:
    """Look at all that others could look at while the service runs."""
    for file in sorted(installation.state.iterdir()):
        assert_clean(str(file), file.read_bytes())
    for name in ("cmdline", "comm", "status"):
        assert_clean(name, Path(f"/proc/{service.pid}/{name}").read_bytes())


def test_a_whole_session_gives_no_secret_away(tmp_path: Path) -> None:
    """Login, refusals, renewals, lost replies, an answer that repeats the password: all clean."""
    with Sandbox(SandboxOptions(password=RIGHT, token_lifetime=3.0)) as dashboard:
        installation = Installation(tmp_path, dashboard.url)
        installation.configure(log={"level": "debug"})
        installation.set_password(WRONG)
        installation.write(call(1, NOON))
        said = []
        with installation.start() as service:
            service.wait_for("trouble_began")
            until(lambda: "dashboard_refuses_credentials" in installation.troubles())
            assert_clean_machine(installation, service)
            installation.set_password(RIGHT)
            service.send(signal.SIGHUP)
            service.wait_for("batch_accepted")
            assert_clean_machine(installation, service)
            # What the far end says is kept, but not the secrets it repeats.
            echo = {"do": "status", "status": 422, "body": f"no {RIGHT}, no {json.dumps(RIGHT)}"}
            steps: list[dict[str, Any]] = [
                echo,
                {"do": "expire_tokens"},
                {"do": "lose_reply"},
                {"do": "status", "status": 403},
                {"do": "redirect", "location": f"https://a.example/?p={quote(RIGHT)}"},
            ]
            for number, step in enumerate(steps, start=1):
                dashboard.script([{"on": "upload", **step}])
                installation.write(call(10 * number, NOON + 100 * number))
                assert dashboard.wait_for(lambda: not dashboard.faults_left(), 20)
                wait_for_answers(installation, number + 1)
                assert_clean_machine(installation, service)
                if step is echo:
                    (refused,) = (row for row in installation.ledger() if row.state == "rejected")
            until(lambda: "dashboard_redirects" in installation.troubles())
            assert service.stop() == ExitCode.DONE
            assert_clean_machine_after(installation)
            said += service.output
        assert len([seen for seen in dashboard.requests() if "login" in seen.path]) >= 4
        for format_ in ("console", "json"):
            installation.configure(log={"format": format_})
            for arguments in (
                ("run", "--once"),
                ("status",),
                ("uploads",),
                ("uploads", "--json"),
                ("config", "show"),
                ("config", "check"),
            ):
                done = installation.call(*arguments)
                said += [done.stdout, done.stderr]
        assert_clean("what was said", "".join(said).encode())
        assert_clean_machine_after(installation)
        assert refused.answer.text is not None
        assert "***" in refused.answer.text


def wait_for_answers(installation: Installation, count: int) -> None:
    """Wait until so many uploads have been answered, one way or the other."""
    until(
        lambda: sum(row.answer.answered_at is not None for row in installation.ledger()) >= count,
        20,
    )


def assert_clean_machine_after(installation: Installation) -> None:
    """Look at what stays."""
    for file in sorted(installation.state.iterdir()):
        assert_clean(str(file), file.read_bytes())


def test_a_password_in_the_environment_stays_there(tmp_path: Path) -> None:
    """`config show` masks it, and a fault that concerns it does not repeat it."""
    with Sandbox(SandboxOptions(password=RIGHT)) as dashboard:
        installation = Installation(tmp_path, dashboard.url)
        installation.configure(dashboard={"password_file": None})
        installation.write(call(1, NOON))
        secret = {"QLOGSHIP_DASHBOARD__PASSWORD": RIGHT}
        done = installation.call("run", "--once", **secret)
        assert done.returncode == ExitCode.DONE, done.stderr
        said = [done.stdout, done.stderr]
        for arguments in (("config", "show"), ("config", "show", "--json"), ("status",)):
            shown = installation.call(*arguments, **secret)
            said += [shown.stdout, shown.stderr]
        broken = installation.call("run", QLOGSHIP_DASHBOARD__PASSWORD=f"{RIGHT}\n{WRONG}")
        assert broken.returncode == ExitCode.SETTINGS
        said += [broken.stdout, broken.stderr]
        assert_clean("what was said", "".join(said).encode())
        assert_clean_machine_after(installation)
