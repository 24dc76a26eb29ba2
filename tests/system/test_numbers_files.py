"""Files that are none of ours, and an archive that was damaged: what the dashboard holds then."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from qlogship.errors import ExitCode
from tests.support.cases import assert_right, calls, done, reconciled
from tests.support.installation import Installation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tenant import Tenant
    from tests.support.vendor_server import VendorServer

CALLS = 40
SECRET = b"hunter2-sip-secret"
FULL = b"".join(
    b"[2026-11-01 10:%02d:00] VERBOSE[1234][C-000001] chan_sip.c: secret=%s for peer %d\n"
    % (minute, SECRET, minute)
    for minute in range(60)
)
PASSWD = b"".join(
    b"user%d:x:%d:%d:%s:/home/user%d:/bin/sh\n" % (one, one, one, SECRET, one) for one in range(40)
)
TABLE = b"".join(b"%d|%s|q|a|b\n" % (one, SECRET) for one in range(40))


@pytest.fixture
def installation(tmp_path: Path, server: VendorServer) -> Installation:
    """Return an installation that ships to it, and alone."""
    one = Installation(tmp_path, server.url)
    one.configure(source={"uploaded_before": False})
    return one


@pytest.mark.parametrize("text", [FULL, PASSWD, TABLE], ids=["full", "passwd", "table"])
def test_a_wrong_file_is_named(installation: Installation, tenant: Tenant, text: bytes) -> None:
    """It is refused with a sentence that names it; nothing of it is sent, archived or shown."""
    installation.log.write_bytes(text)
    for command in (("run", "--once"), ("check",), ("import", str(installation.log))):
        shown = installation.call(*command)
        assert shown.returncode != ExitCode.DONE, command
        said = shown.stdout + shown.stderr
        assert str(installation.log) in said
        assert "queue_log" in said
        assert SECRET.decode() not in said
        assert "Traceback" not in said
    assert tenant.arrived == []
    assert SECRET not in installation.archived()
    assert installation.status()["archive"]["lines"] == 0


def test_a_file_that_turns_into_something_else(installation: Installation, tenant: Tenant) -> None:
    """What stands there then is not sent, and it is said; a queue_log again goes on."""
    installation.write(calls(CALLS))
    done(installation.once())
    kept = installation.log.read_bytes()
    installation.log.unlink()
    installation.log.write_bytes(FULL)
    shown = installation.once()
    assert shown.returncode != ExitCode.DONE
    assert tenant.kept == [kept]
    installation.log.unlink()
    installation.write(calls(CALLS, first=CALLS))
    done(installation.once())
    assert tenant.calls == 2 * CALLS
    assert not any(SECRET in body for _, body in tenant.arrived)
    assert_right(installation)


@pytest.mark.parametrize("place", range(0, 2_000, 250))
def test_a_bit_of_the_archive_flips(installation: Installation, tenant: Tenant, place: int) -> None:
    """Other bytes than those of the queue_log are never sent, exported or called right."""
    installation.write(calls(CALLS))
    done(installation.once())
    text = installation.log.read_bytes()
    with sqlite3.connect(installation.state / "qlogship.db") as connection:
        first, data = connection.execute(
            "SELECT first_seq, data FROM chunk ORDER BY first_seq LIMIT 1"
        ).fetchone()
        spoilt = bytearray(data)
        spoilt[place % len(spoilt)] ^= 1 << (place % 8)
        connection.execute("UPDATE chunk SET data = ? WHERE first_seq = ?", (bytes(spoilt), first))
    connection.close()
    assert reconciled(installation)[0] == ExitCode.IN_DOUBT
    exported = installation.call("export")
    assert set(exported.stdout.encode().splitlines()) <= set(text.splitlines())
    assert installation.call("verify").returncode != ExitCode.DONE
    refused = installation.call("resync", "--yes")
    assert refused.returncode != ExitCode.DONE
    assert (tenant.calls, tenant.clears) == (CALLS, 0)
    installation.write(calls(1, first=CALLS))
    installation.once()
    written = set(installation.log.read_bytes().splitlines())
    assert tenant.calls == CALLS + 1
    assert tenant.lines.keys() <= written
    # The file it came from is still there, and mends it.
    installation.call("import", str(installation.log))
    done(installation.call("resync", "--yes"))
    assert tenant.calls == CALLS + 1
    assert_right(installation)
