"""The difference of two runs on the same items, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rsbench.errors import UserError, near_miss
from rsbench.metric_names import BOXES
from rsbench.records import Record, Store
from rsbench.reporting.intervals import TOLERANCE, Predictions
from rsbench.statistics import Difference, paired_bootstrap, paired_score_difference


@dataclass(frozen=True)
class Comparison:
    """Two runs and how far their metrics are apart.

    Args:
        a, b: the records.
        metric: key of the metric, such as ``val/AP``.
        difference: ``a - b`` in percentage points, with its 95 % interval over items drawn in pairs.
        notes: what else than the method differs, without a full stop.
    """

    a: Record
    b: Record
    metric: str
    difference: Difference
    notes: tuple[str, ...]


def compare(store: Store, run_a: str, run_b: str, metric: str) -> Comparison:
    """Compares two runs on the same items: what makes an item hard for both cancels.

    Serves every metric that follows from what runs leave of their items: means over items, scores of confusion
    matrices, scores of ranked detections.

    Args:
        store: holds both runs.
        run_a, run_b: their ids.
        metric: key of the metric, such as ``val/AP``.

    Raises:
        UserError: there is no such run or metric; the runs are of different tasks, splits or images, or count
            different numbers of detections; or they left nothing of their items that gives the metric.
    """
    a, b = store.read(run_a), store.read(run_b)
    for record in (a, b):
        if record.status != "done":
            raise UserError(f"Run {record.id} is {record.status}: {record.reason}", "Compare runs that are done.")
    for what, values in (
        ("tasks", (a.task, b.task)),
        ("splits", (_split(a), _split(b))),
        ("images or labels", tuple(record.dataset.get("fingerprint") for record in (a, b))),
        ("maxDets", tuple(record.settings.get("max_dets") for record in (a, b))),
    ):
        if values[0] != values[1]:
            shown = " and ".join(str(value)[:12] for value in values)
            raise UserError(
                f"The runs {a.id} and {b.id} are of different {what}: {shown}.", "Compare runs on the same items."
            )
    for record in (a, b):
        if metric not in record.metrics:
            raise UserError(f"Run {record.id} has no metric {metric!r}.", near_miss(metric, record.metrics))
    part, _, name = metric.partition("/")
    found = _difference(Predictions(store), a.id, b.id, part, name)
    if found is None:
        raise UserError(
            f"The runs {a.id} and {b.id} left nothing that gives an interval of {metric}.",
            "Take another metric, or make the runs again: it takes the predictions of all items, and enough of them.",
        )
    if abs(found.mean - (a.metrics[metric] - b.metrics[metric])) > TOLERANCE:
        raise UserError(
            f"The predictions of {a.id} and {b.id} do not give {metric} of their records.", "Make the runs again."
        )
    notes = tuple(
        f"{what} differ: {left} and {right}"
        for what, left, right in (
            ("protocols", a.protocol, b.protocol),
            ("input sizes", a.input_size, b.input_size),
            ("settings", *_differing(a.settings, b.settings)),
            ("precisions", a.precision, b.precision),
        )
        if left != right
    )
    return Comparison(a, b, metric, found, notes)


def _split(record: Record) -> Any:
    return record.dataset.get("split_sha256") or record.split


def _differing(a: dict[str, Any], b: dict[str, Any]) -> tuple[str, str]:
    """Returns the settings that both have with different values, as each has them."""
    keys = [key for key in a if key in b and a[key] != b[key]]
    left, right = (", ".join(f"{key}={settings[key]}" for key in keys) for settings in (a, b))
    return left, right


def _difference(predictions: Predictions, a: str, b: str, part: str, name: str) -> Difference | None:
    """Returns the difference in percentage points; None where the runs left nothing of the same items."""
    if all(predictions.has(run, name) for run in (a, b)):
        found = [predictions.values(run, part, name, ordered=True) for run in (a, b)]
        if found[0] is None or found[1] is None or not found[0][0].equals(found[1][0]):
            return None
        return paired_bootstrap(found[0][1], found[1][1])
    difference = _of_counts(predictions, a, b, part, name) or _of_matches(predictions, a, b, part, name)
    if difference is None:
        return None
    return Difference(100 * difference.mean, 100 * difference.low, 100 * difference.high, difference.level)


def _of_counts(predictions: Predictions, a: str, b: str, part: str, name: str) -> Difference | None:
    from rsbench.segmentation.metrics import score_array, score_names

    found = predictions.counts((a, b), part)
    if found is None or name not in (names := score_names(found[0])):
        return None
    column, (first, second) = names.index(name), found[1]
    return paired_score_difference(first, second, lambda sums, whole: score_array(sums, whole)[..., column])


def _of_matches(predictions: Predictions, a: str, b: str, part: str, name: str) -> Difference | None:
    from rsbench.detection.bootstrap import paired_difference

    boxes = name.startswith(BOXES)
    found = predictions.matches((a, b), part, boxes)
    if found is None or not found[0].items:
        return None
    try:
        return paired_difference(found[0], found[1], name.removeprefix(BOXES) if boxes else name)
    except ValueError:  # other images, or no score of this name
        return None
