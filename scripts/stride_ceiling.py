"""What a map of logits at a coarse stride can tell at best: logits fitted to the truth itself, resized, and scored.

python scripts/stride_ceiling.py DIR

DIR holds tiles of SpaceNet-1 Rio; all that are there count. The fit is of the cross-entropy, as training is.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from rsbench.batches import canvas_for
from rsbench.datasets.rio import open_rio
from rsbench.datasets.rio_splits import present
from rsbench.segmentation.metrics import confusion, scores


def fitted(labels: np.ndarray, stride: int, steps: int) -> np.ndarray:
    """Returns the prediction (H, W) of the logits at ``stride`` that fit ``labels`` (H, W) best."""
    height, width = canvas_for(*labels.shape, 448)
    truth, mask = torch.zeros(1, 1, height, width), torch.zeros(1, 1, height, width)
    truth[0, 0, : labels.shape[0], : labels.shape[1]] = torch.from_numpy(labels.astype(np.float32))
    mask[0, 0, : labels.shape[0], : labels.shape[1]] = 1
    logits = torch.zeros(1, 1, height // stride, width // stride, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        resized = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        loss = F.binary_cross_entropy_with_logits(resized, truth, weight=mask, reduction="sum") / mask.sum()
        loss.backward()
        optimizer.step()
    return (resized[0, 0, : labels.shape[0], : labels.shape[1]] > 0).numpy().astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    given = parser.parse_args()
    dataset = open_rio(given.folder, present(given.folder))
    tiles = [dataset.load(key).labels for items in dataset.parts.values() for key in items]
    for stride in (4, 8, 16, 32):
        total = sum(confusion(labels, fitted(labels, stride, given.steps), 2) for labels in tiles)
        found = scores(total, dataset.classes)
        print(f"stride {stride:>2}: mIoU {100 * found['mIoU']:.1f}, building IoU {100 * found['IoU_building']:.1f}")


if __name__ == "__main__":
    main()
