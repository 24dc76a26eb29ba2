"""`python -m qlogship` and the `qlogship` program."""

from __future__ import annotations

import sys

from qlogship.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
