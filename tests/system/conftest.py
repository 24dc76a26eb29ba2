"""What system tests share: a dashboard, and an installation that ships to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.installation import Installation
from tests.support.pbx import Pbx, new_pbx
from tests.support.sandbox import Sandbox
from tests.support.vendor_server import VendorServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.tenant import Tenant


@pytest.fixture
def dashboard() -> Iterator[Sandbox]:
    """Return a dashboard of this test's own."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def installation(tmp_path: Path, dashboard: Sandbox) -> Installation:
    """Return an installation whose settings lead to `dashboard`."""
    return Installation(tmp_path, dashboard.url)


@pytest.fixture
def pbx(tmp_path: Path) -> Pbx:
    """Return a machine with the users qlogship and asterisk, as the package leaves it."""
    return new_pbx(tmp_path)


@pytest.fixture
def server() -> Iterator[VendorServer]:
    """Return a dashboard that has no code in common with the product, of this test's own."""
    with VendorServer() as one:
        yield one


@pytest.fixture
def tenant(server: VendorServer) -> Tenant:
    """Return what that dashboard holds."""
    return server.tenant
