"""The count of calls that an answer to an upload reports.

Theory of operation. The vendor promises "the uploaded calls count" in the
answer to an upload and says nothing about its form, so any form is read: a bare
number, a sentence, JSON at any depth. No number is better than a wrong one:
people reconcile by it. So a number counts only where words that smell of a
count stand by it, or where nothing else stands at all; two numbers that could
both be meant are none.

Every function takes any text and answers; none raises.
"""

from __future__ import annotations

import json
import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from qlogship.dashboard.answer_failure import (
    begins_with_failure,
    cut_speaks_of_failure,
    has_fault_tag,
    level_of_failure,
    speaks_of_failure,
    without_denials,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# More calls than any upload holds: what is larger is a time, an id, or broken.
COUNT_MAX = 10_000_000


def read_answer(text: str) -> tuple[bool, int | None]:
    """Return whether an answer speaks of a failure, and its count of calls, or None."""
    text = text.strip()
    if text[:1] in {"{", "[", '"'}:
        try:
            documents, repeated = _documents(text)
        except (ValueError, RecursionError):
            return cut_speaks_of_failure(text[:_TEXT_MAX]), None
        found = [_read_document(document) for document in documents]
        failed = any(failed for failed, _ in found)
        return failed, None if repeated else found[-1][1]
    if text.startswith("<"):
        return _read_tags(text[:_TEXT_MAX])
    return _read_text(text)


def _documents(text: str) -> tuple[list[object], bool]:
    """Read JSON; return it, and whether a key stands twice in an object with two values.

    Then it is returned in both readings: the first value counts, and the last one.
    """
    repeated = False

    def first_wins(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        found: dict[str, object] = {}
        for key, value in pairs:
            repeated = repeated or found.setdefault(key, value) != value
        return found

    documents = [json.loads(text, object_pairs_hook=first_wins)]
    return ([documents[0], json.loads(text)] if repeated else documents), repeated


def _read_tags(text: str) -> tuple[bool, int | None]:
    """Read XML: what its tags are called counts as words, `<id>12</id>` as `id: 12`."""
    if has_fault_tag(text):
        return True, None
    if len(re.findall(r"<[\w:]+[\s>]", text)) == 1:
        return _read_text(_TAG.sub(" ", text))
    return _read_text(_OPENING.sub(r" \1: ", text).replace("</", " , </"), tags=True)


_TAG = re.compile(r"<[^>]*>")
_OPENING = re.compile(r"<(?:\w+:)?(\w+)[^>]*>")


def _read_text(text: str, *, tags: bool = False) -> tuple[bool, int | None]:
    text = _TAG.sub(" ", text) if tags else text
    if begins_with_failure(text):
        return True, None
    calls = _count_in_text(text)
    short = text[:_TEXT_MAX]
    return calls is None and not _NUMBER_OF_CALLS.search(short) and speaks_of_failure(short), calls


def _read_document(document: object) -> tuple[bool, int | None]:
    if isinstance(document, str):
        return _read_text(document)
    calls = _count_in_document(document)
    level = level_of_failure(document)
    return level > 1 or (level == 1 and not calls), calls


# A sentence: words, symbols and numbers.

# A count is said shortly; what is longer is a page or a log.
_TEXT_MAX = 1_000

_NUMBER_OF_CALLS = re.compile(r"\d\W*(?:\w+\W+)?(?:calls?\b|звон|вызов)", re.IGNORECASE)
_NUMBER = re.compile(r"\+?(\d{1,12})(?:\.0+)?", re.ASCII)
_BREAKS = frozenset(",.;!?")
_APOSTROPHES = frozenset("'\u2019")
# Digits in groups of three: `1 234 567`, with the spaces and apostrophes that are used for that.
_GROUPED = re.compile(
    r"(?<![\w.,:/+-])(\d{1,3})(?:([ \u00a0\u2007\u2009\u202f'\u2019])(\d{3}))(?:\2\d{3})*"
    r"(?!\w|[.,:/'\u2019-]\d)",
    re.ASCII,
)
_TOKEN = re.compile(r"\d[\d.,:/-]*\d|\d|[^\W\d_]+|[^\w\s]")
_CALL_WORD = re.compile(r"calls?|звон\w*|вызов\w*")
_DONE_WORD = re.compile(
    r"upload|import|process|accept|add|sav|stor|load|insert|receiv|creat|count"
    r"|загруж|импорт|принят|обработ|добавл|сохран"
)
# Of what the dashboard holds, perhaps, and not of this upload.
_TOTAL_WORD = re.compile(r"totals?$|overall|altogether|already|now$|всего|итого|уже$")
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
    tokens = _tokens(_joined(without_denials(text)))
    words = [token for token in tokens if token.isalpha()]
    if any(_DOUBT_WORD.match(word) for word in words):
        return None
    numbers = [place for place, token in enumerate(tokens) if token[:1].isdecimal()]
    by_calls = {tokens[place] for place in numbers if _stands_by_calls(tokens, place)}
    if by_calls:
        found = [place for place in numbers if tokens[place] in by_calls]
        doubt = any(_is_total(tokens, place) or _goes_on(tokens, place) for place in found)
        if len(by_calls) > 1 or doubt:
            return None
        return _whole(by_calls.pop())
    if len(numbers) != 1 or not any(_DONE_WORD.match(word) for word in words):
        return None
    before, after = _around(tokens, numbers[0])
    if _ID_WORD.match(before) or _UNIT_WORD.match(after) or after == "%" or before in {"#", "№"}:
        return None
    return None if _is_total(tokens, numbers[0]) else _whole(tokens[numbers[0]])


def _joined(text: str) -> str:
    """Join digits that stand in groups: `1 234 calls` are 1234.

    Behind a word such as `upload` or `queue`, a space may part two numbers: then none is read.
    """

    def join(match: re.Match[str]) -> str:
        before = text[: match.start()].split()
        word = before[-1].strip(":=(\"'").lower() if before else ""
        doubtful = match[2] == " " and (_ID_WORD.match(word) or word in {"#", "№"})
        return "0.0" if doubtful else "".join(filter(str.isdecimal, match[0]))

    return _GROUPED.sub(join, text)


def _goes_on(tokens: list[str], place: int) -> bool:
    """Return whether a number stands right behind another: they may be one, or two."""
    before = [token for token in tokens[max(place - 2, 0) : place] if token not in _APOSTROPHES]
    return before[-1:] != [] and before[-1][:1].isdecimal()


def _is_total(tokens: list[str], place: int) -> bool:
    """Return whether a number is said to be a total: of the dashboard, not of one upload."""
    near = tokens[max(place - 4, 0) : place][::-1], tokens[place + 1 : place + 4]
    return any(
        _TOTAL_WORD.match(token) is not None
        for side in near
        for token in takewhile(
            lambda token: token not in _BREAKS and not token[:1].isdecimal(), side
        )
    )


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
    """Return whether a number says how many calls: `12 calls`, `12 new calls`, `calls: 12`."""
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


def _count_in_document(document: object) -> int | None:
    """Read the count of calls out of JSON: the one number under the key that says it best."""
    found: dict[int, set[int | None]] = {}
    plain: set[int] = set()  # ranks of numbers that are not said to be a total
    for words, above, value in _leaves(document):
        rank, number = _candidate(words, above, value)
        if rank:
            found.setdefault(rank, set()).add(number)
            if not (words | above) & _TOTAL_KEYS:
                plain.add(rank)
    if not found or max(found) not in plain:
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
            todo.extend((words_of(key), above | words, item) for key, item in value.items())
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
    if isinstance(value, str) and not _NUMBER.fullmatch(
        _joined(value.strip()) if own else value.strip()
    ):
        number = _count_in_text(value) if own or plain else None
        return (0, None) if number is None else (2, number)
    number = _number(value)
    if own or plain:
        total = bool(every & _TOTAL_KEYS)
        if every & _CALL_KEYS and every & (_DONE_KEYS | _COUNT_KEYS) and not total:
            return 3, number
        if own or every & (_CALL_KEYS | _DONE_KEYS):
            return 2, number
        # Under a key that says nothing, 0 and 1 may as well mean no and yes.
        return (1, number) if number is None or number > 1 or not words else (0, None)
    return 0, None


def _number(value: object) -> int | None:
    if isinstance(value, str):
        match = _NUMBER.fullmatch(_joined(value.strip()))
        return _plausible(int(match[1])) if match else None
    return _plausible(value) if isinstance(value, int | float) else None
