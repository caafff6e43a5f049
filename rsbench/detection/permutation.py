"""Permutation tests of the scores of ranked detections: images change sides between two runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rsbench.detection.bootstrap import check_same, mean_scores
from rsbench.detection.curves import curves_of, precision_recall, work_of
from rsbench.detection.figures import score_array, score_names
from rsbench.detection.matching import Matches
from rsbench.statistics import PairedTest, permutation_tests

PERMUTATIONS = 1999
_LEAST = 199
_BUDGET = 2**32  # numbers over all draws: some ten seconds


def paired_permutations(
    a: Sequence[Matches], b: Sequence[Matches], permutations: int | None = None, seed: int = 0
) -> dict[str, PairedTest]:
    """Tests whether the scores of two runs on the same images differ.

    In every draw the detections of each image stay with their run or change places; both sides are ranked and scored
    anew. Of several seeds, an image changes places in all of them, and the statistic is the difference of the means.

    Args:
        a, b: one per seed, as many on either side.
        permutations: number of draws; by default 1999, or fewer (199 at least) of a huge data set.
        seed: of the draws.

    Returns:
        By name of the score; no key where one side has no such score.

    Raises:
        ValueError: the runs differ in images, classes or objects, or in how many seeds they have.
    """
    if len(a) != len(b):
        raise ValueError(f"Images cannot change sides between {len(a)} seeds and {len(b)}.")
    check_same([*a, *b])
    found = mean_scores(a) - mean_scores(b)
    there = np.flatnonzero(np.isfinite(found))
    pooled = [curves_of(_pooled(one, other)) for one, other in zip(a, b, strict=True)]
    work = 2 * sum(map(work_of, pooled))
    draws = permutations or int(np.clip(_BUDGET // max(1, work), _LEAST, PERMUTATIONS))

    def difference(stays: NDArray[np.bool_]) -> NDArray[np.float64]:
        sides = [np.concatenate([keep, ~keep]).astype(np.int64) for keep in (stays.T, ~stays.T)]
        scored = [
            np.mean([score_array(*precision_recall(curves, side))[:, there] for curves in pooled], axis=0)
            for side in sides
        ]
        return scored[0] - scored[1]

    names = score_names(a[0].classes)
    tests = permutation_tests(found[there], difference, len(a[0].items), draws, seed)
    return {names[column]: test for column, test in zip(there, tests, strict=True)}


def _pooled(a: Matches, b: Matches) -> Matches:
    """Returns both runs as one of twice as many images: those of ``a``, then those of ``b``."""
    return Matches(
        a.classes,
        a.items + b.items,
        np.concatenate([a.image_ids, b.image_ids]),
        np.concatenate([a.ends, b.ends + a.ends[-1]]),
        *(
            np.concatenate([getattr(a, of), getattr(b, of)])
            for of in ("labels", "scores", "hits", "ignored", "objects")
        ),
    )
