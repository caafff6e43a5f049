"""Ranks of several methods over several tasks, and which of them are shown to differ.

Methods of Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006: ranks within each task
are averaged; Friedman's test asks whether any method differs, and mean ranks further apart than Nemenyi's critical
difference are shown to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Ranking:
    """Methods by mean rank, the best first.

    Args:
        names: of the methods, by mean rank.
        mean_ranks: over the tasks; 1 is best, ties share the mean of their ranks.
        tasks: how many.
        p: of Friedman's test.
        critical_difference: Nemenyi's: mean ranks that are closer are not shown to differ.
        alpha: its level.
        groups: (first, last) places in ``names`` of methods none of which is shown to differ from another; only those
            that no larger one contains.
    """

    names: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    tasks: int
    p: float
    critical_difference: float
    alpha: float
    groups: tuple[tuple[int, int], ...]


def rank_methods(scores: ArrayLike, names: Sequence[str], alpha: float = 0.05) -> Ranking:
    """Ranks methods over tasks.

    Args:
        scores: (tasks, methods) finite numbers, larger is better; ranks are within a task, so units may differ.
        names: of the methods.
        alpha: level of the critical difference.

    Raises:
        ValueError: fewer than two tasks or methods, names that do not fit, or a number that is not finite.

    >>> found = rank_methods([[3, 1, 2], [9, 7, 8], [6, 4, 4]], ["a", "b", "c"])
    >>> found.names, [round(rank, 2) for rank in found.mean_ranks], round(found.critical_difference, 2)
    (('a', 'c', 'b'), [1.0, 2.17, 2.83], 1.91)
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 2 or min(array.shape) < 2 or array.shape[1] != len(names) or not np.isfinite(array).all():
        raise ValueError(
            f"Scores of shape {array.shape} are not (tasks, methods) finite numbers, two of each at least."
        )
    if not 0 < alpha < 1:
        raise ValueError(f"The level {alpha} is not between 0 and 1.")
    tasks, methods = array.shape
    ranks = scipy.stats.rankdata(-array, axis=1)
    means = ranks.mean(axis=0)
    order = sorted(range(methods), key=lambda index: (means[index], names[index]))
    difference = critical_difference(methods, tasks, alpha)
    sorted_means = tuple(float(means[index]) for index in order)
    groups = _groups(sorted_means, difference)
    return Ranking(tuple(names[i] for i in order), sorted_means, tasks, _friedman(ranks), difference, alpha, groups)


def critical_difference(methods: int, tasks: int, alpha: float = 0.05) -> float:
    """Returns Nemenyi's critical difference of mean ranks.

    >>> round(critical_difference(5, 1) / (5 * 6 / 6) ** 0.5, 3)  # Demšar's Table 5 (a): q of 5 methods
    2.728
    """
    q = float(scipy.stats.studentized_range.ppf(1 - alpha, methods, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * tasks)))


def _friedman(ranks: np.ndarray) -> float:
    """Friedman's test with the correction for ties; 1 where all methods tie on all tasks."""
    tasks, methods = ranks.shape
    spread = ((ranks - (methods + 1) / 2) ** 2).sum()
    if spread == 0:
        return 1.0
    statistic = (methods - 1) * tasks**2 * ((ranks.mean(axis=0) - (methods + 1) / 2) ** 2).sum() / spread
    return float(scipy.stats.chi2.sf(statistic, methods - 1))


def _groups(means: Sequence[float], difference: float) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for first, mean in enumerate(means):
        last = max(place for place in range(first, len(means)) if means[place] - mean <= difference)
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return tuple(found)
