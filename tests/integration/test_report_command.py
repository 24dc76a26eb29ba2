"""`qlogship report`: which request each command line comes to, and where the answer goes."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from qlogship.cli.app import main
from qlogship.errors import ExitCode
from tests.support.installation import Installation
from tests.support.sandbox import Sandbox
from tests.support.scripted import FarEnd, head, login, raw, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Report = Callable[..., int]

CSV = b'Time,Agent\n1,"a\nb"\n2,c\n'
XLSX = b"PK\x03\x04 and so on"
STATUS_LOG = "/api/reports/agents/worktime/raw"
CALL_LOG = "/api/history/calls/export"


@contextmanager
def far_end(tmp_path: Path, *steps: object) -> Iterator[tuple[FarEnd, Report]]:
    """Give a dashboard that follows a script, and what runs `qlogship report` against it."""
    with FarEnd(login(), *steps) as far:  # type: ignore[arg-type]
        installation = Installation(tmp_path, far.url)

        def report(*arguments: object) -> int:
            config = str(installation.config)
            return main(["report", *map(str, arguments), "--config", config])

        yield far, report


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (
            ["agent-status", "--from", "2019-01-01", "--to", "2020-01-01", "--tz", "UTC"],
            f"{STATUS_LOG}?from=2019-01-01T00:00:00&to=2020-01-02T00:00:00&format=csv",
        ),
        (
            ["agent-status", "--from", "2026-11-01T14:30+03:00", "--to", "2026-11-01 16:00",
             "--format", "tsv"],
            f"{STATUS_LOG}?from=2026-11-01T11:30:00&to=2026-11-01T13:00:00&format=tsv",
        ),
        (
            ["agent-status", "--from", "2026-03-29", "--to", "2026-03-29", "--tz", "Europe/Berlin"],
            f"{STATUS_LOG}?from=2026-03-28T23:00:00&to=2026-03-29T22:00:00&format=csv",
        ),
        (
            ["calls", "--from", "2021-10-13", "--to", "2021-10-13", "--tz", "Asia/Yekaterinburg"],
            (f"{CALL_LOG}?dateFrom=2021-10-13T00:00:00%2B05:00&dateTo=2021-10-14T00:00:00%2B05:00"
             "&localTimeZoneOffset=%2B300&typeFile=csv"),
        ),
        (
            ["calls", "--from", "2021-10-13T00:00:00+05:00", "--to", "2021-10-14T00:00:00+05:00"],
            (f"{CALL_LOG}?dateFrom=2021-10-13T00:00:00%2B05:00&dateTo=2021-10-14T00:00:00%2B05:00"
             "&localTimeZoneOffset=%2B300&typeFile=csv"),
        ),
        (
            ["calls", "--from", "2026-07-01", "--to", "2026-07-01T12:00", "--tz",
             "America/St_Johns", "--lang", "ru"],
            (f"{CALL_LOG}?dateFrom=2026-07-01T00:00:00-02:30&dateTo=2026-07-01T12:00:00-02:30"
             "&localTimeZoneOffset=-150&lang=ru&typeFile=csv"),
        ),
        (
            ["calls", "--from", "2026-10-24", "--to", "2026-10-25", "--tz", "Europe/Berlin"],
            (f"{CALL_LOG}?dateFrom=2026-10-24T00:00:00%2B02:00&dateTo=2026-10-26T01:00:00%2B02:00"
             "&localTimeZoneOffset=%2B120&typeFile=csv"),
        ),
    ],
)  # fmt: skip
def test_requests(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], path: str
) -> None:
    """Days and times of a zone become the request of the vendor's page; the answer is printed."""
    with far_end(tmp_path, reply(CSV, Content_Type="text/csv")) as (far, report):
        assert report(*arguments) == ExitCode.DONE
        assert far.paths[1] == path
        assert far.requests[1].headers["cookie"] == "jwt=token-1"
    out, err = capfd.readouterr()
    assert out.encode() == CSV
    assert err.splitlines()[-1] == f"{len(CSV)} bytes."
    assert ("clocks change" in err) == ("2026-10-24" in arguments)


@pytest.mark.parametrize(
    ("command", "name", "wanted"),
    [
        ("agent-status", "log.tsv", "format=tsv"),
        ("agent-status", "log.txt", "format=csv"),
        ("calls", "calls.XLSX", "typeFile=xlsx"),
        ("calls", "calls.csv", "typeFile=csv"),
    ],
)
def test_files(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    command: str,
    name: str,
    wanted: str,
) -> None:
    """With -o the format follows the name of the file; what was written is told."""
    out = tmp_path / name
    body = XLSX if wanted.endswith("xlsx") else CSV
    with far_end(tmp_path, reply(body), login(), reply(body)) as (far, report):
        assert report(command, "--from", "yesterday", "-o", out) == ExitCode.DONE
        assert far.paths[1].endswith(wanted)
        assert out.read_bytes() == body
        said = capfd.readouterr()
        assert said.out == ""
        assert f"{len(body)} bytes, written to {out}." in said.err
        assert ("2 rows" in said.err) == (body == CSV)
        assert report(command, "--from", "yesterday", "-o", out, "--json") == ExitCode.DONE
    found = json.loads(capfd.readouterr().out)
    assert (found["ok"], found["path"], found["bytes"]) == (True, str(out), len(body))
    assert found["rows"] == (2 if body == CSV else None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["agent-status"],
        ["agent-status", "--from", "soon"],
        ["agent-status", "--from", "today", "--to", "yesterday"],
        ["agent-status", "--from", "now"],
        ["agent-status", "--from", "today", "--format", "xlsx"],
        ["calls", "--from", "today", "--format", "tsv"],
        ["calls", "--from", "today", "--lang", "de"],
        ["calls", "--from", "today", "--tz", "Mars/Phobos"],
        ["calls", "--from", "2026-03-29 02:30", "--tz", "Europe/Berlin"],
        ["calls", "--from", "today", "--json"],
        ["calls", "--from", "today", "--json", "-o", "-"],
        ["calls", "--from", "today", "-o", "calls.tsv"],
        ["agent-status", "--from", "today", "-o", "status.xlsx"],
    ],
)
def test_what_makes_no_sense(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """A command line that makes no sense is refused before anything is asked."""
    with far_end(tmp_path) as (far, report):
        assert report(*arguments) == ExitCode.USAGE
        assert far.requests == []
    assert capfd.readouterr().out == "" or "--json" in arguments


def test_a_format_that_is_said_may_have_any_name(tmp_path: Path) -> None:
    """--format is stronger than the name of the file."""
    out = tmp_path / "status.xlsx"
    with far_end(tmp_path, reply(CSV)) as (far, report):
        arguments = ("--from", "today", "-o", out, "--format", "tsv")
        assert report("agent-status", *arguments) == ExitCode.DONE
        assert far.paths[1].endswith("format=tsv")


def test_a_dash_is_stdout(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-o -` writes no file of that name."""
    monkeypatch.chdir(tmp_path)
    with far_end(tmp_path, reply(CSV)) as (_, report):
        assert report("calls", "--from", "today", "-o", "-") == ExitCode.DONE
    assert capfd.readouterr().out.encode() == CSV
    assert not (tmp_path / "-").exists()


def test_a_workbook_is_not_written_to_a_terminal_by_another_name(tmp_path: Path) -> None:
    """A terminal that is named as a file is one."""
    main_end, terminal = os.openpty()
    try:
        with far_end(tmp_path, reply(XLSX)) as (far, report):
            arguments = ("--from", "today", "--format", "xlsx", "-o", os.ttyname(terminal))
            assert report("calls", *arguments) == ExitCode.USAGE
            assert far.requests == []
    finally:
        os.close(main_end)
        os.close(terminal)


def test_a_cut_answer_leaves_the_old_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A download that breaks leaves what was there, and says that it broke."""
    out = tmp_path / "calls.csv"
    out.write_bytes(b"the old one")
    cut = raw(head(Content_Length=1000) + CSV)
    with far_end(tmp_path, cut) as (_, report):
        assert report("calls", "--from", "today", "-o", out) == ExitCode.UNREACHABLE
    assert out.read_bytes() == b"the old one"
    assert [path.name for path in tmp_path.glob(".calls*")] == []
    assert "error: " in capfd.readouterr().err


def test_a_place_where_nothing_can_be_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The file is named, and what to do."""
    out = tmp_path / "nowhere" / "calls.csv"
    with far_end(tmp_path, reply(CSV)) as (_, report):
        assert report("calls", "--from", "today", "-o", out) == ExitCode.FAILED
    assert str(out) in capfd.readouterr().err


def test_the_sandbox_has_both(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A span in any zone is asked for as the vendor's page wants it, and a table comes back."""
    with Sandbox() as sandbox:
        installation = Installation(tmp_path, sandbox.url)
        config = ["--config", str(installation.config)]
        span = ["--from", "2026-11-23", "--to", "2026-11-23", "--tz", "Europe/Berlin"]
        assert main(["report", "calls", *span, *config]) == ExitCode.DONE
        calls = capfd.readouterr().out
        assert main(["report", "agent-status", *span, *config]) == ExitCode.DONE
        agents = capfd.readouterr().out
    assert calls.startswith("Time,Queue,Caller,")
    assert agents.startswith("Time (UTC),Agent,Queue,")
    assert "Alice Example" in calls
    assert "Alice Example" in agents
