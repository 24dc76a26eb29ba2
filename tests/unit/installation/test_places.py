"""Where the files of an installation go, and to whom they belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from qlogship.errors import UsageError
from qlogship.installation.places import is_hidden, keeper, owner, places

ROOT = ("root", 0, 0)
SERVICE = ("qlogship", 998, 997)


def test_the_default_is_what_the_unit_reads() -> None:
    """The state directory is left to the settings' own default."""
    found = places(None, None)
    assert (str(found.config), str(found.password)) == (
        "/etc/qlogship/qlogship.toml",
        "/etc/qlogship/password",
    )
    assert (found.state, found.unit) == (None, "qlogship")


def test_an_instance_is_what_the_template_unit_reads() -> None:
    """By its name or by its file, it is the same."""
    found = places(None, "north")
    assert found == places(Path("/etc/qlogship/north.toml"), None)
    assert (str(found.config), str(found.password), str(found.state), found.unit) == (
        "/etc/qlogship/north.toml",
        "/etc/qlogship/north.password",
        "/var/lib/qlogship/north",
        "qlogship@north",
    )


def test_certificates_lie_beside_the_settings() -> None:
    """Each instance has its own, under a name that no instance's settings can have."""
    assert str(places(None, None).authority) == "/etc/qlogship/ca.pem"
    assert str(places(None, "north").authority) == "/etc/qlogship/north.ca.pem"


def test_everything_lands_beside_a_file_elsewhere() -> None:
    """No unit reads it, and two of them in one directory do not get into each other's way."""
    found = places(Path("/home/dev/test.toml"), None)
    assert (str(found.password), str(found.state), found.unit, found.own_state) == (
        "/home/dev/test.password",
        "/home/dev/test.state",
        None,
        True,
    )
    assert places(Path("/home/dev/qlogship.toml"), None).password == Path("/home/dev/password")


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b", "qlogship", "password", "ä"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """It becomes a part of paths and of a unit's name; and it must not meet the default's files."""
    with pytest.raises(UsageError):
        places(None, name)


def test_an_instance_and_a_file_contradict_each_other() -> None:
    """Both name the settings."""
    with pytest.raises(UsageError):
        places(Path("/etc/qlogship/north.toml"), "north")


def test_files_are_roots_and_the_services_to_read() -> None:
    """The service's group reads them, and changes nothing."""
    found = owner(caller=ROOT, service=SERVICE)
    assert (found.user, found.uid, found.gid, found.mode) == ("qlogship", 0, 997, 0o640)


def test_a_password_that_systemd_hands_over_is_roots_alone() -> None:
    """All instances run as one user; what none can read, no intruder reads of another."""
    service = owner(caller=ROOT, service=SERVICE)
    found = keeper(service, "qlogship@north")
    assert (found.user, found.uid, found.gid, found.mode) == ("root", 0, 0, 0o600)
    assert keeper(service, None) == service
    caller = owner(caller=("dev", 1000, 1000), service=SERVICE)
    assert keeper(caller, "qlogship") == caller


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("/var/log/asterisk/queue_log", False),
        ("/etc/asterisk/queue_log", True),
        ("/etc/asterisk2/queue_log", False),
        ("/var/spool/asterisk/log/queue_log", True),
        ("/run/queue_log", True),
        ("/home/pbx/log/queue_log", True),
    ],
)
def test_what_the_unit_hides(path: str, *, hidden: bool) -> None:
    """A queue_log in one of these places needs a drop-in."""
    assert is_hidden(Path(path)) == hidden


@pytest.mark.parametrize(("caller", "service"), [(ROOT, None), (("dev", 1000, 1000), SERVICE)])
def test_without_root_or_service_they_are_the_callers_alone(
    caller: tuple[str, int, int], service: tuple[str, int, int] | None
) -> None:
    """Whoever tries it out keeps the secret to himself."""
    found = owner(caller=caller, service=service)
    assert (found.user, found.uid, found.gid, found.mode) == (*caller, 0o600)
