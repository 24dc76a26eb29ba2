"""What every Team Dashboard does when it is asked for its logs."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from qlogship.dashboard import TeamDashboard

# Long enough to hold something where there is something, and no load to make.
UNTIL = datetime(2026, 1, 2, tzinfo=UTC)
SINCE = UNTIL - timedelta(hours=1)


@pytest.mark.parametrize("form", ["csv", "tsv", None])
def test_the_agents_status_log_is_text(
    dashboard: TeamDashboard, tmp_path: Path, form: Literal["csv", "tsv"] | None
) -> None:
    """Whole, and no page."""
    target = tmp_path / "agents"
    size = dashboard.agent_status_log(since=SINCE, until=UNTIL, format=form, to=target)

    assert target.stat().st_size == size
    target.read_bytes().decode("utf-8-sig")


@pytest.mark.parametrize("lang", ["en", "ru", None])
def test_the_call_log_is_a_workbook(
    dashboard: TeamDashboard, tmp_path: Path, lang: Literal["en", "ru"] | None
) -> None:
    """Unless something else is wished for."""
    for number, form in enumerate((None, "xlsx")):
        target = tmp_path / f"calls-{number}.xlsx"
        dashboard.call_log(
            since=SINCE,
            until=UNTIL,
            utc_offset=180,
            lang=lang,
            format="xlsx" if form else None,
            to=target,
        )
        with zipfile.ZipFile(target) as archive:
            assert "xl/workbook.xml" in archive.namelist()


@pytest.mark.parametrize("offset", [-300, 0, 345])
def test_the_call_log_is_text_in_any_zone(
    dashboard: TeamDashboard, tmp_path: Path, offset: int
) -> None:
    """Offsets of both signs are understood, and none."""
    target = tmp_path / "calls.csv"
    size = dashboard.call_log(since=SINCE, until=UNTIL, utc_offset=offset, format="csv", to=target)
    assert target.stat().st_size == size
