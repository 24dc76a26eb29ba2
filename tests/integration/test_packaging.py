"""What the packages are made from; `.ci/packages` makes, installs and removes them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tools.packages.build import SANDBOX, SERVICE, changelog_for, date_of, package_version
from tools.packages.checksums import SigningError, checksums, find_key, sign
from tools.packages.lock import REQUIREMENTS, SANDBOX_REQUIREMENTS, TOOLS
from tools.packages.notices import NoLicenceError, copyright_file
from tools.packages.sbom import Library, UnlockedError, bill_of_materials, libraries
from tools.packages.sbom import locked as locked_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.packages.build import Package

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
CHANGELOG = (PACKAGING / "deb" / "changelog").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SCRIPTS = [
    *(PACKAGING / "deb" / name for name in ("postinst", "prerm", "postrm")),
    *(PACKAGING / "rpm").iterdir(),
    *(PACKAGING / "sandbox" / "deb" / name for name in ("postinst", "prerm")),
    *(PACKAGING / "sandbox" / "rpm").iterdir(),
]

METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: 1\nLicense-Expression: {licence}\n"


DIGEST = "0f" * 32
ONE = Library(name="one", version="1", sha256=DIGEST, licence={"expression": "MIT"})


def locked(lock: Path) -> dict[str, tuple[str, str]]:
    """Return the version and the hash of each library that a lock file names."""
    entry = r"^([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})\n"
    text = lock.read_text(encoding="ascii")
    rest = re.sub(entry, "", text, flags=re.MULTILINE)
    assert all(line.startswith("# ") for line in rest.splitlines()), rest
    return locked_in(text)


def numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers, in an order in which newer ones are greater."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (REQUIREMENTS, PROJECT["project"]["dependencies"]),
        (SANDBOX_REQUIREMENTS, PROJECT["project"]["optional-dependencies"]["sandbox"]),
        (TOOLS, PROJECT["dependency-groups"]["packages"]),
    ],
    ids=["libraries", "sandbox", "tools"],
)
def test_lock_covers_what_is_wanted(lock: Path, wanted: list[str]) -> None:
    """What pyproject.toml asks for is locked, new enough and by hash; else run `make lock`."""
    have = locked(lock)
    for requirement in wanted:
        name, least = requirement.split(">=")
        assert numbers(have[name][0]) >= numbers(least), requirement


def test_no_web_server_beside_the_service() -> None:
    """What only the sandbox needs is in the sandbox's package alone."""
    sandbox = locked(SANDBOX_REQUIREMENTS).keys()
    assert {"starlette", "uvicorn", "python-multipart"} <= sandbox
    assert not sandbox & locked(REQUIREMENTS).keys()


@pytest.mark.parametrize("package", [SERVICE, SANDBOX], ids=lambda package: package.name)
def test_each_override_has_its_reason(package: Package) -> None:
    """A complaint of lintian is overridden only below a comment that says why."""
    overrides = (package.described / "deb" / "lintian-overrides").read_text(encoding="ascii")
    for block in overrides.strip().split("\n\n"):
        lines = block.splitlines()
        assert lines[0].startswith("# "), block
        assert lines[-1].startswith(f"{package.name}: "), block


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


def library(site: Path, name: str, licence: str, text: str = "") -> Path:
    """Put a library with a licence among the others."""
    info = site / f"{name}-1.dist-info"
    (info / "licenses").mkdir(parents=True)
    (site / name).mkdir()
    (info / "METADATA").write_text(METADATA.format(name=name, licence=licence), encoding="utf-8")
    if text:
        (info / "licenses" / "LICENSE").write_text(text, encoding="utf-8")
    return info


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


def test_contents_are_those_of_the_lock(tmp_path: Path) -> None:
    """A library is listed with the version and the hash of its lock, its licence, and its parts."""
    library(tmp_path, "two_x", "", "Permission is granted\n")
    told = library(tmp_path, "one", "MIT OR Apache-2.0") / "sboms" / "one.cyclonedx.json"
    told.parent.mkdir()
    part = {"type": "library", "name": "crate", "version": "7", "purl": "pkg:cargo/crate@7"}
    told.write_text(json.dumps({"components": [{**part, "bom-ref": "registry#crate"}]}))
    lock = "".join(f"{name}==1 \\\n    --hash=sha256:{DIGEST}\n" for name in ("one", "two-x"))

    assert libraries(f"# A comment.\n{lock}", tmp_path) == [
        replace(ONE, licence={"expression": "MIT OR Apache-2.0"}, inside=(part,)),
        replace(ONE, name="two-x", licence={"license": {"name": "unknown"}}),
    ]


@pytest.mark.parametrize(
    ("lock", "what"),
    [
        ("", r"one-1\.dist-info is not in the lock"),
        ("one==2 \\\n    --hash=sha256:{}\n", r"one-1\.dist-info is not in the lock"),
        ("one==1 \\\n    --hash=sha256:{0}\ntwo==1 \\\n    --hash=sha256:{0}\n", "two is in the"),
    ],
)
def test_no_library_beside_the_lock(tmp_path: Path, lock: str, what: str) -> None:
    """A package that holds another library than its lock, or misses one, is not made."""
    library(tmp_path, "one", "MIT")
    with pytest.raises(UnlockedError, match=what):
        libraries(lock.format(DIGEST), tmp_path)


def contents(*carried: Library, when: int = 1_795_435_200) -> Any:  # noqa: ANN401 -- it is JSON
    """Return what is written about a package with these libraries."""
    text = bill_of_materials(carried, package="x", version="3~rc1", author="Ann", when=when)
    assert text == bill_of_materials(carried, package="x", version="3~rc1", author="Ann", when=when)
    return json.loads(text)


def test_document_of_contents() -> None:
    """The document is CycloneDX: the package, when and by whom, and each library by its hash."""
    part = {"type": "library", "name": "crate", "version": "7"}
    document = contents(ONE, replace(ONE, name="two", inside=(part,)))

    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"]
    )
    assert document["metadata"]["timestamp"] == "2026-11-23T12:00:00Z"
    assert document["metadata"]["authors"] == [{"name": "Ann"}]
    assert document["metadata"]["component"]["purl"] == "pkg:generic/x@3~rc1"
    one, two = document["components"]
    assert one == {
        "type": "library",
        "bom-ref": "pkg:pypi/one@1",
        "name": "one",
        "version": "1",
        "licenses": [{"expression": "MIT"}],
        "purl": "pkg:pypi/one@1",
        "hashes": [{"alg": "SHA-256", "content": DIGEST}],
    }
    assert two["components"] == [part]
    assert document["dependencies"][0] == {
        "ref": "pkg:generic/x@3~rc1",
        "dependsOn": ["pkg:pypi/one@1", "pkg:pypi/two@1"],
    }


def test_other_contents_are_another_document() -> None:
    """Two documents have the same number only if they say the same."""
    numbers = {
        document["serialNumber"]
        for document in (contents(), contents(ONE), contents(replace(ONE, sha256="1" * 64)))
    }
    assert len(numbers) == 3


def test_sums_are_read_by_sha256sum(tmp_path: Path) -> None:
    """SHA256SUMS is what `sha256sum --check` wants, by name, whatever the order of building."""
    for name in ("b.rpm", "a.deb"):
        (tmp_path / name).write_text(name, encoding="ascii")
    text = checksums([tmp_path / "b.rpm", tmp_path / "a.deb"])
    assert text == checksums([tmp_path / "a.deb", tmp_path / "b.rpm"])
    (tmp_path / "SHA256SUMS").write_text(text, encoding="ascii")

    check = ["sha256sum", "--strict", "--check", "SHA256SUMS"]
    said = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout == "a.deb: OK\nb.rpm: OK\n"
    (tmp_path / "a.deb").write_text("another", encoding="ascii")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a key that is thrown away, in a keyring of its own; return its name."""
    if shutil.which("gpg") is None:
        pytest.skip("there is no gpg")
    # The agent's socket is in it, and the name of a socket has to be short.
    with tempfile.TemporaryDirectory(prefix="gpg-", dir="/tmp") as home:
        monkeypatch.setenv("GNUPGHOME", home)
        name = "throw-away@example.com"
        make = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", name]
        subprocess.run([*make, "ed25519", "sign"], capture_output=True, check=True, timeout=60)
        yield name
        subprocess.run(["gpgconf", "--kill", "all"], check=False, timeout=60)


def test_signature(tmp_path: Path, key: str) -> None:
    """The sums are signed beside them with the named key; a changed line is told by that."""
    sums = tmp_path / "SHA256SUMS"
    sums.write_text("0  a.deb\n", encoding="ascii")
    find_key(key)
    signature = sign(sums, key)
    assert signature == tmp_path / "SHA256SUMS.asc"
    assert sign(sums, key) == signature

    verify = ["gpg", "--batch", "--verify", str(signature), str(sums)]
    subprocess.run(verify, capture_output=True, check=True, timeout=60)
    sums.write_text("1  a.deb\n", encoding="ascii")
    assert subprocess.run(verify, capture_output=True, check=False, timeout=60).returncode == 1


def test_no_such_key(tmp_path: Path, key: str) -> None:
    """A key that gpg does not have is named before anything is built, with what to type."""
    with pytest.raises(SigningError, match=r"no secret key 'nobody'; `gpg --list-secret-keys`"):
        find_key("nobody")
    with pytest.raises(SigningError, match=r"did not sign with 'nobody'"):
        sign(tmp_path / "SHA256SUMS", "nobody")
    assert list(tmp_path.iterdir()) == []
