"""Write which libraries the packages carry, each by version and hash.

    python -m tools.packages.lock     the newest ones that pyproject.toml allows

Files in packaging/: `requirements.txt` is what the package qlogship carries, with the hash of the
one file that a Linux on its processor installs; `sandbox/requirements.txt` what qlogship-sandbox
adds to that, and `tools.txt` is what builds them. Where the files are fetched from is not written
down: a hash is the same everywhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
REQUIREMENTS: Final = ROOT / "packaging" / "requirements.txt"
SANDBOX_REQUIREMENTS: Final = ROOT / "packaging" / "sandbox" / "requirements.txt"
TOOLS: Final = ROOT / "packaging" / "tools.txt"

PYTHON: Final = (3, 11)
# Wheels made for glibc 2.28 or older: RHEL 8 has that one, RHEL 9 2.34, Debian 12 2.36.
PLATFORMS: Final = tuple(
    f"manylinux{tag}_x86_64" for tag in ("_2_28", "_2_17", "2014", "_2_12", "2010", "_2_5", "1")
)
# Published as source only; one module of Python, nothing is compiled.
AS_SOURCE: Final = frozenset({"sdnotify"})

_HEAD: Final = """\
# {what}
# Made by `make lock` from pyproject.toml: do not edit.
"""


def main() -> None:
    """Ask pip what it would install, and write the files."""
    if sys.version_info[:2] != PYTHON:
        sys.exit(f"The lock is made by Python {PYTHON[0]}.{PYTHON[1]}, which the packages run on.")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    service = project["project"]["dependencies"]
    # Chosen together, so that what both packages need is one version; then told apart.
    chosen = _libraries([*service, *project["project"]["optional-dependencies"]["sandbox"]])
    needed = {one["metadata"]["name"] for one in _libraries(service)}
    of_service = [one for one in chosen if one["metadata"]["name"] in needed]
    of_sandbox = [one for one in chosen if one["metadata"]["name"] not in needed]
    _write(REQUIREMENTS, "The libraries in the package qlogship.", of_service)
    _write(SANDBOX_REQUIREMENTS, "What the package qlogship-sandbox adds to them.", of_sandbox)
    _write(TOOLS, "What builds the packages.", _chosen(*project["dependency-groups"]["packages"]))


def _libraries(wanted: list[str]) -> list[dict[str, Any]]:
    """Return what pip would install for these requirements where the packages are installed."""
    source = [requirement for requirement in wanted if _name(requirement) in AS_SOURCE]
    wheels = [requirement for requirement in wanted if requirement not in source]
    target = ["--python-version=" + ".".join(map(str, PYTHON)), "--implementation=cp"]
    target += [f"--platform={platform}" for platform in PLATFORMS]
    chosen = _chosen("--only-binary=:all:", *target, *wheels)
    return chosen + (_chosen("--no-deps", "--no-binary=:all:", *source) if source else [])


def _chosen(*arguments: str) -> list[dict[str, Any]]:
    """Return pip's own account of what it would install for these requirements."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
                *("--dry-run", "--ignore-installed", f"--target={place}/none"),
                *("--report", str(report), *arguments),
            ],
            check=True,
        )
        installed: list[dict[str, Any]] = json.loads(report.read_bytes())["install"]
    return installed


def _write(path: Path, what: str, chosen: list[dict[str, Any]]) -> None:
    """Write the requirements, sorted by name."""
    lines = sorted(
        f"{_name(one['metadata']['name'])}=={one['metadata']['version']} \\\n"
        f"    --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}\n"
        for one in chosen
    )
    path.write_text(_HEAD.format(what=what) + "".join(lines), encoding="ascii")
    print(f"{path.relative_to(ROOT)}: {len(lines)} libraries")  # noqa: T201 -- a script's result


def _name(requirement: str) -> str:
    """Return the library that a requirement is about, spelt as package indexes do."""
    end = next((i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), None)
    return requirement[:end].lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    main()
