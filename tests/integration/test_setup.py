"""What setup proves and writes: real HTTP and TLS, real files."""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import pwd
import socket
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from qlogship.config import load
from qlogship.dashboard.address import trust
from qlogship.dashboard.reach import Refusal
from qlogship.errors import (
    CredentialsRefused,
    DashboardUnreachable,
    SettingsError,
    SourceUnreadable,
)
from qlogship.installation import asterisk_files
from qlogship.installation.places import Owner, Places, places
from qlogship.setup.census import Share, take_census
from qlogship.setup.verifying import (
    AddressFails,
    is_within_reach,
    prove_account,
    prove_address,
    prove_source,
)
from qlogship.setup.writing import Content, Unwritable, mend_mode, put_in_place, refusal
from tests.support.far_end import FarEnd, server_context
from tests.support.sandbox import Sandbox
from tests.support.tls_front import TlsFront

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
ME = Owner(
    pwd.getpwuid(os.geteuid()).pw_name,
    os.geteuid(),
    os.getegid(),
    0o600,
    os.geteuid(),
    service=False,
)
SECRET = "quite-a-secret"


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Sandbox]:
    """Return a dashboard."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def home(tmp_path: Path) -> Places:
    """Return where an installation of this test's own lies."""
    return places(tmp_path / "etc" / "qlogship.toml", None)


def settings_text(home: Places) -> str:
    """Return settings that load."""
    return (
        '[dashboard]\nurl = "https://company.softphone.pro"\nemail = "admin@company.ru"\n'
        f'password_file = "{home.password}"\n'
    )


# --- the dashboard ---


def test_a_dashboard_is_told_without_logging_in(dashboard: Sandbox) -> None:
    """It refuses an upload from a stranger; no request has a password, and none is a login."""
    proof = prove_address(dashboard.url, None)
    assert proof.ok is True
    assert "as a Team Dashboard does" in proof.detail


def test_another_web_server_is_in_doubt() -> None:
    """Something answers there, but nothing that takes uploads."""
    with FarEnd(NOT_FOUND) as far:
        proof = prove_address(far.url, None)
    assert proof.ok is None
    assert "404" in proof.detail
    assert proof.hint


def test_nobody_there(tmp_path: Path) -> None:
    """A port on which nobody listens, and a name that nobody has, are told apart."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(AddressFails, match="Connection refused") as caught:
        prove_address(f"http://127.0.0.1:{port}", None)
    assert str(port) in caught.value.hint
    with pytest.raises(AddressFails, match=r"no address of nobody\.invalid"):
        prove_address("https://nobody.invalid", None)


def test_the_login_is_proved(dashboard: Sandbox) -> None:
    """The right password is let in; a wrong one is refused, and not repeated in the error."""
    assert prove_account(dashboard.url, dashboard.email, dashboard.password, None).ok is True
    with pytest.raises(CredentialsRefused) as caught:
        prove_account(dashboard.url, dashboard.email, SECRET, None)
    assert SECRET not in caught.value.message + caught.value.hint


def test_no_dashboard_lets_nobody_in() -> None:
    """An answer that is no dashboard's is no refusal of the account."""
    with FarEnd(NOT_FOUND) as far, pytest.raises(DashboardUnreachable):
        prove_account(far.url, "a@b", SECRET, None)


def test_a_private_authority_must_be_named(dashboard: Sandbox, tmp_path: Path) -> None:
    """Without its certificate the address fails, with it the login is proved over TLS."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    trust(ca_file)
    context = server_context(authority.issue_cert("127.0.0.1"))
    with TlsFront(dashboard.port, context) as front:
        with pytest.raises(AddressFails) as caught:
            prove_address(front.url, None)
        proof = prove_address(front.url, ca_file)
        login = prove_account(front.url, dashboard.email, dashboard.password, ca_file)
    assert caught.value.refusal in {Refusal.PRIVATE_AUTHORITY, Refusal.ALONE}
    assert "--ca-file" in caught.value.hint
    assert proof.ok is True
    assert "its certificate is good until" in proof.detail
    assert login.ok is True


def test_a_file_without_certificates_is_no_authority(tmp_path: Path) -> None:
    """Neither a missing file nor one of another kind."""
    other = tmp_path / "ca.pem"
    with pytest.raises(SettingsError):
        trust(other)
    other.write_text("hello")
    with pytest.raises(SettingsError):
        trust(other)


# --- the queue_log ---


def test_a_queue_log_that_is_none(tmp_path: Path) -> None:
    """A missing file and a directory are refused with what to do."""
    for path in (tmp_path / "queue_log", tmp_path):
        with pytest.raises(SourceUnreadable) as caught:
            prove_source(path, ME)
        assert "--source" in caught.value.hint


def test_the_queue_log_is_where_asterisk_says(tmp_path: Path) -> None:
    """By astlogdir and queue_log_name, also in included files; else where Asterisk's default is."""
    assert asterisk_files.queue_log(tmp_path) == Path("/var/log/asterisk/queue_log")
    (tmp_path / "asterisk.conf").write_text("[directories]\nastlogdir => /srv/log ; here\n")
    assert asterisk_files.queue_log(tmp_path) == Path("/srv/log/queue_log")
    (tmp_path / "logger.conf").write_text("[general]\n#include logger_*.conf\n[logfiles]\n")
    (tmp_path / "logger_own.conf").write_text("queue_log_name=calls\n#include logger.conf\n")
    assert asterisk_files.queue_log(tmp_path) == Path("/srv/log/calls")


def record(time: int, call: int) -> bytes:
    """Return a call's entrance."""
    return b"%d|%d.1|support|NONE|ENTERQUEUE||100|1\n" % (time, call)


def test_the_family_is_counted(tmp_path: Path) -> None:
    """Every text once, compressed or not; calls once over all files; other names not at all."""
    live = tmp_path / "queue_log"
    old = record(1_700_000_000, 1) + record(1_700_000_010, 2)
    (tmp_path / "queue_log.2.gz").write_bytes(gzip.compress(old))
    (tmp_path / "queue_log.2").write_bytes(old)
    (tmp_path / "queue_log.1").write_bytes(record(1_700_100_000, 3) + record(1_700_100_001, 2))
    (tmp_path / "queue_log.old").write_bytes(record(1_600_000_000, 9))
    (tmp_path / "queue_log_stats").write_bytes(record(1_600_000_000, 8))
    live.write_bytes(record(1_700_200_000, 4) + record(1_700_200_001, 3) + b"1700200002|half")
    found = take_census(live, ())
    assert found.current == Share(1, 2, 2, 1_700_200_000, 1_700_200_001)
    assert found.everything == Share(3, 6, 4, 1_700_000_000, 1_700_200_001)
    assert found.unread == ()


def test_what_cannot_be_counted_is_named(tmp_path: Path) -> None:
    """A damaged file does not keep the others from being counted."""
    live = tmp_path / "queue_log"
    live.write_bytes(record(1_700_000_000, 1))
    broken = tmp_path / "queue_log.1.gz"
    data = gzip.compress(os.urandom(100_000))
    broken.write_bytes(data[:20_000] + b"\xff" * 20_000 + data[40_000:])
    found = take_census(live, ())
    assert found.everything.records == 1
    assert found.unread == (broken,)


# --- the files ---


def test_settings_and_credential_are_put_in_place(home: Places) -> None:
    """Both load as `config check` loads them; nothing else is left in the directory."""
    text = settings_text(home)
    written = put_in_place(Content(text, SECRET), home, ME, password=SECRET)
    assert written == [home.password, home.config]
    assert {path.name for path in home.config.parent.iterdir()} == {
        "password",
        "qlogship.toml",
        "state",
    }
    assert stat.S_IMODE(home.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.password.stat().st_mode) == 0o600
    password = load(home.config, environ={}).settings.dashboard.password
    assert password is not None
    assert password.get_secret_value() == SECRET


def test_certificates_are_put_in_place_with_the_settings_that_name_them(home: Places) -> None:
    """The settings are proved with those that come, not with what stood there."""
    pem = trustme.CA().cert_pem.bytes()
    text = settings_text(home).replace(
        "[dashboard]\n", f'[dashboard]\nca_file = "{home.authority}"\n'
    )
    with pytest.raises(SettingsError):
        put_in_place(Content(text, SECRET), home, ME, password=SECRET)
    assert list(home.config.parent.iterdir()) == []
    written = put_in_place(Content(text, SECRET, pem), home, ME, password=SECRET)
    assert written == [home.password, home.authority, home.config]
    assert home.authority.read_bytes() == pem


def test_certificates_that_the_unit_hides_are_out_of_reach(tmp_path: Path) -> None:
    """Whatever the modes say: /root and /tmp are not there for the service."""
    service = replace(ME, service=True)
    assert not is_within_reach(Path("/root/ca.pem"), service)
    assert not is_within_reach(Path("/tmp/ca.pem"), service)
    assert is_within_reach(Path("/etc/hosts"), service)
    assert is_within_reach(tmp_path / "ca.pem", ME)


def test_settings_that_would_not_load_are_not_put_in_place(home: Places) -> None:
    """Neither they nor the credential; the fault names the file that was to be, not a temporary."""
    text = settings_text(home) + '[batch]\nlinger = "x"\n'
    with pytest.raises(SettingsError) as caught:
        put_in_place(Content(text, SECRET), home, ME, password=SECRET)
    assert caught.value.faults[0].place.startswith(f"{home.config}:")
    assert list(home.config.parent.iterdir()) == []


def test_old_settings_are_kept_and_old_credentials_are_not(home: Places) -> None:
    """A copy of the password that nobody remembers must not lie about."""
    put_in_place(Content(settings_text(home), SECRET), home, ME, password=SECRET)
    text = "# new\n" + settings_text(home)
    put_in_place(Content(text, "another", keep_old=True), home, ME, password="another")
    old = home.config.with_name("qlogship.toml.old")
    assert old.read_text() == settings_text(home)
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    holding = [
        path.name
        for path in home.config.parent.iterdir()
        if path.is_file() and SECRET in path.read_text()
    ]
    assert holding == []


def test_a_link_stays_a_link(home: Places, tmp_path: Path) -> None:
    """Settings that are kept elsewhere are changed there."""
    home.config.parent.mkdir()
    real = tmp_path / "elsewhere.toml"
    real.write_text("# nothing\n")
    home.config.symlink_to(real)
    put_in_place(Content(settings_text(home), SECRET), home, ME, password=SECRET)
    assert home.config.is_symlink()
    assert "company.softphone.pro" in real.read_text()


def test_what_a_killed_run_left_is_cleared_away(home: Places) -> None:
    """A temporary file of before is neither written into nor left behind."""
    home.config.parent.mkdir()
    left = home.password.with_name(".password.setup")
    left.write_text("left")
    left.chmod(0o644)
    with left.open() as before:
        put_in_place(Content(settings_text(home), SECRET), home, ME, password=SECRET)
        assert before.read() == "left"
    assert not left.exists()
    left.write_text("left")
    assert put_in_place(Content(None, None), home, ME, password=SECRET) == []
    assert not left.exists()


def test_a_full_disk_is_told_as_such(home: Places) -> None:
    """What to do about it is to make room, not to become root."""
    full = refusal(home.config, OSError(errno.ENOSPC, "No space left on device"))
    assert full.message == f"{home.config} cannot be written: No space left on device"
    assert full.hint.startswith("Make room: ")
    assert refusal(home.config, PermissionError(errno.EACCES, "x")).hint.startswith(
        "Run it as root"
    )


def test_two_runs_do_not_write_at_the_same_time(home: Places) -> None:
    """The second one is told so and writes nothing; a lock ends with the run that has it."""
    home.config.parent.mkdir()
    handle = os.open(home.config.parent, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(Unwritable, match="another setup is writing"):
        put_in_place(Content(settings_text(home), SECRET), home, ME, password=SECRET)
    assert list(home.config.parent.iterdir()) == []
    os.close(handle)
    assert put_in_place(Content(settings_text(home), SECRET), home, ME, password=SECRET)


def test_a_mode_is_mended_without_touching_the_content(home: Places) -> None:
    """The time of the last change stays."""
    put_in_place(Content(settings_text(home), SECRET), home, ME, password=SECRET)
    home.password.chmod(0o644)
    before = home.password.stat()
    assert mend_mode(home.password, ME) is True
    after = home.password.stat()
    assert (stat.S_IMODE(after.st_mode), after.st_mtime_ns) == (0o600, before.st_mtime_ns)
    assert mend_mode(home.password, ME) is False
