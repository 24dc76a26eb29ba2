"""The configuration of a softphone: placeholders filled, and nothing brought in with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.users.csv_file.configuration import (
    DEFAULT,
    INCLUDES,
    PLACEHOLDERS,
    is_plain,
    render,
    unknown_placeholders,
)


def test_the_default_without_an_account() -> None:
    """Without SIP columns the default is the vendor's example, word for word."""
    assert render(DEFAULT, {"name": "John"}) == (
        '{% include "_Restrictions" %}\n{% include "_SipSettings" %}\n'
        '{% include "_Account1" %}\n{% include "_ACW" %}\n{% include "_Statuses" %}\n'
        '{% include "_Camera" %}\n{% include "_ScreenRecording" %}\n{% include "Default" %}'
    )


def test_the_default_with_an_account() -> None:
    """With SIP columns, there is a line for each that is filled."""
    text = render(DEFAULT, {"siplogin": "sip101", "sippassword": "a@b@c=;", "ext": ""})
    assert text == f"{INCLUDES}\nAccount1.Login=sip101\nAccount1.Password=a@b@c=;"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("x", "x"),
        ("", ""),
        ("a\r\nb\n", "a\nb"),
        ("@name@ @surname@", "John "),
        ("[@@]", "[@]"),
        ("@ext@\nkept", "kept"),
        ("mail someone@example.com", "mail someone@example.com"),
        ("@name@@name@", "JohnJohn"),
    ],
)
def test_placeholders(template: str, text: str) -> None:
    """Words between at signs are filled in; a line where all are empty is left out."""
    assert render(template, {"name": "John"}) == text


def test_placeholders_nobody_knows() -> None:
    """A word between at signs that stands for nothing is found before anything is sent."""
    assert unknown_placeholders("@siplogn@ @name@ @@ @siplogn@ @x@") == ["siplogn", "x"]
    assert unknown_placeholders(DEFAULT) == []


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("@name@", {"name": "{% include 'x' %}"}),
        ("@name@", {"name": "{{ 1 }}"}),
        ("@name@", {"name": "a\nb"}),
        ("@name@", {"name": "a\u2028b"}),
        ("@name@@ext@", {"name": "{", "ext": "%"}),
        ("{@name@", {"name": "%"}),
        ('{% include "@name@" %}', {"name": '" %}{% include "x'}),
    ],
)
def test_a_value_brings_no_template_in(template: str, values: dict[str, str]) -> None:
    """A value that would be more than text is refused, also when it is so only beside another."""
    with pytest.raises(ValueError, match="a value"):
        render(template, values)


@given(
    st.dictionaries(
        st.sampled_from(PLACEHOLDERS), st.text(st.sampled_from("{%}#a@\n\u2028 ="), max_size=5)
    )
)
def test_the_lines_of_a_template_stay_its_own(values: dict[str, str]) -> None:
    """Whatever is filled in: each line of the result comes from one line of the template."""
    try:
        text = render(DEFAULT, values)
    except ValueError:
        return
    names = [line.partition("=")[0] for line in text.splitlines()]
    wanted = [line.partition("=")[0] for line in DEFAULT.splitlines()]
    assert [name for name in wanted if name in names] == names
    assert text.count("{%") == INCLUDES.count("{%")


def test_plain() -> None:
    """Letters of any script, signs and single braces are plain; marks and controls are not."""
    assert all(is_plain(text) for text in ("", "Иван {7}", "50 %", "a@b", "\xa0"))
    assert not any(is_plain(text) for text in ("{%", "%}", "{{", "}}", "{#", "a\tb", "\x85"))
