"""The options that commands share, and the name of the program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PROGRAM = "qlogship"

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        readable=False,  # that it cannot be read is told with all that is wrong with it
        help="The settings file; else $QLOGSHIP_CONFIG, else /etc/qlogship/qlogship.toml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, errors included.")]
