"""What came back from the dashboard, and what it means.

Here live an answer as a value and the way to a verdict on it; the verdicts are in
`verdicts`, the count of calls is read by `answer_count`, what to do next lives in
`qlogship.shipping.delivery`.

What is not clearly an acceptance is not accepted: a page of HTML is somebody
else's answer, and JSON that speaks of a failure leaves open what was stored.

Every function takes any bytes and answers; none raises.
"""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from qlogship.dashboard.answer_count import read_answer
from qlogship.dashboard.verdicts import MEANINGS, Verdict, verdict_of

# What the ledger keeps of an answer, in characters.
ANSWER_MAX = 2_000

_UNPACKED_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as far as it came.

    `sent`: some byte of the request may have left this machine. `complete`: all
    of the answer that was wanted has been read. `status` is None when not even
    a whole head came. `retry_after` is the raw header. `detail` says what went
    wrong, in words and without secrets.
    """

    sent: bool
    complete: bool = False
    status: int | None = None
    content_type: str = ""
    retry_after: str | None = None
    location: str = ""
    body: bytes = b""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer means.

    `reported_calls` is None when no count could be read for sure. `retry_after`
    is in seconds. `detail` is one sentence for people; `answer` is the raw
    answer as text, for the ledger. `sent`: the body may have left this machine and
    come to somebody who takes it; false where only the login failed.
    """

    verdict: Verdict
    reported_calls: int | None
    retry_after: float | None
    http_status: int | None
    detail: str
    answer: str
    sent: bool = True


def judge(answer: Answer, *, now: float) -> Outcome:
    """Say what an answer means; `now`, in epoch seconds, is for a Retry-After with a date."""
    text = _decoded(answer)
    verdict, calls, detail = _judged(answer, text)
    return Outcome(
        verdict=verdict,
        reported_calls=calls,
        retry_after=seconds_to_wait(answer.retry_after, now=now),
        http_status=answer.status,
        detail=detail,
        answer=_shown(text, ANSWER_MAX),
        sent=answer.sent,
    )


def seconds_to_wait(header: str | None, *, now: float) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3): seconds from now on, None when unreadable.

    Of the three forms of a date only the one that may still be written is read.
    """
    if header is None:
        return None
    header = header.strip()
    if _SECONDS.fullmatch(header):
        return float(header)
    if not _DATE.fullmatch(header):
        return None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - now)


_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII)


# The verdict

_Judgement = tuple[Verdict, int | None, str]


def _judged(answer: Answer, text: str) -> _Judgement:
    status = answer.status
    if status is None:
        return _without_answer(answer)
    verdict = verdict_of(status, sent=answer.sent)
    if verdict is None:
        return _success(answer, text)
    return verdict, None, f"the dashboard answered {status}{_in_words(verdict, status, answer)}"


def _in_words(verdict: Verdict, status: int, answer: Answer) -> str:
    """Say what a status that is no success means, behind its number."""
    if verdict is Verdict.REDIRECTED:
        place = _line(answer.location.partition("?")[0].partition("#")[0]) or "nowhere"
        return f" and points to {place}"
    if 400 <= status < 500 or status in MEANINGS[verdict].statuses:
        return f": {MEANINGS[verdict].says}"
    if not 500 <= status < 600:
        return ", which is no answer to this request"
    return (
        "; it may have stored some, all or nothing"
        if answer.sent
        else (", and nothing had been sent")
    )


def _without_answer(answer: Answer) -> _Judgement:
    reason = _line(answer.detail) or "no reason is known"
    if answer.sent:
        return Verdict.UNKNOWN, None, f"the request was sent, and no answer came: {reason}"
    return Verdict.UNREACHABLE, None, f"the dashboard cannot be reached: {reason}"


def _success(answer: Answer, text: str) -> _Judgement:
    """Judge a 2xx: whose answer is it, is it whole, and what does it say?"""
    status = answer.status
    if not answer.complete:
        reason = _line(answer.detail) or "no reason is known"
        verdict = Verdict.UNKNOWN if answer.sent else Verdict.UNREACHABLE
        return verdict, None, f"the dashboard answered {status}, then was cut short: {reason}"
    declared = "html" in answer.content_type.lower()
    page = is_page(text, declared=declared)
    failed, calls = (False, None) if page else read_answer(text)
    if page or (declared and text.strip() and calls is None and not failed):
        return (
            Verdict.NOT_ACCEPTED,
            None,
            f"the answer {status} is a web page, such as a login page, and no count",
        )
    if failed:
        return (
            Verdict.UNKNOWN,
            None,
            f"the dashboard answered {status}, but what it says speaks of a failure",
        )
    if calls is None:
        return Verdict.ACCEPTED, None, f"the dashboard answered {status}, without a count of calls"
    noun = "call" if calls == 1 else "calls"
    return Verdict.ACCEPTED, calls, f"the dashboard answered {status} and counted {calls} {noun}"


_PREAMBLE = re.compile(r"(?:\s|<!--.*?-->|<\?.*?\?>)*", re.DOTALL)
_PAGE = re.compile(
    r"<(?:!doctype\s+html|(?:html|head|body|script|style|title|meta|form|div|center|h1)\b)",
    re.IGNORECASE,
)


def is_page(text: str, *, declared: bool) -> bool:
    """Return whether this is a document for a browser; `declared`: its type says HTML.

    Some servers call everything HTML, a bare number too, so the type alone is
    no proof.
    """
    head = text[:4_096]
    start = _PREAMBLE.match(head)
    head = head[start.end() :] if start else head
    return bool(_PAGE.match(head)) or (declared and head.startswith("<"))


# The text of an answer

# What a server may name; a codec that Python knows besides could be slow or
# strange, and the far end would choose it.
_CHARSETS = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "iso-8859-1": "latin-1",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
    "koi8-r": "koi8-r",
}
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.ASCII)


def _decoded(answer: Answer) -> str:
    named = _CHARSET.search(answer.content_type.lower())
    codec = _CHARSETS.get(named[1], "utf-8-sig") if named else "utf-8-sig"
    return _unpacked(answer.body).decode(codec, errors="replace")


def _unpacked(body: bytes) -> bytes:
    """Return the beginning of a body that was compressed though nobody asked for it."""
    if body.startswith(b"\x1f\x8b"):
        with suppress(zlib.error):
            return zlib.decompressobj(wbits=31).decompress(body, _UNPACKED_MAX)
    return body


def _shown(text: str, limit: int) -> str:
    """Return text fit for a terminal and a database: no control characters, not too long."""
    text = text[: 2 * limit].replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)[:limit]


def _line(text: str) -> str:
    """Return text fit for the middle of a sentence."""
    return " ".join(_shown(text, 300).split())
