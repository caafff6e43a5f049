"""Intervals of AP and AR over images, and paired comparisons of two runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rsbench.detection.curves import Curve, curves_of, precision_recall, work_of
from rsbench.detection.figures import score_array, score_names
from rsbench.detection.matching import Matches
from rsbench.statistics import Difference, percentile_interval

RESAMPLES = 1000
_LEAST = 200
_BUDGET = 2**31  # numbers over all draws: some ten seconds
_ROWS = 2**23  # draws of images held at once


def scores_of(matches: Matches, weights: NDArray[np.int64] | None = None) -> dict[str, float]:
    """Returns the scores of some images, as fractions; what does not exist has no key.

    Args:
        matches: of all images.
        weights: (I,), how often each image counts; once each if None.
    """
    drawn = np.ones(len(matches.items), np.int64) if weights is None else np.asarray(weights)
    values = score_array(*precision_recall(curves_of(matches), drawn[:, None]))[0]
    named = zip(score_names(matches.classes), values, strict=True)
    return {name: float(value) for name, value in named if np.isfinite(value)}


def resamples_for(matches: Matches | Sequence[Matches]) -> int:
    """Returns how many draws an interval is made of by default: 1000, or fewer (200 at least) of a huge data set."""
    work = sum(work_of(curves_of(one)) for one in _several(matches))
    return int(np.clip(_BUDGET // max(1, work), _LEAST, RESAMPLES))


def bootstrap_scores(
    matches: Matches | Sequence[Matches],
    level: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Returns the percentile interval of each score over images, as fractions.

    Images are drawn again with replacement, and the detections of those drawn are ranked and scored. Of several
    seeds, the same images are drawn for all, each seed is scored by itself, and the draw gives the mean over seeds:
    the interval of what a table prints. It does not include the variance between seeds.

    A draw may hold no object of a class (or of a class in a range of area) that the data set has. Then it has no mean
    over the classes: that over the others would be another quantity. A score has no key if more than ``1 - level`` of
    the draws lack it; else its interval is that of the draws that have it.

    Args:
        matches: of one run, or of one run per seed on the same images.
        level: share of the draws between the bounds.
        resamples: number of draws; by default what ``resamples_for`` says.
        seed: of the draws; equal seeds give equal bounds.

    Raises:
        ValueError: seeds that differ in images, classes or objects; or no images.
    """
    several = _several(matches)
    check_same(several)
    draws = _draws(several, resamples or resamples_for(several), seed)
    found = zip(score_names(several[0].classes), np.concatenate(list(draws)).T, strict=True)
    return {name: bounds for name, column in found if (bounds := percentile_interval(column, level)) is not None}


def paired_differences(
    a: Matches | Sequence[Matches],
    b: Matches | Sequence[Matches],
    level: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> dict[str, Difference]:
    """Returns the differences of the scores of two runs on the same images, ``a - b``, with their intervals.

    Images are drawn in pairs, so that what makes one hard for both cancels.

    Args:
        a, b: of a run each, or of one run per seed.
        level, resamples, seed: as ``bootstrap_scores`` has them.

    Returns:
        By name; no key where there is no such score over all images, or too many draws lack it.

    Raises:
        ValueError: the runs differ in images, classes or objects.
    """
    first, second = _several(a), _several(b)
    check_same([*first, *second])
    names = score_names(first[0].classes)
    number = resamples or resamples_for([*first, *second])
    sides = [np.concatenate(list(_draws(side, number, seed))) for side in (first, second)]
    means = mean_scores(first) - mean_scores(second)
    found = {}
    for name, mean, draws in zip(names, means, (sides[0] - sides[1]).T, strict=True):
        bounds = percentile_interval(draws, level)
        if bounds and np.isfinite(mean):
            found[name] = Difference(float(mean), *bounds, level)
    return found


def mean_scores(several: Sequence[Matches]) -> NDArray[np.float64]:
    """Returns the mean over seeds of each score, in the order of ``score_names``; NaN where a seed has none."""
    ones = np.ones((len(several[0].items), 1), np.int64)
    return np.mean([score_array(*precision_recall(curves_of(one), ones))[0] for one in several], axis=0)


def _draws(several: Sequence[Matches], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yields the mean over seeds of the scores of some draws, (R, names); the draws depend on the seed alone."""
    images = len(several[0].items)
    whole = several[0].objects.sum(axis=0) > 0
    curves: list[list[Curve]] = [curves_of(one) for one in several]
    rng = np.random.default_rng(seed)
    step = max(1, _ROWS // images)
    for start in range(0, resamples, step):
        drawn = rng.multinomial(images, np.full(images, 1 / images), size=min(step, resamples - start)).T
        yield np.mean([score_array(*precision_recall(one, drawn), whole) for one in curves], axis=0)


def _several(matches: Matches | Sequence[Matches]) -> list[Matches]:
    return [matches] if isinstance(matches, Matches) else list(matches)


def check_same(several: Sequence[Matches]) -> None:
    """Raises ValueError unless all are of the same images, classes and objects, of which there are some."""
    first = several[0]
    if not first.items:
        raise ValueError("There are no images to draw from.")
    for one in several[1:]:
        same = one.classes == first.classes and one.items == first.items
        if not same or not np.array_equal(one.objects, first.objects):
            raise ValueError("Matches of other images, classes or objects cannot be compared.")
