"""What `qlogship sandbox` prepares and prints."""

from __future__ import annotations

import importlib
import shlex
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from qlogship.errors import UsageError
from qlogship.sandbox.command import greeting, load_server
from qlogship.sandbox.options import SandboxOptions

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "python_multipart"])
def test_extra_missing(missing: str) -> None:
    """Without the extra, the error says which package is missing and what to install."""

    def load(name: str) -> ModuleType:
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return importlib.import_module(name)

    with pytest.raises(UsageError) as caught:
        load_server(load)
    assert missing in caught.value.message
    assert "package qlogship-sandbox" in caught.value.hint
    assert "pip install 'qlogship[sandbox]'" in caught.value.hint


def test_package_of_libraries(tmp_path: Path) -> None:
    """The libraries of the sandbox's package are found behind everything that the service has."""
    before, seen = list(sys.path), []

    def load(name: str) -> ModuleType:
        seen.append(list(sys.path))
        return importlib.import_module(name)

    try:
        load_server(load, libraries=tmp_path / "not-there")
        load_server(load, libraries=tmp_path)
        load_server(load, libraries=tmp_path)
    finally:
        sys.path[:] = before
    assert seen[0] == before
    assert seen[-1] == [*before, str(tmp_path)]


def test_extra_present() -> None:
    """With the extra, the server is there."""
    assert callable(load_server().serve)


def test_greeting() -> None:
    """The greeting's settings are TOML, and its export is shell, whatever the credentials are."""
    options = SandboxOptions(email='"Пётр"@example.com', password="it's $HOME")
    text = greeting("http://127.0.0.1:1", options, "http://127.0.0.1:1/?token=x")
    settings = text[text.index("[dashboard]") : text.index("and for the password")]
    assert tomllib.loads(settings) == {
        "dashboard": {"url": "http://127.0.0.1:1", "email": '"Пётр"@example.com'}
    }
    (export,) = [line for line in text.splitlines() if line.startswith("export ")]
    assert shlex.split(export)[1] == "QLOGSHIP_DASHBOARD__PASSWORD=it's $HOME"
