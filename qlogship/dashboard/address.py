"""Where the dashboard is, and what proves that it is the one.

Here live the check of its address and the certificates that are trusted.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx

from qlogship.errors import Fault, SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def checked_address(url: str) -> str:
    """Return the address without a slash at its end; never repeat what may hold a secret."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        parts = httpx.URL()
    if (
        parts.scheme not in {"http", "https"}
        or not parts.host
        or parts.userinfo
        or parts.query
        or parts.fragment
    ):
        raise SettingsError(
            [
                Fault(
                    "dashboard.url",
                    "this is no address of a dashboard",
                    "Give scheme and host only, such as https://company.softphone.pro.",
                )
            ]
        )
    return str(parts).rstrip("/")


def leads_elsewhere(url: str, location: str) -> bool:
    """Return whether an answer of `url` redirects to another host or scheme.

    A path of its own is usual: a dashboard may send a stranger to its login page.
    """
    here = httpx.URL(url)
    try:
        there = here.join(location)
    except httpx.InvalidURL:
        return True
    return (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port)


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return what checks the dashboard's certificate: the system's store, and `ca_file`."""
    context = ssl.create_default_context()
    # Python before 3.11.3 takes a connection that was cut for one that was ended
    # (CPython's issue 95494): half an answer would pass for a whole one.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as exc:
            problem = (
                "no certificates in PEM form" if isinstance(exc, ssl.SSLError) else exc.strerror
            )
            raise SettingsError(
                [
                    Fault(
                        "dashboard.ca_file",
                        f"{ca_file}: {problem}",
                        "Give a file that can be read and holds certificates in PEM form.",
                    )
                ]
            ) from exc
    return context
