"""Precision and recall over images that count any number of times, from the matches of their detections.

The rule is that of the COCO tools (``COCOeval.accumulate``): detections of a class by falling score, precision made
monotonic, and read at 101 points of recall. An image that was drawn three times counts as three images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from rsbench.detection.matching import AREAS, EVERYWHERE, THRESHOLDS, Matches

_RECALLS = np.linspace(0.0, 1.0, 101)
_TINY = np.spacing(1)  # the COCO tools add it below the fraction
_BLOCK = 2**18  # numbers of an array at once: what the cache of a processor holds
_CASES = len(AREAS) * len(THRESHOLDS)


@dataclass(frozen=True, eq=False)
class Curve:
    """Detections of one class that are right or wrong depending on threshold or area, by falling score.

    All others are wrong wherever they count, and only their number matters.

    Args:
        images: int64 (S,) of the detections.
        hits: bool (areas, thresholds, S), where they have found an object that counts.
        counted: bool (areas, thresholds, S), where they count at all.
        wrong: for each range of area (S, I), how many of the others stand before detection s and after the one before.
        objects: int64 (I, areas), how many count.
    """

    images: NDArray[np.int64]
    hits: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    wrong: tuple[scipy.sparse.csr_array, ...]
    objects: NDArray[np.int64]


def curves_of(matches: Matches) -> list[Curve]:
    """Returns what precision and recall of each class follow from."""
    image = matches.images
    live = np.flatnonzero(matches.ignored != EVERYWHERE)
    order = live[np.lexsort((-matches.scores[live], matches.labels[live]))]  # stable: equal scores by image
    ends = np.searchsorted(matches.labels[order], np.arange(len(matches.classes) + 1))
    return [
        _curve(image[order[low:high]], matches.hits[order[low:high]], matches.ignored[order[low:high]], objects)
        for (low, high), objects in zip(pairwise(ends), np.moveaxis(matches.objects, 1, 0), strict=True)
    ]


def _curve(
    image: NDArray[np.int64], hits: NDArray[np.int64], ignored: NDArray[np.int64], objects: NDArray[np.int64]
) -> Curve:
    width = len(THRESHOLDS)
    full = (1 << width) - 1
    of_area = np.stack([(ignored >> (area * width)) & full for area in range(len(AREAS))], axis=1)
    plain = (hits == 0) & ((of_area == 0) | (of_area == full)).all(axis=1)
    special = np.flatnonzero(~plain)
    others = np.flatnonzero(plain)
    before = np.searchsorted(special, others)  # those after the last hit lower nothing that is read
    others, before = others[before < len(special)], before[before < len(special)]
    shape = (len(special), len(objects))
    wrong = []
    for area in range(len(AREAS)):
        some = of_area[others, area] == 0
        ones = np.ones(int(some.sum()), np.int32)
        wrong.append(scipy.sparse.csr_array((ones, (before[some], image[others[some]])), shape=shape))

    def bits(values: NDArray[np.int64]) -> NDArray[np.bool_]:
        flags = (values[special] >> np.arange(_CASES)[:, None]) & 1
        return flags.astype(bool).reshape(len(AREAS), width, -1)

    return Curve(image[special], bits(hits), ~bits(ignored), tuple(wrong), objects)


def work_of(curves: list[Curve]) -> int:
    """Returns how many numbers one draw takes, for choosing how many draws there can be."""
    return sum(int(curve.hits.sum()) + sum(one.nnz for one in curve.wrong) for curve in curves)


def precision_recall(
    curves: list[Curve], weights: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns mean precision and highest recall of draws.

    Args:
        curves: of the classes.
        weights: (I, R), how often each draw has each image.

    Returns:
        Both (R, classes, areas, thresholds); NaN where no object counts.
    """
    shape = (weights.shape[1], len(curves), len(AREAS), len(THRESHOLDS))
    precision, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    drawn = weights.astype(np.int32)  # sums of these are twice as fast as those of float64
    for k, curve in enumerate(curves):
        step = max(1, _BLOCK // max(1, len(curve.images)))
        for start in range(0, shape[0], step):
            rows = slice(start, start + step)
            block = np.ascontiguousarray(drawn[:, rows])
            for area, p, r in _of_block(curve, block):
                precision[rows, k, area], recall[rows, k, area] = p, r
    return precision, recall


def _of_block(
    curve: Curve, weights: NDArray[np.int32]
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Yields area, mean precision and recall (R, thresholds) of some draws, weights (I, R)."""
    own = weights[curve.images]
    for area in range(len(AREAS)):
        objects = curve.objects[:, area] @ weights
        there = objects > 0
        p, r = np.zeros((len(THRESHOLDS), len(objects))), np.zeros((len(THRESHOLDS), len(objects)))
        if there.any() and curve.hits[area].any():
            points, offsets = _points(objects)
            wrong = np.cumsum(curve.wrong[area] @ weights, axis=0, dtype=np.int32)
            counted, before, place = np.zeros(0, bool), wrong, np.zeros(0, np.int64)
            for t in range(len(THRESHOLDS)):
                if not np.array_equal(curve.counted[area, t], counted):  # often the same for all
                    counted = curve.counted[area, t]
                    before = np.cumsum(own[counted], axis=0, dtype=np.int32)
                    before += wrong[counted]
                    place = np.cumsum(counted) - 1
                hit = np.flatnonzero(curve.hits[area, t])
                if len(hit):
                    p[t], right = _mean_precision(own[hit], before[place[hit]], points, offsets)
                    r[t] = right / np.maximum(objects, 1)
        yield area, np.where(there, p, np.nan).T, np.where(there, r, np.nan).T


def _mean_precision(
    own: NDArray[np.int32], before: NDArray[np.int32], points: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the precision, averaged over the points of recall, and the number of hits of some draws.

    Args:
        own: (H, R), how often each hit is drawn.
        before: (H, R), how many detections that count stand up to there.
        points: how many points of recall so many hits reach, for all draws in a row.
        offsets: (R,), where the numbers of a draw begin.
    """
    right = np.cumsum(own, axis=0, dtype=np.int32)
    precision = right / (before + _TINY)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    reached = points[right + offsets].astype(np.float64)
    reached[1:] -= reached[:-1].copy()
    return np.einsum("hr,hr->r", envelope, reached) / len(_RECALLS), right[-1]


def _points(objects: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns, for 0, 1, ... hits, how many points of recall they reach, of all draws in a row, and where each begins.

    A point is reached if hits / objects is not below it, by the floating-point division that the COCO tools make.
    The first point, recall 0, is reached by the first hit.
    """
    some = np.maximum(objects, 1)[:, None]
    least = np.ceil(_RECALLS * some)
    least = np.where((least - 1) / some >= _RECALLS, least - 1, least)
    least = np.where(least / some < _RECALLS, least + 1, least)
    least = np.clip(least, 1, some).astype(np.int64)
    sizes = some[:, 0] + 1
    offsets = np.cumsum(sizes) - sizes
    steps = np.bincount((least + offsets[:, None]).ravel(), minlength=int(sizes.sum()))
    total = np.cumsum(steps) - np.arange(len(objects)).repeat(sizes) * len(_RECALLS)
    return total.astype(np.uint8), offsets
