"""AP, AR and F1 by name, from precision and recall of each class, threshold of overlap and range of area.

AP is the mean over classes, ten thresholds of overlap (0.50 to 0.95) and 101 points of recall; AP50 and AP75 are those
of one threshold, APs, APm and APl of a range of area. AR is the highest recall that ``max_dets`` detections of an image
and class reach, likewise averaged; AR50, AR75, ARs, ARm and ARl follow the same pattern. F1 = 2 AP AR / (AP + AR) and
F1_75 = 2 AP75 AR75 / (AP75 + AR75) are those of the tables of the CtxMIM paper: harmonic means of two averages, not
the F1 of one threshold of score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rsbench.metric_names import plain_classes

OF_CLASS = ("AP", "AP50", "AP75", "AR", "AR50", "AR75", "F1", "F1_75")
"""The scores that each class has, too."""
MAIN = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR", "AR50", "AR75", "ARs", "ARm", "ARl", "F1", "F1_75")
"""The scores that are no score of one class."""


def score_names(classes: Sequence[str]) -> list[str]:
    """Returns the names of the scores in the order of ``score_array``.

    Raises:
        ValueError: two classes would have one name.
    """
    return [*MAIN, *(f"{metric}_{name}" for metric in OF_CLASS for name in plain_classes(classes))]


def score_array(
    precision: NDArray[np.float64], recall: NDArray[np.float64], whole: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Returns all scores of many draws at once.

    Args:
        precision: (..., classes, areas, thresholds), mean over the points of recall; NaN where nothing counts.
        recall: likewise, the highest one.
        whole: (classes, areas), where something counts in the data set that the draws are from. A draw that lacks a
            class of the whole has no mean over the classes: that over the others would be another quantity.

    Returns:
        (..., 14 + 8 classes) fractions in the order of ``score_names``; NaN where there is none.
    """
    lost = None if whole is None else np.any(np.isnan(precision[..., 0]) & whole, axis=-2)
    means = []
    for values in (precision, recall):
        over = _mean_of_existing(values)  # (..., areas, thresholds)
        if lost is not None:
            over = np.where(np.expand_dims(lost, -1), np.nan, over)
        means.append(
            [
                over[..., 0, :].mean(axis=-1),
                over[..., 0, 0],
                over[..., 0, 5],
                *np.moveaxis(over[..., 1:, :].mean(-1), -1, 0),
            ]
        )
    of_class = [
        [values[..., 0, :].mean(axis=-1), values[..., 0, 0], values[..., 0, 5]] for values in (precision, recall)
    ]
    found = [*means[0], *means[1], _harmonic(means[0][0], means[1][0]), _harmonic(means[0][2], means[1][2])]
    for values in (*of_class[0], *of_class[1]):
        found.extend(np.moveaxis(values, -1, 0))
    for which in (0, 2):
        found.extend(np.moveaxis(_harmonic(of_class[0][which], of_class[1][which]), -1, 0))
    return np.stack(found, axis=-1)


def _mean_of_existing(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the mean over classes, the third axis from the end; all thresholds of a class exist or none does."""
    there = np.isfinite(values)
    count = there.sum(axis=-3)
    total = np.where(there, values, 0.0).sum(axis=-3)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _harmonic(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.asarray(a + b)
    return np.divide(2 * a * b, total, out=np.where(np.isnan(total), np.nan, 0.0), where=total > 0)
