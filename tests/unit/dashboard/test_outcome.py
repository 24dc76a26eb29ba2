"""What an answer means, and which number in it is the count of calls."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.dashboard.answer_count import COUNT_MAX
from qlogship.dashboard.outcome import ANSWER_MAX, Answer, Outcome, judge, seconds_to_wait
from qlogship.dashboard.verdicts import Verdict

NOW = 1_800_000_000.0


def answered(
    body: bytes | str = b"",
    *,
    status: int = 200,
    content_type: str = "",
    sent: bool = True,
    complete: bool = True,
) -> Outcome:
    """Judge an answer that came back."""
    raw = body.encode() if isinstance(body, str) else body
    return judge(
        Answer(sent=sent, complete=complete, status=status, content_type=content_type, body=raw),
        now=NOW,
    )


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.ACCEPTED),
        (201, Verdict.ACCEPTED),
        (204, Verdict.ACCEPTED),
        (301, Verdict.REDIRECTED),
        (307, Verdict.REDIRECTED),
        (400, Verdict.REFUSED),
        (401, Verdict.UNAUTHORIZED),
        (403, Verdict.UNAUTHORIZED),
        (404, Verdict.NOT_THERE),
        (405, Verdict.NOT_THERE),
        (408, Verdict.LATER),
        (413, Verdict.TOO_BIG),
        (415, Verdict.NOT_THERE),
        (425, Verdict.LATER),
        (429, Verdict.LATER),
        (500, Verdict.UNKNOWN),
        (502, Verdict.UNKNOWN),
        (503, Verdict.LATER),
        (504, Verdict.UNKNOWN),
        (599, Verdict.UNKNOWN),
        (101, Verdict.UNKNOWN),
        (700, Verdict.UNKNOWN),
        (0, Verdict.UNKNOWN),
    ],
)
def test_the_status_decides(status: int, verdict: Verdict) -> None:
    """Each status means what the design's table says."""
    outcome = answered(status=status)

    assert outcome.verdict is verdict
    assert outcome.http_status == status
    assert str(status) in outcome.detail


def test_nothing_sent_and_nothing_back_is_unreachable() -> None:
    """What cannot have arrived can be sent again without a thought."""
    outcome = judge(Answer(sent=False, detail="connection refused"), now=NOW)

    assert outcome.verdict is Verdict.UNREACHABLE
    assert outcome.detail == "the dashboard cannot be reached: connection refused"


def test_something_sent_and_nothing_back_is_unknown() -> None:
    """Once a byte has left, only an answer tells what became of it."""
    outcome = judge(Answer(sent=True, detail="not done within 60 s"), now=NOW)

    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.detail == "the request was sent, and no answer came: not done within 60 s"


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_before_anything_was_sent_is_no_loss(status: int) -> None:
    """A failure that cannot concern the body is waited out."""
    assert answered(status=status, sent=False).verdict is Verdict.LATER


def test_a_success_that_was_cut_short_is_unknown() -> None:
    """Half a reply proves nothing, and half a number is a wrong one."""
    outcome = answered("12", complete=False)

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.UNKNOWN, None)


@pytest.mark.parametrize("status", [401, 413, 429, 400])
def test_a_refusal_that_was_cut_short_is_a_refusal(status: int) -> None:
    """The status says it all."""
    assert answered("<htm", status=status, complete=False) == answered("<htm", status=status)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<!DOCTYPE html><title>Login</title>", "text/html; charset=utf-8"),
        ("<!DOCTYPE html><title>Login</title>", "application/json"),
        ("\ufeff\n <!-- hello --> <html lang='en'><p>12</p>", ""),
        ("<?xml version='1.0'?>\n<!doctype HTML PUBLIC '-//W3C//DTD XHTML 1.0'>", "text/plain"),
        ("<p>Uploaded 12 calls</p>", "text/html"),
        ("<form action=/login>", ""),
        ("Please log in", "text/html"),
        ("<script>location='/login'</script>", "text/html"),
    ],
)
def test_a_web_page_is_no_acceptance(body: str, content_type: str) -> None:
    """A login page or a captive portal answers 200 to everything."""
    outcome = answered(body, content_type=content_type)

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.NOT_ACCEPTED, None)


@pytest.mark.parametrize(("body", "calls"), [("12", 12), ("Uploaded 12 calls", 12), ("", None)])
def test_a_server_that_calls_everything_html_is_still_understood(
    body: str, calls: int | None
) -> None:
    """What has no markup and gives a count, or nothing at all, is no page."""
    outcome = answered(body, content_type="text/html")

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.ACCEPTED, calls)


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        # bare numbers
        ("12", 12),
        (" 12\r\n", 12),
        ("\ufeff12", 12),
        ("0", 0),
        ("12.0", 12),
        ("+12", 12),
        ("0012", 12),
        ('"12"', 12),
        # sentences
        ("Uploaded 12 calls", 12),
        ("12 calls uploaded", 12),
        ("12 new calls", 12),
        ("Uploaded calls: 12.", 12),
        ("Calls count = 12", 12),
        ("calls=12", 12),
        ("Imported 12", 12),
        ("12 calls uploaded in 3 seconds", 12),
        ("Processed 240 lines, 12 calls", 12),
        ("Upload complete: 12", 12),
        ('"Uploaded 12 calls"', 12),
        ("Загружено 12 звонков", 12),
        ("Загружено звонков: 12", 12),
        ("Обработано вызовов: 12", 12),
        # digits in groups
        ("Загружено 1 234 звонков", 1234),
        ("Загружено 1\u00a0234 звонков", 1234),
        ("Загружено 1\u202f234\u202f567 звонков", 1_234_567),
        ("Uploaded 1'234 calls", 1234),
        ("Звонков: 1 234", 1234),
        ("calls = 12\u2019345", 12_345),
        ('{"calls": "1\u00a0234"}', 1234),
        ('{"message": "Загружено 1 234 звонков"}', 1234),
        # a total besides
        ("Uploaded 12 calls, total 340", 12),
        ("Загружено 12 звонков. Всего на сервере: 340", 12),
        ("12 calls uploaded, no errors", 12),
        ("Errors: 0. Calls: 12", 12),
        ('{"code": 1, "calls": 12}', 12),
        ('{"code": 200, "count": 12}', 12),
        ('{"count": 12, "count": 12}', 12),
        # JSON
        ('{"count": 12}', 12),
        ('{"Count": "12"}', 12),
        ('{"calls": 12.0}', 12),
        ('{"uploaded_calls": 12}', 12),
        ('{"data": {"result": {"callsCount": 12}}}', 12),
        ('{"calls": {"uploaded": 12}}', 12),
        ('{"calls": {"value": 12}}', 12),
        ('{"data": 12}', 12),
        ('{"message": "Uploaded 12 calls"}', 12),
        ('{"data": [{"count": 12}]}', 12),
        ("[12]", 12),
        ("[[[[12]]]]", 12),
        ('{"id": 77, "status": 200, "calls": 12, "time": 1700000000}', 12),
        ('{"uploadedCalls": 12, "totalCalls": 340}', 12),
        ('{"imported": 12, "skipped": 3}', 12),
        ('{"count": 12, "queues": [{"count": 5}, {"count": 7}]}', 12),
        ('{"count": 12, "total": 12}', 12),
        ('{"success": true, "count": 0}', 0),
        ('{"errors": ["line 3"], "uploaded": 12}', 12),
        # XML
        ('<int xmlns="http://example.com/2003/10">12</int>', 12),
        ('<?xml version="1.0"?><count>12</count>', 12),
        ("<answer><time>9</time><calls>12</calls></answer>", 12),
    ],
)
def test_the_count_is_read_in_any_form(body: str, calls: int) -> None:
    """A bare number, a sentence and JSON at any depth all give the count."""
    outcome = answered(body)

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.ACCEPTED, calls)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "OK",
        "null",
        "true",
        "{}",
        "[]",
        # no such number of calls
        "-3",
        "12.5",
        "1" * 20,
        pytest.param("9" * 5_000, id="digits without end"),
        "NaN",
        "Infinity",
        '{"count": -1}',
        '{"count": 12.5}',
        '{"count": 1e400}',
        '{"count": 1700000000}',
        '{"count": null}',
        '{"count": true}',
        '{"count": ""}',
        "uploaded -5 calls",
        "uploaded 1,234 calls",
        "uploaded 5-7 calls",
        # a number of something else
        "OK 200",
        "Upload 8231 accepted",
        "Queue 600 uploaded",
        "Uploaded 240 lines",
        "Processed in 35 ms",
        "Uploaded 100%",
        "Uploaded file #7",
        "Uploaded 3 lines of calls",
        "v2 uploaded",
        "12 calls skipped",
        "2026-01-01 10:00:00 uploaded",
        '{"id": 12}',
        '{"status": 200}',
        '{"code": 0, "message": "success"}',
        '{"timestamp": 12}',
        '{"size": 12}',
        '{"queue": "600"}',
        '{"user": {"number": 12}}',
        '{"calls": [{"id": 1}, {"id": 2}]}',
        # yes or no, perhaps
        '{"result": 1}',
        '{"data": "0"}',
        # two that could both be meant
        "12 of 15 calls uploaded",
        "12 calls and 15 calls",
        "uploaded 12 and 15",
        "[1, 2]",
        '{"calls": 12, "count": 340}',
        '{"count": 12, "total": 340}',
        '{"count": -1, "total": 12}',
        '{"calls": 12, "calls": 13}',
        # a total, perhaps of all that the dashboard holds
        "Total: 12",
        "Total calls: 12",
        "12 calls in total",
        "Now 12 calls",
        "Всего звонков: 12",
        '{"totalCount": 12}',
        '{"totalCalls": 12}',
        '{"calls": {"total": 12}}',
        '{"uploadedCallsTotal": 12}',
        # two numbers, perhaps
        "1 234",
        "upload 7 123 calls",
        "1 23 calls",
        "uploaded 12 34 calls",
        "uploaded 1 234'567 calls",
        # a number of something else, in XML
        "<answer><id>12</id></answer>",
        "<answer><id>12</id><calls/></answer>",
        # not whole
        '{"count": 12',
        '[{"count": 12}, {"count": 12}]',
        # long: a page of something
        pytest.param("Uploaded 12 calls " + "x" * 5_000, id="words without end"),
        pytest.param("[" * 60_000, id="depth without end"),
    ],
)
def test_no_count_is_better_than_a_wrong_one(body: str) -> None:
    """Where a number could mean something else, the upload is accepted without a count."""
    outcome = answered(body)

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.ACCEPTED, None)


@pytest.mark.parametrize(
    "body",
    [
        '{"success": false}',
        '{"success": false, "count": 12}',
        '{"success": 0}',
        '{"isSuccess": "False"}',
        '{"ok": false, "data": {"count": 12}}',
        '{"data": {"success": false}}',
        '{"error": true}',
        '{"error": "cannot parse"}',
        '{"error": {"code": 5}}',
        '{"errors": {"count": 3}}',
        '{"errors": ["line 3"], "uploaded": 0}',
        '{"status": "error", "count": 12}',
        '{"status": "failed"}',
        '{"status": 500}',
        '{"code": 401, "message": "token expired"}',
        '{"message": "Error while parsing"}',
        "Error: 12 calls could not be stored",
        '"Failed"',
        "Ошибка 12",
        "Not authorized",
        "Upload failed",
        "Session expired",
        "Your session has expired, please log in",
        "Загрузка не удалась",
        "Произошла ошибка",
        '{"code": 1, "message": "unknown tenant"}',
        '{"code": -1}',
        '{"errorCode": 17}',
        '{"error": 1}',
        '{"message": "Upload failed"}',
        '{"success": true, "success": false, "count": 12}',
        '{"success": false, "success": true}',
        '{"success":false,"mess',
        '{"error":"too ma',
        "<s:Envelope><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>x</faultstring>",
        '<?xml version="1.0"?><error code="12"/>',
        pytest.param(gzip.compress(b'{"success":false}'), id="gzip"),
    ],
)
def test_a_success_that_speaks_of_a_failure_is_unknown(body: str | bytes) -> None:
    """It proves neither that the calls are there nor that they are not."""
    outcome = answered(body)

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.UNKNOWN, None)


@pytest.mark.parametrize(
    "body",
    [
        '{"error": null, "count": 12}',
        '{"error": "", "count": 12}',
        '{"errors": [], "count": 12}',
        '{"errors": 0, "count": 12}',
        '{"error": false, "count": 12}',
        '{"status": "ok", "count": 12}',
        '{"status": 200, "count": 12}',
        '{"count": 12, "list": [{"status": "failed"}, {"success": false}]}',
    ],
)
def test_the_absence_of_errors_is_no_failure(body: str) -> None:
    """Only the envelope counts, and only what it says."""
    outcome = answered(body)

    assert (outcome.verdict, outcome.reported_calls) == (Verdict.ACCEPTED, 12)


def test_the_named_charset_is_used() -> None:
    """A count among words in another charset is found."""
    body = "Загружено 12 звонков".encode("cp1251")

    assert answered(body, content_type="text/plain; charset=Windows-1251").reported_calls == 12
    assert answered(body, content_type="text/plain; charset=punycode").reported_calls is None


def test_where_a_redirect_leads_is_told_without_its_query() -> None:
    """The place may be a wrong address; what follows a ? may be a secret."""
    outcome = judge(
        Answer(
            sent=True, complete=True, status=302, location="https://sso.example.com/in?token=abc#x"
        ),
        now=NOW,
    )

    assert outcome.detail == "the dashboard answered 302 and points to https://sso.example.com/in"


def test_the_raw_answer_is_kept_as_text_that_harms_nobody() -> None:
    """The ledger keeps what came, without what drives a terminal, and not too much of it."""
    outcome = answered(b"\x1b[31m12\x00\xff\r\nline\ttwo" + b"x" * 10_000, status=500)

    assert outcome.answer.startswith("\ufffd[31m12\ufffd\ufffd\nline\ttwoxxx")
    assert len(outcome.answer) == ANSWER_MAX


@given(
    st.builds(
        Answer,
        sent=st.booleans(),
        complete=st.booleans(),
        status=st.none() | st.integers(0, 999),
        content_type=st.text(max_size=40) | st.sampled_from(["text/html", "a/b; charset=utf-16"]),
        retry_after=st.none() | st.text(max_size=40),
        location=st.text(max_size=40),
        body=st.binary(max_size=200),
        detail=st.text(max_size=40),
    )
)
def test_any_answer_is_judged(answer: Answer) -> None:
    """No bytes, from whomever, raise; a count comes with an acceptance only."""
    outcome = judge(answer, now=NOW)

    assert outcome.http_status == answer.status
    assert "\n" not in outcome.detail
    if outcome.reported_calls is not None:
        assert outcome.verdict is Verdict.ACCEPTED
        assert 0 <= outcome.reported_calls <= COUNT_MAX
    if not answer.sent:
        assert outcome.verdict is not Verdict.UNKNOWN


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["count", "calls", "id", "data", "status", "success", "error", "", "Ж"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_judged(document: object) -> None:
    """No document raises, and a count is a number that stands in it."""
    text = json.dumps(document)
    calls = answered(text).reported_calls

    assert calls is None or str(calls) in text or float(calls) in _numbers(document)


def _numbers(document: object) -> set[float]:
    if isinstance(document, dict):
        return set().union(*map(_numbers, document.values()))
    if isinstance(document, list):
        return set().union(*map(_numbers, document))
    return {float(document)} if isinstance(document, int | float) and abs(document) < 1e9 else set()


@given(st.text(alphabet="0123456789 calsuploadedof:.,-#%\n", max_size=60))
def test_a_count_in_a_text_stands_there(text: str) -> None:
    """No number is made up."""
    calls = answered(text).reported_calls

    assert calls is None or str(calls) in text.replace("\n", "")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("-5", None),
        ("soon", None),
        ("9" * 30, None),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 31 Feb 2027 07:00:00 GMT", None),
        ("Fri, 15 Foo 2027 07:00:00 GMT", None),
        ("Fri, 15 Jan 2027 08:02:00 CET", None),
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    """Seconds and a date both give seconds from now on; anything else gives none."""
    assert seconds_to_wait(header, now=NOW) == seconds
