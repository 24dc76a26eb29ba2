"""The text that Prometheus reads: what its own parser makes of it, and what its conventions ask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from qlogship.metrics.text import COMMON_LABEL, METRICS, Metric, Sample, render

STATE = "/var/lib/qlogship"


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return each series, without the common label, and its value."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = frozenset(sample.labels.items()) - {(COMMON_LABEL, STATE)}
            found[sample.name, labels] = sample.value
    return found


def test_what_is_written_is_what_is_read() -> None:
    """Every metric comes through with its type, its help, its labels and its value."""
    values = {
        metric.name: [Sample(number + 0.5, tuple(f"{name} {number}" for name in metric.labels))]
        for number, metric in enumerate(METRICS)
    }
    text = render(values, common=STATE)

    families = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(text)
    }
    assert list(families) == [metric.name for metric in METRICS]
    for number, metric in enumerate(METRICS):
        family = families[metric.name]
        assert (family.type, family.documentation) == (metric.type, metric.help)
        (sample,) = family.samples
        assert sample.value == number + 0.5
        assert sample.labels == {
            COMMON_LABEL: STATE,
            **{name: f"{name} {number}" for name in metric.labels},
        }
    assert text.endswith("\n")


def test_several_values_of_one_metric() -> None:
    """They share the lines that say what they are."""
    text = render(
        {"qlogship_trouble": [Sample(1, ("source",)), Sample(2, ("file",))]}, common=STATE
    )
    assert text == (
        "# HELP qlogship_trouble How much is wrong now, by kind of trouble.\n"
        "# TYPE qlogship_trouble gauge\n"
        f'qlogship_trouble{{state_directory="{STATE}",kind="source"}} 1\n'
        f'qlogship_trouble{{state_directory="{STATE}",kind="file"}} 2\n'
    )


def test_what_is_not_known_is_left_out() -> None:
    """A metric without a value is not there at all: a zero would be a lie."""
    assert render({}, common=STATE) == ""
    assert render({"qlogship_unread_bytes": []}, common=STATE) == ""


def test_a_value_of_no_metric() -> None:
    """What is not in the catalogue is a mistake, not a metric without help and type."""
    with pytest.raises(KeyError, match="qlogship_new"):
        render({"qlogship_new": [Sample(1)]}, common=STATE)


@given(st.text(), st.text())
def test_any_text_fits_into_a_label(common: str, kind: str) -> None:
    """Quotes, backslashes, newlines: the parser gets back what was put in."""
    text = render({"qlogship_trouble": [Sample(1, (kind,))]}, common=common)
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == {COMMON_LABEL: common, "kind": kind}


def test_a_path_that_is_not_utf_8() -> None:
    """The bytes of a path that are no UTF-8 are spelled out, for the file must be UTF-8."""
    text = render({"qlogship_up": [Sample(1)]}, common="/log/q\udcff")
    assert text.encode()
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == {COMMON_LABEL: "/log/q\\udcff"}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (15_000_000_000, "15000000000"),
        (0.0, "0.0"),
        (1_795_411_800.123_456, "1795411800.123"),
    ],
)
def test_numbers(value: float, written: str) -> None:
    """Whole numbers are whole, times have thousandths of a second."""
    assert render({"qlogship_up": [Sample(value)]}, common=STATE).split()[-1] == written


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_conventions(metric: Metric) -> None:
    """Names as Prometheus wants them: a prefix, base units, `_total` for counters alone."""
    name, kind, text, labels = metric
    assert name.startswith("qlogship_")
    assert name == name.lower()
    assert name.endswith("_total") == (kind == "counter")
    assert not name.endswith(("_count", "_sum", "_bucket", "_milliseconds", "_minutes", "_kib"))
    assert text.endswith(".")
    assert "\n" not in text
    assert "\\" not in text
    assert not {"instance", "job", "le", "quantile", COMMON_LABEL} & set(labels)


def test_names_are_unique() -> None:
    """No metric stands twice in the catalogue."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
