"""Runs on the same items against each other: differences with intervals and tests, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from rsbench.errors import UserError, near_miss
from rsbench.records import Record, Store
from rsbench.reporting.intervals import TOLERANCE, Predictions
from rsbench.reporting.measured import all_but_seed, subject
from rsbench.reporting.pairs import ALPHA, largest, pair
from rsbench.reporting.same_items import check_same_items
from rsbench.statistics import Difference, PairedTest, SeedSummary, holm, seed_summary, welch


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
        test: of the difference, over items.
        seeds: p-value of Welch's test over seeds; None where a side has one seed, or seeds change nothing.
        corrected: the larger of both p-values after Holm's correction for all pairs that are looked at together.
        notes: what else than the method differs, without a full stop.
    """

    a: Side
    b: Side
    metric: str
    difference: Difference
    test: PairedTest
    seeds: float | None
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
            raise UserError(
                f"The runs {shown} left nothing that gives an interval of {metric}.",
                "Take another metric, or make the runs again: it takes predictions of all items, and enough of them.",
            )
        if abs(own.difference.mean - (a.summary.mean - b.summary.mean)) > TOLERANCE:
            raise UserError(
                f"The predictions of {shown} do not give {metric} of their records.", "Make the runs again."
            )
        pairs.append((a, b, own, welch(a.summary, b.summary)))
    corrected = holm([largest(own.test.p, seeds) for _, _, own, seeds in pairs])
    return [
        Comparison(a, b, metric, own.difference, own.test, seeds, float(p), _notes(a, b, own.first))
        for (a, b, own, seeds), p in zip(pairs, corrected, strict=True)
    ]


def _side(store: Store, runs: Sequence[str], metric: str) -> Side:
    records = [store.trusted(run) for run in runs]
    for record in records:
        if record.status != "done":
            raise UserError(f"Run {record.id} is {record.status}: {record.reason}", "Compare runs that are done.")
        if metric not in record.metrics:
            raise UserError(f"Run {record.id} has no metric {metric!r}.", near_miss(metric, record.metrics))
        if all_but_seed(record) != all_but_seed(records[0]):
            raise UserError(
                f"The runs {records[0].id} and {record.id} differ in more than the seed "
                f"({', '.join(_differing_parts(records[0], record))}), and cannot be one side.",
                "Give the seeds of one method with commas between, and other runs as a side of their own.",
            )
    if len({record.seed for record in records}) < len(records):
        raise UserError(f"Of the runs {', '.join(runs)}, two have the same seed.", "Give each seed once.")
    return Side(tuple(records), seed_summary([record.metrics[metric] for record in records]))


def _differing_parts(a: Record, b: Record) -> list[str]:
    keys = sorted({*a.identity, *b.identity} - {"seed"})
    return [key for key in keys if a.identity.get(key) != b.identity.get(key)]


def _notes(a: Side, b: Side, first: int) -> tuple[str, ...]:
    one, other = a.records[0], b.records[0]
    found = [
        f"{what} differ: {left} and {right}"
        for what, left, right in (
            ("protocols", one.protocol, other.protocol),
            ("input sizes", one.input_size, other.input_size),
            ("settings", *_differing(one.settings, other.settings)),
            ("precisions", one.precision, other.precision),
            ("sources of the weights", _source(one), _source(other)),
        )
        if left != right
    ]
    seeds = [len(side.records) for side in (a, b)]
    if 1 in seeds:
        found.append("one seed on a side: nothing here says what another seed would give")
    if first:
        found.append(f"in the paired test items change sides in the first {first} of {seeds[0]} and {seeds[1]} seeds")
    return tuple(found)


def _source(record: Record) -> str:
    checkpoint = subject(record).checkpoint
    return f"a checkpoint of the user, {checkpoint}" if checkpoint else "the method's own"


def _differing(a: dict[str, Any], b: dict[str, Any]) -> tuple[str, str]:
    """Returns the settings that both have with different values, as each has them."""
    keys = [key for key in a if key in b and a[key] != b[key]]
    left, right = (", ".join(f"{key}={settings[key]}" for key in keys) for settings in (a, b))
    return left, right
