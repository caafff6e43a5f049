"""Masks of detections as run lengths, without a picture of the whole image in between.

A detector gives a small square of probabilities for each box. Here it is sampled at the centres of the pixels that the
box covers, and what is at least the threshold becomes run lengths at once: memory goes with the area of a box.
"""

from __future__ import annotations

import numpy as np

from rsbench.datasets.detection import RLE
from rsbench.datasets.run_lengths import encode_window


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
