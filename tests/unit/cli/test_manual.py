"""The man pages and the completions, against what the program itself says it can do."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qlogship.cli.app import COMMANDS, main
from qlogship.config.model import fields, is_secret
from qlogship.errors import EXIT_MEANINGS

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "packaging" / "man"
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def script() -> ModuleType:
    """Import tools/manual.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("manual", ROOT / "tools" / "manual.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def offered(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[set[str], list[str]]:
    """Return the options in the help of a command, and the commands below it."""
    assert main([*words, "--help"]) == 0
    text = capsys.readouterr().out
    options = {name for line in _left_column(text, "Options:") for name in OPTION.findall(line)}
    below = [line.split()[0] for line in _left_column(text, "Commands:")]
    return options - {"--help"}, below


def _left_column(help_text: str, heading: str) -> list[str]:
    _, _, rest = help_text.partition(f"\n{heading}\n")
    section = rest.split("\n\n")[0]
    return [
        line.strip().split("  ")[0] for line in section.splitlines() if re.match(r" {2}\S", line)
    ]


@pytest.fixture
def tree(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, ...], set[str]]:
    """Every command that can be typed, with its options, as `--help` tells them."""
    found: dict[tuple[str, ...], set[str]] = {}
    for name in COMMANDS:
        options, below = offered(capsys, name)
        found[(name,)] = options
        for word in below:
            found[(name, word)], _ = offered(capsys, name, word)
    return found


def test_pages_are_current() -> None:
    """The man pages in the tree are those that tools/reference.py writes."""
    for path, text in script().pages(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, "run `python tools/reference.py`"


def test_page_has_every_command_and_option(tree: dict[tuple[str, ...], set[str]]) -> None:
    """qlogship(8) has a section for each command, with exactly the options it takes."""
    text = (PAGES / "qlogship.8").read_text(encoding="utf-8").replace("\\-", "-")
    _, *sections = re.split(r"^\.SS qlogship ", text.partition("\n.SH EXIT")[0], flags=re.MULTILINE)
    described: dict[tuple[str, ...], set[str]] = {}
    for section in sections:
        words = section.partition(" [OPTIONS]")[0]
        terms = re.findall(r"^\.TP\n\.B (.*)$", section, flags=re.MULTILINE)
        described[tuple(words.split())] = {
            name for term in terms if term.startswith("-") for name in OPTION.findall(term)
        }
    groups = {words[:1] for words in tree if len(words) == 2}
    typed = {words: options for words, options in tree.items() if options or words not in groups}
    assert described == typed


def test_page_has_every_exit_code() -> None:
    """qlogship(8) has each exit code with its meaning."""
    text = (PAGES / "qlogship.8").read_text(encoding="utf-8")
    for code, meaning in EXIT_MEANINGS.items():
        assert f".TP\n.B {int(code)}\n{meaning}\n" in text


def test_page_has_every_setting() -> None:
    """qlogship.toml(5) has each key under its section, and no other."""
    text = (PAGES / "qlogship.toml.5").read_text(encoding="utf-8")
    text = text.partition("\n.SH SETTINGS\n")[2].partition("\n.SH ")[0]
    described = [
        (section.partition("]")[0], key)
        for section in text.split(".SS [")[1:]
        for key in re.findall(r"^\.TP\n\.B (\w+)$", section, flags=re.MULTILINE)
    ]
    assert described == [(one, key) for one, key, _ in fields() if not is_secret(one, key)]


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man")
@pytest.mark.parametrize("name", ["qlogship.8", "qlogship.toml.5"])
def test_page_is_sound_roff(name: str) -> None:
    """`man` finds nothing to warn of in a page, and shows all that it has of options."""
    done = subprocess.run(
        ["man", "--warnings", "--encoding=UTF-8", "--local-file", PAGES / name],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANROFFOPT": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert name.partition(".")[0] in done.stdout


def complete(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> set[str]:
    """Return what a shell is told when it completes these words."""
    monkeypatch.setenv("_QLOGSHIP_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(["qlogship", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    main([])
    return set(capsys.readouterr().out.split())


def test_completion_has_every_command_and_option(
    tree: dict[tuple[str, ...], set[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A shell is offered every command, every command below it, and every option of each."""
    assert complete(capsys, monkeypatch, "") >= set(COMMANDS)
    for words, options in tree.items():
        below = {deeper[1] for deeper in tree if len(deeper) == 2 and deeper[:1] == words}
        if below:
            assert complete(capsys, monkeypatch, *words, "") >= below
        found = complete(capsys, monkeypatch, *words, "--")
        assert found >= {name for name in options if name.startswith("--")}


def page_of(*arguments: Any) -> str:  # noqa: ANN401 -- stands for typer's own
    """Return how tools/manual.py writes a text."""
    written: str = script()._running(*arguments)
    return written


def test_words_cannot_command_roff() -> None:
    """A text with a dot in front, a backslash or a hyphen comes out as it is."""
    assert page_of(".TH `a-b` c\\d") == "\\&.TH \\fBa\\-b\\fR c\\ed"
