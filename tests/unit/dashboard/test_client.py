"""What the client refuses to start with, and what it does not tell."""

from __future__ import annotations

import pytest

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
