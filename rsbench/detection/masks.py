"""Masks as run lengths, without a picture of the whole image in between.

A detector gives a small square of probabilities for each box. Here it is sampled at the centres of the pixels that the
box covers, and what is at least the threshold becomes run lengths at once: memory goes with the area of a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco

from rsbench.datasets.detection import RLE


def paste(probabilities: np.ndarray, boxes: np.ndarray, size: tuple[int, int], threshold: float = 0.5) -> list[RLE]:
    """Returns the masks of detections in an image.

    Values between the cells of a square are bilinear, and zero outside, as in detectron2 (``paste_masks_in_image``,
    without its rounding to whole pixels elsewhere).

    Args:
        probabilities: float32 (D, M, M).
        boxes: float64 (D, 4): left, top, width, height in pixels.
        size: height and width of the image.
        threshold: least probability of a pixel of the mask.
    """
    masks = []
    for square, (left, top, width, height) in zip(probabilities, boxes.tolist(), strict=True):
        x0, y0 = max(int(np.floor(left)), 0), max(int(np.floor(top)), 0)
        x1, y1 = min(int(np.ceil(left + width)), size[1]), min(int(np.ceil(top + height)), size[0])
        if x1 <= x0 or y1 <= y0:
            masks.append(encode_window(np.zeros((0, 0), bool), (0, 0), size))
            continue
        rows = _weights(np.arange(y0, y1) + 0.5 - top, height, len(square))
        columns = _weights(np.arange(x0, x1) + 0.5 - left, width, len(square))
        masks.append(encode_window(rows @ square @ columns.T >= threshold, (y0, x0), size))
    return masks


def _weights(places: np.ndarray, extent: float, cells: int) -> np.ndarray:
    """Returns the weight (P, M) of each cell at each place, for bilinear sampling of cells over an extent."""
    at = places * (cells / extent) - 0.5
    return np.maximum(1 - np.abs(at[:, None] - np.arange(cells)), 0).astype(np.float32)


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
