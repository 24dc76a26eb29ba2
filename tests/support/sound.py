"""A sound installation in a tree of files of its own, for traps to be planted in.

Everything belongs to whoever runs the tests, who is the service's user and
Asterisk's, too. systemd's answers are canned, and /proc is a tree of files.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from qlogship.check.facts import Facts, gather
from qlogship.check.findings import Finding, Level
from qlogship.check.judging import judge
from qlogship.check.machine import Machine
from qlogship.config.model import DashboardSettings
from qlogship.shipping.destination import destination_of
from qlogship.state.store import Store
from tests.support.installation import EMAIL, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ME: Final = pwd.getpwuid(os.geteuid()).pw_name
MY_GROUP: Final = grp.getgrgid(os.getegid()).gr_name
PID: Final = 4242

STANZA: Final = """
{log} {{
    daily
    rotate 30
    missingok
    notifempty
    create 0640 {user} {group}
    postrotate
        /usr/sbin/asterisk -rx 'logger reload' > /dev/null 2>&1 || true
    endscript
}}
/var/log/asterisk/supervisor_queue_log {{
    weekly
    copytruncate
}}
"""


class Sound:
    """An installation in which nothing is wrong; a test changes what it likes, then `look`s."""

    def __init__(self, root: Path, url: str, *, state: Path | None = None) -> None:
        self.root = root
        self.url = url
        self.settings = root / "etc" / "qlogship" / "qlogship.toml"
        self.password = root / "etc" / "qlogship" / "secret"
        self.log = root / "log" / "queue_log"
        self.state = root / "state"
        self.asterisk = root / "etc" / "asterisk"
        self.stanzas = root / "etc" / "logrotate.d" / "asterisk"
        self.program = root / "bin" / "qlogship"
        self.unit_file = root / "units" / "qlogship.service"
        self.proc = root / "proc"
        self.unit: dict[str, str] = {}
        self.unit_text = "[Service]\n"
        self.answers: dict[str, str | None] = {"timedatectl": "yes\n"}
        self.sections: dict[str, dict[str, Any]] = {}
        self.machine = Machine(
            environ={},
            proc=self.proc,
            asterisk_etc=self.asterisk,
            logrotate_conf=root / "etc" / "logrotate.conf",
            settings_directory=self.settings.parent,
            unit_directories=(self.unit_file.parent,),
            container_mark=root / "none",
            service_user=ME,
            program=self.program,
            ask=self._answer,
        )
        self._plant(state)

    def _plant(self, state: Path | None) -> None:
        for path in (self.settings, self.log, self.asterisk / "x", self.stanzas, self.program):
            path.parent.mkdir(parents=True, exist_ok=True)
        self.unit_file.parent.mkdir()
        self.unit_file.write_text("")
        self.program.write_text("")
        self.configure()
        self.password.write_text(PASSWORD)
        self.password.chmod(0o600)
        self.log.write_bytes(b"1795411800|NONE|NONE|NONE|QUEUESTART|\n")
        self.log.chmod(0o640)
        if state is not None:
            shutil.copytree(state, self.state)
        else:
            self.state.mkdir()
        self.state.chmod(0o700)
        (self.asterisk / "asterisk.conf").write_text("[directories]\nastlogdir => /x\n")
        (self.asterisk / "logger.conf").write_text("[general]\n[logfiles]\n")
        (self.asterisk / "extconfig.conf").write_text("[settings]\n")
        self.rotate(STANZA)
        self.machine.logrotate_conf.write_text(
            f"weekly\nrotate 4\ncreate\ninclude {self.stanzas.parent}\n"
        )
        self.run_asterisk(self.log)
        self.unit = {
            "LoadState": "loaded",
            "ActiveState": "active",
            "SubState": "running",
            "Result": "success",
            "UnitFileState": "enabled",
            "FragmentPath": str(self.unit_file),
            "DropInPaths": "",
            "NeedDaemonReload": "no",
            "ExecStart": f"{{ path={self.program} ; argv[]={self.program} run ; pid=1 }}",
            "User": ME,
            "MainPID": "0",
        }

    def configure(self, **sections: dict[str, Any]) -> None:
        """Write the settings; what is not said stays."""
        for name, keys in sections.items():
            self.sections[name] = self.sections.get(name, {}) | keys
        whole: dict[str, dict[str, Any]] = {
            "dashboard": {
                "url": self.url,
                "email": EMAIL,
                "password_file": str(self.password),
            },
            # What stands at the dashboard of a test is what the test uploaded.
            "source": {"path": str(self.log), "uploaded_before": False},
            "state": {"directory": str(self.state)},
        }
        for name, keys in self.sections.items():
            whole[name] = whole.get(name, {}) | keys
        lines = []
        for name, keys in whole.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {_toml(value)}" for key, value in keys.items()]
        self.settings.write_text("\n".join(lines).replace('"', "'") + "\n")
        self.settings.chmod(0o640)
        if "url" in sections.get("dashboard", {}):
            self._belong(DashboardSettings.model_construct(**whole["dashboard"]))

    def _belong(self, dashboard: DashboardSettings) -> None:
        """Let the ledger belong to this dashboard, as if it had always been there."""
        with closing(Store(self.state)) as store, store.transaction():
            present = replace(store.generations.current(), destination=destination_of(dashboard))
            store.generations.write(present)

    def rotate(self, text: str) -> None:
        """Write the stanzas; {log}, {user} and {group} are filled in."""
        self.stanzas.write_text(text.format(log=self.log, user=ME, group=MY_GROUP))

    def with_options(self, *lines: str, without: Sequence[str] = ()) -> None:
        """Change the stanza of the queue_log: add lines, leave out those with a word."""
        first, _, rest = STANZA.partition("}}\n")
        kept = [line for line in first.splitlines() if not any(word in line for word in without)]
        self.rotate("\n".join([*kept, *lines, "}}"]) + f"\n{rest}")

    def run_asterisk(self, *held: Path | str, pid: int = PID, arguments: str = "asterisk") -> None:
        """Plant a process that holds these files open."""
        for process in (1, pid):
            (self.proc / str(process) / "fd").mkdir(parents=True, exist_ok=True)
            (self.proc / str(process) / "stat").write_text("")
            (self.proc / str(process) / "comm").write_text("systemd\n")
        home = self.proc / str(pid)
        (home / "comm").write_text("asterisk\n")
        (home / "cmdline").write_bytes(b"\0".join(arguments.encode().split()) + b"\0")
        me = f"{os.geteuid()}\t" * 4
        mine = f"{os.getegid()}\t" * 4
        groups = " ".join(map(str, os.getgroups()))
        (home / "status").write_text(f"Uid:\t{me}\nGid:\t{mine}\nGroups:\t{groups}\n")
        for link in (home / "fd").iterdir():
            link.unlink()
        for number, file in enumerate(held, start=3):
            (home / "fd" / str(number)).symlink_to(file)

    def stop_asterisk(self) -> None:
        """Let the process end."""
        shutil.rmtree(self.proc / str(PID))

    def _answer(self, command: Sequence[str]) -> str | None:
        if command[:2] == ["systemctl", "cat"]:
            return self.unit_text
        if command[0] == "systemctl" and self.unit:
            return "".join(f"{name}={value}\n" for name, value in self.unit.items())
        return self.answers.get(command[0])

    def change(self, **values: Any) -> None:  # noqa: ANN401 -- of any kind
        """Give the machine other values."""
        self.machine = replace(self.machine, **values)

    def facts(self, *, offline: bool = True) -> Facts:
        """Return what is found out."""
        return gather(self.machine, self.settings, offline=offline)

    def findings(self, *, offline: bool = True) -> list[Finding]:
        """Return all findings."""
        return judge(self.facts(offline=offline))

    def faults(self, *, offline: bool = True) -> list[tuple[str, Level]]:
        """Return what is not in order, as ids and levels."""
        return [
            (one.id, one.level)
            for one in self.findings(offline=offline)
            if one.level is not Level.OK
        ]


def _toml(value: object) -> object:
    """Return how a value is written in the settings."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, list) else repr(value)
