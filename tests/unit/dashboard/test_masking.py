"""What is left of a secret in an answer: nothing."""

from __future__ import annotations

import pytest

from qlogship.dashboard.masking import masked
from qlogship.dashboard.outcome import Answer

SECRET = "пар/о'ль я"


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        r"\u043f\u0430\u0440/\u043e'\u043b\u044c \u044f",  # Python, JavaScript
        r"\u043f\u0430\u0440\/\u043e'\u043b\u044c \u044f",  # PHP
        r"\u043F\u0430\u0440/\u043E'\u043B\u044C \u044F",  # .NET
        r"пар\/о'ль я",
        "%D0%BF%D0%B0%D1%80%2F%D0%BE%27%D0%BB%D1%8C%20%D1%8F",
        "%D0%BF%D0%B0%D1%80%2F%D0%BE%27%D0%BB%D1%8C+%D1%8F",
        "пар/о&#x27;ль я",
        "пар/о&#39;ль я",
        "пар/о&#039;ль я",
    ],
)
def test_a_secret_is_blotted_out_however_it_is_spelled(spelled: str) -> None:
    """As it is, and as the languages that dashboards are written in escape it."""
    answer = Answer(sent=True, body=f"[{spelled}]".encode(), location=spelled, detail=spelled)
    found = masked(answer, [SECRET])
    assert (found.body, found.location, found.detail) == (b"[***]", "***", "***")


def test_what_holds_another_secret_goes_first() -> None:
    """Nothing is left of a secret that another one is a part of."""
    found = masked(Answer(sent=True, body=b"secret-token"), ["secret", "secret-token"])
    assert found.body == b"***"


def test_what_is_too_short_is_left() -> None:
    """An answer that is a number stays one."""
    assert masked(Answer(sent=True, body=b"1234"), ["123"]).body == b"1234"
