"""Runs on the same items against each other: differences with intervals and tests, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from rsbench.errors import UserError, near_miss
from rsbench.records import Record, Store
from rsbench.reporting.intervals import TOLERANCE, Predictions
from rsbench.reporting.pairs import ALPHA, pair
from rsbench.reporting.same_items import check_same_items
from rsbench.statistics import Difference, PairedTest, SeedSummary, holm, seed_summary


@dataclass(frozen=True)
class Side:
    """What is compared: the runs of one method, one per seed.

    Args:
        records: one per seed.
        summary: of the metric over the seeds, in percent: its spread is that of the training, not of the items.
    """

    records: tuple[Record, ...]
    summary: SeedSummary


@dataclass(frozen=True)
class Comparison:
    """Two sides and how far their metrics are apart.

    Args:
        a, b: the sides.
        metric: key of the metric, such as ``val/AP``.
        difference: ``a - b`` in percentage points, with its 95 % interval over items drawn in pairs.
        test: of the difference.
        corrected: its p-value after Holm's correction for all pairs that are looked at together.
        notes: what else than the method differs, without a full stop.
    """

    a: Side
    b: Side
    metric: str
    difference: Difference
    test: PairedTest
    corrected: float
    notes: tuple[str, ...]

    @property
    def shown(self) -> bool:
        """Whether the test shows a difference at 5 %; False means "no difference shown", not "equal"."""
        return self.corrected <= ALPHA


def compare(store: Store, sides: Sequence[Sequence[str]], metric: str) -> list[Comparison]:
    """Compares every pair of sides on the same items: what makes an item hard for both cancels.

    Serves every metric that follows from what runs leave of their items: means over items, scores of confusion
    matrices, scores of ranked detections.

    Args:
        store: holds all runs.
        sides: two or more, each the ids of the runs of one method, one per seed.
        metric: key of the metric, such as ``val/AP``.

    Raises:
        UserError: there is no such run or metric; the runs are of different tasks, splits or images, or count
            different numbers of detections; a side mixes methods or repeats a seed; or the runs left nothing of their
            items that gives the metric.
    """
    found = [_side(store, runs, metric) for runs in sides]
    check_same_items([record for side in found for record in side.records])
    part, _, name = metric.partition("/")
    predictions, pairs = Predictions(store), []
    for a, b in combinations(found, 2):
        ids = [[record.id for record in side.records] for side in (a, b)]
        own = pair(predictions, ids[0], ids[1], part, name)
        shown = " and ".join(",".join(of_side) for of_side in ids)
        if own is None:
            raise _nothing(shown, metric, len(ids[0]) == len(ids[1]))
        if abs(own.difference.mean - (a.summary.mean - b.summary.mean)) > TOLERANCE:
            raise UserError(
                f"The predictions of {shown} do not give {metric} of their records.", "Make the runs again."
            )
        pairs.append((a, b, own))
    corrected = holm([own.test.p for _, _, own in pairs])
    return [
        Comparison(a, b, metric, own.difference, own.test, float(p), _notes(a, b))
        for (a, b, own), p in zip(pairs, corrected, strict=True)
    ]


def _nothing(shown: str, metric: str, equal: bool) -> UserError:
    if equal:
        return UserError(
            f"The runs {shown} left nothing that gives an interval of {metric}.",
            "Take another metric, or make the runs again: it takes the predictions of all items, and enough of them.",
        )
    return UserError(
        f"The runs {shown} have different numbers of seeds, and {metric} is no mean over items.",
        "Give as many seeds on either side.",
    )


def _side(store: Store, runs: Sequence[str], metric: str) -> Side:
    records = [store.read(run) for run in runs]
    for record in records:
        if record.status != "done":
            raise UserError(f"Run {record.id} is {record.status}: {record.reason}", "Compare runs that are done.")
        if metric not in record.metrics:
            raise UserError(f"Run {record.id} has no metric {metric!r}.", near_miss(metric, record.metrics))
        if record.method != records[0].method:
            raise UserError(
                f"The runs {records[0].id} and {record.id} are of different methods, and cannot be one side.",
                "Give the seeds of one method with commas between, and the other method as a side of its own.",
            )
    if len({record.seed for record in records}) < len(records):
        raise UserError(f"Of the runs {', '.join(runs)}, two have the same seed.", "Give each seed once.")
    return Side(tuple(records), seed_summary([record.metrics[metric] for record in records]))


def _notes(a: Side, b: Side) -> tuple[str, ...]:
    one, other = a.records[0], b.records[0]
    return tuple(
        f"{what} differ: {left} and {right}"
        for what, left, right in (
            ("protocols", one.protocol, other.protocol),
            ("input sizes", one.input_size, other.input_size),
            ("settings", *_differing(one.settings, other.settings)),
            ("precisions", one.precision, other.precision),
        )
        if left != right
    )


def _differing(a: dict[str, Any], b: dict[str, Any]) -> tuple[str, str]:
    """Returns the settings that both have with different values, as each has them."""
    keys = [key for key in a if key in b and a[key] != b[key]]
    left, right = (", ".join(f"{key}={settings[key]}" for key in keys) for settings in (a, b))
    return left, right
