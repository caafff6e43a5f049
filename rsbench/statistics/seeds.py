"""Summaries over seeds, and whether two methods differ by more than their seeds do.

What another seed would change is not in any interval or test over items, however many items there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import scipy.stats
from numpy.typing import ArrayLike

from rsbench.statistics.checks import finite

_NOTHING = 1e-9  # a spread that comes of rounding, in percent as in fractions


@dataclass(frozen=True)
class SeedSummary:
    """Mean and spread over seeds.

    Args:
        mean: over the seeds.
        sd: sample standard deviation (n - 1 below); None for a single seed, where there is none.
        seeds: how many.
    """

    mean: float
    sd: float | None
    seeds: int


def seed_summary(values: ArrayLike) -> SeedSummary:
    """Returns mean, standard deviation and number of ``values``, one per seed.

    >>> seed_summary([1.0, 3.0])
    SeedSummary(mean=2.0, sd=1.4142135623730951, seeds=2)
    >>> seed_summary([2.0]).sd is None
    True
    """
    array = finite(values, 1)
    return SeedSummary(float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None, len(array))


def welch(a: SeedSummary, b: SeedSummary) -> float | None:
    """Returns the two-sided p-value of Welch's t-test: whether the means of two methods differ by more than seeds do.

    Args:
        a, b: of the same metric.

    Returns:
        None where a side has one seed, or where no seed changes anything on either side: then seeds say nothing.

    >>> round(welch(seed_summary([71.7, 71.4, 71.4]), seed_summary([57.4, 60.0, 62.1])), 3)
    0.013
    >>> welch(seed_summary([71.7]), seed_summary([57.4, 60.0])) is None
    True
    """
    if a.sd is None or b.sd is None or max(a.sd, b.sd) < _NOTHING:
        return None
    found = scipy.stats.ttest_ind_from_stats(a.mean, a.sd, a.seeds, b.mean, b.sd, b.seeds, equal_var=False)
    return float(found.pvalue)
