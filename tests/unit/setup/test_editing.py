"""Changing settings in the text of their file."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.config.reference import example_file
from qlogship.setup.editing import edited, is_blank

URL = ("dashboard", "url")
PATH = ("source", "path")


def test_a_comment_is_kept_and_the_value_changed() -> None:
    """Only the value of the line changes; other keys, blanks and comments stay."""
    text = '# ours\n[dashboard]\n  url = "https://a#b"  # the tenant # really\nemail = "x@y"\n'
    assert edited(text, {URL: "https://c"}) == (
        '# ours\n[dashboard]\n  url = "https://c"  # the tenant # really\nemail = "x@y"\n'
    )


def test_a_commented_line_is_taken_into_use() -> None:
    """In a file of comments, such as the example, an answer takes the line that explains it."""
    text = '[dashboard]\n## url: where.\n# url = "https://example"\n\n[source]\n# path = "/a"\n'
    assert edited(text, {URL: "https://c", PATH: "/b"}) == (
        '[dashboard]\n## url: where.\nurl = "https://c"\n\n[source]\npath = "/b"\n'
    )


def test_a_commented_section_is_taken_into_use() -> None:
    """Its header first, then the line below it."""
    text = '# [dashboard]\n# url = "https://example"\n'
    assert edited(text, {URL: "https://c"}) == '[dashboard]\nurl = "https://c"\n'


def test_a_missing_key_and_a_missing_section_are_added() -> None:
    """Below the header, and at the end of the file."""
    assert edited('[dashboard]\nemail = "x@y"', {URL: "https://c", PATH: "/b"}) == (
        '[dashboard]\nurl = "https://c"\nemail = "x@y"\n\n[source]\npath = "/b"\n'
    )


def test_first_settings_stand_in_the_order_of_the_answers() -> None:
    """Below the comment of the package's file."""
    answers = {URL: "https://c", ("dashboard", "email"): "x@y", PATH: "/b"}
    assert edited("# The settings.\n", answers) == (
        '# The settings.\n\n[dashboard]\nurl = "https://c"\nemail = "x@y"\n'
        '\n[source]\npath = "/b"\n'
    )


def test_a_key_is_taken_out_as_a_comment() -> None:
    """What stood there can still be read."""
    text = '[dashboard]\ntoken_file = "/t"\n'
    assert edited(text, {("dashboard", "token_file"): None}) == (
        '[dashboard]\n# token_file = "/t"\n'
    )


def test_nothing_to_change_changes_not_a_byte() -> None:
    """However oddly the file is laid out."""
    text = "\ufeff[ dashboard ]\r\nurl='https://c'\t\r\n\r\n"
    assert edited(text, {URL: "https://c"}) == text


def test_line_ends_stay_as_they_are() -> None:
    """A file from Windows stays one."""
    text = '\ufeff[dashboard]\r\nurl = "https://a"\r\n'
    assert edited(text, {URL: "https://c", PATH: "/b"}) == (
        '\ufeff[dashboard]\r\nurl = "https://c"\r\n\r\n[source]\r\npath = "/b"\r\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        'dashboard.url = "https://a"\ndashboard.email = "x@y"\n',
        'dashboard = {url = "https://a", email = "x@y"}\n',
        '[dashboard]\nurl = """\nhttps://a"""\nemail = "x@y"\n',
        '"dashboard" = {"url" = "https://a", email = "x@y"}\nbatch.linger = 3.5\n',
    ],
)
def test_a_file_laid_out_in_another_way_is_written_anew(text: str) -> None:
    """Nothing but comments is lost then."""
    before = tomllib.loads(text)
    after = tomllib.loads(edited(text, {URL: "https://c"}))
    assert after == before | {"dashboard": {"url": "https://c", "email": "x@y"}}


def test_a_look_alike_in_a_text_of_several_lines_is_left_alone() -> None:
    """What reads like a key and is none must not be changed."""
    text = '[log]\nlevel = """\n[dashboard]\nurl = "x"\n"""\n'
    after = tomllib.loads(edited(text, {URL: "https://c"}))
    assert after == tomllib.loads(text) | {"dashboard": {"url": "https://c"}}


@pytest.mark.parametrize(
    ("text", "blank"),
    [("", True), ("# a\n", True), ("[dashboard]\n", True), ('[log]\nlevel = "info"', False)],
)
def test_a_file_that_sets_nothing_is_blank(text: str, *, blank: bool) -> None:
    """Headers and comments are no settings."""
    assert is_blank(text) is blank


VALUES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
LINES = st.lists(
    st.sampled_from(
        [
            "[dashboard]", "# [dashboard]", "[source]", "#[source]", "", "  # a note",
            'url = "u" # one', "# url = 1", "path = 'p'", '#path="/x"', "[batch]", "linger = 1.5",
            'email = "]["', "archives = [", '  "/a",', "]", "\t[log] # x", 'level = "a#b"',
        ]
    ),
    max_size=12,
)  # fmt: skip


@given(lines=LINES, url=VALUES, path=VALUES)
def test_any_file_says_what_was_wanted_and_everything_else_as_before(
    lines: list[str], url: str, path: str
) -> None:
    """The result is read back: the changes are in it, the other values are the same."""
    text = "\n".join(lines)
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    after = tomllib.loads(edited(text, {URL: url, PATH: path}))
    assert after["dashboard"]["url"] == url
    assert after["source"]["path"] == path
    for document in (before, after):
        for section, key in (URL, PATH):
            document.get(section, {}).pop(key, None)
    assert {name: keys for name, keys in before.items() if keys} == {
        name: keys for name, keys in after.items() if keys
    }


def test_the_example_file_takes_the_answers_in_its_own_lines() -> None:
    """Whoever began with `qlogship config example` finds them there; no line is added."""
    example = example_file()
    after = edited(example, {URL: "https://c", PATH: "/b", ("source", "history"): "none"})
    assert len(after.split("\n")) == len(example.split("\n"))
    assert tomllib.loads(after)["source"] == {"path": "/b", "history": "none"}
