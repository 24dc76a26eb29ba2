# ruff: noqa: INP001 -- a script of its own, in no package
"""Make docs/demo.svg: what `qlogship demo` shows after a while, as a picture.

    python tools/demo_picture.py [--seconds 60] [--size 100x30] [FILE]

It plays the demo itself, with the real service, and draws a snapshot with the
function that draws every one of them. Nothing is made up, but it waits for a
snapshot that shows something of everything. A new run makes a new picture.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from qlogship.demo.run import DemoRun
from qlogship.demo.screen import picture
from qlogship.demo.snapshot import ROTATION, DemoSnapshot

PICTURE = Path(__file__).parents[1] / "docs" / "demo.svg"
# The port that `qlogship sandbox` has by default looks better than a random one.
PORT = 8642
THEME = TerminalTheme(
    (24, 26, 32),
    (214, 218, 226),
    [(24, 26, 32), (215, 95, 95), (95, 175, 95), (175, 135, 0),
     (0, 135, 215), (175, 95, 175), (0, 135, 175), (214, 218, 226)],
)  # fmt: skip
# A picture that is shown inside another page may load nothing, so the font is
# one that the reader has.
FONTS = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace'
FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: 21px FONTS; line-height: {line_height}px; }}
.{unique_id}-title {{ font: 16px system-ui, sans-serif; fill: #8a919e; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("FONTS", FONTS)


def main() -> int:
    """Play, draw, write."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=60.0, help="when to look first")
    options.add_argument("--size", default="100x30", help="of the terminal, COLUMNSxROWS")
    options.add_argument("file", nargs="?", type=Path, default=PICTURE)
    given = options.parse_args()
    width, height = map(int, given.size.split("x"))
    svg = draw(seconds=given.seconds, width=width, height=height)
    given.file.write_text(svg, encoding="utf-8")
    sys.stdout.write(f"{given.file}: {len(svg):,} characters\n")
    return 0


def draw(*, seconds: float, width: int, height: int) -> str:
    """Return what the demo shows after so many seconds, as SVG."""
    with (
        tempfile.TemporaryDirectory(prefix="qlogship-picture-") as directory,
        DemoRun(Path(directory), speed=30.0, port=PORT) as run,
    ):
        snapshot = run.step()
        while snapshot.elapsed < seconds or not is_telling(snapshot):
            time.sleep(0.2)
            snapshot = run.step()
    terminal = Console(
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="256",
        highlight=False,
        width=width,
        height=height,
    )
    terminal.print(picture(snapshot, width=width, height=height), height=height)
    return terminal.export_svg(
        title="qlogship demo", theme=THEME, code_format=FORMAT, unique_id="demo"
    )


def is_telling(snapshot: DemoSnapshot) -> bool:
    """Return whether a reader would see something of everything."""
    newest = snapshot.centre.tail[-7:]
    events = {line.split(b"|")[4] for line in newest if line != ROTATION}
    return (
        ROTATION in newest
        and events >= {b"ENTERQUEUE", b"CONNECT"}
        and bool(events & {b"ABANDON", b"COMPLETECALLER", b"COMPLETEAGENT"})
    )


if __name__ == "__main__":
    sys.exit(main())
