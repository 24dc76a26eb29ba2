# ruff: noqa: INP001 -- a script of its own, in no package
"""Make docs/reconcile-desktop.png and docs/reconcile-phone.png: the page of `qlogship reconcile`.

    python tools/reconcile_pictures.py [--dark] [DIRECTORY]

The month is the example that the tests reconcile (tests/support/books.py), made
with the real store and shown by the real command in Debian's chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from qlogship.cli.app import main as qlogship  # noqa: E402 -- the path comes first
from tests.support.books import ZONE, month  # noqa: E402
from tests.support.chromium import Chromium  # noqa: E402

WIDTHS = {"desktop": 1280, "phone": 390}


def main() -> int:
    """Make the state, the page, the pictures."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--dark", action="store_true", help="as the page looks at night")
    options.add_argument("directory", nargs="?", type=Path, default=ROOT / "docs")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="qlogship-picture-") as name:
        place = Path(name)
        month(place / "state")
        page = place / "page.html"
        config = place / "qlogship.toml"
        config.write_text(
            f'[dashboard]\nurl = "https://company.softphone.pro"\nemail = "admin@example.com"\n'
            f"[state]\ndirectory = {json.dumps(str(place / 'state'))}\n"
        )
        os.environ["QLOGSHIP_DASHBOARD__PASSWORD"] = "unused"  # noqa: S105
        qlogship(["reconcile", "--html", str(page), "--tz", str(ZONE), "-c", str(config)])
        with Chromium() as browser:
            for kind, width in WIDTHS.items():
                looks = "-dark" if given.dark else ""
                target = given.directory / f"reconcile-{kind}{looks}.png"
                target.write_bytes(browser.picture(page, width=width, dark=given.dark))
                _shrink(target)
                sys.stdout.write(f"{target}: {target.stat().st_size:,} bytes\n")
    return 0


def _shrink(picture: Path) -> None:
    """Make the file smaller where there is a tool for it; it looks the same."""
    for tool in (
        ["pngquant", "--force", "--ext", ".png", "--skip-if-larger"],
        ["optipng", "-quiet"],
    ):
        if shutil.which(tool[0]):
            subprocess.run([*tool, str(picture)], check=False)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
