"""The metrics of the service: their names, and their text for Prometheus.

Here live the catalogue and the exposition format (prometheus.io/docs/instrumenting/
exposition_formats, version 0.0.4); where values come from, and the file, are the
business of `metrics/file.py`. docs/metrics.md says what each metric is for.

Units are seconds and bytes. A counter, whose name ends in `_total`, only grows, or
begins again at zero; everything else is a gauge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Metric(NamedTuple):
    """One metric: its type, what it means, and the labels it has besides the common ones."""

    name: str
    type: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One value of a metric, with the values of its own labels."""

    value: float
    labels: tuple[str, ...] = ()


COMMON_LABEL: Final = "state_directory"
"""The label that every series has. Two services cannot share a state directory, so
the series of several, in several files, never clash."""

UPLOAD_STATES: Final = ("accepted", "pending", "unknown", "quarantined", "superseded")
RESYNC_STATES: Final = ("idle", "asked", "checking", "clearing", "shipping")

METRICS: Final = (
    Metric("qlogship_up", "gauge", "1 while the service runs, 0 after it was stopped."),
    Metric(
        "qlogship_info",
        "gauge",
        "What runs, and between what; the value is 1.",
        ("version", "queue_log", "dashboard"),
    ),
    Metric(
        "qlogship_start_time_seconds", "gauge", "When the service was started, in epoch seconds."
    ),
    Metric(
        "qlogship_last_step_timestamp_seconds",
        "gauge",
        "When the service last looked for work and wrote this, in epoch seconds.",
    ),
    Metric("qlogship_unread_bytes", "gauge", "Bytes of the queue_log that are not archived yet."),
    Metric(
        "qlogship_lag_seconds",
        "gauge",
        "For how long the oldest record has been waiting that is archived and could be shipped.",
    ),
    Metric(
        "qlogship_waiting_records",
        "gauge",
        "Records that are archived, not held back, and wait to be shipped.",
    ),
    Metric("qlogship_held_calls", "gauge", "Calls that are held back, because they are not over."),
    Metric("qlogship_held_records", "gauge", "Records of the calls that are held back."),
    Metric("qlogship_archived_calls_total", "counter", "Calls in the archive."),
    Metric("qlogship_archived_records_total", "counter", "Records in the archive."),
    Metric("qlogship_archived_bytes_total", "counter", "Bytes of text in the archive."),
    Metric("qlogship_odd_records_total", "counter", "Lines put into uploads that are no record."),
    Metric(
        "qlogship_torn_records_total",
        "counter",
        "Records that were rotated away unfinished, and archived so.",
    ),
    Metric(
        "qlogship_shipped_calls_total",
        "counter",
        "Calls in accepted uploads of this generation; from zero again after a clear.",
    ),
    Metric(
        "qlogship_shipped_records_total",
        "counter",
        "Records in accepted uploads of this generation; from zero again after a clear.",
    ),
    Metric(
        "qlogship_reported_calls_total",
        "counter",
        "Calls that the dashboard reported for them; from zero again after a clear.",
    ),
    Metric("qlogship_uploads", "gauge", "Uploads by what became of them.", ("state",)),
    Metric(
        "qlogship_possible_duplicate_uploads",
        "gauge",
        "Accepted uploads of this generation that may be counted twice.",
    ),
    Metric(
        "qlogship_last_accepted_timestamp_seconds",
        "gauge",
        "When the dashboard last accepted an upload, in epoch seconds.",
    ),
    Metric("qlogship_generation", "gauge", "1, and one more for each clear."),
    Metric(
        "qlogship_resync_state", "gauge", "1 for the state that a resync is in, else 0.", ("state",)
    ),
    Metric("qlogship_trouble", "gauge", "How much is wrong now, by kind of trouble.", ("kind",)),
)


def render(values: Mapping[str, Sequence[Sample]], *, common: str) -> str:
    """Return the text of these metrics, in the order of the catalogue.

    `common` is the value of the label that all series have. A metric without a
    value is left out: nothing is known of it now. Raises KeyError for a value
    that belongs to no metric.
    """
    unknown = values.keys() - {metric.name for metric in METRICS}
    if unknown:
        raise KeyError(*sorted(unknown))
    lines = []
    for metric in METRICS:
        samples = values.get(metric.name, ())
        if not samples:
            continue
        lines.append(f"# HELP {metric.name} {metric.help}")
        lines.append(f"# TYPE {metric.name} {metric.type}")
        for sample in samples:
            pairs = (
                (COMMON_LABEL, common),
                *zip(metric.labels, sample.labels, strict=True),
            )
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)
            lines.append(f"{metric.name}{{{labels}}} {_number(sample.value)}")
    return "".join(f"{line}\n" for line in lines)


def _escaped(value: str) -> str:
    """Write the value of a label: any text, as UTF-8 can hold it, in one line."""
    text = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    """Write a number; thousandths of a second are enough of a time."""
    return str(value) if isinstance(value, int) else repr(round(value, 3))
