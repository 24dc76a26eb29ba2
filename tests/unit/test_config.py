"""The settings: what they may be, where they come from, and every fault at once."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from qlogship.config import Loaded, Settings, examine, load
from qlogship.config.model import SECTIONS, DashboardSettings, fields, is_secret, variable
from qlogship.config.reference import describe, example_file, table
from qlogship.config.wording import as_toml, example
from qlogship.errors import ExitCode, Fault, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCRIPT = Path(__file__).parents[2] / "tools" / "reference.py"
SECRET = "correct horse ßattery"


class Place:
    """A directory with a settings file and a password file, and a way to load them."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "qlogship.toml"
        self.password = directory / "password"
        self.write_secret(self.password, f"{SECRET}\n")
        self.good = (
            "[dashboard]\n"
            'url = "https://company.softphone.pro"\n'
            'email = "admin@company.ru"\n'
            f'password_file = "{self.password}"\n'
        )

    def write_secret(self, path: Path, text: str, mode: int = 0o600) -> Path:
        """Write a file with this mode and return its path."""
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def load(
        self, text: str, environ: Mapping[str, str] | None = None, *, secrets: bool = True
    ) -> Loaded:
        """Load this text as the settings file, with this environment."""
        self.path.write_text(text, encoding="utf-8")
        return load(self.path, environ=environ or {}, secrets=secrets)

    def faults(
        self, text: str, environ: Mapping[str, str] | None = None, *, secrets: bool = True
    ) -> tuple[Fault, ...]:
        """Return what is wrong with this text as the settings file."""
        with pytest.raises(SettingsError) as caught:
            self.load(text, environ, secrets=secrets)
        return caught.value.faults

    def only_fault(self, text: str, environ: Mapping[str, str] | None = None) -> Fault:
        """Return the one thing that is wrong with this text as the settings file."""
        faults = self.faults(text, environ)
        assert len(faults) == 1, faults
        return faults[0]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with settings that can be used."""
    return Place(tmp_path)


# Where values come from


def test_defaults(place: Place) -> None:
    """What nobody sets has the default of the manual, and its origin says so."""
    loaded = place.load(place.good)

    assert (loaded.settings.dashboard.timeout, loaded.settings.batch.linger) == (60.0, 15.0)
    assert (loaded.settings.batch.max_bytes, loaded.settings.batch.settle) == (900_000, 5.0)
    assert (loaded.settings.batch.hold, loaded.settings.delivery.on_unknown) == (43_200.0, "resend")
    assert loaded.settings.source.path == Path("/var/log/asterisk/queue_log")
    assert (loaded.settings.source.history, loaded.settings.source.archives) == ("all", ())
    assert loaded.settings.state.directory == Path("/var/lib/qlogship")
    assert (loaded.settings.log.level, loaded.settings.log.format) == ("info", "auto")
    assert loaded.origins["batch.linger"] == "default"
    assert loaded.origins["dashboard.token"] == "default"
    assert loaded.path == place.path


def test_file_wins_over_default(place: Place) -> None:
    """A value of the file replaces the default, and its origin names file and section."""
    loaded = place.load(place.good + "[batch]\nlinger = 3\n")

    assert loaded.settings.batch.linger == 3.0
    assert loaded.origins["batch.linger"] == f"{place.path}: [batch]"


def test_environment_wins_over_file(place: Place) -> None:
    """A value of the environment replaces the file's, and its origin names the variable."""
    loaded = place.load(place.good + "[batch]\nlinger = 3\n", {"QLOGSHIP_BATCH__LINGER": "4.5"})

    assert loaded.settings.batch.linger == 4.5
    assert loaded.origins["batch.linger"] == "environment QLOGSHIP_BATCH__LINGER"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("QLOGSHIP_BATCH__MAX_BYTES", "500_000", 500_000),
        ("QLOGSHIP_BATCH__SETTLE", "0", 0.0),
        ("QLOGSHIP_SOURCE__ARCHIVES", '["/a/*", "/b/*"]', ("/a/*", "/b/*")),
        ("QLOGSHIP_SOURCE__ARCHIVES", "[]", ()),
        ("QLOGSHIP_SOURCE__PATH", "/var/log/queue log", Path("/var/log/queue log")),
        ("QLOGSHIP_DASHBOARD__EMAIL", "a@b", "a@b"),
        ("QLOGSHIP_LOG__FORMAT", "json", "json"),
    ],
)
def test_environment_notation(place: Place, name: str, text: str, expected: object) -> None:
    """Numbers and lists are written in the environment as in the file, text without quotes."""
    settings = place.load(place.good, {name: text}).settings

    section, key = name.removeprefix("QLOGSHIP_").lower().split("__")
    assert getattr(getattr(settings, section), key) == expected


def test_path_by_argument_variable_default(place: Place) -> None:
    """The file is the argument's, else QLOGSHIP_CONFIG's, else the default one."""
    place.path.write_text(place.good)
    other = {"QLOGSHIP_CONFIG": "/nonexistent/other.toml"}

    assert load(place.path, environ=other).path == place.path
    assert load(None, environ={"QLOGSHIP_CONFIG": str(place.path)}).path == place.path
    assert examine(None, environ={}).path == Path("/etc/qlogship/qlogship.toml")
    assert examine(None, environ={"QLOGSHIP_CONFIG": ""}).path == examine(None, environ={}).path


@pytest.mark.skipif(Path("/etc/qlogship/qlogship.toml").exists(), reason="qlogship is installed")
def test_environment_alone() -> None:
    """Without a default file the environment is enough, if it names the dashboard."""
    loaded = load(
        None,
        environ={
            "QLOGSHIP_DASHBOARD__URL": "https://company.softphone.pro",
            "QLOGSHIP_DASHBOARD__TOKEN": "abc",
        },
    )

    assert loaded.settings.dashboard.token == SecretStr("abc")


def test_byte_order_mark(place: Place) -> None:
    """A byte order mark, as some editors leave, does no harm."""
    place.path.write_text("\ufeff" + place.good, encoding="utf-8")

    assert load(place.path, environ={}).settings.dashboard.email == "admin@company.ru"


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("https://company.softphone.pro/", "https://company.softphone.pro"),
        ("HTTPS://Company.Softphone.PRO", "https://company.softphone.pro"),
        ("https://company.softphone.pro:8443", "https://company.softphone.pro:8443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_url_form(place: Place, given_url: str, url: str) -> None:
    """The address is scheme, host and port in one form, with no slash at the end."""
    text = place.good.replace("https://company.softphone.pro", given_url)

    assert place.load(text).settings.dashboard.url == url


def test_frozen(place: Place) -> None:
    """Settings in use cannot be changed."""
    loaded = place.load(place.good)

    with pytest.raises(ValidationError):
        loaded.settings.batch.linger = 1.0


def test_ambient_environment_is_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the environment that is handed in counts, not the process's own."""
    monkeypatch.setenv("QLOGSHIP_BATCH__LINGER", "1.0")
    monkeypatch.setenv("BATCH", '{"linger": 2.0}')

    assert place.load(place.good).settings.batch.linger == 15.0
    assert Settings(dashboard=DashboardSettings(url="https://x")).batch.linger == 15.0


# Secrets


def test_password_order(place: Place, tmp_path: Path) -> None:
    """A password comes from the environment, else the credential, else the file named."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    # systemd shows the access list of a credential as group rights; that is no fault.
    place.write_secret(credentials / "qlogship-password", "from the credential", 0o460)
    directory = {"CREDENTIALS_DIRECTORY": str(credentials)}
    variable = {"QLOGSHIP_DASHBOARD__PASSWORD": "from the environment"}

    def found(environ: Mapping[str, str]) -> tuple[str, str]:
        loaded = place.load(place.good, environ)
        assert loaded.settings.dashboard.password is not None
        return (
            loaded.settings.dashboard.password.get_secret_value(),
            loaded.origins["dashboard.password"],
        )

    assert found(directory | variable) == (
        "from the environment",
        "environment QLOGSHIP_DASHBOARD__PASSWORD",
    )
    assert found(directory) == ("from the credential", "credential qlogship-password")
    assert found({}) == (SECRET, f"file {place.password}")


def test_credential_wins_over_a_file_that_cannot_be_read(place: Place, tmp_path: Path) -> None:
    """Where there is a credential, the file in password_file is not opened."""
    place.write_secret(tmp_path / "qlogship-password", "from the credential")
    place.password.unlink()

    loaded = place.load(place.good, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert loaded.settings.dashboard.password == SecretStr("from the credential")


@pytest.mark.parametrize("content", ["", "\n", " \r\n"])
def test_blank_credential_is_none(place: Place, tmp_path: Path, content: str) -> None:
    """A credential without content counts as missing: the file, or the token, is taken."""
    place.write_secret(tmp_path / "qlogship-password", content)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    token = place.write_secret(tmp_path / "token", "abc")

    by_file = place.load(place.good, environ)
    by_token = place.load(f'[dashboard]\nurl = "https://x"\ntoken_file = "{token}"\n', environ)
    with_neither = place.only_fault(
        '[dashboard]\nurl = "https://x"\nemail = "admin@company.ru"\n', environ
    )

    assert by_file.settings.dashboard.password == SecretStr(SECRET)
    assert by_file.origins["dashboard.password"] == f"file {place.password}"
    assert by_token.settings.dashboard.token == SecretStr("abc")
    assert by_token.settings.dashboard.password is None
    assert "an e-mail without a password" in with_neither.problem


def test_password_left_over_beside_a_token(place: Place, tmp_path: Path) -> None:
    """A password that only the unit offers is left alone where the settings name a token."""
    place.write_secret(tmp_path / "qlogship-password", "a relic")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    token = place.write_secret(tmp_path / "token", "abc")
    text = f'[dashboard]\nurl = "https://x"\ntoken_file = "{token}"\n'

    assert place.load(text, environ).settings.dashboard.password is None
    fault = place.only_fault(f'{text}email = "admin@company.ru"\n', environ)
    assert "a token besides the email and the password" in fault.problem


def test_token_order(place: Place, tmp_path: Path) -> None:
    """A token comes from the environment, else the credential, else the file named."""
    token_file = place.write_secret(tmp_path / "token", "from.the.file\n", 0o640)
    text = f'[dashboard]\nurl = "https://x"\ntoken_file = "{token_file}"\n'
    place.write_secret(tmp_path / "qlogship-token", "from.the.credential")
    directory = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    variable = {"QLOGSHIP_DASHBOARD__TOKEN": "from.the.environment"}

    tokens = [
        place.load(text, environ).settings.dashboard.token
        for environ in (directory | variable, directory, {})
    ]

    assert tokens == [
        SecretStr("from.the.environment"),
        SecretStr("from.the.credential"),
        SecretStr("from.the.file"),
    ]


@pytest.mark.parametrize(
    ("content", "password"),
    [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), (" p w ", " p w "), ("pw \n", "pw ")],
)
def test_one_newline_is_taken_off(place: Place, content: str, password: str) -> None:
    """One newline at the end of a secret does not count; blanks do."""
    place.password.write_bytes(content.encode())

    assert place.load(place.good).settings.dashboard.password == SecretStr(password)


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o700])
def test_modes_that_will_do(place: Place, mode: int) -> None:
    """A secret file may be read by its group and changed by its owner."""
    place.password.chmod(mode)

    assert place.load(place.good).settings.dashboard.password == SecretStr(SECRET)


def test_without_secrets(place: Place) -> None:
    """A command that needs no secret works where none can be read, or none is given."""
    place.password.unlink()

    loaded = place.load(place.good, secrets=False)

    assert loaded.settings.dashboard.password is None
    assert loaded.origins["dashboard.password"] == f"file {place.password}"
    assert place.load('[dashboard]\nurl = "https://x"\n', secrets=False).warnings == ()


def test_without_secrets_faults_remain(place: Place) -> None:
    """A command that needs no secret still refuses faults in the settings."""
    faults = place.faults(place.good + "[batch]\nlinger = -1\n", secrets=False)

    assert [fault.place for fault in faults] == [f"{place.path}:6: [batch] linger"]


# Faults


class Planted(NamedTuple):
    """A fault put into a settings file: what it should say about place, problem and remedy."""

    text: str
    place: str
    problem: str
    remedy: str


NOT_IN_GOOD = {
    "unknown section": Planted(
        "[bach]\nlinger = 3\n", ":5: [bach]", "no section [bach]", "Did you mean [batch]?"
    ),
    "unlike any section": Planted(
        "[xyz]\n", ":5: [xyz]", "no section [xyz]", "the sections are dashboard, source, batch,"
    ),
    "section as a key": Planted(
        "[log]\n[[batch]]\n", ": batch", "the name of a section", "Write [batch] on a line"
    ),
    "unknown key": Planted(
        "[batch]\nlingr = 3\n", ":6: [batch] lingr", "no key lingr", "Did you mean linger?"
    ),
    "unlike any key": Planted(
        "[state]\nxyz = 3\n",
        ":6: [state] xyz",
        "no key xyz",
        "the keys are directory, reserve, keep.",
    ),
    "key of another section": Planted(
        "settle = 3\n", ":5: [dashboard] settle", "no key settle", "Move it to [batch]."
    ),
    "misspelt secret file": Planted(
        'token_fiel = "/x"\n', ":5: [dashboard] token_fiel", "no key", "Did you mean token_file?"
    ),
    "password": Planted(
        'password = "hunter2"\n',
        ":5: [dashboard] password",
        "must not hold a secret",
        "mode 0640 or 0600, and name that in password_file.",
    ),
    "token": Planted(
        'token = "hunter2"\n',
        ":5: [dashboard] token",
        "must not hold a secret",
        "mode 0640 or 0600, and name that in token_file.",
    ),
    "secret": Planted(
        'client_secret = "hunter2"\n',
        ":5: [dashboard] client_secret",
        "must not hold a secret",
        "mode 0640 or 0600",
    ),
    "password elsewhere": Planted(
        '[source]\npassword = "hunter2"\n',
        ":6: [source] password",
        "must not hold a secret",
        "mode 0640 or 0600",
    ),
    "text for a number": Planted(
        '[batch]\nlinger = "15"\n',
        ":6: [batch] linger",
        '"15" is no number',
        "Give a number from 0.0 to 86_400.0, without quotes.",
    ),
    "truth for a number": Planted(
        "[batch]\nsettle = true\n", ":6: [batch] settle", "true is no number", "Give a number from"
    ),
    "fraction for a whole number": Planted(
        "[batch]\nmax_bytes = 900000.0\n",
        ":6: [batch] max_bytes",
        "900_000.0 is no whole number",
        "Give a number from 1_000 to 100_000_000",
    ),
    "table for a number": Planted(
        '[batch]\nhold = { password = "hunter2" }\n',
        ":6: [batch] hold",
        "a table is no number",
        "Give a number from",
    ),
    "number for text": Planted(
        "[source]\npath = 3\n",
        ":6: [source] path",
        "3 is no text",
        'text in double quotes, such as "/var/log/asterisk/queue_log".',
    ),
    "text for a list": Planted(
        '[source]\narchives = "/x"\n',
        ":6: [source] archives",
        '"/x" is no list',
        'such as ["/var/log/asterisk/old/queue_log*"].',
    ),
    "number in a list": Planted(
        '[source]\narchives = ["/x", 3]\n', ":6: [source] archives", "3 is no text", "Give text"
    ),
    "too small": Planted(
        "timeout = 0.05\n", ":5: [dashboard] timeout", "0.05 is out of range", "from 0.1 to 3_600.0"
    ),
    "too large": Planted(
        "[batch]\nhold = 1e9\n", ":6: [batch] hold", "is out of range", "from 0.0 to 2_592_000.0"
    ),
    "max_bytes too small": Planted(
        "[batch]\nmax_bytes = 999\n",
        ":6: [batch] max_bytes",
        "999 is out of range",
        "from 1_000 to",
    ),
    "infinite": Planted(
        "[batch]\nhold = inf\n", ":6: [batch] hold", "inf is out of range", "Give a number from"
    ),
    "not a number": Planted(
        "[batch]\nlinger = nan\n", ":6: [batch] linger", "nan is out of range", "Give a number from"
    ),
    "no such choice": Planted(
        '[source]\nhistory = "al"\n',
        ":6: [source] history",
        '"al" is none of the choices',
        'Give "all", "current" or "none", or the first day to upload: "2026-11-01".',
    ),
    "no such day": Planted(
        '[source]\nhistory = "2026-11-31"\n',
        ":6: [source] history",
        '"2026-11-31" is none of the choices and no day',
        '"2026-11-01"',
    ),
    "no day of a calendar": Planted(
        '[source]\nhistory = "20261101"\n', ":6: [source] history", "no day", '"2026-11-01"'
    ),
    "a day before all records": Planted(
        '[source]\nhistory = "1970-01-01"\n', ":6: [source] history", "before", '"2026-11-01"'
    ),
    "a time for a day": Planted(
        "[source]\nhistory = 2026-11-01T00:00:00\n",
        ":6: [source] history",
        "no day",
        '"2026-11-01"',
    ),
    "a number for a day": Planted(
        "[source]\nhistory = 3\n", ":6: [source] history", "no day", '"2026-11-01"'
    ),
    "no such level": Planted(
        '[log]\nlevel = "INFO"\n', ":6: [log] level", "none of the choices", '"debug", "info",'
    ),
    "no hours": Planted(
        '[delivery]\nresync_hours = "22:00-24:00"\n',
        ":6: [delivery] resync_hours",
        '"22:00-24:00" is no part of a day',
        'Write it as "22:00-06:00".',
    ),
    "an empty stretch of the day": Planted(
        '[delivery]\nresync_hours = "22:00-22:00"\n',
        ":6: [delivery] resync_hours",
        '"22:00-22:00" is no part of a day',
        'Write it as "22:00-06:00".',
    ),
    "relative path": Planted(
        '[source]\npath = "queue_log"\n',
        ":6: [source] path",
        '"queue_log" is a relative path',
        "Give the whole path",
    ),
    "relative state directory": Planted(
        '[state]\ndirectory = "state"\n', ":6: [state] directory", "relative", "Give the whole path"
    ),
    "relative textfile": Planted(
        '[metrics]\ntextfile = "q.prom"\n', ":6: [metrics] textfile", "relative", "Give the whole"
    ),
    "a textfile that no collector reads": Planted(
        '[metrics]\ntextfile = "/var/lib/node/qlogship.txt"\n',
        ":6: [metrics] textfile",
        'the name of "/var/lib/node/qlogship.txt" does not end in .prom',
        "node_exporter reads no other file",
    ),
    "relative archives": Planted(
        '[source]\narchives = ["old/*"]\n', ":6: [source] archives", "relative", "Give the whole"
    ),
    "NUL in a path": Planted(
        '[source]\npath = "/a\\u0000b"\n', ":6: [source] path", "NUL character", "Take it out."
    ),
    "queue_log in the state directory": Planted(
        '[state]\ndirectory = "/var/log"\n',
        ": [source] path",
        "/var/log/asterisk/queue_log is in the state directory /var/log",
        "Name the file that Asterisk writes",
    ),
    "queue_log in the state directory, by detour": Planted(
        '[state]\ndirectory = "/srv/../var/log"\n',
        ": [source] path",
        "is in the state directory",
        "Name the file",
    ),
    "queue_log behind a way back": Planted(
        '[source]\npath = "/var/log/asterisk/../../../root/key"\n',
        ":6: [source] path",
        "goes back by ..",
        "Give the path as it is without",
    ),
    "hold below settle": Planted(
        "[batch]\nsettle = 30\nhold = 20\n",
        ":7: [batch] hold",
        "hold (20.0) is less than settle (30.0)",
        "Give hold some hours",
    ),
    "missing certificates": Planted(
        'ca_file = "/nonexistent/ca.pem"\n',
        ":5: [dashboard] ca_file",
        "/nonexistent/ca.pem cannot be read: No such file",
        "Name a file of PEM certificates",
    ),
    "certificates in a directory": Planted(
        'ca_file = "/"\n', ":5: [dashboard] ca_file", "/ is no regular file", "Name a file of PEM"
    ),
}


@pytest.mark.parametrize("name", NOT_IN_GOOD)
def test_fault_in_the_file(place: Place, name: str) -> None:
    """One thing wrong in the file is one fault, which names the line and what to do."""
    planted = NOT_IN_GOOD[name]

    fault = place.only_fault(place.good + planted.text)

    assert fault.place == f"{place.path}{planted.place}"
    assert planted.problem in fault.problem
    assert planted.remedy in fault.remedy
    assert "hunter2" not in repr(fault)


@pytest.mark.parametrize(
    ("url", "problem", "remedy"),
    [
        ("company.softphone.pro", "does not start with https://", "Give the scheme and the host"),
        ("//company.softphone.pro", "does not start with https://", "Give the scheme"),
        ("https:company.softphone.pro", "does not start with https://", "Give the scheme"),
        ("ftp://company.softphone.pro", "does not start with https://", "Give the scheme"),
        ("https://", "names no host", "Give the scheme"),
        ("https://a b", "names no host", "Give the scheme"),
        ("https://x\\n", "names no host", "Give the scheme"),
        ("https://x:0", "names no host", "Give the scheme"),
        ("https://x:99999", "cannot be read", "Give the scheme"),
        ("https://[::1", "cannot be read", "Give the scheme"),
        ("https://x/login/", "has a path, /login/", "Give the scheme and the host only"),
        ("https://x?key=hunter2", "has a query or a fragment", "Give the scheme"),
        ("https://x#", "has a query or a fragment", "Give the scheme"),
        ("https://admin:hunter2@x", "holds a user name", "Take it out; the account belongs in"),
    ],
)
def test_fault_in_the_url(place: Place, url: str, problem: str, remedy: str) -> None:
    """An address is a scheme and a host; whatever else it holds is a fault and not repeated."""
    text = place.good.replace("https://company.softphone.pro", url)

    fault = place.only_fault(text)

    assert fault.place == f"{place.path}:2: [dashboard] url"
    assert problem in fault.problem
    assert remedy in fault.remedy
    assert "hunter2" not in repr(fault)


def test_fault_url_missing(place: Place) -> None:
    """The address of the dashboard is required, and the remedy shows one."""
    text = place.good.replace("url =", "# url =")

    assert place.only_fault(text) == Fault(
        f"{place.path}: [dashboard] url",
        "this is required and missing",
        'Run `qlogship setup`, or set it, for example to "https://company.softphone.pro".',
    )


def test_fault_key_without_section(place: Place) -> None:
    """A key above all sections is sent to the section it belongs to."""
    fault = place.only_fault("linger = 3\n" + place.good)

    assert fault.place == f"{place.path}:1: linger"
    assert fault.remedy == "Move it below [batch]."


def test_fault_secret_without_section(place: Place) -> None:
    """A secret above all sections is a secret in the file all the same."""
    fault = place.only_fault('password = "hunter2"\n' + place.good)

    assert fault.place == f"{place.path}:1: password"
    assert fault.problem == "the settings file must not hold a secret"


CREDENTIALS = {
    "": Planted(
        "", ":1: [dashboard]", "neither an e-mail with a password nor a token", "Set email"
    ),
    "email": Planted(
        "", ":3: [dashboard] email", "an e-mail without a password", "credential qlogship-password"
    ),
    "password": Planted(
        "", ":3: [dashboard] password_file", "a password without an e-mail", "Set email to"
    ),
    "email, token": Planted(
        "", ":4: [dashboard] token_file", "a token besides the email", "Keep one of them"
    ),
    "email, password, token": Planted(
        "", ":5: [dashboard] token_file", "besides the email and the password", "Keep one of them"
    ),
}


@pytest.mark.parametrize("given_keys", CREDENTIALS)
def test_fault_credentials(place: Place, tmp_path: Path, given_keys: str) -> None:
    """There is an e-mail with a password or a token: not half of it, not both, not neither."""
    token = place.write_secret(tmp_path / "token", "abc")
    lines = {
        "email": 'email = "admin@company.ru"\n',
        "password": f'password_file = "{place.password}"\n',
        "token": f'token_file = "{token}"\n',
    }
    given_lines = [line for key, line in lines.items() if key in given_keys]
    planted = CREDENTIALS[given_keys]

    fault = place.only_fault('[dashboard]\nurl = "https://x"\n' + "".join(given_lines))

    assert fault.place == f"{place.path}{planted.place}"
    assert planted.problem in fault.problem
    assert planted.remedy in fault.remedy


def test_fault_state_of_another_unit(place: Place) -> None:
    """An instance of the template must name its state; it would take the first one's else."""
    environ = {"STATE_DIRECTORY": "/var/lib/qlogship/north"}

    fault = place.only_fault(place.good, environ)

    assert fault.problem == (
        "this unit keeps its state in /var/lib/qlogship/north, "
        "and the settings leave it at /var/lib/qlogship"
    )
    assert fault.remedy == 'Write `directory = "/var/lib/qlogship/north"` into [state].'
    named = f'{place.good}[state]\ndirectory = "/srv/qlogship"\n'
    assert str(place.load(named, environ).settings.state.directory) == "/srv/qlogship"
    plain = {"STATE_DIRECTORY": "/var/lib/qlogship"}
    assert str(place.load(place.good, plain).settings.state.directory) == "/var/lib/qlogship"


def test_no_second_fault_about_credentials(place: Place) -> None:
    """An e-mail or a secret file that is wrong is not called missing too."""
    assert "no e-mail" in place.only_fault(place.good.replace("admin@company.ru", "x")).problem
    text = place.good.replace(str(place.password), "hunter2")
    fault = place.only_fault(text)
    assert fault.problem == "this is no absolute path"
    assert fault.remedy.startswith("Give the whole path, from / on, of a file")
    assert "hunter2" not in repr(fault)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644, 0o666, 0o660])
def test_fault_secret_open_to_others(place: Place, mode: int) -> None:
    """A secret that others can read, or group or others can change, is a fault."""
    place.password.chmod(mode)

    assert place.only_fault(place.good) == Fault(
        f"{place.path}:4: [dashboard] password_file",
        f"others can read or change {place.password} (mode {mode:04o})",
        f"Run `chmod 0640 {place.password}`.",
    )


@pytest.mark.parametrize(
    ("content", "problem", "remedy"),
    [
        (b"", "is empty", "Write the password into it"),
        (b"\n", "is empty", "Write the password into it"),
        (b" \n", "is empty", "Write the password into it"),
        (b"a\nb\n", "has more than one line", "Leave only the password"),
        (b"a\n\n", "has more than one line", "Leave only the password"),
        (b"a\0b", "has more than one line", "Leave only the password"),
        (b"\xff", "is not UTF-8", "Save it as UTF-8"),
        (b"x" * 70_000, "is larger than 64 KiB", "Name the file with the secret"),
    ],
)
def test_fault_secret_content(place: Place, content: bytes, problem: str, remedy: str) -> None:
    """A secret file holds one line of text."""
    place.password.write_bytes(content)

    fault = place.only_fault(place.good)

    assert fault.place == f"{place.path}:4: [dashboard] password_file"
    assert fault.problem == f"{place.password} {problem}"
    assert remedy in fault.remedy


@pytest.mark.parametrize("token", ["two words", "токен", "a\tb"])
def test_fault_token_content(place: Place, token: str) -> None:
    """A token is fit for a header: no blanks, ASCII only."""
    text = '[dashboard]\nurl = "https://x"\n'

    fault = place.only_fault(text, {"QLOGSHIP_DASHBOARD__TOKEN": token})

    assert fault == Fault(
        "environment: QLOGSHIP_DASHBOARD__TOKEN",
        "the variable holds characters that no token has",
        "Leave only the token in it.",
    )


def test_fault_secret_file_missing(place: Place) -> None:
    """A secret file that is not there is a fault, and the remedy makes it."""
    place.password.unlink()

    fault = place.only_fault(place.good)

    assert fault.place == f"{place.path}:4: [dashboard] password_file"
    assert fault.problem == f"{place.password} is missing"
    assert f"install -m 0640 -g qlogship /dev/null {place.password}" in fault.remedy


def test_fault_secret_file_is_a_directory(place: Place) -> None:
    """A directory holds no secret."""
    place.password.unlink()
    place.password.mkdir(mode=0o700)

    fault = place.only_fault(place.good)

    assert fault.problem == f"{place.password} is a directory"
    assert fault.remedy == "Name the file in it."


def test_fault_secret_file_is_a_fifo(place: Place) -> None:
    """A FIFO is refused, and nobody waits for its writer."""
    place.password.unlink()
    os.mkfifo(place.password, mode=0o600)

    fault = place.only_fault(place.good)

    assert fault.problem == f"{place.password} is no regular file"
    assert fault.remedy == "Name a regular file."


def test_fault_secret_file_is_a_loop(place: Place) -> None:
    """A file that the system cannot open for another reason is a fault with that reason."""
    place.password.unlink()
    place.password.symlink_to(place.password)

    fault = place.only_fault(place.good)

    assert "cannot be read: Too many levels of symbolic links" in fault.problem
    assert fault.remedy == "Name another file."


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, if we are root; others are nobody enough."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_fault_secret_file_unreadable(place: Place, tmp_path: Path) -> None:
    """A secret file that may not be read is a fault, and the remedy lets the service read it."""
    tmp_path.chmod(0o711)
    place.path.write_text(place.good)
    place.password.chmod(0)
    document = place.path.read_text()
    environ = {
        variable("dashboard", key): str(value)
        for key, value in tomllib.loads(document)["dashboard"].items()
    }
    examine(None, environ=environ)  # import all there is before privileges are gone

    with unprivileged():
        found = examine(None, environ=environ)

    assert found.faults == (
        Fault(
            "environment: QLOGSHIP_DASHBOARD__PASSWORD_FILE",
            f"you may not read {place.password}",
            "Type it as root, or let the user qlogship read it: "
            f"`chgrp qlogship {place.password} && "
            f"chmod 0640 {place.password}`.",
        ),
    )


def test_fault_credential_unfit(place: Place, tmp_path: Path) -> None:
    """A fault in a systemd credential names the credential."""
    place.write_secret(tmp_path / "qlogship-password", "one\ntwo\n")

    fault = place.only_fault(place.good, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert fault.place == "credential qlogship-password"
    assert fault.problem == f"{tmp_path}/qlogship-password has more than one line"


def test_fault_empty_secret_in_the_environment(place: Place) -> None:
    """A secret variable that is set and empty is a fault, not a way around it."""
    fault = place.only_fault(place.good, {"QLOGSHIP_DASHBOARD__PASSWORD": "\n"})

    assert fault.place == "environment: QLOGSHIP_DASHBOARD__PASSWORD"
    assert fault.problem == "the variable is empty"


def test_fault_broken_bytes_in_the_environment(place: Place) -> None:
    """A secret variable that is not UTF-8 is a fault before anybody sends it."""
    fault = place.only_fault(place.good, {"QLOGSHIP_DASHBOARD__PASSWORD": os.fsdecode(b"a\xff")})

    assert fault.problem == "the variable is not UTF-8"


@pytest.mark.parametrize(
    ("name", "text", "problem", "remedy"),
    [
        ("QLOGSHIP_BATCH__LINGR", "3", "no setting", "Did you mean QLOGSHIP_BATCH__LINGER?"),
        ("QLOGSHIP_BATCH_LINGER", "3", "no setting", "Did you mean QLOGSHIP_BATCH__LINGER?"),
        ("qlogship_batch__linger", "3", "no setting", "Did you mean QLOGSHIP_BATCH__LINGER?"),
        ("QLOGSHIP_CONFIGURATION", "/x", "no setting", "Did you mean QLOGSHIP_CONFIG?"),
        ("QLOGSHIP_XYZ", "3", "no setting", "the names are QLOGSHIP_<SECTION>__<KEY>"),
        ("QLOGSHIP_BATCH__LINGER", "abc", '"abc" is no number', "Give a number from 0.0"),
        ("QLOGSHIP_BATCH__LINGER", "", '"" is no number', "Give a number from 0.0"),
        ("QLOGSHIP_BATCH__LINGER", "3\nhold = 4", "is no number", "Give a number from 0.0"),
        ("QLOGSHIP_BATCH__LINGER", "9" * 5000, "is no number", "Give a number from 0.0"),
        ("QLOGSHIP_BATCH__LINGER", "-1", "-1 is out of range", "Give a number from 0.0"),
        ("QLOGSHIP_BATCH__MAX_BYTES", "1e6", "is no whole number", "Give a number from 1_000"),
        ("QLOGSHIP_SOURCE__ARCHIVES", "/x", '"/x" is no list', "Give a list of texts"),
        ("QLOGSHIP_SOURCE__PATH", "", '"." is a relative path', "Give the whole path"),
        ("QLOGSHIP_METRICS__TEXTFILE", "/x/qlogship", "does not end in .prom", "Let it end so"),
        ("QLOGSHIP_LOG__LEVEL", "verbose", '"verbose" is none of', '"warning" or "error"'),
        ("QLOGSHIP_DELIVERY__ON_UNKNOWN", "again", '"again" is none of', '"hold" or "resync"'),
        ("QLOGSHIP_DELIVERY__RESYNC_HOURS", "night", "no part of a day", 'as "22:00-06:00"'),
        ("QLOGSHIP_DASHBOARD__EMAIL", "admin", "no e-mail address", "such as admin@company.ru"),
        ("QLOGSHIP_DASHBOARD__URL", "https://x/y", "has a path, /y", "Give the scheme"),
    ],
)
def test_fault_in_the_environment(
    place: Place, name: str, text: str, problem: str, remedy: str
) -> None:
    """A variable of ours that means nothing, or holds what it may not, is a fault."""
    fault = place.only_fault(place.good, {name: text})

    assert fault.place == f"environment: {name}"
    assert problem in fault.problem
    assert remedy in fault.remedy


def test_other_variables_are_not_ours(place: Place) -> None:
    """Variables with other names are nobody's business."""
    environ = {"PATH": "/bin", "QLOG": "x", "_QLOGSHIP_COMPLETE": "x", "QLOGSHIP_CONFIG": "x"}

    assert place.load(place.good, environ).warnings == ()


def test_fault_default_file_missing() -> None:
    """When the default file is missing, the remedy writes one."""
    if Path("/etc/qlogship/qlogship.toml").exists():
        pytest.skip("qlogship is installed")

    (fault,) = examine(None, environ={}).faults

    assert fault.place == "/etc/qlogship/qlogship.toml"
    assert fault.problem == "the file is missing"
    assert "`qlogship config example > /etc/qlogship/qlogship.toml`" in fault.remedy


def test_fault_named_file_missing(tmp_path: Path) -> None:
    """A file that somebody named must exist, whatever the environment says."""
    path = tmp_path / "none.toml"

    (fault,) = examine(path, environ={"QLOGSHIP_DASHBOARD__URL": "https://x"}).faults

    assert (fault.place, fault.problem) == (str(path), "the file is missing")
    assert fault.remedy.startswith("Name another with -c")


def test_fault_file_is_a_directory(tmp_path: Path) -> None:
    """A directory is no settings file."""
    (fault,) = examine(tmp_path, environ={}).faults

    assert fault == Fault(str(tmp_path), "this is a directory", "Name the settings file in it.")


def test_fault_file_is_a_pipe(place: Place) -> None:
    """A pipe is refused, and nobody waits for its writer."""
    os.mkfifo(place.path)

    (fault,) = examine(place.path, environ={}).faults

    assert fault == Fault(str(place.path), "this is a pipe", "Name a file: it is read again.")


def test_fault_file_unreadable(place: Place) -> None:
    """A settings file that may not be read is a fault, and nothing is called missing."""
    place.path.write_text(place.good)
    place.path.chmod(0)
    examine(place.path, environ={})  # import all there is before privileges are gone

    with unprivileged():
        (fault,) = examine(place.path, environ={}).faults

    assert (fault.place, fault.problem) == (str(place.path), "you may not read the file")
    assert fault.remedy.startswith("Run the command as root or as the user qlogship")


def test_fault_file_is_a_loop(tmp_path: Path) -> None:
    """A file that the system cannot open for another reason is a fault with that reason."""
    path = tmp_path / "loop"
    path.symlink_to(path)

    (fault,) = examine(path, environ={}).faults

    assert fault.problem == "the file cannot be read: Too many levels of symbolic links"
    assert fault.remedy == f"Try `cat {path}`."


def test_fault_file_name_with_nul() -> None:
    """A name that no file can have is a fault, not a crash."""
    (fault,) = examine(Path("/a\0b"), environ={}).faults

    assert fault.problem == "this is no file name"
    assert fault.remedy == "Name another with -c."


@pytest.mark.parametrize(
    ("content", "where", "problem", "remedy"),
    [
        (b'[log]\nlevel = "caf\xe9"\n', ": line 2", "this is not UTF-8", "Save the file as UTF-8."),
        (b"[log]\nlevel = hunter2\n", ": line 2, column 9", "no TOML: invalid value", "quotes"),
        (b"[log]\n[log]\n", ": line 2, column 5", "no TOML: cannot declare", "Correct the line"),
        (b'[log]\nlevel = "', ": end of document", "no TOML: unterminated", "Correct the line"),
        (b"x = " + b"[" * 5000, "", "too many brackets", "Correct the file"),
        (b"[batch]\nlinger = " + b"9" * 5000, "", "a number in it is too long", "Correct the file"),
        (b"#" * (1024 * 1024 + 1), "", "larger than 1 MiB", "Name a settings file instead."),
    ],
)
def test_fault_file_content(
    place: Place, content: bytes, where: str, problem: str, remedy: str
) -> None:
    """A file that cannot be read as TOML is one fault with its line, and nothing is missing."""
    place.path.write_bytes(content)

    (fault,) = examine(place.path, environ={}).faults

    assert fault.place == f"{place.path}{where}"
    assert problem in fault.problem
    assert remedy in fault.remedy
    assert "hunter2" not in repr(fault)


def test_all_faults_at_once(place: Place) -> None:
    """Faults of the file in its order, then those of the environment and the secrets: all."""
    place.password.chmod(0o644)
    text = place.good + "linger = 1\n[batch]\nmax_bytes = 1\n[xyz]\n"
    environ = {"QLOGSHIP_BATCH__SETLE": "1", "QLOGSHIP_BATCH__HOLD": "no"}

    faults = place.faults(text, environ)

    assert [fault.place.removeprefix(str(place.path)) for fault in faults] == [
        ":4: [dashboard] password_file",
        ":5: [dashboard] linger",
        ":7: [batch] max_bytes",
        ":8: [xyz]",
        "environment: QLOGSHIP_BATCH__SETLE",
        "environment: QLOGSHIP_BATCH__HOLD",
    ]


def test_two_faults_in_one_list(place: Place) -> None:
    """Each item of a list that is at fault is named, at the same place."""
    faults = place.faults(place.good + '[source]\narchives = ["old/*", "/x", 3]\n')

    assert {fault.place for fault in faults} == {f"{place.path}:6: [source] archives"}
    assert [fault.problem for fault in faults] == ['"old/*" is a relative path', "3 is no text"]


def test_broken_file_does_not_hide_the_environment(place: Place) -> None:
    """Faults of the environment are shown even when the file is no TOML."""
    faults = place.faults("nonsense\n", {"QLOGSHIP_BATCH__HOLD": "no"})

    assert [fault.place for fault in faults] == [
        f"{place.path}: line 1, column 9",
        "environment: QLOGSHIP_BATCH__HOLD",
    ]


def test_every_remedy_is_an_order(place: Place) -> None:
    """A remedy is a sentence that says what to do, or asks what was meant."""
    for planted in NOT_IN_GOOD.values():
        remedy = place.only_fault(place.good + planted.text).remedy
        assert re.fullmatch(r"[A-Z][a-z]+ .+[.]", remedy), remedy


def test_settings_error_code(place: Place) -> None:
    """Faults in the settings end a command with their own exit code."""
    with pytest.raises(SettingsError) as caught:
        place.load("")

    assert caught.value.exit_code == ExitCode.SETTINGS


numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False)
texts = st.text(max_size=20)
values = st.recursive(texts | numbers | st.booleans(), st.lists, max_leaves=5)
names = st.sampled_from([f"{section}.{key}" for section, key, _ in fields()])


@given(
    lines=st.dictionaries(names | st.text("abc.", min_size=1), values | st.just({"a": 1})),
    environ=st.dictionaries(names, texts),
)
def test_anything_is_settings_or_faults(
    tmp_path_factory: pytest.TempPathFactory, lines: dict[str, object], environ: dict[str, str]
) -> None:
    """Whatever the file and the environment say, there are settings or faults, and no crash."""
    place = Place(tmp_path_factory.mktemp("anything"))
    place.path.write_text(
        "\n".join(
            f"{name} = {'{}' if isinstance(v, dict) else as_toml(v)}" for name, v in lines.items()
        ),
        encoding="utf-8",
    )
    variables = {variable(*name.split(".")): text for name, text in environ.items()}

    found = examine(place.path, environ=variables)

    assert (found.loaded is None) == bool(found.faults)


@given(data=st.binary(max_size=200) | texts.map(str.encode))
def test_any_bytes_are_settings_or_faults(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """Whatever bytes the file has, there are faults and no crash."""
    path = tmp_path_factory.mktemp("bytes") / "qlogship.toml"
    path.write_bytes(data)

    assert examine(path, environ={}).faults


# Warnings


@pytest.mark.parametrize(
    ("url", "is_clear"),
    [
        ("http://company.softphone.pro", True),
        ("http://192.168.0.1", True),
        ("http://localhost:8080", False),
        ("http://tenant.localhost", False),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]", False),
        ("https://company.softphone.pro", False),
    ],
)
def test_clear_text(place: Place, url: str, is_clear: bool) -> None:  # noqa: FBT001
    """Clear text to another machine is a fault; with allow_http, or where nothing is sent, a doubt.

    The remedy is what to write into the settings.
    """
    text = place.good.replace("https://company.softphone.pro", url)
    place.path.write_text(text, encoding="utf-8")

    faults = examine(place.path, environ={}).faults
    local = examine(place.path, environ={}, secrets=False)
    allowed = place.load(text.replace("[dashboard]", "[dashboard]\nallow_http = true"))

    assert bool(faults) == bool(local.warnings) == bool(allowed.warnings) == is_clear
    assert not local.faults
    for fault in (*faults, *local.warnings):
        assert fault.place == f"{place.path}:2: [dashboard] url"
        assert "`allow_http = true`" in fault.remedy


# Secrets stay secret


def test_no_secret_in_any_text(place: Place) -> None:
    """Neither the settings nor what describes them show a secret."""
    loaded = place.load(place.good)
    dashboard = loaded.settings.dashboard
    texts = [
        repr(loaded),
        str(loaded.settings),
        repr(dashboard),
        f"{dashboard.password}",
        loaded.settings.model_dump_json(),
        *(str(setting) for setting in describe(loaded)),
    ]

    assert dashboard.password == SecretStr(SECRET)
    assert not [text for text in texts if SECRET in text]


def test_described_secrets(place: Place) -> None:
    """A secret is described as set or not set, and by where it comes from."""
    described = {setting.name: setting for setting in describe(place.load(place.good))}

    password, token = described["dashboard.password"], described["dashboard.token"]
    assert (password.shown, password.origin) == ("********", f"file {place.password}")
    assert (token.value, token.shown, token.origin) == (None, "not set", "default")


# The reference


def uncommented(text: str, keys: set[str]) -> str:
    """Take the mark off the lines of the example file that set these keys."""
    return re.sub(
        r"^# ([a-z_]+)( = .*)$",
        lambda line: f"{line[1]}{line[2]}" if line[1] in keys else line[0],
        text,
        flags=re.MULTILINE,
    )


WITH_DEFAULT = {
    key for _, key, field in fields() if not field.is_required() and field.default is not None
}


@given(keys=st.sets(st.sampled_from(sorted(WITH_DEFAULT))))
def test_example_round_trip(tmp_path_factory: pytest.TempPathFactory, keys: set[str]) -> None:
    """The example file loads, and setting any of its defaults changes nothing but the origin."""
    place = Place(tmp_path_factory.mktemp("example"))
    text = example_file().replace("/etc/qlogship/password", str(place.password))

    loaded = place.load(uncommented(text, keys))

    assert loaded.settings == place.load(place.good).settings
    said = {name.partition(".")[2] for name, origin in loaded.origins.items() if ": [" in origin}
    assert said == keys | {"url", "email", "password_file"}


def test_example_has_every_key() -> None:
    """The example file has every key of the model once, and no other."""
    keys = {f"{section}.{key}" for section, key, _ in fields() if not is_secret(section, key)}
    document = tomllib.loads(uncommented(example_file(), {key for _, key, _ in fields()}))

    assert {f"{name}.{key}" for name, content in document.items() for key in content} == keys


@given(value=values)
def test_values_round_trip(value: object) -> None:
    """A value written as TOML is read as the same value."""
    assert tomllib.loads(f"value = {as_toml(value)}")["value"] == value


def test_every_field_is_described() -> None:
    """Every setting has a description and, unless a secret, a valid example or default."""
    for section, key, field in fields():
        assert field.description, (section, key)
        assert field.description[0].islower()
        assert not field.description.endswith(".")
        if not is_secret(section, key):
            examples = {"url": "https://x"} if section == "dashboard" else {}
            shown = tomllib.loads(f"value = {example(field)}")["value"]
            SECTIONS[section].model_validate(examples | {key: shown})


def test_table_has_every_key() -> None:
    """The table of the manual has a row for each key of the settings file."""
    rows = re.findall(r"^\| `([a-z_.]+)` \|", table(), flags=re.MULTILINE)

    assert rows == [
        f"{section}.{key}" for section, key, _ in fields() if not is_secret(section, key)
    ]


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script that writes the manual."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


def test_manual_is_current() -> None:
    """The manual says what the model says; else run tools/reference.py."""
    checked = run_script("--check")

    assert (checked.returncode, checked.stderr) == (0, "")


def test_reference_script(tmp_path: Path) -> None:
    """The script writes the manual and the README's table, and leaves the rest of it alone."""
    readme = tmp_path / "README.md"
    before, after = "# qlogship\n", "\n## More\n"
    readme.write_text(f"{before}<!-- settings:begin -->\nold\n<!-- settings:end -->{after}")

    assert run_script("--check", "--root", str(tmp_path)).returncode == 1
    assert run_script("--root", str(tmp_path)).returncode == 0
    assert run_script("--check", "--root", str(tmp_path)).returncode == 0
    assert readme.read_text() == (
        f"{before}<!-- settings:begin -->\n{table()}<!-- settings:end -->{after}"
    )
    assert table() in (tmp_path / "docs" / "settings.md").read_text()
