"""What the packages are made from; `.ci/packages` makes, installs and removes them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools.packages.build import changelog_for, date_of, package_version
from tools.packages.lock import REQUIREMENTS, TOOLS
from tools.packages.notices import NoLicenceError, copyright_file

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
CHANGELOG = (PACKAGING / "deb" / "changelog").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SCRIPTS = [
    *(PACKAGING / "deb" / name for name in ("postinst", "prerm", "postrm")),
    *(PACKAGING / "rpm").iterdir(),
]

METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: 1\nLicense-Expression: {licence}\n"


def locked(lock: Path) -> dict[str, tuple[str, str]]:
    """Return the version and the hash of each library that a lock file names."""
    entry = r"^([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})\n"
    text = lock.read_text(encoding="ascii")
    found = re.findall(entry, text, flags=re.MULTILINE)
    rest = re.sub(entry, "", text, flags=re.MULTILINE)
    assert all(line.startswith("# ") for line in rest.splitlines()), rest
    return {name: (version, digest) for name, version, digest in found}


def numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers, in an order in which newer ones are greater."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (
            REQUIREMENTS,
            [
                *PROJECT["project"]["dependencies"],
                *PROJECT["project"]["optional-dependencies"]["sandbox"],
            ],
        ),
        (TOOLS, PROJECT["dependency-groups"]["packages"]),
    ],
    ids=["libraries", "tools"],
)
def test_lock_covers_what_is_wanted(lock: Path, wanted: list[str]) -> None:
    """What pyproject.toml asks for is locked, new enough and by hash; else run `make lock`."""
    have = locked(lock)
    for requirement in wanted:
        name, least = requirement.split(">=")
        assert numbers(have[name][0]) >= numbers(least), requirement


def test_each_override_has_its_reason() -> None:
    """A complaint of lintian is overridden only below a comment that says why."""
    overrides = (PACKAGING / "deb" / "lintian-overrides").read_text(encoding="ascii")
    for block in overrides.strip().split("\n\n"):
        lines = block.splitlines()
        assert lines[0].startswith("# "), block
        assert lines[-1].startswith("qlogship: "), block


def test_shipped_settings_never_change() -> None:
    """The text of the shipped settings stays: a new one would stop upgrades with a question."""
    shipped = (PACKAGING / "etc" / "qlogship.toml").read_bytes()
    digest = "abc24a42b992"
    assert hashlib.sha256(shipped).hexdigest()[:12] == digest
    assert tomllib.loads(shipped.decode("ascii")) == {}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_scripts_are_posix(script: Path) -> None:
    """What a package runs as root is sound to the shell that Debian has for it."""
    checked = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_changelog_knows_the_version() -> None:
    """The newest entry of Debian's changelog is about the version in pyproject.toml."""
    version = package_version(PROJECT["project"]["version"])
    assert version is not None
    assert CHANGELOG.startswith(f"qlogship ({version}-1) ")
    assert changelog_for(CHANGELOG, version) == CHANGELOG


def test_another_version_gets_an_entry() -> None:
    """A package built as another version says so on top, and is as old as the entry below."""
    changelog = changelog_for(CHANGELOG, "9.0.0~rc1")
    assert changelog.startswith("qlogship (9.0.0~rc1-1) ")
    assert changelog.endswith(CHANGELOG)
    assert date_of(changelog) == date_of(CHANGELOG)


@pytest.mark.parametrize(
    ("version", "packaged"),
    [
        ("0.2.0", "0.2.0"),
        ("0.2.0rc1", "0.2.0~rc1"),
        ("0.2.0.dev3", "0.2.0~dev3"),
        ("1.0b2", "1.0~b2"),
        ("1.0.", None),
        ("1.0-1", None),
        ("1.0; reboot", None),
        ("", None),
    ],
)
def test_a_candidate_comes_before_its_release(version: str, packaged: str | None) -> None:
    """What comes before a release does so for dpkg and rpm, too; what is no version is refused."""
    assert package_version(version) == packaged


def library(site: Path, name: str, licence: str, text: str = "") -> None:
    """Put a library with a licence among the others."""
    info = site / f"{name}-1.dist-info"
    (info / "licenses").mkdir(parents=True)
    (site / name).mkdir()
    (info / "METADATA").write_text(METADATA.format(name=name, licence=licence), encoding="utf-8")
    if text:
        (info / "licenses" / "LICENSE").write_text(text, encoding="utf-8")


def test_copyright_names_every_library(tmp_path: Path) -> None:
    """Each library is in the copyright file with its authors, licence and the licence's words."""
    library(tmp_path, "one", "MIT", "Copyright (c) 2020 Ann\n\nPermission is granted\n")
    library(tmp_path, "two", "Apache-2.0", "Apache License\n Version 2.0, January 2004\n")

    text = copyright_file("MIT License\n\nCopyright (c) 2026 Us\n", tmp_path, Path("usr/lib/x"))

    assert "Files: *\nCopyright: Copyright (c) 2026 Us\nLicense: MIT\n MIT License\n .\n" in text
    assert (
        "Files: usr/lib/x/one/* usr/lib/x/one-1.dist-info/*\nCopyright: Copyright (c) 2020" in text
    )
    assert "\n Permission is granted\n" in text
    assert "License: Apache-2.0\n See /usr/share/common-licenses/Apache-2.0.\n" in text


def test_no_file_without_a_library(tmp_path: Path) -> None:
    """What no library is known to have brought is not packaged."""
    library(tmp_path, "one", "MIT", "Permission is granted\n")
    (tmp_path / "stray.py").touch()
    with pytest.raises(NoLicenceError, match=r"stray\.py"):
        copyright_file("", tmp_path, Path("usr/lib/x"))


@pytest.mark.parametrize(("licence", "text"), [("MIT", ""), ("", "All rights reserved")])
def test_no_library_without_a_licence(tmp_path: Path, licence: str, text: str) -> None:
    """A library that does not tell under which terms it may be passed on is not packaged."""
    library(tmp_path, "one", licence, text)
    with pytest.raises(NoLicenceError, match=r"one-1\.dist-info"):
        copyright_file("", tmp_path, Path("usr/lib/x"))
