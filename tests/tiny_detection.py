"""A plugin with two tasks of small images with bright ellipses, drawn from their ids; for tests of whole runs.

``tiny-boxes`` has boxes, ``tiny-masks`` masks too. One image of each part is empty, one object in eight is a crowd.
"""

from pathlib import Path

import numpy as np
from pycocotools import mask as run_lengths

from rsbench.datasets.detection import DetectionDataset, Objects, no_objects
from rsbench.datasets.splits import SplitList
from rsbench.detection.protocols import BOXES, MASKS
from rsbench.task import Protocol, Split, Task

CLASSES = ("pond", "storage tank")
PARTS = {"train": tuple(f"t{n:02d}" for n in range(9)), "val": tuple(f"v{n:02d}" for n in range(7))}
NUMBERS = {key: 101 - n for n, key in enumerate(PARTS["val"] + PARTS["train"])}  # not in the order of the ids
CATEGORIES = (7, 3)
SMALL = {"image_size": "96", "epochs": "2", "batch_size": "4", "anchors": "8,16,32,64,96", "rois": "32"}


def size(key: str) -> tuple[int, int]:
    """Two sizes of images occur."""
    return (96, 96) if int(key[1:]) % 2 else (80, 112)


def ellipses(key: str) -> np.ndarray:
    """Left, top, width and height of the objects, whole numbers; classes take turns."""
    rng = np.random.default_rng([ord(key[0]), int(key[1:])])
    height, width = size(key)
    count = 0 if key.endswith("04") else int(rng.integers(2, 6))
    sides = rng.integers(10, 45, (count, 2))
    corners = (rng.random((count, 2)) * (np.array([width, height]) - sides)).astype(int)
    return np.concatenate([corners, sides], axis=1)


def inside(key: str) -> list[np.ndarray]:
    """The pixels of each object, bool (H, W)."""
    rows, columns = np.indices(size(key))
    return [
        ((columns + 0.5 - x - w / 2) / (w / 2)) ** 2 + ((rows + 0.5 - y - h / 2) / (h / 2)) ** 2 <= 1
        for x, y, w, h in ellipses(key)
    ]


def image(key: str) -> np.ndarray:
    """Ponds are blue, tanks are white."""
    rng = np.random.default_rng([7, ord(key[0]), int(key[1:])])
    pixels = rng.integers(60, 110, (*size(key), 3)).astype(np.uint8)
    for n, pixels_of in enumerate(inside(key)):
        pixels[pixels_of] = (40, 60, 220) if n % 2 == 0 else (240, 240, 240)
    return pixels


def objects(key: str, masks: bool) -> Objects:
    """The truth of an image."""
    found = inside(key)
    if not found:
        return no_objects(masks)
    coded = tuple(run_lengths.encode(np.asfortranarray(one.astype(np.uint8))) for one in found)
    crowd = np.array([(int(key[1:]) + n) % 8 == 5 for n in range(len(found))])
    labels = np.arange(len(found)) % 2
    areas = np.array([one.sum() for one in found], np.float64)
    return Objects(ellipses(key).astype(np.float64), labels, areas, crowd, coded if masks else None)


def _opener(masks: bool):
    def open_tiny(root: Path, split: SplitList) -> DetectionDataset:
        """Returns the images of the split; each has one file, so that there is something to take a fingerprint of."""
        return DetectionDataset(
            name="tiny-masks" if masks else "tiny-boxes",
            classes=CLASSES,
            parts=split.parts,
            files=lambda key: (Path(__file__),),
            size=size,
            read_image=image,
            read_objects=lambda key: objects(key, masks),
            image_ids=NUMBERS,
            category_ids=CATEGORIES,
            masks=masks,
            policies={"crowd": "some"},
        )

    return open_tiny


def demo(root: Path, seed: int) -> SplitList:
    """Returns the partition; nothing is written."""
    return SplitList("tiny", PARTS, "0" * 64)


def _small(protocol: Protocol) -> Protocol:
    return protocol.with_settings({key: text for key, text in SMALL.items() if key in protocol.settings})


def _task(masks: bool) -> Task:
    return Task(
        name="tiny-masks" if masks else "tiny-boxes",
        title=f"Tiny {'masks' if masks else 'boxes'}",
        kind="instance-segmentation" if masks else "detection",
        open=_opener(masks),
        demo=demo,
        splits=(Split(name="tiny", draw=lambda root: demo(root, 0)),),
        protocols=tuple(_small(protocol) for protocol in (MASKS if masks else BOXES)),
        rank="val/AP",
        metrics=("AP", "AP50", "AP75", "boxAP") if masks else ("AP", "AP50", "AP75", "AR", "F1", "F1_75"),
        classes=CLASSES,
        report=("val",),
    )


tiny_boxes = _task(masks=False)
tiny_masks = _task(masks=True)
