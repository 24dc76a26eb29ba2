"""Whether a ledger belongs to the destination that the settings name."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlogship.config.model import DashboardSettings
from qlogship.shipping.belonging import DECISIONS, Belonging, belonging, question
from qlogship.shipping.destination import Destination, destination_of

HERE = Destination("https://company.softphone.pro", "admin@company.ru")
OTHERS = (
    None,
    Destination("http://company.softphone.pro", "admin@company.ru"),
    Destination("https://company.softphone.pro:8443", "admin@company.ru"),
    Destination("https://other.softphone.pro", "admin@company.ru"),
    Destination("https://company.softphone.pro/team", "admin@company.ru"),
    Destination("https://company.softphone.pro", "boss@company.ru"),
    Destination("https://company.softphone.pro", ""),
)


@pytest.mark.parametrize(("other", "ever_sent"), list(product(OTHERS, (False, True))))
def test_another_destination_is_asked_about_when_anything_was_sent(
    *, other: Destination | None, ever_sent: bool
) -> None:
    """Another scheme, port, host, path or account, or none that is known, is never taken for it."""
    expected = Belonging.UNDECIDED if ever_sent else Belonging.UNBOUND
    assert belonging(other, HERE, ever_sent=ever_sent) is expected


@pytest.mark.parametrize("ever_sent", [False, True])
def test_the_same_destination_fits(*, ever_sent: bool) -> None:
    """Nobody is asked where the settings name what the ledger belongs to."""
    assert belonging(HERE, HERE, ever_sent=ever_sent) is Belonging.FITS


SAME_PORT = st.sampled_from(["", ":443"])


@given(
    address=st.sampled_from(["company", "Company", "COMPANY"]),
    port=SAME_PORT,
    slash=st.sampled_from(["", "/"]),
    email=st.sampled_from(["admin@company.ru", "Admin@Company.RU"]),
)
def test_the_way_it_is_written_makes_no_other(
    address: str, port: str, slash: str, email: str
) -> None:
    """Case, a default port and a slash at the end make no other destination."""
    url = f"https://{address}.Softphone.pro{port}{slash}"
    settings = DashboardSettings.model_construct(url=url, email=email)
    assert destination_of(settings) == HERE


def test_the_question_names_both_and_what_is_not_known() -> None:
    """A person reads which dashboard is meant, and which the ledger belongs to."""
    other = Destination("https://sandbox.example", "me@example")
    assert str(HERE) in question(other, HERE)
    assert str(other) in question(other, HERE)
    assert "0.1.0" in question(None, HERE)


def test_each_decision_has_words_of_its_own() -> None:
    """There are three decisions; each has its option, its words and what follows from it."""
    assert len({one.option for one in DECISIONS}) == len({one.words for one in DECISIONS}) == 3
    assert all(one.command.endswith(one.option) and one.follows for one in DECISIONS)
