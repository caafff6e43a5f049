"""mIoU, mAcc, aAcc and the IoU and accuracy of each class, all from one confusion matrix over the data set.

Sums are over pixels of all tiles, never means of values of tiles. The rule is that of mmsegmentation: with I the pixels
of a class that were found, L those of the truth and P those of the prediction, IoU = I / (P + L - I) and Acc = I / L;
mIoU and mAcc are means over the classes that have one. So mAcc is never below mIoU: a class that is predicted but
does not occur lowers mIoU alone, and where both are there, Acc is at least IoU.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rsbench.metric_names import plain_classes
from rsbench.statistics import percentile_interval, resampled_scores

Counts = NDArray[np.int64] | NDArray[np.float64]


def confusion(
    labels: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int, ignore: int = 255
) -> NDArray[np.int64]:
    """Counts the pixels of each pair of true and predicted class.

    Args:
        labels: uint8, any shape: indices of classes, or ``ignore``.
        predicted: uint8, of the same shape: indices of classes.
        classes: how many there are, at most 255.
        ignore: label of the pixels that are left out; not an index of a class.

    Returns:
        int64 (classes, classes), row truth, column prediction.

    Raises:
        ValueError: other types, unequal shapes, or an index that is no class.

    >>> truth, guess = np.array([0, 0, 1, 255], np.uint8), np.array([0, 1, 1, 0], np.uint8)
    >>> confusion(truth, guess, classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    if labels.dtype != np.uint8 or predicted.dtype != np.uint8 or labels.shape != predicted.shape:
        shown = " and ".join(f"{array.dtype} {array.shape}" for array in (labels, predicted))
        raise ValueError(f"Labels and predictions must be uint8 of one shape, not {shown}.")
    if not 0 < classes <= ignore <= 255:
        raise ValueError(f"{ignore} cannot be the label of ignored pixels where there are {classes} classes.")
    if predicted.size and (top := int(predicted.max())) >= classes:
        raise ValueError(f"A pixel was predicted to be of class {top} where there are {classes}.")
    counts = _of_two(labels, predicted) if classes == 2 else _of_many(labels, predicted, classes)
    known = int(counts.sum()) + np.count_nonzero(labels == ignore)
    if known != labels.size:
        raise ValueError(f"{labels.size - known} pixels have a label that is neither one of {classes} nor {ignore}.")
    return counts


def _of_two(labels: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Counts set pixels, which takes an eighth of the time of a histogram."""
    true = [labels == 0, labels == 1]
    found = predicted != 0
    hits = [np.count_nonzero(mask & found) for mask in true]
    return np.array([[np.count_nonzero(mask) - hit, hit] for mask, hit in zip(true, hits, strict=True)], np.int64)


def _of_many(labels: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Makes a histogram of pairs; the row below those of the classes takes what is not counted."""
    rows = np.full(256, classes, np.uint16)
    rows[:classes] = np.arange(classes)
    pairs = (rows * np.uint16(classes))[labels]
    pairs += predicted
    counts = np.bincount(pairs.ravel(), minlength=(classes + 1) * classes)[: classes * classes]
    return counts.reshape(classes, classes).astype(np.int64)


def scores(confusion: NDArray[np.int64], classes: Sequence[str]) -> dict[str, float]:
    """Returns the scores of a confusion matrix, as fractions; what does not exist has no key.

    ``mIoU``, ``mAcc``, ``aAcc`` (the share of pixels that are right), and ``IoU_<class>`` and ``Acc_<class>``, where
    characters that no name of a metric has become ``_``. A class that occurs in neither truth nor prediction has no
    IoU, and one that does not occur in the truth has no accuracy.

    Args:
        confusion: (C, C), row truth, column prediction, summed over the data set.
        classes: C names.

    >>> found = scores(np.array([[6, 2], [1, 1]]), ["background", "building"])
    >>> {name: round(value, 3) for name, value in found.items() if "background" not in name}
    {'mIoU': 0.458, 'mAcc': 0.625, 'aAcc': 0.7, 'IoU_building': 0.25, 'Acc_building': 0.5}
    """
    values = score_array(np.asarray(confusion))
    return {name: float(value) for name, value in zip(score_names(classes), values, strict=True) if np.isfinite(value)}


def score_names(classes: Sequence[str]) -> list[str]:
    """Returns the names of the scores in the order of ``score_array``.

    Raises:
        ValueError: two classes would have one name.
    """
    plain = plain_classes(classes)
    return ["mIoU", "mAcc", "aAcc", *(f"IoU_{name}" for name in plain), *(f"Acc_{name}" for name in plain)]


def score_array(confusion: Counts, whole: Counts | None = None) -> NDArray[np.float64]:
    """Returns all scores of many matrices at once.

    Args:
        confusion: (..., C, C).
        whole: of the data set that the matrices are draws from, (C, C) or of a shape that broadcasts to theirs. A draw
            that lacks a class of the whole has no mean over the classes: that over the others would be another
            quantity. For mIoU a class must be in truth or prediction, for mAcc in the truth.

    Returns:
        (..., 3 + 2 C) fractions in the order of ``score_names``; NaN where there is none.
    """
    by_class = _by_class(confusion)
    means = [_mean_of_existing(values) for values in by_class]
    if whole is not None:
        lost = [np.isnan(own) & np.isfinite(all_) for own, all_ in zip(by_class, _by_class(whole), strict=True)]
        means = [np.where(some.any(axis=-1), np.nan, mean) for some, mean in zip(lost, means, strict=True)]
    right = np.trace(confusion, axis1=-2, axis2=-1).astype(np.float64)
    overall = _ratio(right, confusion.sum(axis=(-2, -1)))
    return np.concatenate([np.stack([*means, overall], axis=-1), *by_class], axis=-1)


def _by_class(confusion: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns IoU and accuracy of each class, (..., C) both."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    true, found = confusion.sum(axis=-1), confusion.sum(axis=-2)
    return _ratio(hits, true + found - hits), _ratio(hits, true)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _mean_of_existing(values: NDArray[np.float64]) -> NDArray[np.float64]:
    there = np.isfinite(values)
    return _ratio(np.where(there, values, 0.0).sum(axis=-1), there.sum(axis=-1))


def bootstrap_scores(
    confusions: NDArray[np.int64],
    classes: Sequence[str],
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Returns the percentile interval of each score over tiles, as fractions.

    Tiles are drawn again with replacement, their matrices are summed, and the sum is scored. Of several seeds, the
    same tiles are drawn for all, each seed is scored by itself, and the draw gives the mean over seeds: the
    interval of what a table prints. It does not include the variance between seeds.

    A draw may hold no pixel of a class that the data set has. Then it has no score of that class, and neither mIoU
    (where the class is in neither truth nor prediction) nor mAcc (where it is not in the truth): a mean over the other
    classes is another quantity, and a draw of nothing but background would have 1.0. Of several seeds, the draw has
    the score if all have it. A score has no key if more than ``1 - level`` of the draws lack it; else its interval is
    that of the draws that have it.

    Args:
        confusions: (N, C, C) one matrix per tile, or (S, N, C, C) one row per seed with the tiles in the same order.
        classes: C names.
        level: share of the draws between the bounds.
        resamples: number of draws.
        seed: of the draws; equal seeds give equal bounds.

    >>> tiles = np.array([[[90, 5], [1, 4]], [[80, 2], [10, 8]], [[97, 1], [2, 0]]])
    >>> low, high = bootstrap_scores(tiles, ["background", "building"])["mIoU"]
    >>> low < scores(tiles.sum(axis=0), ["background", "building"])["mIoU"] < high
    True
    """
    several = confusions[None] if confusions.ndim == 3 else confusions
    draws = resampled_scores(
        np.moveaxis(several, 0, 1),
        lambda sums, whole: score_array(sums, whole).mean(axis=1),
        resamples=resamples,
        seed=seed,
    )
    found = {name: percentile_interval(draws[:, i], level) for i, name in enumerate(score_names(classes))}
    return {name: bounds for name, bounds in found.items() if bounds is not None}
