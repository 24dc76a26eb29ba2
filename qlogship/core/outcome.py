"""What came back from the dashboard, and what it means.

Here live an answer as a value, the verdict on it, and the reading of the call
count; what to do next lives in `delivery`, how an answer is got in
`qlogship.dashboard`.

Theory of operation. The vendor promises "the uploaded calls count" in the
answer to an upload and says nothing about its form, so any form is read: a bare
number, a sentence, JSON at any depth. Two rules decide all doubts. What is not
clearly an acceptance is not accepted: a page of HTML is somebody else's answer,
and JSON that speaks of a failure leaves open what was stored. And no number is
better than a wrong one: people reconcile by it. So a number counts only where
words that smell of a count stand by it, or where nothing else stands at all;
two numbers that could both be meant are none.

Every function takes any bytes and answers; none raises.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What the ledger keeps of an answer, in characters.
ANSWER_MAX = 2_000

# More calls than any upload holds: what is larger is a time, an id, or broken.
COUNT_MAX = 10_000_000


class Verdict(StrEnum):
    """What an answer means.

    UNREACHABLE: nothing left. UNKNOWN: something left, and nothing that came
    back proves what became of it. LATER: the dashboard asks for patience.
    NOT_ACCEPTED: somebody answered, but not the dashboard's upload. TOO_BIG and
    REFUSED concern this body, UNAUTHORIZED and REDIRECTED every one.
    """

    ACCEPTED = "accepted"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    LATER = "later"
    NOT_ACCEPTED = "not_accepted"
    UNAUTHORIZED = "unauthorized"
    TOO_BIG = "too_big"
    REFUSED = "refused"
    REDIRECTED = "redirected"


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
    answer as text, for the ledger.
    """

    verdict: Verdict
    reported_calls: int | None
    retry_after: float | None
    http_status: int | None
    detail: str
    answer: str


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
    date = _DATE.fullmatch(header)
    if date is None or date["month"] not in _MONTHS:
        return None
    year, day, hour, minute, second = (int(date[part]) for part in _DATE_PARTS)
    month = _MONTHS.index(date["month"]) + 1
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - now)


_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_DATE = re.compile(
    r"\w{3}, (?P<day>\d\d) (?P<month>\w{3}) (?P<year>\d{4}) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) GMT",
    re.ASCII,
)
_DATE_PARTS = ("year", "day", "hour", "minute", "second")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# The verdict

_Judgement = tuple[Verdict, int | None, str]

_LATER = frozenset({408, 425, 429, 503})


def _judged(answer: Answer, text: str) -> _Judgement:
    status = answer.status
    if status is None:
        return _without_answer(answer)
    if 200 <= status < 300:
        return _success(answer, text)
    if 300 <= status < 400:
        place = _line(answer.location.partition("?")[0].partition("#")[0]) or "nowhere"
        return Verdict.REDIRECTED, None, f"the dashboard answered {status} and points to {place}"
    if status in {401, 403}:
        return Verdict.UNAUTHORIZED, None, f"the dashboard answered {status}: no access"
    if status in _LATER:
        return Verdict.LATER, None, f"the dashboard answered {status}: not now"
    if status == 413:
        return Verdict.TOO_BIG, None, "the dashboard answered 413: the upload is too big"
    if 400 <= status < 500:
        return Verdict.REFUSED, None, f"the dashboard answered {status}: it refuses the request"
    if 500 <= status < 600 and not answer.sent:
        return Verdict.LATER, None, f"the dashboard answered {status}, and nothing had been sent"
    if 500 <= status < 600:
        return (
            Verdict.UNKNOWN,
            None,
            f"the dashboard answered {status}; it may have stored some, all or nothing",
        )
    verdict = Verdict.UNKNOWN if answer.sent else Verdict.UNREACHABLE
    return verdict, None, f"the dashboard answered {status}, which is no answer to this request"


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
    page = _is_page(text, declared=declared)
    failed, calls = (False, None) if page else _read(text)
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


def _is_page(text: str, *, declared: bool) -> bool:
    """Tell whether this is a document for a browser; `declared`: its type says HTML.

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
    return answer.body.decode(codec, errors="replace")


def _shown(text: str, limit: int) -> str:
    """Return text fit for a terminal and a database: no control characters, not too long."""
    text = text[: 2 * limit].replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)[:limit]


def _line(text: str) -> str:
    """Return text fit for the middle of a sentence."""
    return " ".join(_shown(text, 300).split())


# The count


def _read(text: str) -> tuple[bool, int | None]:
    """Return whether an answer speaks of a failure, and its count of calls."""
    text = text.strip()
    if text[:1] in {"{", "[", '"'}:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return False, None
        return _read_document(document)
    if text.startswith("<"):
        text = _TAG.sub(" ", text[:_TEXT_MAX])
    return _read_text(text)


_TAG = re.compile(r"<[^>]*>")


def _read_text(text: str) -> tuple[bool, int | None]:
    if _COMPLAINT.match(text):
        return True, None
    return False, _count_in_text(text)


def _read_document(document: object) -> tuple[bool, int | None]:
    if isinstance(document, str):
        return _read_text(document)
    calls = _count_in_document(document)
    level = _level_of_failure(document)
    return level > 1 or (level == 1 and not calls), calls


# A sentence: words, symbols and numbers.

# A count is said shortly; what is longer is a page or a log.
_TEXT_MAX = 1_000

_COMPLAINT = re.compile(
    r"\W*(?:error|fail|exception|fault|invalid|unauthori[sz]ed|forbidden|denied|not\b|cannot|can't"
    r"|unable|ошибк|не\b)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\+?(\d{1,12})(?:\.0+)?", re.ASCII)
_TOKEN = re.compile(r"\d[\d.,:/-]*\d|\d|[^\W\d_]+|[^\w\s]")
_CALL_WORD = re.compile(r"calls?|звон\w*|вызов\w*")
_DONE_WORD = re.compile(
    r"upload|import|process|accept|add|sav|stor|load|insert|receiv|creat|count|total"
    r"|загруж|импорт|принят|обработ|добавл|сохран|всего|итого"
)
_DOUBT_WORD = re.compile(
    r"skip|fail|reject|ignor|duplic|invalid|error|warn|not$|no$|cannot|unable|except|of$|from$"
    r"|out$|than$|max|limit|пропу|ошиб|не$|нет$|из$|дубл"
)
_UNIT_WORD = re.compile(
    r"m?s$|msecs?$|secs?$|seconds?|minutes?|hours?|days?|bytes?|[kmg]i?b$|lines?|rows?|records?"
    r"|events?|files?|agents?|queues?|users?|times?|percent|сек|мин|час|байт|стро|запис|событ|файл"
)
_ID_WORD = re.compile(
    r"ids?$|no$|job|task|batch|upload$|request|queue|code|status|version|port$|http|account|tenant"
    r"|user|file|report|time|took|in$|at$|after|page|line|number$"
)


def _count_in_text(text: str) -> int | None:
    """Read the count of calls a short text gives: a bare number, or one among fitting words."""
    if len(text) > _TEXT_MAX:
        return None
    bare = _NUMBER.fullmatch(text.strip())
    if bare:
        return _plausible(int(bare[1]))
    tokens = _tokens(text)
    words = [token for token in tokens if token.isalpha()]
    if any(_DOUBT_WORD.match(word) for word in words):
        return None
    numbers = [place for place, token in enumerate(tokens) if token[:1].isdecimal()]
    by_calls = {tokens[place] for place in numbers if _stands_by_calls(tokens, place)}
    if by_calls:
        return _whole(by_calls.pop()) if len(by_calls) == 1 else None
    if len(numbers) != 1 or not any(_DONE_WORD.match(word) for word in words):
        return None
    before, after = _around(tokens, numbers[0])
    if _ID_WORD.match(before) or _UNIT_WORD.match(after) or after == "%" or before in {"#", "№"}:
        return None
    return _whole(tokens[numbers[0]])


def _tokens(text: str) -> list[str]:
    """Cut text into words, numbers and symbols, in small letters.

    A number that touches a letter or a minus is no number: `v2`, `-5`, `3rd`.
    """
    tokens = []
    for match in _TOKEN.finditer(text):
        token = match[0].lower()
        if token[0].isdecimal():
            touching = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
            if any(c.isalpha() or c in "-_" for c in touching):
                token = "0.0"  # noqa: S105 -- a number that is none
        tokens.append(token)
    return tokens


def _stands_by_calls(tokens: list[str], place: int) -> bool:
    """Tell whether a number says how many calls: `12 calls`, `12 new calls`, `calls: 12`."""
    after = tokens[place + 1 : place + 3]
    if after and _CALL_WORD.fullmatch(after[0]):
        return True
    if (
        len(after) == 2
        and after[0].isalpha()
        and not _UNIT_WORD.match(after[0])
        and _CALL_WORD.fullmatch(after[1])
    ):
        return True
    before = tokens[max(place - 3, 0) : place]
    if before[-1:] in ([":"], ["="]):
        return any(_CALL_WORD.fullmatch(word) for word in before[:-1])
    return any(_CALL_WORD.fullmatch(word) for word in before[-1:])


def _around(tokens: list[str], place: int) -> tuple[str, str]:
    """Return what stands before a number, colons aside, and what stands after it."""
    before = [token for token in tokens[:place] if token not in {":", "=", "(", '"', "'"}]
    return before[-1] if before else "", tokens[place + 1] if place + 1 < len(tokens) else ""


def _whole(token: str) -> int | None:
    return _plausible(int(token)) if token.isdecimal() and len(token) <= 12 else None


def _plausible(number: float) -> int | None:
    """Return a number as a count of calls, None when it cannot be one."""
    return int(number) if 0 <= number <= COUNT_MAX and number % 1 == 0 else None


# A document: keys and values.


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_CALL_KEYS = _set("call calls")
_DONE_KEYS = _set(
    "accepted added created imported inserted loaded processed received saved stored uploaded"
)
_COUNT_KEYS = _set("amount cnt count counter counts num number quantity")
_TOTAL_KEYS = _set("sum total totals")
_PLAIN_KEYS = _set(
    "answer body content d data message msg payload response result results text value"
)
# A number under, or below, such a key counts something else, or nothing.
_OTHER_KEYS = _set(
    "abandoned agent agents answered at attempt attempts average avg before byte bytes code codes"
    " date duplicate duplicates duration elapsed error errors event events failed failure failures"
    " file files group groups id ids ignored invalid left length limit limits line lines lost max"
    " millis min minutes missed ms offset old page pages percent port previous progress queue"
    " queues quota record records rejected remaining retries retry row rows sec seconds size"
    " skipped status success time timestamp user users uuid version"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_LETTERS = re.compile(r"[^a-z]+")


def _words(key: str) -> frozenset[str]:
    """Cut a key into its words: `uploadedCalls`, `uploaded_calls` and `uploaded-calls` alike."""
    return frozenset(_NO_LETTERS.split(_HUMP.sub("_", key[:100]).lower())) - {""}


def _count_in_document(document: object) -> int | None:
    """Read the count of calls out of JSON: the one number under the key that says it best."""
    found: dict[int, set[int | None]] = {}
    for words, below, value in _leaves(document):
        rank, number = _candidate(words, below, value)
        if rank:
            found.setdefault(rank, set()).add(number)
    if not found:
        return None
    best = found[max(found)]
    return best.pop() if len(best) == 1 else None


_Words = frozenset[str]


def _leaves(document: object) -> Iterator[tuple[_Words, _Words, object]]:
    """Yield each simple value with the words of its key and those of the keys above.

    A list of several things is passed over: its numbers are parts, not the sum.
    """
    nothing: _Words = frozenset()
    todo: list[tuple[_Words, _Words, Any]] = [(nothing, nothing, document)]
    while todo:
        words, above, value = todo.pop()
        if isinstance(value, dict):
            todo.extend((_words(key), above | words, item) for key, item in value.items())
        elif isinstance(value, list):
            todo.extend((words, above, item) for item in value[:1] if len(value) == 1)
        else:
            yield words, above, value


def _candidate(words: _Words, above: _Words, value: object) -> tuple[int, int | None]:
    """Return how well a value is marked as the count (0: not at all), and the count."""
    every = words | above
    if every & _OTHER_KEYS or isinstance(value, bool):
        return 0, None
    own = words & (_CALL_KEYS | _DONE_KEYS | _COUNT_KEYS | _TOTAL_KEYS)
    plain = not words or bool(words & _PLAIN_KEYS)
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        number = _count_in_text(value) if own or plain else None
        return (0, None) if number is None else (2, number)
    number = _number(value)
    if own or plain:
        if every & _CALL_KEYS and every & (_DONE_KEYS | _COUNT_KEYS):
            return 3, number
        if own or every & (_CALL_KEYS | _DONE_KEYS):
            return 2, number
        # Under a key that says nothing, 0 and 1 may as well mean no and yes.
        return (1, number) if number is None or number > 1 or not words else (0, None)
    return 0, None


def _number(value: object) -> int | None:
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip())
        return _plausible(int(match[1])) if match else None
    return _plausible(value) if isinstance(value, int | float) else None


# A failure that is told with a 2xx.

_SUCCESS_KEYS = frozenset({"ok", "succeeded", "success", "successful"})
_ERROR_KEYS = frozenset({"error", "errors", "exception", "fault"})
_CODE_KEYS = frozenset({"code", "status"})
_WORD_KEYS = frozenset({"message", "msg", "title", "detail", "description", "result"})
_BAD_STATES = frozenset({"error", "fail", "failed", "failure", "ko", "nok", "exception"})
_NO_ERRORS = frozenset({"", "0", "false", "no", "no error", "none", "null", "ok"})


def _level_of_failure(document: object) -> int:
    """Say how clearly JSON speaks of a failure: 2 outright, 1 unless a count is given too, 0 not.

    Only the envelope is looked at, two levels deep and no lists: what lies
    deeper tells about calls, and a call may fail by itself.
    """
    return max((_failure(key, value) for key, value in _envelope(document)), default=0)


def _envelope(document: object) -> Iterable[tuple[str, object]]:
    if not isinstance(document, dict):
        return
    for key, value in document.items():
        yield key, value
        if isinstance(value, dict):
            yield from value.items()


def _failure(key: str, value: object) -> int:
    words = _words(key)
    said = value.strip().lower() if isinstance(value, str) else None
    if words & _SUCCESS_KEYS and (value in (False, 0) or said in {"false", "no", "0"}):
        return 2
    if words & _ERROR_KEYS and value is True:
        return 2
    if words & {"status", "state", "result"} and said in _BAD_STATES:
        return 2
    if words & _ERROR_KEYS and isinstance(value, str | list | dict):
        return 1 if value and said not in _NO_ERRORS else 0
    if words & _CODE_KEYS and _is_error_code(value):
        return 1
    return 1 if words & _WORD_KEYS and said is not None and _COMPLAINT.match(said) else 0


def _is_error_code(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600
