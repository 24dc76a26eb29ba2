"""What `qlogship sandbox` prepares and prints."""

from __future__ import annotations

import importlib
import shlex
import tomllib
from typing import TYPE_CHECKING

import pytest

from qlogship.errors import UsageError
from qlogship.sandbox.command import greeting, load_server
from qlogship.sandbox.options import SandboxOptions

if TYPE_CHECKING:
    from types import ModuleType


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "python_multipart"])
def test_extra_missing(missing: str) -> None:
    """Without the extra, the error says which package is missing and how to install the extra."""

    def load(name: str) -> ModuleType:
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return importlib.import_module(name)

    with pytest.raises(UsageError) as caught:
        load_server(load)
    assert missing in caught.value.message
    assert "pip install 'qlogship[sandbox]'" in caught.value.hint


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
