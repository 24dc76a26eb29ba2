"""Secrets blotted out of an answer that may repeat them; nothing here knows any."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qlogship.dashboard.outcome import Answer

# A shorter secret is no secret, and blotting it out would eat numbers.
_SECRET_MIN = 4

# One unit of UTF-16, as JSON escapes it.
_UNIT = re.compile(r"\\u([0-9a-f]{4})")


def masked(answer: Answer, secrets: Iterable[str]) -> Answer:
    """Return the answer with `***` for each of the secrets, however it spells them."""
    forms = {form for secret in secrets if len(secret) >= _SECRET_MIN for form in spellings(secret)}
    body, location, detail = answer.body, answer.location, answer.detail
    for form in sorted(forms, key=len, reverse=True):  # one may be a part of another
        body = body.replace(form.encode(errors="surrogatepass"), b"***")
        location = location.replace(form, "***")
        detail = detail.replace(form, "***")
    return replace(answer, body=body, location=location, detail=detail)


def spellings(text: str) -> Iterator[str]:
    """Yield a text as it is, and as JSON, addresses and pages may have it; some are the same."""
    yield text
    for document in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        for slashed in (document, document.replace("/", "\\/")):  # PHP escapes a slash
            yield slashed
            yield _UNIT.sub(lambda unit: f"\\u{unit[1].upper()}", slashed)  # .NET
    yield quote(text, safe="", errors="surrogatepass")
    yield quote_plus(text, errors="surrogatepass")
    page = html.escape(text)
    for apostrophe in ("&#x27;", "&#39;", "&#039;"):
        yield page.replace("&#x27;", apostrophe)
