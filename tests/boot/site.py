"""The PBX in the box: who writes the queue_log, who rotates it, what arrived at the dashboards.

Here live the doings of everybody but qlogship, and the looking at the result.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.boot import stand_in
from tests.support.arrivals import lines_of
from tests.support.calls import call
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.boot.box import Box

EMAIL: Final = "admin@example.com"
PASSWORD: Final = "sandbox-password"
LOG: Final = "/var/log/asterisk/queue_log"
PATIENCE: Final = 40.0
"""Seconds in which calls must arrive: a restart, a backoff and the linger of a batch."""

_WRITER: Final = """\
[Unit]
Description=A stand-in for Asterisk

[Service]
User=asterisk
Group=asterisk
RuntimeDirectory=asterisk
ExecStart=/usr/bin/python3 /usr/local/lib/stand_in.py {log}
ExecReload=/bin/sh -c "kill -HUP $$MAINPID"

[Install]
WantedBy=multi-user.target
"""

# The far end is a copy of the package's program, so that it outlives what is done to the package,
# with the sandbox's libraries, which are not installed: no PBX needs them.
_DASHBOARD: Final = """\
[Unit]
Description=A Team Dashboard on port %i

[Service]
ExecStart=/opt/dashboard/bin/python -I -m qlogship sandbox --port %i --page-token boot \\
    --data /var/lib/dashboard/%i
StateDirectory=dashboard

[Install]
WantedBy=multi-user.target
"""

# As FreePBX has it; `asterisk -rx 'logger reload'` there.
_STANZA: Final = """\
/var/log/asterisk/queue_log {{
    daily
    rotate 30
    missingok
    notifempty
    {more}
    create 0640 asterisk asterisk
    su asterisk asterisk
    sharedscripts
    postrotate
        /usr/bin/systemctl reload asterisk
    endscript
}}
"""

# Runs on this machine's python, in the box's network.
_ASK: Final = """
import json, sys, urllib.request
def get(path):
    return urllib.request.urlopen(sys.argv[1] + path + "?token=boot", timeout=20).read()
found = json.loads(get("/sandbox/uploads"))
for upload in found:
    if upload["kept"]:
        upload["body"] = get(f"/sandbox/uploads/{upload['id']}/body").decode("latin-1")
print(json.dumps(found))
"""
_SCRIPT: Final = """
import sys, urllib.request
url, script = sys.argv[1] + "/sandbox/faults?token=boot", sys.argv[2].encode()
urllib.request.urlopen(urllib.request.Request(url, script, method="PUT"), timeout=20)
"""
_LOGIN: Final = """
import json, sys, urllib.request
body = json.dumps({"login": sys.argv[2], "password": sys.argv[3]}).encode()
headers = {"Content-Type": "application/json"}
request = urllib.request.Request(sys.argv[1] + "/login/api/auth", body, headers)
for cookie in urllib.request.urlopen(request, timeout=20).headers.get_all("Set-Cookie"):
    if cookie.startswith("jwt="):
        print(cookie.removeprefix("jwt=").partition(";")[0], end="")
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One qlogship and its dashboard; `name` is empty for the plain service."""

    name: str
    port: int

    @property
    def unit(self) -> str:
        """The unit."""
        return f"qlogship@{self.name}.service" if self.name else "qlogship.service"

    @property
    def config(self) -> str:
        """The settings file."""
        return f"/etc/qlogship/{self.name or 'qlogship'}.toml"

    @property
    def password_file(self) -> str:
        """Where the unit takes the password from."""
        return f"/etc/qlogship/{self.name}.password" if self.name else "/etc/qlogship/password"

    @property
    def url(self) -> str:
        """The dashboard's address."""
        return f"http://127.0.0.1:{self.port}"


class Site:
    """What happens on the PBX; `written` is all that was ever written to its queue_log."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.written = b""
        self._calls = 0

    # --- the PBX

    def build(self) -> None:
        """Make Asterisk's user, its directory with a past, the writer and logrotate's stanza."""
        box = self.box
        box.run("useradd", "--system", "--user-group", "--no-create-home", "asterisk")
        box.run("install", "-d", "-o", "asterisk", "-g", "asterisk", "-m", "0750", str(_LOGS))
        feed = Path(stand_in.FEED)
        box.run("install", "-d", "-o", "asterisk", "-m", "0755", str(feed.parent))
        box.run("mkfifo", "--mode=0600", str(feed))
        box.run("chown", "asterisk:", str(feed))
        program = Path(stand_in.__file__).read_text()
        box.run("tee", "/usr/local/lib/stand_in.py", text=program)
        self.install_unit("asterisk.service", _WRITER.format(log=LOG))
        self.rotate_with("nocompress")
        # Yesterday's calls, as they stand there when somebody installs qlogship.
        self.written += self._next_calls(40, age=86_400)
        box.run("sh", "-c", f"umask 027; cat >{LOG}.1 && gzip {LOG}.1", text=self.written.decode())
        box.run("sh", "-c", f"chown asterisk: {LOG}.1.gz")
        box.run("systemctl", "enable", "--quiet", "--now", "asterisk")

    def install_unit(self, name: str, text: str) -> None:
        """Write a unit, or a drop-in for one, and tell systemd."""
        path = f"/etc/systemd/system/{name}"
        self.box.run("install", "-D", "-m", "0644", "/dev/null", path)
        self.box.run("tee", path, text=text)
        self.box.run("systemctl", "daemon-reload")

    def change_unit(self, unit: str, text: str) -> None:
        """Do what `systemctl edit` does; an empty text takes the change back."""
        if text:
            self.install_unit(f"{unit}.d/override.conf", text)
        else:
            self.box.run("rm", "-r", f"/etc/systemd/system/{unit}.d")
            self.box.run("systemctl", "daemon-reload")

    def calls_come(self, count: int, *, ended: bool = True) -> bytes:
        """Let Asterisk write calls; return their lines."""
        text = self._next_calls(count, ended=ended)
        self.lines_come([text])
        return text

    def lines_come(self, lines: Iterable[bytes]) -> None:
        """Let Asterisk write these lines."""
        text = b"".join(lines)
        with self.box.path(stand_in.FEED).open("wb", buffering=0) as feed:
            feed.write(text)
        self.written += text

    def calls_came_unseen(self, count: int) -> None:
        """Put calls into the queue_log while the box is down."""
        text = self._next_calls(count)
        with self.box.path(LOG).open("ab") as file:
            file.write(text)
        self.written += text

    def rotate_with(self, *directives: str) -> None:
        """Set up logrotate."""
        text = _STANZA.format(more="\n    ".join(directives))
        self.box.run("tee", "/etc/logrotate.d/asterisk", text=text)

    def rotate(self) -> None:
        """Rotate now."""
        said = self.box.run("logrotate", "--force", "/etc/logrotate.d/asterisk")
        assert "error" not in said, said

    def _next_calls(self, count: int, *, ended: bool = True, age: int = 0) -> bytes:
        at = int(time.time()) - age
        numbers = range(self._calls + 1, self._calls + count + 1)
        self._calls += count
        return b"".join(call(number, at, ended=ended) for number in numbers)

    # --- the dashboards

    def build_dashboards(self, sandbox: Path, *tenants: Tenant) -> None:
        """Copy the program that the package brought, and let it be the far end.

        `sandbox` is the package with the libraries that it needs for that.
        """
        self.box.run("cp", "--archive", "/usr/lib/qlogship", "/opt/dashboard")
        self.box.path("/root/sandbox.deb").write_bytes(sandbox.read_bytes())
        self.box.run("dpkg-deb", "--extract", "/root/sandbox.deb", "/opt/sandbox")
        self.box.run("mv", "/opt/sandbox/usr/lib/qlogship/sandbox", "/opt/dashboard/")
        self.install_unit("dashboard@.service", _DASHBOARD)
        for tenant in tenants:
            unit = f"dashboard@{tenant.port}"
            self.box.run("systemctl", "enable", "--quiet", "--now", unit)
        until(lambda: all(map(self._answers, tenants)), PATIENCE, what="the dashboards")

    def script(self, tenant: Tenant, *faults: dict[str, Any]) -> None:
        """Tell a dashboard what is to go wrong."""
        self._with_python(_SCRIPT, tenant.url, json.dumps(faults))

    def token(self, tenant: Tenant) -> str:
        """Log in at a dashboard; return the token."""
        return self._with_python(_LOGIN, tenant.url, EMAIL, PASSWORD)

    def arrived(self, tenant: Tenant) -> Counter[bytes]:
        """Return the lines a dashboard has, each as often as it counts them.

        An upload that is there twice counts once where the ledger calls it a possible
        duplicate: that is what qlogship promises, no more.
        """
        uploads = json.loads(self._with_python(_ASK, tenant.url))
        kept = [upload for upload in uploads if upload["kept"]]
        times = Counter(upload["sha256"] for upload in kept)
        repeated = {digest for digest, count in times.items() if count > 1}
        if repeated:
            repeated &= {row["sha256"] for row in self.ledger(tenant) if row["possible_duplicate"]}
        found: Counter[bytes] = Counter()
        for upload in kept:
            if upload["sha256"] in repeated:
                times[upload["sha256"]] -= 1
                if times[upload["sha256"]]:
                    continue
            found.update(lines_of(upload["body"].encode("latin-1")))
        return found

    def all_arrive(self, *tenants: Tenant, seconds: float = PATIENCE) -> None:
        """Wait until each dashboard has every line ever written; fail if one has a line twice."""
        wanted = Counter(lines_of(self.written))
        for tenant in tenants:
            deadline = time.monotonic() + seconds
            while (found := self.arrived(tenant)) != wanted:
                assert not found - wanted, f"{tenant.unit}: too many: {found - wanted}"
                assert time.monotonic() < deadline, f"{tenant.unit}: missing: {wanted - found}"
                time.sleep(0.2)

    def _answers(self, tenant: Tenant) -> bool:
        try:
            self._with_python(_ASK, tenant.url)
        except AssertionError:
            return False
        return True

    def _with_python(self, program: str, *arguments: str) -> str:
        return self.box.run_on_its_network(sys.executable, "-I", "-c", program, *arguments)

    # --- qlogship

    def ledger(self, tenant: Tenant) -> list[dict[str, Any]]:
        """Return the ledger's uploads."""
        rows: list[dict[str, Any]] = self.ask(tenant, "uploads")
        return rows

    def ask(self, tenant: Tenant, command: str) -> Any:  # noqa: ANN401 -- it is JSON
        """Return what a command prints as JSON."""
        return json.loads(self.box.run("qlogship", command, "--json", "--config", tenant.config))

    def show(self, unit: str, name: str) -> str:
        """Return one of systemd's properties of a unit."""
        return self.box.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def pid(self, tenant: Tenant) -> int:
        """Return the service's process; 0 when it does not run."""
        return int(self.show(tenant.unit, "MainPID"))

    def signal(self, tenant: Tenant, name: str) -> None:
        """Send the service's process a signal."""
        self.box.run("systemctl", "kill", "--kill-whom=main", f"--signal={name}", tenant.unit)

    def is_active(self, tenant: Tenant) -> bool:
        """Return whether the service is up, and ready."""
        return self.show(tenant.unit, "ActiveState") == "active"

    def journal(self, unit: str, lines: int = 1000) -> str:
        """Return what a unit said, and systemd about it."""
        done = self.box.try_run(
            "journalctl",
            "--no-pager",
            "--output=short-monotonic",
            f"--unit={unit}",
            f"--lines={lines}",
        )
        return done.stdout


_LOGS: Final = Path(LOG).parent
