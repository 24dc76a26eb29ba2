"""`qlogship config`: what it prints, as text and as JSON, and how it ends."""

from __future__ import annotations

import json
import os
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from qlogship.cli.app import main
from qlogship.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "correct horse ßattery"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what this machine's environment may say about qlogship."""
    for name in [*os.environ]:
        if name.startswith("QLOGSHIP_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of settings that can be used; the password lies beside them."""
    password = tmp_path / "password"
    password.write_text(f"{SECRET}\n", encoding="utf-8")
    password.chmod(0o600)
    path = tmp_path / "qlogship.toml"
    path.write_text(
        "[dashboard]\n"
        'url = "https://company.softphone.pro"\n'
        'email = "admin@company.ru"\n'
        f'password_file = "{password}"\n'
    )
    return path


def test_check_ok(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Good settings are OK: one line on stdout, exit code 0."""
    assert main(["config", "check", "-c", str(path)]) == ExitCode.DONE

    assert capsys.readouterr() == (f"OK: {path}\n", "")


def test_check_ok_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Good settings as JSON: ok, and no faults."""
    assert main(["config", "check", "--json", "-c", str(path)]) == ExitCode.DONE

    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "ok": True,
        "path": str(path),
        "faults": [],
        "warnings": [],
    }
    assert captured.err == ""


def test_check_faults(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Faults are all shown on stderr, with place, problem and remedy; exit code 10."""
    path.write_text(path.read_text() + "[batch]\nlingr = 1\nhold = -1\n")

    assert main(["config", "check", "-c", str(path)]) == ExitCode.SETTINGS

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: 2 faults in the settings\n"
        f"  {path}:6: [batch] lingr\n"
        "    there is no key lingr in [batch]\n"
        "    -> Did you mean linger? Rename it.\n"
        f"  {path}:7: [batch] hold\n"
        "    -1 is out of range\n"
        "    -> Give a number from 0.0 to 2_592_000.0, without quotes.\n"
        "hint: Mend them and run `qlogship config check`.\n"
    )


def _in_clear_text(path: Path) -> str:
    """Return the settings with a doubt: an address in clear text, which somebody allowed."""
    return (
        path.read_text()
        .replace("https:", "http:")
        .replace("\nemail = ", "\nallow_http = true\nemail = ")
    )


def test_check_faults_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Faults and warnings as JSON are on stdout, each with place, problem and remedy."""
    path.write_text(_in_clear_text(path) + "[batch]\nlingr = 1\n")

    assert main(["config", "check", "-c", str(path), "--json"]) == ExitCode.SETTINGS

    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert captured.err == ""
    assert document["ok"] is False
    assert document["faults"] == [
        {
            "place": f"{path}:7: [batch] lingr",
            "problem": "there is no key lingr in [batch]",
            "remedy": "Did you mean linger? Rename it.",
        }
    ]
    assert [set(warning) for warning in document["warnings"]] == [{"place", "problem", "remedy"}]


def test_check_warnings(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning is said on stderr and leaves the settings OK."""
    path.write_text(_in_clear_text(path))

    assert main(["config", "check", "-c", str(path)]) == ExitCode.DONE

    captured = capsys.readouterr()
    assert captured.out == f"OK: {path}\n"
    assert captured.err.startswith(f"warning:\n  {path}:2: [dashboard] url\n")


def test_path_from_the_environment(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """QLOGSHIP_CONFIG names the file when the command line does not."""
    monkeypatch.setenv("QLOGSHIP_CONFIG", str(path))

    assert main(["config", "check"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"OK: {path}\n"


def test_show(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value is shown with where it comes from, and secrets as set or not set."""
    monkeypatch.setenv("QLOGSHIP_BATCH__LINGER", "3")

    assert main(["config", "show", "--config", str(path)]) == ExitCode.DONE

    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["setting"].split() == ["value", "from"]
    assert rows["batch.linger"].split("  ", 1)[0] == "3.0"
    assert rows["batch.linger"].endswith("  environment QLOGSHIP_BATCH__LINGER")
    assert rows["dashboard.email"].endswith(f"  {path}: [dashboard]")
    assert rows["dashboard.password"].startswith("********  ")
    assert rows["dashboard.token"].startswith("not set  ")
    assert rows["batch.max_bytes"].startswith("900_000  ")


def shown(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what `config show --json` says."""
    assert main(["config", "show", "--json", "-c", str(path)]) == ExitCode.DONE
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_show_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON every setting has value and origin, below section and key."""
    document = shown(path, capsys)

    assert (document["ok"], document["path"], document["warnings"]) == (True, str(path), [])
    settings = document["settings"]
    assert settings["batch"]["max_bytes"] == {"value": 900_000, "origin": "default"}
    assert settings["source"]["archives"] == {"value": [], "origin": "default"}
    assert settings["source"]["path"]["value"] == "/var/log/asterisk/queue_log"
    assert settings["dashboard"]["password"] == {
        "value": "********",
        "origin": f"file {path.parent}/password",
    }
    assert settings["dashboard"]["token"] == {"value": None, "origin": "default"}


def test_show_without_the_right_to_read_secrets(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The settings can be shown by somebody who cannot read the password."""
    (path.parent / "password").unlink()

    assert shown(path, capsys)["settings"]["dashboard"]["password"]["value"] == "********"


def test_show_faults_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings with faults are not shown; the faults are, as the error."""
    path.write_text("[bach]\n")

    assert main(["config", "show", "--json", "-c", str(path)]) == ExitCode.SETTINGS

    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["error"]["kind"] == "SettingsError"
    assert document["error"]["exit_code"] == 10
    assert [fault["place"] for fault in document["faults"]] == [
        f"{path}:1: [bach]",
        f"{path}: [dashboard] url",
    ]


def test_example(tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example is a settings file: with a password file that exists it is OK."""
    assert main(["config", "example"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert set(tomllib.loads(text)["dashboard"]) == {"url", "email", "password_file"}
    path.write_text(text.replace("/etc/qlogship/password", str(tmp_path / "password")))

    assert main(["config", "check", "-c", str(path)]) == ExitCode.DONE


@pytest.mark.parametrize("spoilt", ["", "[bach]\n"])
@pytest.mark.parametrize("where", ["file", "environment", "credential"])
def test_no_secret_is_printed(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    spoilt: str,
    where: str,
) -> None:
    """No command on settings prints a secret, wherever it comes from, with faults or without."""
    path.write_text(path.read_text() + spoilt)
    if where == "environment":
        monkeypatch.setenv("QLOGSHIP_DASHBOARD__PASSWORD", SECRET)
    if where == "credential":
        (path.parent / "password").rename(path.parent / "qlogship-password")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(path.parent))

    for arguments in (["show"], ["show", "--json"], ["check"], ["check", "--json"]):
        ended = main(["config", *arguments, "-c", str(path)])

        captured = capsys.readouterr()
        assert ended == (ExitCode.SETTINGS if spoilt else ExitCode.DONE)
        assert "horse" not in captured.out + captured.err
