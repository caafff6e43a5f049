"""Which boxes belong in an image."""

from __future__ import annotations

import numpy as np

_EDGE = 1.0  # pixels that a box may reach beyond the image: tools differ in whether they count the last pixel


def fault_of_boxes(boxes: np.ndarray, size: tuple[int, int]) -> tuple[int, str] | None:
    """Finds a box that cannot be.

    Args:
        boxes: float64 (N, 4): left, top, width, height in pixels, all finite.
        size: height and width of the image.

    Returns:
        The row of a box and what is wrong with it, as a sentence goes on; None if nothing is.

    >>> fault_of_boxes(np.array([[0, 0, 3, 3], [4, 4, 8, 8.0]]), (10, 10))
    (1, 'reaches beyond the image of 10 x 10 pixels')
    """
    height, width = size
    with np.errstate(over="ignore"):  # what is too large lies outside
        left, top, right, bottom = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).T
    if not len(boxes) or (
        boxes[:, 2:].min() > 0 and min(left.min(), top.min()) >= 0 and right.max() <= width and bottom.max() <= height
    ):
        return None  # as nearly always
    image = f"the image of {width} x {height} pixels"
    for bad, reason in (
        ((boxes[:, 2:] <= 0).any(axis=1), "has no extent"),
        ((right <= 0) | (bottom <= 0) | (left >= width) | (top >= height), f"lies outside {image}"),
        (
            (np.minimum(left, top) < -_EDGE) | (right > width + _EDGE) | (bottom > height + _EDGE),
            f"reaches beyond {image}",
        ),
    ):
        if bad.any():
            return int(np.argmax(bad)), reason
    return None
