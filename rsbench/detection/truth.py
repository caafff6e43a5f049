"""The ground truth of one part of a dataset, and its form in COCO files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rsbench.datasets.detection import RLE, DetectionDataset, Objects

Kind = Literal["bbox", "segm"]
"""What is compared: boxes or masks, in the words of the COCO tools."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The objects of some images.

    Args:
        items: ids of the images.
        image_ids: their numbers in COCO files, all different.
        sizes: height and width of each.
        objects: of each.
        classes: names in label order.
        category_ids: the numbers of the classes in COCO files, ascending or not, all different.
    """

    items: tuple[str, ...]
    image_ids: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    objects: tuple[Objects, ...]
    classes: tuple[str, ...]
    category_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, numbers in (("images", self.image_ids), ("classes", self.category_ids)):
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"Two of the {name} have the same number.")

    def coco(self, kind: Kind) -> dict[str, Any]:
        """Returns a COCO ground truth: ``images``, ``categories``, ``annotations``.

        Annotations are numbered from 1: the COCO tools take the number 0 for "not matched". Their ``area`` is that
        of the dataset, for boxes too.

        Args:
            kind: ``segm`` adds the masks, as compressed run lengths with ``counts`` in bytes.
        """
        images = [
            {"id": number, "file_name": item, "height": height, "width": width}
            for item, number, (height, width) in zip(self.items, self.image_ids, self.sizes, strict=True)
        ]
        annotations: list[dict[str, Any]] = []
        for image, found in zip(self.image_ids, self.objects, strict=True):
            if kind == "segm" and found.masks is None:
                raise ValueError("Masks cannot be compared where the objects have none.")
            columns = (found.boxes.tolist(), found.labels.tolist(), found.areas.tolist(), found.crowd.tolist())
            for row, (box, label, area, crowd) in enumerate(zip(*columns, strict=True)):
                one: dict[str, Any] = {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": self.category_ids[label],
                    "bbox": box,
                    "area": area,
                    "iscrowd": int(crowd),
                }
                if kind == "segm" and found.masks is not None:
                    one["segmentation"] = plain(found.masks[row])
                annotations.append(one)
        assert not annotations or annotations[0]["id"] == 1
        named = zip(self.category_ids, self.classes, strict=True)
        categories = [{"id": number, "name": name} for number, name in named]
        return {"images": images, "categories": categories, "annotations": annotations}


def truth_of(dataset: DetectionDataset, items: Sequence[str]) -> Truth:
    """Returns the ground truth of some items of a dataset.

    Raises:
        UserError: the objects of an item cannot be read.
    """
    return Truth(
        items=tuple(items),
        image_ids=tuple(dataset.image_ids[item] for item in items),
        sizes=tuple((int(height), int(width)) for height, width in (dataset.size(item) for item in items)),
        objects=tuple(dataset.objects(item) for item in items),
        classes=dataset.classes,
        category_ids=dataset.category_ids,
    )


def plain(mask: RLE) -> dict[str, Any]:
    """Returns a mask as a dict with ``size`` [height, width] and ``counts`` in bytes, as the COCO tools want it.

    >>> plain({"size": (2, 3), "counts": "06"})
    {'size': [2, 3], 'counts': b'06'}
    """
    counts = mask["counts"]
    if type(mask) is dict and type(counts) is bytes and type(mask["size"]) is list:
        return mask  # as nearly all are
    height, width = mask["size"]
    return {"size": [int(height), int(width)], "counts": counts.encode("ascii") if isinstance(counts, str) else counts}


def extents(boxes: np.ndarray) -> np.ndarray:
    """Returns the areas of boxes (N, 4) of left, top, width, height."""
    return boxes[:, 2] * boxes[:, 3]
