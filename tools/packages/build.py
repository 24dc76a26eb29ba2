"""Make the .deb and the .rpm from this tree.

    python -m tools.packages.build                       into dist/
    python -m tools.packages.build --version 0.2.0rc1    as another version than pyproject.toml's

The same tree gives the same bytes, wherever, whenever and by whomever it is built:

1.  The tools come by version and hash (packaging/tools.txt), and so do the libraries
    (packaging/requirements.txt), as the files that their authors published.
2.  The tree of the package is laid out under build/packages/: a virtual environment at
    /usr/lib/qlogship whose python is the system's, everything else where Debian and Red Hat
    look for it. What tells of the build is left out: paths, times, byte code, pip's own notes.
3.  nfpm packs it twice, with the modes that `_settle` gives, root as the owner, and the date of the
    newest entry in packaging/deb/changelog, else of SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from tools.packages.lock import PLATFORMS, PYTHON, REQUIREMENTS, ROOT, TOOLS
from tools.packages.notices import NoLicenceError, copyright_file

PLACE: Final = ROOT / "build" / "packages"
DIST: Final = ROOT / "dist"
PACKAGING: Final = ROOT / "packaging"

HOME: Final = Path("usr/lib/qlogship")
LIBRARIES: Final = HOME / "lib" / f"python{PYTHON[0]}.{PYTHON[1]}" / "site-packages"
UNITS: Final = Path("usr/lib/systemd/system")
DOC: Final = Path("usr/share/doc/qlogship")

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
EXECUTABLE: Final = (HOME / "bin" / "qlogship",)
# Source under packaging/ -> folder in the deb, in the rpm. A file is taken by its own name.
MANUALS: Final = {"man/qlogship.8": "man8", "man/qlogship.toml.5": "man5"}
COMPLETIONS: Final = {
    "completions/qlogship.bash": ("bash-completion/completions/qlogship",) * 2,
    "completions/_qlogship": ("zsh/vendor-completions/_qlogship", "zsh/site-functions/_qlogship"),
    "completions/qlogship.fish": ("fish/vendor_completions.d/qlogship.fish",) * 2,
}


def main() -> None:
    """Build both packages and print where they are."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parser = argparse.ArgumentParser(prog="make packages", description="Make the .deb and .rpm.")
    parser.add_argument("--version", default=project["version"], help="default: %(default)s")
    version = parser.parse_args().version
    packaged = package_version(version)
    if packaged is None:
        parser.error(f"{version!r} is no version like 0.2.0, 0.2.0rc1 or 0.2.0.dev1")

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
    both, deb, rpm = (PLACE / name for name in ("both", "deb", "rpm"))
    for tree in (both, deb, rpm):
        tree.mkdir(parents=True)
    _fetch_tools()
    _program(both, project["version"], version)
    _services(both)
    _documents(both)
    _manuals(both, deb, rpm)
    _deb_documents(deb, changelog, both / LIBRARIES)
    for tree in (both, deb, rpm):
        _settle(tree)
    DIST.mkdir(exist_ok=True)
    for packager in ("deb", "rpm"):
        print(_pack(packager, packaged, changelog).relative_to(ROOT))  # noqa: T201 -- the result


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
    trailer = next(line for line in changelog.splitlines() if line.startswith(" -- "))
    return int(parsedate_to_datetime(trailer.partition(">  ")[2]).timestamp())


def _fetch_tools() -> None:
    """Install what builds the packages where only this script looks."""
    _pip(f"--target={PLACE / 'tools'}", "--requirement", TOOLS)


def _program(tree: Path, version: str, wanted: str) -> None:
    """Lay out the virtual environment: the libraries, qlogship itself, and the way to start it."""
    site = tree / LIBRARIES
    target = [f"--target={site}", "--no-compile", "--no-deps", "--implementation=cp"]
    target += ["--python-version=" + ".".join(map(str, PYTHON))]
    target += [f"--platform={platform}" for platform in PLATFORMS]
    _pip(*target, "--no-build-isolation", "--use-pep517", "--requirement", REQUIREMENTS)

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

    for pattern in LEFT_OUT:
        for path in list(site.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in sorted(site.rglob("*/"), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    home = tree / HOME
    (home / "bin").mkdir()
    (home / "bin" / "python").symlink_to(f"../../../bin/python{PYTHON[0]}.{PYTHON[1]}")
    shutil.copy(PACKAGING / "qlogship", home / "bin")
    shutil.copy(PACKAGING / "pyvenv.cfg", home)
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/qlogship").symlink_to("../lib/qlogship/bin/qlogship")


def _services(tree: Path) -> None:
    """Put what is in systemd/ where systemd looks: units, sysusers.d, tmpfiles.d."""
    for path in sorted((ROOT / "systemd").glob("qlogship*.*")):
        if path.suffix != ".conf":
            _put(path, tree / UNITS / path.name)
            continue
        name, kind = path.stem.rsplit(".", 1)
        _put(path, tree / f"usr/lib/{kind}.d" / f"{name}.conf")


def _documents(tree: Path) -> None:
    """Put the manual where it is looked for; its links from one page to another hold."""
    _put(ROOT / "README.md", tree / DOC / "README.md")
    _put(ROOT / "CONTRIBUTING.md", tree / DOC / "CONTRIBUTING.md")
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.is_file():
            _put(path, tree / DOC / path.relative_to(ROOT))
    _put(ROOT / "CHANGELOG.md", tree / DOC / "CHANGELOG.md")
    _put(ROOT / "LICENSE", tree / DOC / "LICENSE")


def _manuals(both: Path, deb: Path, rpm: Path) -> None:
    """Add man pages and completions."""
    for source, folder in MANUALS.items():
        page = both / "usr/share/man" / folder / Path(source).name
        _put(PACKAGING / source, page)
        _gzip(page)
    for source, (in_deb, in_rpm) in COMPLETIONS.items():
        _put(PACKAGING / source, deb / "usr/share" / in_deb)
        _put(PACKAGING / source, rpm / "usr/share" / in_rpm)


def _deb_documents(tree: Path, changelog: str, site: Path) -> None:
    """Add what Debian's policy asks for: changelogs, copyright, and lintian's overrides."""
    doc = tree / DOC
    _put(ROOT / "CHANGELOG.md", doc / "changelog")
    (doc / "changelog.Debian").write_text(changelog, encoding="utf-8")
    _gzip(doc / "changelog")
    _gzip(doc / "changelog.Debian")
    try:
        notices = copyright_file((ROOT / "LICENSE").read_text(encoding="utf-8"), site, LIBRARIES)
    except NoLicenceError as exc:
        sys.exit(f"make packages: {exc}")
    (doc / "copyright").write_text(notices, encoding="utf-8")
    _put(PACKAGING / "deb" / "lintian-overrides", tree / "usr/share/lintian/overrides/qlogship")


def _settle(tree: Path) -> None:
    """Give everything the mode and the time it has in the package; nfpm gives the owner."""
    when = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.relative_to(tree) in EXECUTABLE
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (when, when), follow_symlinks=False)


def _pack(packager: str, version: str, changelog: str) -> Path:
    """Run nfpm in the place where the trees are; return the package."""
    shutil.copy(PACKAGING / "etc" / "qlogship.toml", PLACE)
    for path in (PLACE / "qlogship.toml", *(PLACE / "scripts").rglob("*")):
        os.utime(path, (int(os.environ["SOURCE_DATE_EPOCH"]),) * 2)
    for name in ("deb", "rpm"):
        for script in (PACKAGING / name).iterdir():
            _put(script, PLACE / "scripts" / name / script.name)
    trailer = next(line for line in changelog.splitlines() if line.startswith(" -- "))
    os.environ |= {
        "PACKAGE_VERSION": version,
        "PACKAGE_MAINTAINER": trailer.removeprefix(" -- ").partition(">")[0] + ">",
    }
    names = {"deb": f"qlogship_{version}-1_amd64.deb", "rpm": f"qlogship-{version}-1.x86_64.rpm"}
    package = DIST / names[packager]
    nfpm = PLACE / "tools" / "bin" / "nfpm"
    config = PACKAGING / "nfpm.yaml"
    _run(nfpm, "package", "--config", config, "--packager", packager, "--target", package)
    return package


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
