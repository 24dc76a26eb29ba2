"""What the client refuses to start with, and what it does not tell."""

from __future__ import annotations

import subprocess
import sys

import pytest

import qlogship.dashboard
from qlogship.dashboard.auth import EmailPassword
from qlogship.dashboard.client import TeamDashboard
from qlogship.errors import SettingsError

ACCOUNT = EmailPassword("admin@company.ru", "s3cret-password")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "company.softphone.pro",
        "ftp://company.softphone.pro",
        "http://",
        "https://admin:s3cret-password@company.softphone.pro",
        "https://company.softphone.pro/?password=s3cret-password",
        "https://company.softphone.pro/#top",
        "http://company.softphone.pro:port",
        "http://[::1",
        "http://a\nb",
    ],
)
def test_an_address_that_cannot_be_used_is_a_settings_error(url: str) -> None:
    """The fault names the key, and does not repeat what may hold a secret."""
    with pytest.raises(SettingsError) as caught:
        TeamDashboard(url=url, credentials=ACCOUNT, timeout=1.0)

    (fault,) = caught.value.faults
    assert fault.place == "dashboard.url"
    assert "s3cret" not in repr(fault) + str(caught.value)


def test_a_client_does_not_tell_its_secrets() -> None:
    """Nor does anything that hangs on it and might be printed with it."""
    with TeamDashboard(url="http://127.0.0.1:9", credentials=ACCOUNT, timeout=1.0) as dashboard:
        assert "s3cret" not in repr(dashboard) + repr(vars(dashboard))


def test_the_package_brings_no_http_until_the_client_is_asked_for() -> None:
    """httpx takes a tenth of a second, which a command without network shall not pay."""
    program = (
        "import sys\n"
        "from qlogship.dashboard import EmailPassword, NewUser, Role, User\n"
        "assert 'httpx' not in sys.modules\n"
        "from qlogship.dashboard import TeamDashboard\n"
        "assert 'httpx' in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_package_names_all_that_can_be_imported_from_it() -> None:
    """And nothing else."""
    for name in qlogship.dashboard.__all__:
        assert getattr(qlogship.dashboard, name).__name__ == name
        assert name in dir(qlogship.dashboard)
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        qlogship.dashboard.Nobody  # noqa: B018 -- to ask is the test
