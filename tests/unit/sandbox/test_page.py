"""The page that shows what arrived."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from html.parser import HTMLParser

from qlogship.sandbox import page
from qlogship.sandbox.people import Person
from qlogship.sandbox.storage import SandboxUpload, Summary
from qlogship.sandbox.tally import QueueTally

NOW = 1_700_000_000.0
NOTHING = Summary()
SOME = replace(
    NOTHING,
    uploads=2,
    refused=1,
    lines=12_345,
    bytes=1_500_000,
    calls=1_234,
    distinct_calls=1_234,
    answered=900,
    abandoned=300,
    other=40,
    queues=(QueueTally("sales", 600, 200, 0), QueueTally("support", 300, 100, 40)),
    queue_count=2,
)
UPLOAD = SandboxUpload(5, NOW - 60, "queue_log", "0" * 64, 2048, 40, 7, True, "200")
ANNA = Person(
    id=7,
    name="Anna",
    surname="Frolova",
    email="anna@company.ru",
    state="active.unconfirm",
    role="EMPLOYEE",
    teams=(1, 4),
    managed=(),
    softphone=True,
    version="",
    config="",
)
EMPTY_VIEW = page.View(NOW, "http://127.0.0.1:1", "a@example.com", NOTHING, (), zone=UTC)
VIEW = replace(EMPTY_VIEW, summary=SOME, latest=(UPLOAD,))


class _Checker(HTMLParser):
    """Collect what a page would load or send, and whether its tags are closed in order."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _checked(view: page.View) -> _Checker:
    checker = _Checker()
    checker.feed(page.render(view))
    assert checker.open == []
    return checker


def test_numbers() -> None:
    """The page shows the sums, each queue with its share, and each upload."""
    text = _checked(VIEW).text
    for shown in ("1\u202f234", "12\u202f345", "1.4\u202fMiB", "73\u202f%", "300 abandoned"):
        assert shown in text
    for shown in (
        "sales",
        "75\u202f% answered",
        "support",
        "queue_log",
        "22:12:20",
        "2.0\u202fKiB",
    ):
        assert shown in text
    assert "1 not taken" in text


def test_bars() -> None:
    """The longest bar is the busiest queue's, and the others are in proportion to it."""
    widths = re.findall(r'<div style="width:([\d.]+)%">', page.render(VIEW))
    assert widths == ["100.00", "55.00"]


def test_empty() -> None:
    """Before anything arrived the page says so, and how to begin."""
    text = _checked(EMPTY_VIEW).text
    assert "Nothing has arrived yet" in text
    assert 'url = "http://127.0.0.1:1"' in text
    assert "Calls by queue" not in text


def test_only_refused() -> None:
    """An upload that was refused is shown even when nothing else is there."""
    refused = replace(UPLOAD, kept=False, answer="413")
    text = _checked(replace(EMPTY_VIEW, latest=(refused,))).text
    assert "413" in text
    assert "Nothing has arrived yet" not in text
    assert "No call has entered a queue" in text


def test_doubles() -> None:
    """Calls that are counted more than once are pointed out."""
    assert "each one once" in page.render(VIEW)
    doubled = replace(VIEW, summary=replace(SOME, calls=1_300))
    assert "66 counted more than once" in page.render(doubled)


def test_nothing_from_outside() -> None:
    """The page loads nothing from another host, and its policy forbids it."""
    for address in _checked(VIEW).addresses:
        assert address.startswith(("/", "data:"))
    assert "default-src 'none'" in page.HEADERS["content-security-policy"]


def test_escaped() -> None:
    """Names from an upload are text, whatever is in them."""
    evil = "<script>alert('x')</script>\"&"
    view = replace(
        VIEW,
        email=evil,
        address=evil,
        summary=replace(SOME, queues=(QueueTally(evil, 1, 0, 0),)),
        latest=(replace(UPLOAD, filename=evil, answer=evil),),
        people=(replace(ANNA, name=evil, surname=evil, email=evil, state=evil, role=evil),),
        people_count=2,
    )
    for html in (page.render(view), page.render(replace(view, summary=NOTHING, latest=()))):
        assert evil not in html
        assert html.count("<script") == 1
    _checked(view)


def test_moods() -> None:
    """An answer's colour tells kept, kept in spite of the answer, repeated, and not kept."""
    moods = {
        "good": UPLOAD,
        "warn": replace(UPLOAD, answer="reply lost"),
        "mute": replace(UPLOAD, kept=False, answer="200, repeat"),
        "bad": replace(UPLOAD, kept=False, answer="413"),
    }
    for mood, upload in moods.items():
        assert f'pill {mood}"' in page.render(replace(VIEW, latest=(upload,)))


def test_faults_to_come() -> None:
    """What is left of the fault script is shown."""
    steps = (
        {"on": "login", "do": "status", "times": 3},
        {"on": "upload", "do": "too_large", "times": None},
        {"on": "clear", "do": "hang", "times": 1},
    )
    text = _checked(replace(EMPTY_VIEW, faults=steps)).text
    assert "login: status × 3" in text
    assert "upload: too large, always" in text
    assert "clear: hang" in text


def test_old_upload() -> None:
    """An upload of another day is shown with its date."""
    old = replace(UPLOAD, arrived_at=NOW - 3 * 86_400)
    assert "2023-11-11 22:13" in page.render(replace(VIEW, latest=(old,)))


def test_more_queues() -> None:
    """Queues beyond those shown are counted."""
    view = replace(VIEW, summary=replace(SOME, queue_count=9))
    assert "and 7 more with fewer calls" in page.render(view)


def test_users() -> None:
    """They are shown as soon as there is one besides the administrator, with or without uploads."""
    for view in (VIEW, EMPTY_VIEW):
        assert "Users" not in _checked(replace(view, people=(ANNA,), people_count=1)).text
        text = _checked(replace(view, people=(ANNA,), people_count=42)).text
        for shown in ("Anna Frolova", "anna@company.ru", "Team 1, Team 4", "EMPLOYEE", "42 in all"):
            assert shown in text
        assert "and 41 older ones" in text
