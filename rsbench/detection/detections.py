"""What a detector found in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rsbench.datasets.detection import RLE


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections of one image, in its own pixels, in the order in which equal scores rank.

    Args:
        boxes: float64 (D, 4): left, top, width, height in pixels.
        labels: int64 (D,), indices into the classes.
        scores: float64 (D,).
        masks: D run-length codes in the compressed form of COCO; None of a detector of boxes.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    masks: Sequence[RLE] | None = None

    def __len__(self) -> int:
        return len(self.boxes)
