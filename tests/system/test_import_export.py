"""`qlogship import` and `qlogship export` as they are typed."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
import zstandard

from tests.fixtures.queue_log import TREES, sample
from tests.support.installation import PROGRAM, Installation, environment

TEXTS = [sample(f"rotate/{name}") for name in TREES["rotate"]]
WHOLE = b"".join(TEXTS)
NOBODY = 65534


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Return an installation whose dashboard is not needed."""
    return Installation(tmp_path, "http://127.0.0.1:1")


def old_files(directory: Path) -> list[str]:
    """Write five old files, four of them compressed or cut; the newest first."""
    texts = {
        "queue_log.5": TEXTS[4],
        "queue_log.4.bz2": bz2.compress(TEXTS[3]),
        "queue_log.3.zst": zstandard.compress(TEXTS[2]),
        "queue_log.2.gz": gzip.compress(TEXTS[1]),
        "queue_log.1": TEXTS[0],
    }
    for name, data in texts.items():
        (directory / name).write_bytes(data)
    return [str(directory / name) for name in texts]


def exported(installation: Installation, *options: str) -> bytes:
    """Return what `export` writes to stdout."""
    done = subprocess.run(
        installation.command("export", *options),
        env=environment(TZ="UTC"),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    return done.stdout


def test_old_files_go_in_and_come_out_in_order(installation: Installation) -> None:
    """Whatever order files are named in, each is counted, and the export is in order."""
    files = old_files(installation.directory)
    done = installation.call("import", *files, TZ="UTC")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert lines[4] == (
        f"{files[4]}: 243 records, 243 new, 2026-11-23 05:27:52 to 2026-11-23 05:28:16"
    )
    assert "1,288 new records in 5 files." in done.stderr
    assert "resync --dry-run" in done.stderr
    assert exported(installation) == WHOLE
    again = json.loads(installation.call("import", "--json", *files).stdout)
    assert (again["ok"], again["new"], again["failed"]) == (True, 0, 0)


def test_each_bad_file_is_named_and_the_others_are_imported(installation: Installation) -> None:
    """Missing, damaged, foreign: each has its error and hint; the exit code is 14."""
    directory = installation.directory
    (directory / "cut.gz").write_bytes(gzip.compress(TEXTS[0])[:-200])
    (directory / "binary").write_bytes(os.urandom(50_000))
    (directory / "letter").write_bytes(b"Dear all,\n")
    (directory / "good").write_bytes(TEXTS[1])
    names = ["missing", "cut.gz", "binary", "letter", "good", "log"]
    files = [str(directory / name) for name in names]
    done = installation.call("import", *files)
    assert done.returncode == 14
    for name in set(names) - {"good"}:
        assert any(
            line.startswith("error: ") and str(directory / name) in line
            for line in done.stderr.splitlines()
        ), name
    assert done.stderr.count("hint: ") == 5
    assert done.stdout.count("\n") == 1
    assert exported(installation) == TEXTS[1]
    found = json.loads(installation.call("import", "--json", *files).stdout)
    assert found["failed"] == 5
    assert [row["error"] is None for row in found["files"]] == [name == "good" for name in names]


def test_nothing_but_missing_files_leaves_no_state(installation: Installation) -> None:
    """When no file can be opened, no state directory is made."""
    assert installation.call("import", "/no/such/file").returncode == 14
    assert not installation.state.exists()
    assert exported(installation) == b""


def test_an_export_can_be_limited_in_time(installation: Installation) -> None:
    """--from and --to take local times; the first is included, the second is not."""
    installation.call("import", *old_files(installation.directory))
    text = exported(installation, "--from", "2026-11-23T05:28:16", "--to", "2026-11-23T05:29")
    wanted = [
        line
        for line in WHOLE.splitlines(keepends=True)
        if 1_795_411_696 <= int(line[:10]) < 1_795_411_740
    ]
    assert text == b"".join(wanted)
    assert exported(installation, "--to", "2026-11-23") == b""
    wrong = installation.call("export", "--from", "yesterday")
    assert (wrong.returncode, "--from 'yesterday' is no time" in wrong.stderr) == (2, True)


def test_an_export_to_a_file_is_whole_or_not_there(
    installation: Installation, tmp_path: Path
) -> None:
    """-o writes the file beside and moves it; --json tells how much it is."""
    installation.call("import", *old_files(installation.directory))
    target = tmp_path / "all.txt"
    done = installation.call("export", "-o", str(target), "--json")
    assert json.loads(done.stdout) == {
        "ok": True,
        "path": str(target),
        "records": 1288,
        "bytes": len(WHOLE),
        "damaged_records": 0,
    }
    assert target.read_bytes() == WHOLE
    failed = installation.call("export", "-o", str(tmp_path / "no" / "file"))
    assert (failed.returncode, "cannot be written" in failed.stderr) == (1, True)
    assert installation.call("export", "--json").returncode == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_reader_that_goes_away_is_no_error(installation: Installation) -> None:
    """`qlogship export | head` ends in peace."""
    large = b"".join(
        b"%d|1.%d|q|NONE|ENTERQUEUE||\n" % (1_795_411_800 + n, n) for n in range(60_000)
    )
    (installation.directory / "large").write_bytes(large)
    installation.call("import", str(installation.directory / "large"))
    with subprocess.Popen(
        installation.command("export"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == large[: large.index(b"\n") + 1]
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


@pytest.fixture
def nobody() -> int:
    """Return the id of a user who may run qlogship and owns nothing."""
    try:
        subprocess.run(
            [PROGRAM, "--version"],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        pytest.skip("nobody may not run this Python, or I may not be nobody")
    return NOBODY


@pytest.mark.root
def test_root_leaves_the_state_to_its_owner(nobody: int) -> None:
    """Root may import what only root can read, and no file of the state becomes root's."""
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="qlogship-") as directory:
        installation = Installation(Path(directory), "http://127.0.0.1:1")
        installation.belong_to(nobody)
        installation.user = None
        secret = installation.directory / "old"
        secret.write_bytes(TEXTS[0])
        secret.chmod(0o600)
        done = installation.call("import", str(secret))
        assert done.returncode == 0, done.stderr
        assert {path.stat().st_uid for path in installation.state.iterdir()} == {nobody}
