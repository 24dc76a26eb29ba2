"""The systemd unit and its companions, judged by systemd's own tools; no service is started."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qlogship.config import DEFAULT_PATH
from qlogship.config.secret import credential
from qlogship.errors import ExitCode
from qlogship.installation.places import HIDDEN, is_hidden
from qlogship.service.restart_delay import LONGEST, RESTART_SEC, FailedRun, start
from tests.boot import service_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

UNITS = Path(__file__).parents[2] / "systemd"
UNIT = UNITS / "qlogship.service"
TEMPLATE = UNITS / "qlogship@.service"
EXPOSURE_AT_MOST = 1.2


def settings(section: str) -> dict[str, list[str]]:
    """Return the unit's settings in one section; a setting may be given more than once."""
    found: dict[str, list[str]] = {}
    here = ""
    for line in UNIT.read_text(encoding="ascii").splitlines():
        if line.startswith("["):
            here = line.strip("[]")
        elif here == section and "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of systemd's tools, or skip the test where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(params=[UNIT, TEMPLATE], ids=lambda unit: unit.name)
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a copy of a unit whose program exists on every machine."""
    original: Path = request.param
    copy = tmp_path / original.name
    text = original.read_text(encoding="ascii")
    copy.write_text(text.replace("/usr/bin/qlogship", "/bin/true"), encoding="ascii")
    return copy


def test_verify_finds_nothing(unit: Path) -> None:
    """systemd knows every setting of the unit and takes its value."""
    verified = run("systemd-analyze", "verify", "--man=no", unit)
    complaints = [line for line in verified.stderr.splitlines() if unit.name in line]
    assert (complaints, verified.returncode) == ([], 0)


def test_exposure_is_low(unit: Path) -> None:
    """The sandbox around the service is as tight as systemd's own measure says it was made."""
    limit = round(EXPOSURE_AT_MOST * 10)
    if "@" in unit.name:  # a template itself is not judged, only what is made from it
        unit = unit.rename(unit.with_name("qlogship@north.service"))
    judged = run("systemd-analyze", "security", "--offline=true", f"--threshold={limit}", unit)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_no_restart_when_it_cannot_help() -> None:
    """Wrong settings and a wrong command line are not tried again; everything else is."""
    service = settings("Service")
    never = {ExitCode.USAGE, ExitCode.SETTINGS}
    (prevent,) = service["RestartPreventExitStatus"]
    assert {int(status) for status in prevent.split()} == never
    assert service["Restart"] == ["on-failure"]


def test_the_wait_after_failures_knows_the_unit() -> None:
    """What the service takes for systemd's own wait is that; no limit ends the restarts."""
    service = settings("Service")
    assert service["RestartSec"] == [f"{RESTART_SEC:.0f}s"]
    assert service["TimeoutStartSec"] == [f"{LONGEST + 90:.0f}s"]
    assert service["RuntimeDirectoryPreserve"] == ["restart"]
    assert len(service["RuntimeDirectory"]) == 1
    assert settings("Unit")["StartLimitIntervalSec"] == ["0"]


def test_the_template_is_the_unit_but_for_the_name() -> None:
    """The two units differ in what is about one tenant, and in nothing else.

    An instance's state lies in the plain service's, so only the template can hide that one, and
    must see that it is no link when it starts.
    """
    plain, template = (lines_that_count(path) for path in (UNIT, TEMPLATE))
    own = [
        "AssertPathIsSymbolicLink=!/var/lib/qlogship/%i",
        "TemporaryFileSystem=/var/lib/qlogship:ro,mode=0755",
        "BindPaths=/var/lib/qlogship/%i",
    ]
    assert [line for line in template if line in own] == own
    template = [line for line in template if line not in own]
    assert [line for line in plain if line not in template] == [
        "Description=Ship Asterisk's queue_log to a Team Dashboard",
        "ExecStart=/usr/bin/qlogship run",
        "StateDirectory=qlogship",
        "RuntimeDirectory=qlogship",
        "LoadCredential=qlogship-password:/etc/qlogship/password",
        "BindPaths=/run/qlogship",
        "NoExecPaths=/var/lib/qlogship /run/qlogship -/tmp -/var/tmp",
    ]
    assert [line for line in template if line not in plain] == [
        "Description=Ship Asterisk's queue_log to a Team Dashboard (%i)",
        "ExecStart=/usr/bin/qlogship run --config /etc/qlogship/%i.toml",
        "StateDirectory=qlogship/%i",
        "RuntimeDirectory=qlogship-%i",
        "LoadCredential=qlogship-password:/etc/qlogship/%i.password",
        "BindPaths=/run/qlogship-%i",
        "NoExecPaths=/var/lib/qlogship/%i /run/qlogship-%i -/tmp -/var/tmp",
    ]
    names = [line.partition("=")[0] for line in plain]
    assert names == [line.partition("=")[0] for line in template]
    common = set(plain) & set(template)
    assert [line for line in plain if line in common] == [
        line for line in template if line in common
    ]


def test_setup_knows_what_the_units_hide() -> None:
    """Every place that a unit hides is one where setup says that a queue_log needs a drop-in."""
    service = settings("Service")
    named = " ".join(service["InaccessiblePaths"]).replace("-/", "/").split()
    assert [path for path in named if not is_hidden(Path(path))] == []
    assert service["TemporaryFileSystem"] == ["/run:ro,mode=0755"]
    others = {"/home", "/root", "/run", "/tmp", "/var/tmp"}
    assert set(HIDDEN) - set(named) == others


def test_the_generator_hides_each_instance(tmp_path: Path) -> None:
    """The plain service sees the state of no instance that has settings.

    A name that could mean more in a unit is passed over, and without an instance there is nothing.
    """
    etc, units = tmp_path / "etc", tmp_path / "units"
    etc.mkdir()
    text = (UNITS / "qlogship-generator").read_text(encoding="ascii")
    program = tmp_path / "generator"
    program.write_text(text.replace("/etc/qlogship", str(etc)), encoding="ascii")
    command = ["/bin/sh", str(program), str(units), "/none", "/none"]
    names = ["qlogship", "north", "a-b_c.1", "a b", "a%i", "x\nExecStart=y", ".hidden", "$(id)"]
    for name in names[:1]:
        (etc / f"{name}.toml").touch()
    subprocess.run(command, check=True, timeout=30)
    assert not units.exists()
    for name in names:
        (etc / f"{name}.toml").touch()
    subprocess.run(command, check=True, timeout=30)
    (made,) = (path for path in units.rglob("*") if path.is_file())
    # The last of all drop-ins, so that none takes it back.
    assert made.relative_to(units) == Path("qlogship.service.d/zz-instances.conf")
    assert made.read_text().splitlines() == [
        "[Service]",
        "InaccessiblePaths=-/var/lib/qlogship/a-b_c.1",
        "InaccessiblePaths=-/var/lib/qlogship/north",
    ]


def test_a_missing_password_does_not_fail_the_start() -> None:
    """Where the file of the credential is missing, systemd finds a blank one of the same name."""
    service = settings("Service")
    (loaded,) = service["LoadCredential"]
    (fallback,) = service["SetCredential"]
    name, file = loaded.split(":")
    assert name == credential("password")
    assert file == str(Path(DEFAULT_PATH).with_name("password"))
    assert fallback == f"{name}:\\n"


def test_sysusers_makes_the_user(tmp_path: Path) -> None:
    """The service's user has no shell, and no group is made that is Asterisk's to make."""
    (tmp_path / "etc").mkdir()
    made = run("systemd-sysusers", f"--root={tmp_path}", UNITS / "qlogship.sysusers.conf")
    if made.returncode != 0 and os.geteuid() != 0:
        pytest.skip("only root may make users, be it in another root")
    assert made.returncode == 0, made.stderr
    users = rows(tmp_path / "etc" / "passwd")
    groups = rows(tmp_path / "etc" / "group")
    assert [(row[0], row[5], row[6]) for row in users] == [
        ("qlogship", "/var/lib/qlogship", "/usr/sbin/nologin")
    ]
    assert {row[0]: row[3] for row in groups} == {"qlogship": ""}


def test_tmpfiles_and_unit_agree() -> None:
    """The directories have the same modes, whether a package or the service makes them."""
    service = settings("Service")
    (user,) = service["User"]
    made = {
        path: (mode, owner)
        for kind, path, mode, owner, *_ in (
            line.split()
            for line in (UNITS / "qlogship.tmpfiles.conf").read_text(encoding="ascii").splitlines()
            if line and not line.startswith("#")
        )
        if kind == "d"
    }
    assert made == {
        f"/etc/{service['ConfigurationDirectory'][0]}": (
            service["ConfigurationDirectoryMode"][0],
            "root",
        ),
        f"/var/lib/{service['StateDirectory'][0]}": (service["StateDirectoryMode"][0], user),
    }


@pytest.mark.parametrize(
    "tried",
    [
        service_steps.IN_A_HOME,
        service_steps.ENCRYPTED,
        service_steps.METRICS,
    ],
)
def test_the_drop_ins_of_the_manual_were_tried(tried: str) -> None:
    """What `.ci/boot` tries under a real systemd is what the manual says, word for word."""
    manual = (UNITS.parent / "docs" / "systemd.md").read_text(encoding="utf-8")
    assert f"```ini\n{tried}```" in manual


def test_the_waits_of_the_manual() -> None:
    """The manual tells the waits after failures as they are."""
    manual = (UNITS.parent / "docs" / "systemd.md").read_text(encoding="utf-8")
    now = 1_000.0
    waits = []
    for failures in range(2, 8):
        last = FailedRun(failures, now - RESTART_SEC - 1.0, now - RESTART_SEC)
        waits.append(start(last, now=now).wait)
    first, *others = (f"{wait:.0f}" for wait in waits)
    assert f"{first} seconds, then {', '.join(others)}, and at most 5 minutes" in " ".join(
        manual.split()
    )
    assert LONGEST == 300.0


def lines_that_count(unit: Path) -> list[str]:
    """Return the lines of a unit that are neither blank nor comments."""
    lines = unit.read_text(encoding="ascii").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def rows(table: Path) -> Sequence[list[str]]:
    """Return the fields of each line of a passwd or group file."""
    return [line.split(":") for line in table.read_text(encoding="ascii").splitlines()]
