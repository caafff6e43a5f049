"""Intervals by the bootstrap over items.

All intervals here are percentile intervals: the items are drawn again with replacement, as many as there are, and
the quantiles of the statistic over the draws are the bounds (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, section 13.3). They tell how much the number would move with other items of the same kind. They do
not tell how much it would move with another seed of the training: that is what ``rsbench.statistics.seeds`` is for.

Units pass through: fractions in, fractions out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsbench.statistics.checks import finite

_CHUNK = 2**21  # draws held at once, about 32 MB as indices and values


def bootstrap_interval(
    values: ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Returns the percentile interval of the mean of ``values`` over items.

    Where few distinct values occur (hits and misses), how often each is drawn is drawn itself, from the
    multinomial distribution: the same distribution as drawing item by item, at the cost of one number per distinct
    value.

    Args:
        values: (N,) one finite number per item.
        level: share of the draws between the bounds.
        resamples: number of draws.
        seed: of the draws; equal seeds give equal bounds.

    Returns:
        (low, high) in the unit of ``values``.

    Raises:
        ValueError: no items, a number that is not finite, or a level not between 0 and 1.

    >>> low, high = bootstrap_interval([0, 1] * 500)
    >>> round(low, 2), round(high, 2)
    (0.47, 0.53)
    """
    array = finite(values, 1)
    if not 0 < level < 1:
        raise ValueError(f"The level {level} is not between 0 and 1.")
    means = _resampled_means(array, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled_means(array: NDArray[np.float64], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    items = len(array)
    distinct, counts = np.unique(array, return_counts=True)
    means = np.empty(resamples)
    few = len(distinct) * 4 <= items
    step = max(1, _CHUNK // (len(distinct) if few else items))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if few:
            drawn = rng.multinomial(items, counts / items, size=size)
            means[start : start + size] = drawn @ distinct / items
        else:
            means[start : start + size] = array[rng.integers(items, size=(size, items))].mean(axis=1)
    return means


def seed_averaged_interval(
    values: ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Returns the interval of the mean over seeds, from the values of the same items under each seed.

    Each item's values are averaged over the seeds first, and items are drawn again whole. So the interval keeps
    the correlation between seeds (the same hard items are missed by all), where an interval over all N x S values
    as if they were independent would be too narrow. It does not include the variance between seeds; print the
    standard deviation over seeds beside it.

    Args:
        values: (S, N) one row per seed, items in the same order.
    """
    return bootstrap_interval(finite(values, 2).mean(axis=0), level, resamples, seed)


@dataclass(frozen=True)
class Difference:
    """A paired difference, ``a - b``.

    Args:
        mean: of the differences of the items; for a score of sums, the difference of the scores over all items.
        low, high: bounds of its interval.
        level: of the interval.
    """

    mean: float
    low: float
    high: float
    level: float


def paired_bootstrap(
    a: ArrayLike, b: ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Difference:
    """Returns the difference of the means of two methods on the same items, with its interval.

    Items are drawn in pairs, so what makes an item hard for both cancels.

    Args:
        a: (N,) values of the first method.
        b: (N,) values of the second one, items in the same order.

    >>> paired_bootstrap([1, 1, 0, 1], [1, 0, 0, 1]).mean
    0.25
    """
    first, second = finite(a, 1), finite(b, 1)
    if len(first) != len(second):
        raise ValueError(f"A paired comparison needs the same items: {len(first)} are not {len(second)}.")
    difference = first - second
    low, high = bootstrap_interval(difference, level, resamples, seed)
    return Difference(float(difference.mean()), low, high, level)


Scores = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Scores many sums at once: from (R, ...) to (R,) or (R, names), NaN where a sum has no score.

It is also given the sum over all items (...), each once: a draw that lacks what the whole has may have no score, where
what is left would be the score of something else.
"""


def bootstrap_sums(counts: ArrayLike, resamples: int = 2000, seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """Yields sums over items that are drawn again with replacement, for scores that are no means over items.

    How often each item is drawn follows the multinomial distribution. The draws come in blocks, so that memory grows
    neither with their number nor with that of the items beyond what these hold themselves.

    Args:
        counts: (N, ...) finite numbers, items first; counts are summed exactly up to 2**53.
        resamples: number of draws.
        seed: of the draws; equal seeds give equal draws.

    Yields:
        (R, ...) sums of the next R draws.

    >>> [block.shape for block in bootstrap_sums(np.ones((5, 2, 2)), resamples=10)]
    [(10, 2, 2)]
    """
    array = np.asarray(counts, dtype=np.float64)
    if array.ndim == 0 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"Counts of shape {array.shape} are not (N, ...) finite numbers with N > 0.")
    items, flat = len(array), array.reshape(len(array), -1)
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(flat.shape))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.multinomial(items, np.full(items, 1 / items), size=size)
        yield (drawn.astype(np.float64) @ flat).reshape(size, *array.shape[1:])


def resampled_scores(counts: ArrayLike, score: Scores, resamples: int = 2000, seed: int = 0) -> NDArray[np.float64]:
    """Returns the score of each draw of ``bootstrap_sums``: (resamples,) or (resamples, names)."""
    whole = np.asarray(counts, dtype=np.float64).sum(axis=0)
    return np.concatenate([score(sums, whole) for sums in bootstrap_sums(counts, resamples, seed)])


def percentile_interval(draws: ArrayLike, level: float = 0.95) -> tuple[float, float] | None:
    """Returns the bounds between which the share ``level`` of the draws lies.

    Args:
        draws: (R,) scores; NaN where a draw has none.
        level: share of the draws between the bounds.

    Returns:
        (low, high) of the draws that have a score; None if more than ``1 - level`` of them have none, for then the
        bounds would say little about what was asked.

    >>> percentile_interval(np.arange(101.0), level=0.5)
    (25.0, 75.0)
    """
    if not 0 < level < 1:
        raise ValueError(f"The level {level} is not between 0 and 1.")
    array = np.asarray(draws, dtype=np.float64)
    there = array[np.isfinite(array)]
    if len(there) == 0 or len(there) < level * len(array):
        return None
    low, high = np.quantile(there, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_score_difference(
    a: ArrayLike, b: ArrayLike, score: Scores, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Difference | None:
    """Returns the difference of the scores of two runs on the same items, with its interval.

    Items are drawn in pairs, the counts of each run are summed and scored, and the scores are subtracted. For the
    mean over seeds, let the counts be (N, S, ...) and the score take the mean; the runs may have different S.

    Args:
        a: (N, ...) counts of the first run.
        b: (N, ...) counts of the second one, items in the same order.
        score: of sums, (R, ...) to (R,); the whole that it is given is that of the run whose sums it scores.

    Returns:
        None where there is no such score over all items, or too many draws lack it (``percentile_interval``).

    Raises:
        ValueError: the runs have different numbers of items, or none.

    >>> hits = np.array([[3, 4], [1, 4], [4, 4], [2, 4]])  # right, all
    >>> share = lambda sums, whole: sums[:, 0] / sums[:, 1]
    >>> paired_score_difference(hits, hits - [1, 0], share).mean
    0.25
    """
    both = [np.asarray(counts, dtype=np.float64) for counts in (a, b)]
    if both[0].ndim == 0 or both[1].ndim == 0 or len(both[0]) != len(both[1]):
        raise ValueError(f"A paired comparison needs the same items: {both[0].shape} are not {both[1].shape}.")
    shapes = [one.shape[1:] for one in both]
    paired = np.concatenate([one.reshape(len(one), -1) for one in both], axis=1)
    cut = int(np.prod(shapes[0]))

    def difference(sums: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
        ends = slice(None, cut), slice(cut, None)
        own, other = (
            score(sums[:, end].reshape(-1, *shape), whole[end].reshape(shape))
            for end, shape in zip(ends, shapes, strict=True)
        )
        return own - other

    total = paired.sum(axis=0)
    found = float(difference(total[None], total)[0])
    bounds = percentile_interval(resampled_scores(paired, difference, resamples, seed), level)
    return Difference(found, *bounds, level) if bounds and np.isfinite(found) else None
