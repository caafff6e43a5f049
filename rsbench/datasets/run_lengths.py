"""Masks and run lengths in the compressed form of COCO; runs go down the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco

from rsbench.datasets.detection import RLE


def encode_window(window: np.ndarray, corner: tuple[int, int], size: tuple[int, int]) -> RLE:
    """Returns the run lengths of a mask that is set within a window only.

    Args:
        window: bool (h, w).
        corner: row and column of its first pixel in the image.
        size: height and width of the image; it holds the window.
    """
    h, w = window.shape
    columns = np.zeros((w, h + 2), np.int8)
    columns[:, 1:-1] = window.T
    change = np.diff(columns, axis=1)
    starts, ends = (_places(change == sign, corner, size[0]) for sign in (1, -1))
    if len(starts):  # a run that reaches the lower edge goes on at the upper edge of the next column
        joined = np.r_[False, starts[1:] == ends[:-1]]
        starts, ends = starts[~joined], ends[np.r_[~joined[1:], True]]
    borders = np.empty(2 * len(starts) + 2, np.int64)
    borders[0], borders[-1] = 0, size[0] * size[1]
    borders[1:-1:2], borders[2:-1:2] = starts, ends
    counts = np.diff(borders)
    if counts[-1] == 0 and len(counts) > 1:
        counts = counts[:-1]
    return coco.frPyObjects({"size": list(size), "counts": counts.tolist()}, *size)


def _places(found: np.ndarray, corner: tuple[int, int], height: int) -> np.ndarray:
    """Returns the places of changes along the columns, counted column after column over the whole image."""
    column, row = np.nonzero(found)
    return (column + corner[1]) * height + row + corner[0]


def decode(masks: Sequence[RLE], size: tuple[int, int]) -> np.ndarray:
    """Returns masks as uint8 (N, H, W)."""
    if not masks:
        return np.zeros((0, *size), np.uint8)
    pictures: Any = coco.decode(list(masks))
    return np.ascontiguousarray(pictures.transpose(2, 0, 1))
