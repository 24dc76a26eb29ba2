"""The sandbox's logs over real TCP: derived from uploads, by cookie, and with faults."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from qlogship.dashboard import EmailPassword, TeamDashboard
from qlogship.errors import DashboardRefused, DashboardUnreachable
from qlogship.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATUS_LOG = "/api/reports/agents/worktime/raw?from=2023-11-14T00:00:00&to=2023-11-15T00:00:00"
CALL_LOG = (
    "/api/history/calls/export?dateFrom=2023-11-14T00:00:00%2B03:00"
    "&dateTo=2023-11-15T00:00:00%2B03:00&localTimeZoneOffset=%2B180"
)
# 2023-11-14 12:13:20 UTC, and on
LOG = (
    b"1699963990|MANAGER|sales|Anna|ADDMEMBER|\n"
    b"1699964000|1.1|sales|NONE|ENTERQUEUE||5|1\n"
    b"1699964010|1.1|sales|Anna|CONNECT|10|1.9|1\n"
    b"1699964020|1.1|sales|Anna|COMPLETEAGENT|10|10|1\n"
)
SINCE = datetime(2023, 11, 14, tzinfo=UTC)
UNTIL = datetime(2023, 11, 15, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox that got a queue_log."""
    with Sandbox() as sandbox:
        with dashboard_of(sandbox) as dashboard:
            dashboard.upload("queue_log", LOG)
        yield sandbox


def dashboard_of(sandbox: Sandbox, download_timeout: float = 10.0) -> TeamDashboard:
    """Return a client of a sandbox."""
    account = EmailPassword(sandbox.email, sandbox.password)
    return TeamDashboard(
        url=sandbox.url, credentials=account, timeout=10.0, download_timeout=download_timeout
    )


def token_of(sandbox: Sandbox) -> str:
    """Log in by hand."""
    login = {"login": sandbox.email, "password": sandbox.password}
    return str(httpx.post(f"{sandbox.url}/login/api/auth", json=login).cookies["jwt"])


def get(sandbox: Sandbox, path: str, token: str | None = None) -> httpx.Response:
    """Ask with a cookie."""
    headers = {"Cookie": f"jwt={token or token_of(sandbox)}"}
    return httpx.get(sandbox.url + path, headers=headers, timeout=10.0)


def test_the_status_log_is_a_table(sandbox: Sandbox) -> None:
    """Separated by commas, or by tabs if so wished."""
    for form, separator in (("", ","), ("&format=csv", ","), ("&format=tsv", "\t")):
        reply = get(sandbox, STATUS_LOG + form)
        first, second, *rest = reply.text.splitlines()
        assert first.split(separator) == ["Time (UTC)", "Agent", "Queue", "Status", "Reason"]
        assert second.split(separator) == ["2023-11-14 12:13:10", "Anna", "sales", "available", ""]
        assert len(rest) == 2


def test_the_call_log_is_a_workbook_or_a_table(sandbox: Sandbox) -> None:
    """A workbook unless csv is wished for; English unless Russian is."""
    reply = get(sandbox, CALL_LOG)
    assert reply.headers["content-disposition"] == 'attachment; filename="calls.xlsx"'
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert b"2023-11-14 15:13:20" in archive.read("xl/worksheets/sheet1.xml")

    english, russian = (
        get(sandbox, f"{CALL_LOG}&typeFile=csv{lang}").text for lang in ("", "&lang=ru")
    )
    assert english.splitlines()[1] == "2023-11-14 15:13:20,sales,5,answered,Anna,10,10"
    assert russian.splitlines()[1] == "2023-11-14 15:13:20,sales,5,отвечен,Anna,10,10"


@pytest.mark.parametrize(
    "query",
    [
        "from=2023-11-14T00:00:00",
        "from=2023-11-14&to=2023-11-15",
        "from=2023-11-14T00:00:00%2B03:00&to=2023-11-15T00:00:00%2B03:00",
        "from=2023-13-14T00:00:00&to=2023-13-15T00:00:00",
        "from=2023-11-15T00:00:00&to=2023-11-14T00:00:00",
        "from=2023-11-14T00:00:00&to=2023-11-15T00:00:00&format=xlsx",
    ],
)
def test_a_wrong_question_for_the_status_log_is_refused(sandbox: Sandbox, query: str) -> None:
    """So that a client with a mistake in it does not get away with it."""
    assert get(sandbox, f"/api/reports/agents/worktime/raw?{query}").status_code == 400


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("%2B180", "+180"),
        ("%2B180", "180"),
        ("%2B180", "%2B900"),
        ("%2B03:00", ""),
        ("%2B03:00", "+03:00"),
        ("localTimeZoneOffset", "offset"),
        ("%2B180", "%2B180&lang=de"),
        ("%2B180", "%2B180&typeFile=tsv"),
    ],
)
def test_a_wrong_question_for_the_call_log_is_refused(
    sandbox: Sandbox, right: str, wrong: str
) -> None:
    """A plus that is not coded is a blank, and so no offset."""
    assert get(sandbox, CALL_LOG.replace(right, wrong)).status_code == 400


@pytest.mark.parametrize("path", [STATUS_LOG, CALL_LOG])
def test_logs_want_the_token_as_a_cookie(sandbox: Sandbox, path: str) -> None:
    """Bearer will not do, for the vendor's page has none there."""
    bearer = {"Authorization": f"Bearer {token_of(sandbox)}"}
    assert httpx.get(sandbox.url + path, headers=bearer).status_code == 401
    assert get(sandbox, path, "x").status_code == 401
    assert httpx.get(sandbox.url + path).status_code == 401


def test_the_client_gets_the_logs(sandbox: Sandbox, tmp_path: Path) -> None:
    """With nothing between it and the sandbox but HTTP."""
    with dashboard_of(sandbox) as dashboard:
        size = dashboard.agent_status_log(
            since=SINCE, until=UNTIL, format="tsv", to=tmp_path / "agents.tsv"
        )
        dashboard.call_log(since=SINCE, until=UNTIL, utc_offset=-300, to=tmp_path / "calls.xlsx")

    assert (tmp_path / "agents.tsv").stat().st_size == size
    assert b"Anna\tsales\ttalking" in (tmp_path / "agents.tsv").read_bytes()
    with zipfile.ZipFile(tmp_path / "calls.xlsx") as archive:
        assert b"2023-11-14 07:13:20" in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"do": "half_reply"}, DashboardUnreachable),
        ({"do": "half_reply", "reset": True}, DashboardUnreachable),
        ({"do": "lose_reply", "times": 2}, DashboardUnreachable),
        ({"do": "html"}, DashboardUnreachable),
        ({"do": "redirect", "location": "/elsewhere/"}, DashboardUnreachable),
        ({"do": "redirect", "times": 2}, DashboardUnreachable),
        ({"do": "trickle", "every": 0.05}, DashboardUnreachable),
        ({"do": "slow", "piece": 1, "every": 0.05}, DashboardUnreachable),
        ({"do": "status", "status": 500}, DashboardRefused),
    ],
)
def test_a_fault_leaves_no_file(
    sandbox: Sandbox, tmp_path: Path, fault: dict[str, object], error: type[Exception]
) -> None:
    """And without one the next attempt works."""
    sandbox.script([{"on": "call_log", **fault}])
    with dashboard_of(sandbox, download_timeout=0.6) as dashboard:
        with pytest.raises(error):
            dashboard.call_log(since=SINCE, until=UNTIL, utc_offset=0, to=tmp_path / "c.xlsx")
        assert list(tmp_path.iterdir()) == []
        dashboard.call_log(since=SINCE, until=UNTIL, utc_offset=0, to=tmp_path / "c.xlsx")
    assert zipfile.is_zipfile(tmp_path / "c.xlsx")


def test_a_slow_answer_comes_whole(sandbox: Sandbox, tmp_path: Path) -> None:
    """`slow` sends all of it, in time."""
    told: list[tuple[int, int | None]] = []
    sandbox.script([{"on": "agent_status_log", "do": "slow", "piece": 50, "every": 0.01}])
    with dashboard_of(sandbox) as dashboard:
        size = dashboard.agent_status_log(
            since=SINCE, until=UNTIL, to=tmp_path / "a", progress=lambda *now: told.append(now)
        )
    assert told[-1] == (size, size)
