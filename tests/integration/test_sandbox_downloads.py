"""The sandbox's two logs over real TCP: samples, by cookie, and with faults."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

import httpx
import pytest

from qlogship.dashboard import EmailPassword, TeamDashboard
from qlogship.errors import DashboardRefused, DashboardUnreachable
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATUS_LOG = "/api/reports/agents/worktime/raw?from=2023-11-14T00:00:00&to=2023-11-15T00:00:00"
CALL_LOG = (
    "/api/history/calls/export?dateFrom=2023-11-14T00:00:00%2B03:00"
    "&dateTo=2023-11-15T00:00:00%2B03:00&localTimeZoneOffset=%2B180"
)
SINCE = datetime(2023, 11, 14, tzinfo=UTC)
UNTIL = datetime(2023, 11, 15, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox as it is out of the box."""
    with Sandbox() as sandbox:
        yield sandbox


def sample(name: str) -> bytes:
    """Return a file that the sandbox gives away."""
    return resources.files("qlogship.sandbox").joinpath("samples", name).read_bytes()


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
    """Separated by commas, or by tabs if so wished; it arrives byte for byte whole."""
    for form, name, kind in (
        ("", "agents.csv", "text/csv"),
        ("&format=csv", "agents.csv", "text/csv"),
        ("&format=tsv", "agents.tsv", "text/tab-separated-values"),
    ):
        reply = get(sandbox, STATUS_LOG + form)
        assert reply.content == sample(name)
        assert reply.headers["content-type"].startswith(kind)
        assert reply.headers["content-disposition"] == f'attachment; filename="{name}"'
    commas, tabs = (sample(name).decode().splitlines() for name in ("agents.csv", "agents.tsv"))
    assert commas[0].split(",") == ["Time (UTC)", "Agent", "Queue", "Status", "Reason"]
    assert [line.split(",") for line in commas] == [line.split("\t") for line in tabs]


def test_the_call_log_is_a_workbook_or_a_table(sandbox: Sandbox) -> None:
    """A workbook unless csv is wished for, in either language; it arrives byte for byte whole."""
    for lang in ("", "&lang=en", "&lang=ru"):
        reply = get(sandbox, CALL_LOG + lang)
        assert reply.content == sample("calls.xlsx")
        assert reply.headers["content-type"].endswith("spreadsheetml.sheet")
        assert reply.headers["content-disposition"] == 'attachment; filename="calls.xlsx"'
        table = get(sandbox, f"{CALL_LOG}&typeFile=csv{lang}")
        assert table.content == sample("calls.csv")
        assert table.headers["content-type"].startswith("text/csv")


def test_the_workbook_holds_what_the_table_does() -> None:
    """Each cell of the table is one of the workbook's, in the same order."""
    with zipfile.ZipFile(io.BytesIO(sample("calls.xlsx"))) as archive:
        assert archive.testzip() is None
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    cells = re.findall(r"<t [^>]*>([^<]*)</t>", sheet)
    assert cells == re.split(r",|\r\n", sample("calls.csv").decode().rstrip())


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

    assert size == len(sample("agents.tsv"))
    assert (tmp_path / "agents.tsv").read_bytes() == sample("agents.tsv")
    assert (tmp_path / "calls.xlsx").read_bytes() == sample("calls.xlsx")


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
