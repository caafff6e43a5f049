"""A plugin with a segmentation task of small tiles in two sizes, drawn from their ids; for tests of whole runs."""

from pathlib import Path

import numpy as np

from rsbench.datasets.segmentation import IGNORE, SegmentationDataset
from rsbench.datasets.splits import SplitList
from rsbench.segmentation.protocols import PROTOCOLS
from rsbench.task import Split, Task

CLASSES = ("background", "roof")
PARTS = {"train": tuple(f"t{n:02d}" for n in range(11)), "val": tuple(f"v{n:02d}" for n in range(7))}
SMALL = {"image_size": "64", "epochs": "3", "batch_size": "4"}


def labels(key: str) -> np.ndarray:
    """Two bright rectangles, and an unlabelled corner."""
    rng = np.random.default_rng([ord(key[0]), int(key[1:])])
    shape = (64, 64) if int(key[1:]) % 2 else (60, 72)
    found = np.zeros(shape, np.uint8)
    for _ in range(2):
        y, x = rng.integers(0, 40, 2)
        found[y : y + 18, x : x + 14] = 1
    found[-4:, -4:] = IGNORE
    return found


def image(key: str) -> np.ndarray:
    """Roofs are bright; the first rows were not seen by the sensor."""
    rng = np.random.default_rng([7, ord(key[0]), int(key[1:])])
    truth = labels(key)
    pixels = rng.integers(20, 120, (*truth.shape, 3)) + 110 * (truth == 1)[..., None]
    pixels[:3] = 0
    return pixels.astype(np.uint8)


def open_tiny(root: Path, split: SplitList) -> SegmentationDataset:
    """Returns the tiles of the split; each has one file, so that there is something to take a fingerprint of."""
    return SegmentationDataset(
        name="tiny-roofs",
        classes=CLASSES,
        parts=split.parts,
        files=lambda key: (Path(__file__),),
        read_image=image,
        read_labels=labels,
    )


def demo(root: Path, seed: int) -> SplitList:
    """Returns the partition; nothing is written."""
    return SplitList("tiny", PARTS, "0" * 64)


tiny = Task(
    name="tiny-roofs",
    title="Tiny roofs",
    kind="segmentation",
    open=open_tiny,
    demo=demo,
    splits=(Split(name="tiny", file="none.txt", sha256="0" * 64, counts={"train": 11, "val": 7}),),
    protocols=tuple(protocol.with_settings(SMALL) for protocol in PROTOCOLS),
    rank="val/mIoU",
    metrics=("mIoU", "IoU_roof", "mAcc", "aAcc"),
    classes=CLASSES,
    report=("val",),
)
