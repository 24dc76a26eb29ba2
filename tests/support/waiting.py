"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Found = TypeVar("_Found")

_EVERY = 0.02


def until(condition: Callable[[], _Found], seconds: float = 10.0, *, what: str = "") -> _Found:
    """Return what `condition` returns as soon as that is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or condition}")
        time.sleep(_EVERY)
