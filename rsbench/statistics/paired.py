"""Tests of paired differences: how often a difference like this one would come out if both sides were alike.

All p-values here are two-sided. A large one says "no difference shown", never "equal".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

PERMUTATIONS = 9999
_CHUNK = 2**22  # signs held at once


@dataclass(frozen=True)
class PairedTest:
    """What a test of a paired difference found.

    Args:
        name: ``McNemar`` or ``permutation``.
        p: two-sided p-value.
        draws: number of permutations; None where the p-value is exact.
    """

    name: str
    p: float
    draws: int | None = None


def mcnemar(a: ArrayLike, b: ArrayLike) -> PairedTest:
    """McNemar's exact test of two classifiers on the same items.

    Only the items that one gets right and the other wrong count: if both were alike, either would be right on half of
    them (binomial test; McNemar, Psychometrika 1947).

    Args:
        a, b: (N,) 1 where a classifier is right and 0 where it is wrong, items in the same order.

    Raises:
        ValueError: other values, or other numbers of items.

    >>> mcnemar([1] * 9 + [0], [0] * 9 + [1])
    PairedTest(name='McNemar', p=0.021484375, draws=None)
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(first) == 0:
        raise ValueError(f"A paired test needs the same items: {first.shape} are not {second.shape}.")
    if not np.isin(first, (0, 1)).all() or not np.isin(second, (0, 1)).all():
        raise ValueError("McNemar's test takes hits and misses, 1 and 0.")
    more, less = int((first > second).sum()), int((first < second).sum())
    return PairedTest("McNemar", float(scipy.stats.binomtest(more, more + less).pvalue) if more + less else 1.0)


def sign_flips(differences: ArrayLike, permutations: int = PERMUTATIONS, seed: int = 0) -> PairedTest:
    """Permutation test of a mean of paired differences: if both sides are alike, each difference may have either sign.

    The p-value is (1 + draws at least as far from zero) / (1 + draws), which is valid for any number of draws
    (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 2010).

    Args:
        differences: (N,) of the items; of several seeds, of the items' means over seeds.
        permutations: number of draws.
        seed: of the draws.

    >>> sign_flips(np.ones(20)).p
    0.0001
    >>> sign_flips([1.0, -1.0]).p
    1.0
    """
    array = np.asarray(differences, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise ValueError(f"Differences of shape {array.shape} are not (N,) finite numbers with N > 0.")
    array = array[array != 0]  # they have no sign
    if not len(array):
        return PairedTest("permutation", 1.0, permutations)

    def flipped(signs: NDArray[np.bool_]) -> NDArray[np.float64]:
        return 2 * (signs.astype(np.float64) @ array) - array.sum()

    return permutation_test(float(array.sum()), flipped, len(array), permutations, seed)


def permutation_test(
    found: float,
    score: Callable[[NDArray[np.bool_]], NDArray[np.float64]],
    items: int,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> PairedTest:
    """Permutation test of any paired statistic: in every draw, each item's two sides stay or change places.

    Args:
        found: the statistic as it was measured.
        score: from (R, items), true where an item stays, to the R statistics; NaN where a draw has none, which counts
            against a difference.
        items: number of items.
        permutations: number of draws.
        seed: of the draws; equal seeds give equal p-values.
    """
    return permutation_tests([found], lambda stays: score(stays)[:, None], items, permutations, seed)[0]


def permutation_tests(
    found: ArrayLike,
    score: Callable[[NDArray[np.bool_]], NDArray[np.float64]],
    items: int,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> list[PairedTest]:
    """Returns ``permutation_test`` of K statistics of the same draws; they are not corrected for their number.

    Args:
        found: (K,) as they were measured.
        score: from (R, items) to (R, K).
        items, permutations, seed: as there.
    """
    measured = np.abs(np.asarray(found, dtype=np.float64))
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // items)
    thresholds = measured - 1e-12 * np.maximum(1.0, measured)  # sums in another order differ in the last digits
    extreme = np.zeros(len(measured), np.int64)
    for start in range(0, permutations, step):
        size = min(step, permutations - start)
        values = np.abs(score(rng.integers(0, 2, size=(size, items), dtype=np.int8).astype(bool)))
        extreme += (~(values < thresholds)).sum(axis=0)
    return [PairedTest("permutation", float((1 + count) / (1 + permutations)), permutations) for count in extreme]


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Returns p-values corrected for their number, so that the chance of any false finding stays below the level.

    The smallest is multiplied by how many there are, the next by one less, and so on; none may be smaller than one
    before it (Holm, Scand. J. Statist. 1979).

    Args:
        p_values: (K,) of K tests that are looked at together.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    array = np.asarray(p_values, dtype=np.float64)
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():
        raise ValueError("These are no p-values: they must lie between 0 and 1.")
    order = np.argsort(array, kind="stable")
    scaled = np.maximum.accumulate(array[order] * np.arange(len(array), 0, -1))
    corrected = np.empty_like(array)
    corrected[order] = np.minimum(scaled, 1.0)
    return corrected
