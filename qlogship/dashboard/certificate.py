"""What a certificate says about itself, read from its bytes (X.509, RFC 5280, in DER).

Python shows the fields of a certificate only after it was verified; whoever has
to say why one was refused needs them before. Nothing here verifies anything.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from typing import Final

_SEQUENCE: Final = 0x30
_EXPLICIT_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_BMP_STRING: Final = 0x1E

# The names people know a certificate by, the best one first: 2.5.4.3 (common
# name), 2.5.4.10 (organisation), 2.5.4.11 (unit).
_NAMES: Final = (b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x04\x0b")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whose certificate it is, who signed it, and its time in epoch seconds."""

    subject: str
    issuer: str
    not_before: float
    not_after: float
    self_issued: bool


def read_certificate(der: bytes) -> Certificate:
    """Return what the bytes of one certificate say. Raises ValueError when they are none."""
    try:
        return _read(der)
    except (IndexError, UnicodeError) as exc:
        raise ValueError("this is no certificate in DER form") from exc


def _read(der: bytes) -> Certificate:
    outer, _ = _take(der, _SEQUENCE)
    inner, _ = _take(outer, _SEQUENCE)
    fields = _parts(inner)
    if fields[0][0] == _EXPLICIT_VERSION:
        fields = fields[1:]
    # serialNumber, signature, issuer, validity, subject
    issuer, validity, subject = fields[2][1], fields[3][1], fields[4][1]
    not_before, not_after = (_time(tag, value) for tag, value in _parts(validity))
    return Certificate(_name(subject), _name(issuer), not_before, not_after, subject == issuer)


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each element in `data`."""
    found = []
    while data:
        tag = data[0]
        content, data = _take(data, tag)
        found.append((tag, content))
    return found


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the first element, which must have this tag, and what follows it."""
    if data[0] != tag:
        raise ValueError("this is no certificate in DER form")
    length, start = data[1], 2
    if length & 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(data[2:start], "big")
    end = start + length
    if end > len(data):
        raise ValueError("this certificate is cut short")
    return data[start:end], data[end:]


def _name(data: bytes) -> str:
    """Return the part of a distinguished name that people know it by."""
    values = {}
    for _, one in _parts(data):
        for _, pair in _parts(one):
            (_, kind), (tag, value) = _parts(pair)[:2]
            encoding = "utf-16-be" if tag == _BMP_STRING else "utf-8"
            values[kind] = value.decode(encoding, errors="replace")
    return next((values[kind] for kind in _NAMES if kind in values), "")


def _time(tag: int, value: bytes) -> float:
    """Return a time of either form in epoch seconds (RFC 5280, 4.1.2.5)."""
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("this certificate has no time")
    year, month, day, hour, minute, second = (
        int(text[start:end]) for start, end in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
    )
    return float(calendar.timegm((year, month, day, hour, minute, second)))
