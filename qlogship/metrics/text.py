"""The metrics of the service: their names, and their text for Prometheus.

Here live the catalogue and the exposition format (prometheus.io/docs/instrumenting/
exposition_formats, version 0.0.4); where values come from, and the file, are the
business of `metrics/file.py`. docs/metrics.md says what each metric is for.

Units are seconds and bytes. A counter, whose name ends in `_total`, only grows, or
begins again at zero; everything else is a gauge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from qlogship.verdict.facts import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Metric(NamedTuple):
    """One metric: its type, what it means, and the labels it has besides the common ones."""

    name: str
    type: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...]


class Sample(NamedTuple):
    """One value of a metric, with the values of its own labels."""

    value: float
    labels: tuple[str, ...] = ()


COMMON_LABEL: Final = "state_directory"
"""The label that every series has. Two services cannot share a state directory, so
the series of several, in several files, never clash."""

UPLOAD_STATES: Final = ("accepted", "pending", "unknown", "quarantined", "superseded")
VERDICT_LEVELS: Final = tuple(str(level) for level in Level)
RESYNC_STATES: Final = ("idle", "asked", "checking", "clearing", "shipping")

# Without `qlogship_` before it; in the order in which they are written.
_HELP: Final = {
    "up": "1 while the service runs, 0 after it was stopped.",
    "info": "What runs, and between what; the value is 1.",
    "start_time_seconds": "When the service was started, in epoch seconds.",
    "last_step_timestamp_seconds": (
        "When the service last looked for work and wrote this, in epoch seconds."
    ),
    "unread_bytes": "Bytes of the queue_log that are not archived yet.",
    "lag_seconds": (
        "For how long the oldest record has been waiting that is archived and could be shipped."
    ),
    "waiting_records": "Records that are archived, not held back, and wait to be shipped.",
    "held_calls": "Calls that are held back, because they are not over.",
    "held_records": "Records of the calls that are held back.",
    "archived_calls_total": "Calls in the archive.",
    "archived_records_total": "Records in the archive.",
    "archived_bytes_total": "Bytes of text in the archive.",
    "odd_records_total": "Lines put into uploads that are no record.",
    "torn_records_total": "Records that were rotated away unfinished, and archived so.",
    "shipped_calls_total": (
        "Calls in accepted uploads of this generation; from zero again after a clear."
    ),
    "shipped_records_total": (
        "Records in accepted uploads of this generation; from zero again after a clear."
    ),
    "reported_calls_total": (
        "Calls that the dashboard reported for them; from zero again after a clear."
    ),
    "uploads": "Uploads by what became of them.",
    "verdict": "1 for the level that the numbers on the dashboard have, else 0.",
    "possible_duplicate_uploads": "Accepted uploads of this generation that may be counted twice.",
    "last_accepted_timestamp_seconds": (
        "When the dashboard last accepted an upload, in epoch seconds."
    ),
    "generation": "1, and one more for each clear, and for each other dashboard begun.",
    "destination_undecided": (
        "1 while nothing is sent, because the settings name another dashboard than the ledger."
    ),
    "resync_state": "1 for the state that a resync is in, else 0.",
    "trouble": "How much is wrong now, by kind of trouble.",
}
_LABELS: Final = {
    "info": ("version", "queue_log", "dashboard"),
    "uploads": ("state",),
    "verdict": ("level",),
    "resync_state": ("state",),
    "trouble": ("kind",),
}

METRICS: Final = tuple(
    Metric(
        f"qlogship_{name}",
        "counter" if name.endswith("_total") else "gauge",
        text,
        _LABELS.get(name, ()),
    )
    for name, text in _HELP.items()
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
