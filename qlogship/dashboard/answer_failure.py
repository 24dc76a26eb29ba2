"""Whether an answer with a 2xx speaks of a failure all the same: in words, in JSON, in XML.

A failure that is told so proves neither that the calls are there nor that they are
not. Every function takes any text and answers; none raises.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# In words.

_COMPLAINT = re.compile(
    r"\W*(?:error|fail|exception|fault|invalid|unauthori[sz]ed|forbidden|denied|not\b|cannot|can't"
    r"|unable|ошибк|не\b)",
    re.IGNORECASE,
)
# Anywhere in a short text without a count of calls; `0 errors` and `no errors` are none.
_FAILURE = re.compile(
    r"\b(?:fail|error|exception|fault\b|expired?\b|denied|forbidden|unauthori[sz]ed|invalid"
    r"|reject|refused|timed? ?out|unavailable|aborted|could ?n[o']t|cannot|can't"
    r"|unable|not \w|ошибк|не удал|неудач|отказ|истек|истёк|недоступ|запрещ|неверн|не \w|сбой)",
    re.IGNORECASE,
)
_NO_FAILURE = re.compile(
    r"\b(?:0|no|without(?: any)?|без|нет)\s+(?:fail|error|exception|fault|invalid|reject|ошиб)\w*"
    r"|\b(?:fail\w*|error\w*|reject\w*|ошиб\w*)\s*[:=]\s*(?:0\b|no\b|none\b|нет\b)",
    re.IGNORECASE,
)


def without_denials(text: str) -> str:
    """Return a text without the words that deny a failure: `0 errors`."""
    return _NO_FAILURE.sub(" ", text)


def begins_with_failure(text: str) -> bool:
    """Return whether a text begins with a failure, such as `Error: 12 calls ...`."""
    return _COMPLAINT.match(without_denials(text)) is not None


def speaks_of_failure(text: str) -> bool:
    """Return whether a short text has any word of a failure."""
    return _FAILURE.search(without_denials(text)) is not None


# In documents.

_FAULT_TAG = re.compile(r"<(?:\w+:)?(?:fault\w*|errors?|exception)[\s/>]", re.IGNORECASE)
# In JSON that was cut off, so that only its text can be searched.
_CUT_FAILURE = re.compile(
    r"\"(?:is)?(?:success|ok)\w*\"\s*:\s*\"?(?:false|0|no)\b"
    r"|\"(?:error|exception|fault)s?\"\s*:\s*(?!null|false|0\b|\"\"|\[\s*\]|\{\s*\})\S"
    r"|\"(?:status|state|result)\"\s*:\s*\"(?:error|fail|ko\b|nok\b)",
    re.IGNORECASE,
)


def has_fault_tag(text: str) -> bool:
    """Return whether XML holds a fault, such as that of SOAP."""
    return _FAULT_TAG.search(text) is not None


def cut_speaks_of_failure(text: str) -> bool:
    """Return whether JSON that was cut off says in its beginning that something failed."""
    return _CUT_FAILURE.search(text) is not None


_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_LETTERS = re.compile(r"[^a-z]+")


def words_of(key: str) -> frozenset[str]:
    """Cut a key into its words: `uploadedCalls`, `uploaded_calls` and `uploaded-calls` alike."""
    return frozenset(_NO_LETTERS.split(_HUMP.sub("_", key[:100]).lower())) - {""}


_SUCCESS_KEYS = frozenset({"ok", "succeeded", "success", "successful"})
_ERROR_KEYS = frozenset({"error", "errors", "exception", "fault"})
_CODE_KEYS = frozenset({"code", "status"})
_WORD_KEYS = frozenset({"message", "msg", "title", "detail", "description", "result"})
_BAD_STATES = frozenset({"error", "fail", "failed", "failure", "ko", "nok", "exception"})
_NO_ERRORS = frozenset({"", "0", "false", "no", "no error", "none", "null", "ok"})


def level_of_failure(document: object) -> int:
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
    words = words_of(key)
    said = value.strip().lower() if isinstance(value, str) else None
    if words & _SUCCESS_KEYS and (value in (False, 0) or said in {"false", "no", "0"}):
        return 2
    if words & _ERROR_KEYS and value is True:
        return 2
    if words & {"status", "state", "result"} and said in _BAD_STATES:
        return 2
    if words & _ERROR_KEYS and isinstance(value, str | list | dict | int):
        return 1 if value and said not in _NO_ERRORS else 0
    if words & _CODE_KEYS and _is_error_code(value, own="code" in words):
        return 1
    return (
        1
        if words & _WORD_KEYS
        and said is not None
        and (begins_with_failure(said) or speaks_of_failure(said))
        else 0
    )


def _is_error_code(value: object, *, own: bool) -> bool:
    """Return whether a number is that of an error: an HTTP status, or any `own` code but 0."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return 400 <= value < 600 or (own and value != 0 and not 200 <= value < 300)
