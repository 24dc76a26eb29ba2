"""What rotated files are called, beside a queue_log of any name."""

from __future__ import annotations

import re
from typing import Final

from qlogship.source.compression import SUFFIXES

# What rotation appends: Asterisk's .N and .<epoch>, logrotate's .N, -YYYYMMDD and
# other date forms, each perhaps compressed.
_ROTATED: Final = re.compile(rf"(?:[.-][0-9][0-9T:_-]*)+(?:{'|'.join(map(re.escape, SUFFIXES))})?")
_RELATED: Final = re.compile(r"[._-].+")


def is_rotated_name(name: str, base: str) -> bool:
    """Return whether `name` is what rotation makes of `base` (queue_log.3.gz of queue_log)."""
    return name.startswith(base) and _ROTATED.fullmatch(name[len(base) :]) is not None


def is_related_name(name: str, base: str) -> bool:
    """Return whether `name` may be a renamed `base`: queue_log.old, not supervisor_queue_log."""
    return name.startswith(base) and _RELATED.fullmatch(name[len(base) :]) is not None
