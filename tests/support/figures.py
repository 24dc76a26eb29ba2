"""Figures for tests: only what matters is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qlogship.state.figures import Figures


def figures_with(base: Figures | None = None, **parts: Any) -> Figures:  # noqa: ANN401
    """Return figures with these parts; a part is a value, or a dict of what differs in it."""
    base = base or Figures()
    return replace(
        base,
        **{
            name: replace(getattr(base, name), **part) if isinstance(part, dict) else part
            for name, part in parts.items()
        },
    )
