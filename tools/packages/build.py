"""Make the packages from this tree: qlogship and qlogship-sandbox, each as .deb and .rpm.

    python -m tools.packages.build                       into dist/
    python -m tools.packages.build --version 0.2.0rc1    as another version than pyproject.toml's
    python -m tools.packages.build --sign KEY            and sign SHA256SUMS with a key of gpg

The same tree gives the same bytes, wherever, whenever and by whomever it is built:

1.  The tools come by version and hash (packaging/tools.txt), and so do the libraries
    (packaging/requirements.txt), as the files that their authors published.
2.  The tree of each package is laid out under build/packages/: a virtual environment at
    /usr/lib/qlogship whose python is the system's, everything else where Debian and Red Hat
    look for it. What tells of the build is left out: paths, times, byte code, pip's own notes.
    What only the sandbox needs goes to /usr/lib/qlogship/sandbox, into the second package.
3.  nfpm packs it twice, with the modes that `_settle` gives, root as the owner, and the date of the
    newest entry in packaging/deb/changelog, else of SOURCE_DATE_EPOCH.
4.  Beside the packages: what each of them carries (*.cdx.json), and the sums of all these files.
    Only the signature, where a key is named, differs from time to time.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from tools.packages.checksums import (
    SIGNATURE,
    SUMS,
    SigningError,
    checksums,
    find_key,
    sign,
)
from tools.packages.lock import (
    PLATFORMS,
    PYTHON,
    REQUIREMENTS,
    ROOT,
    SANDBOX_REQUIREMENTS,
    TOOLS,
)
from tools.packages.notices import NoLicenceError, copyright_file
from tools.packages.sbom import Library, UnlockedError, bill_of_materials, libraries

PLACE: Final = ROOT / "build" / "packages"
DIST: Final = ROOT / "dist"
PACKAGING: Final = ROOT / "packaging"

HOME: Final = Path("usr/lib/qlogship")
LIBRARIES: Final = HOME / "lib" / f"python{PYTHON[0]}.{PYTHON[1]}" / "site-packages"
UNITS: Final = Path("usr/lib/systemd/system")
GENERATORS: Final = {
    # Where Debian 12 has this folder: dpkg complains of one that no other package owns.
    "deb": Path("lib/systemd/system-generators/qlogship-generator"),
    "rpm": Path("usr/lib/systemd/system-generators/qlogship-generator"),
}
SHARED_DOC: Final = Path("usr/share/doc")
DOC: Final = SHARED_DOC / "qlogship"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What is laid out and packed by itself."""

    name: str
    lock: Path
    site: Path
    """Where its libraries are, once installed."""
    described: Path
    """The folder with its description and scripts."""

    @property
    def place(self) -> Path:
        """The folder in which it is laid out."""
        return PLACE / self.name

    @property
    def both(self) -> Path:
        """What both kinds of package have; beside it stands what only one of them has."""
        return self.place / "both"

    @property
    def deb(self) -> Path:
        """What only the .deb has."""
        return self.place / "deb"

    @property
    def rpm(self) -> Path:
        """What only the .rpm has."""
        return self.place / "rpm"


SERVICE: Final = Package(name="qlogship", lock=REQUIREMENTS, site=LIBRARIES, described=PACKAGING)
SANDBOX: Final = Package(
    name="qlogship-sandbox",
    lock=SANDBOX_REQUIREMENTS,
    # Beside the service's libraries: it does not import what is not on its path.
    site=HOME / "sandbox",
    described=PACKAGING / "sandbox",
)

# What other programs than the package's own would use, and what is of no use at run time.
LEFT_OUT: Final = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/.agents",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/sboms",
    # zstandard's second backend, for interpreters that take no C extensions: 12 MB.
    "zstandard/_cffi.*.so",
    "zstandard/backend_cffi.py",
)
EXECUTABLE: Final = (HOME / "bin" / "qlogship", *GENERATORS.values())
# Source under packaging/ -> folder in the deb, in the rpm. A file is taken by its own name.
MANUALS: Final = {"man/qlogship.8": "man8", "man/qlogship.toml.5": "man5"}
COMPLETIONS: Final = {
    "completions/qlogship.bash": ("bash-completion/completions/qlogship",) * 2,
    "completions/_qlogship": ("zsh/vendor-completions/_qlogship", "zsh/site-functions/_qlogship"),
    "completions/qlogship.fish": ("fish/vendor_completions.d/qlogship.fish",) * 2,
}


def main() -> None:
    """Build the packages and what goes with them, and print where all that is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parser = argparse.ArgumentParser(prog="make packages", description="Make the packages.")
    parser.add_argument("--version", default=project["version"], help="default: %(default)s")
    parser.add_argument("--sign", metavar="KEY", help="sign the sums with this key of gpg")
    given = parser.parse_args()
    version = given.version
    packaged = package_version(version)
    if packaged is None:
        parser.error(f"{version!r} is no version like 0.2.0, 0.2.0rc1 or 0.2.0.dev1")
    try:
        if given.sign:
            find_key(given.sign)
        # Those of an earlier build would be wrong of what is made now.
        for name in (SUMS, SIGNATURE):
            (DIST / name).unlink(missing_ok=True)
        made = _build(project["version"], version, packaged)
        for path in _publish(made, given.sign):
            print(path.relative_to(ROOT))  # noqa: T201 -- the result
    except (NoLicenceError, UnlockedError, SigningError) as exc:
        sys.exit(f"make packages: {exc}")


def _build(stated: str, version: str, packaged: str) -> list[Path]:
    """Make the packages, and the list of what is in each; `stated` is pyproject.toml's version."""
    os.umask(0o022)
    changelog = changelog_for(
        (PACKAGING / "deb" / "changelog").read_text(encoding="utf-8"), packaged
    )
    os.environ |= {
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or str(date_of(changelog)),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    shutil.rmtree(PLACE, ignore_errors=True)
    for package in (SERVICE, SANDBOX):
        for tree in (package.both, package.deb, package.rpm):
            tree.mkdir(parents=True)
    _fetch_tools()
    carried = {package: _libraries(package) for package in (SERVICE, SANDBOX)}
    _program(SERVICE.both, stated, version)
    _services(SERVICE)
    _documents(SERVICE.both)
    _manuals()
    made = []
    DIST.mkdir(exist_ok=True)
    for package, its_libraries in carried.items():
        _leave_out(package.both / package.site)
        _deb_documents(package, changelog)
        for tree in (package.both, package.deb, package.rpm):
            _settle(tree)
        made += [_pack(package, packager, packaged, changelog) for packager in ("deb", "rpm")]
        document = DIST / f"{package.name}-{packaged}.cdx.json"
        document.write_text(
            bill_of_materials(
                its_libraries,
                package=package.name,
                version=packaged,
                author=_trailer(changelog).partition(" <")[0],
                when=int(os.environ["SOURCE_DATE_EPOCH"]),
            ),
            encoding="utf-8",
        )
        made.append(document)
    return made


def _publish(made: list[Path], key: str | None) -> list[Path]:
    """Add the sums to what was made, and their signature where there is a key."""
    sums = DIST / SUMS
    sums.write_text(checksums(made), encoding="utf-8")
    return [*made, sums, *([sign(sums, key)] if key else [])]


def package_version(version: str) -> str | None:
    """Return a Python version as dpkg and rpm order it: 0.2.0rc1 as 0.2.0~rc1; None if it is none.

    A tilde sorts before the end of the version, so a candidate comes before its release.
    """
    parts = re.fullmatch(r"(\d+(?:\.\d+)*)\.?((?:a|b|rc|dev)\d+)?", version)
    if parts is None or version.endswith("."):
        return None
    return "~".join(part for part in parts.groups() if part)


def changelog_for(changelog: str, packaged: str) -> str:
    """Return Debian's changelog with this version on top: as it is, or with an entry before it."""
    first, _, rest = changelog.partition("\n")
    if f"({packaged}-1)" in first:
        return changelog
    _, changes, *_ = re.split(r"^( --.*)$", rest, maxsplit=1, flags=re.MULTILINE)
    return (
        f"{re.sub(r'[(].*?[)]', f'({packaged}-1)', first)}\n\n"
        f"  * Built from the tree as {packaged}.\n\n{changes}\n\n{changelog}"
    )


def date_of(changelog: str) -> int:
    """Return the time of the newest entry, in seconds since 1970."""
    return int(parsedate_to_datetime(_trailer(changelog).partition(">  ")[2]).timestamp())


def _trailer(changelog: str) -> str:
    """Return who made the newest entry, and when: `name <address>  date`."""
    lines = changelog.splitlines()
    return next(line for line in lines if line.startswith(" -- ")).removeprefix(" -- ")


def _fetch_tools() -> None:
    """Install what builds the packages where only this script looks."""
    _pip(f"--target={PLACE / 'tools'}", "--requirement", TOOLS)


def _libraries(package: Package) -> list[Library]:
    """Lay out the libraries of a package; return which these are."""
    site = package.both / package.site
    target = [f"--target={site}", "--no-compile", "--no-deps", "--implementation=cp"]
    target += ["--python-version=" + ".".join(map(str, PYTHON))]
    target += [f"--platform={platform}" for platform in PLATFORMS]
    _pip(*target, "--no-build-isolation", "--use-pep517", "--requirement", package.lock)
    return libraries(package.lock.read_text(encoding="ascii"), site)


def _program(tree: Path, version: str, wanted: str) -> None:
    """Complete the virtual environment: qlogship itself, and the way to start it."""
    site = tree / LIBRARIES
    source = PLACE / "source"
    without = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "qlogship", source / "qlogship", ignore=without)
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    stated = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (source / "pyproject.toml").write_text(
        stated.replace(f'version = "{version}"', f'version = "{wanted}"', 1), encoding="utf-8"
    )
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", cwd=source)
    (wheel,) = (source / "dist").glob("*.whl")
    _pip(f"--target={site}", "--no-compile", "--no-deps", "--no-index", wheel)

    home = tree / HOME
    (home / "bin").mkdir()
    (home / "bin" / "python").symlink_to(f"../../../bin/python{PYTHON[0]}.{PYTHON[1]}")
    shutil.copy(PACKAGING / "qlogship", home / "bin")
    shutil.copy(PACKAGING / "pyvenv.cfg", home)
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/qlogship").symlink_to("../lib/qlogship/bin/qlogship")


def _leave_out(site: Path) -> None:
    """Take away what the packages do not carry of the libraries."""
    for pattern in LEFT_OUT:
        for path in list(site.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in sorted(site.rglob("*/"), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def _services(package: Package) -> None:
    """Put what is in systemd/ where systemd looks: units, generator, sysusers.d, tmpfiles.d."""
    for tree in (package.deb, package.rpm):
        generator = GENERATORS[tree.name]
        _put(ROOT / "systemd" / generator.name, tree / generator)
    tree = package.both
    for path in sorted((ROOT / "systemd").glob("qlogship*.*")):
        if path.suffix != ".conf":
            _put(path, tree / UNITS / path.name)
            continue
        name, kind = path.stem.rsplit(".", 1)
        _put(path, tree / f"usr/lib/{kind}.d" / f"{name}.conf")


def _documents(tree: Path) -> None:
    """Put the manual where it is looked for; its links from one page to another hold."""
    _put(ROOT / "README.md", tree / DOC / "README.md")
    for name in ("CONTRIBUTING.md", "SECURITY.md"):
        _put(ROOT / name, tree / DOC / name)
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.is_file():
            _put(path, tree / DOC / path.relative_to(ROOT))
    _put(ROOT / "CHANGELOG.md", tree / DOC / "CHANGELOG.md")
    _put(ROOT / "LICENSE", tree / DOC / "LICENSE")


def _manuals() -> None:
    """Add man pages and completions."""
    for source, folder in MANUALS.items():
        page = SERVICE.both / "usr/share/man" / folder / Path(source).name
        _put(PACKAGING / source, page)
        _gzip(page)
    for source, (in_deb, in_rpm) in COMPLETIONS.items():
        _put(PACKAGING / source, SERVICE.deb / "usr/share" / in_deb)
        _put(PACKAGING / source, SERVICE.rpm / "usr/share" / in_rpm)


def _deb_documents(package: Package, changelog: str) -> None:
    """Add what Debian's policy asks for: changelogs, copyright, and lintian's overrides."""
    doc = package.deb / SHARED_DOC / package.name
    _put(ROOT / "CHANGELOG.md", doc / "changelog")
    (doc / "changelog.Debian").write_text(changelog, encoding="utf-8")
    _gzip(doc / "changelog")
    _gzip(doc / "changelog.Debian")
    own = (ROOT / "LICENSE").read_text(encoding="utf-8")
    notices = copyright_file(own, package.both / package.site, package.site)
    (doc / "copyright").write_text(notices, encoding="utf-8")
    overrides = package.described / "deb" / "lintian-overrides"
    if overrides.exists():
        _put(overrides, package.deb / "usr/share/lintian/overrides" / package.name)


def _settle(tree: Path) -> None:
    """Give everything the mode and the time it has in the package; nfpm gives the owner."""
    when = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.relative_to(tree) in EXECUTABLE
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (when, when), follow_symlinks=False)


def _pack(package: Package, packager: str, version: str, changelog: str) -> Path:
    """Run nfpm in the place where the trees are; return the package."""
    for folder in ("etc", "deb", "rpm"):
        for source in (package.described / folder).glob("*"):
            copied = package.place / "packaging" / folder / source.name
            _put(source, copied)
            os.utime(copied, (int(os.environ["SOURCE_DATE_EPOCH"]),) * 2)
    os.environ |= {
        "PACKAGE_VERSION": version,
        "PACKAGE_MAINTAINER": _trailer(changelog).partition(">")[0] + ">",
    }
    name = package.name
    names = {"deb": f"{name}_{version}-1_amd64.deb", "rpm": f"{name}-{version}-1.x86_64.rpm"}
    packed = DIST / names[packager]
    nfpm = PLACE / "tools" / "bin" / "nfpm"
    arguments = ("--config", package.described / "nfpm.yaml", "--packager", packager)
    _run(nfpm, "package", *arguments, "--target", packed, cwd=package.place)
    return packed


def _put(source: Path, destination: Path) -> None:
    """Copy a file, and make its folder."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)


def _gzip(path: Path) -> None:
    """Compress a file in place, as Debian's policy wants it: best, without name and time."""
    _run("gzip", "-9n", path)


def _pip(*arguments: str | Path) -> None:
    """Install by hash, or what is on this machine; talk only of what goes wrong."""
    hashes = () if "--no-index" in arguments else ("--require-hashes",)
    options = ("--disable-pip-version-check", "install", "--quiet", "--ignore-installed")
    _run(sys.executable, "-m", "pip", *options, *hashes, *arguments)


def _run(*command: str | Path, cwd: Path = PLACE) -> None:
    """Run a program, in its own folder, with the tools at hand; end here when it fails."""
    PLACE.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(PLACE / "tools")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stdout)
        sys.exit(f"make packages: {command[0]} failed with status {done.returncode}")


if __name__ == "__main__":
    main()
