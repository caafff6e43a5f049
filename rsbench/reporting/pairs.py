"""Two sides, each one run or one per seed, on the same items: their difference, its interval, and a test of it.

What the runs left of their items decides how: values of items (top-1) have McNemar's test, or a permutation test where
they are no hits and misses or where there are several seeds; counts of pixels and ranked detections have a permutation
test in which tiles or images change sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsbench.metric_names import BOXES
from rsbench.reporting.intervals import Predictions
from rsbench.statistics import (
    Difference,
    PairedTest,
    Scores,
    mcnemar,
    paired_bootstrap,
    paired_score_difference,
    permutation_test,
    sign_flips,
)

ALPHA = 0.05
"""Level of a test: a corrected p-value above it shows no difference."""


@dataclass(frozen=True)
class Pair:
    """What two sides on the same items give.

    Args:
        difference: ``a - b`` in percentage points, with its 95 % interval over items that are drawn in pairs.
        test: of the difference; not corrected for others that are looked at.
        first: seeds of either side in which items change sides in the test, where one side has more; else 0.
    """

    difference: Difference
    test: PairedTest
    first: int = 0


def largest(items: float, seeds: float | None) -> float:
    """Returns the p-value of two sides that must differ both over items and over seeds to be shown to differ.

    Args:
        items: p-value of the test over items.
        seeds: that over seeds; None where seeds say nothing.
    """
    return items if seeds is None else max(items, seeds)


def pair(predictions: Predictions, a: Sequence[str], b: Sequence[str], part: str, metric: str) -> Pair | None:
    """Compares two sides; what makes an item hard for both cancels.

    The difference is that of the means over all seeds. Where items change sides they do so in as many seeds of either:
    the first ones, if one side has more.

    Args:
        predictions: of the runs.
        a, b: ids of runs, one per seed.
        part: of the split.
        metric: name without the part.

    Returns:
        None where the runs left nothing of the same items that gives the metric.
    """
    if all(predictions.has(run, metric) for run in (*a, *b)):
        return _of_values(predictions, a, b, part, metric)
    found = _of_counts(predictions, a, b, part, metric) or _of_matches(predictions, a, b, part, metric)
    if found is None:
        return None
    own = found.difference
    first = min(len(a), len(b)) if len(a) != len(b) else 0
    return Pair(Difference(100 * own.mean, 100 * own.low, 100 * own.high, own.level), found.test, first)


def _of_values(predictions: Predictions, a: Sequence[str], b: Sequence[str], part: str, metric: str) -> Pair | None:
    found = [predictions.values(run, part, metric, ordered=True) for run in (*a, *b)]
    rows = []
    for one in found:
        if one is None or found[0] is None or not one[0].equals(found[0][0]):
            return None
        rows.append(one[1])
    sides = np.mean(rows[: len(a)], axis=0), np.mean(rows[len(a) :], axis=0)
    difference = paired_bootstrap(*sides)
    if len(a) == len(b) == 1 and all(np.isin(side, (0, 100)).all() for side in sides):
        return Pair(difference, mcnemar(*(side / 100 for side in sides)))
    return Pair(difference, sign_flips(sides[0] - sides[1]))


def _of_counts(predictions: Predictions, a: Sequence[str], b: Sequence[str], part: str, metric: str) -> Pair | None:
    from rsbench.segmentation.metrics import score_array, score_names

    found = predictions.counts((*a, *b), part)
    if found is None or metric not in (names := score_names(found[0])):
        return None
    column = names.index(metric)
    first, second = (np.moveaxis(side, 0, 1) for side in (found[1][: len(a)], found[1][len(a) :]))  # (tiles, seeds, ..)

    def score(sums: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
        return score_array(sums, whole)[..., column].mean(axis=-1)

    difference = paired_score_difference(first, second, score)
    if difference is None:
        return None
    seeds = min(len(a), len(b))
    return Pair(difference, _swapped(first[:, :seeds], second[:, :seeds], score))


def _swapped(a: NDArray[np.int64], b: NDArray[np.int64], score: Scores) -> PairedTest:
    """Tests counts (tiles, seeds, ...) of two sides by letting tiles change sides in all seeds."""
    gain, total = (a - b).astype(np.float64).reshape(len(a), -1), b.sum(axis=0).astype(np.float64)
    both = total + a.sum(axis=0)

    def difference(stays: NDArray[np.bool_]) -> NDArray[np.float64]:
        own = total + (stays.astype(np.float64) @ gain).reshape(-1, *total.shape)
        return score(own, own) - score(both - own, both - own)

    return permutation_test(float(difference(np.ones((1, len(a)), bool))[0]), difference, len(a))


def _of_matches(predictions: Predictions, a: Sequence[str], b: Sequence[str], part: str, metric: str) -> Pair | None:
    boxes = metric.startswith(BOXES)
    key = (tuple(a), tuple(b), part, boxes)
    if key not in predictions.pairs:  # the draws of one metric are those of all
        predictions.pairs[key] = _all_of_matches(predictions, a, b, part, boxes)
    return predictions.pairs[key].get(metric.removeprefix(BOXES) if boxes else metric)


def _all_of_matches(
    predictions: Predictions, a: Sequence[str], b: Sequence[str], part: str, boxes: bool
) -> dict[str, Pair]:
    from rsbench.detection.bootstrap import paired_differences
    from rsbench.detection.permutation import paired_permutations

    found = predictions.matches((*a, *b), part, boxes)
    if found is None or not found[0].items:
        return {}
    first, second, seeds = found[: len(a)], found[len(a) :], min(len(a), len(b))
    try:
        differences = paired_differences(first, second)
        tests = paired_permutations(first[:seeds], second[:seeds]) if differences else {}
    except ValueError:  # other images
        return {}
    return {name: Pair(difference, tests[name]) for name, difference in differences.items() if name in tests}
