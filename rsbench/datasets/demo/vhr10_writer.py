"""Writes demo scenes as NWPU VHR-10: JPEG images of differing sizes, boxes and polygons in one COCO file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from rsbench.datasets.classes import VHR10 as CLASSES
from rsbench.datasets.demo.canvas import Scene
from rsbench.datasets.demo.crop import crop
from rsbench.datasets.demo.scene import VERSION, render
from rsbench.datasets.demo.writers import SPLIT_FILE, write_once
from rsbench.datasets.splits import SplitList, stratified, write_split
from rsbench.datasets.vhr10_layout import ANNOTATIONS, FOLDER, POSITIVE, TITLE
from rsbench.errors import UserError

KINDS = ("airfield", "port", "leisure", "school", "river")
SIZES = ((256, 256), (320, 224), (288, 256), (224, 320), (300, 280), (272, 240), (320, 304))  # width and height
SHARES = {"train": 0.6, "val": 0.4}
FEWEST = 2 * len(KINDS)
_NAMES = {"plane": "airplane", "small_vehicle": "vehicle", "large_vehicle": "vehicle"} | {
    name: name for name in CLASSES if name not in ("airplane", "vehicle")
}  # of the things in the scenes; there are others, such as pools, which the dataset has no class for
_QUALITY = 92  # of the JPEG files


def write_vhr10(root: str | Path, seed: int = 0, *, images: int = 40) -> SplitList:
    """Writes demo scenes as ``root/NWPU VHR-10 dataset/positive image set/001.jpg``, unless they are there.

    As in the real ``annotations.json``, ids of images and annotations start at 0 and those of categories at 1, and the
    area of an annotation is that of its mask.

    Args:
        root: folder that receives ``NWPU VHR-10 dataset``.
        seed: of the scenes and of the partition.
        images: how many; at least 10.

    Returns:
        The partition, three fifths to train and two fifths to val with the same shares of all kinds of scenes; also
        kept as ``root/NWPU VHR-10 dataset/demo_split.txt``.

    Raises:
        UserError: the folder holds something else, such as the real dataset or scenes of another seed.
    """
    if images < FEWEST:
        raise UserError(f"{images} demo images are too few.", f"Ask for {FEWEST} or more.")
    name = f"demo-v{VERSION}-seed{seed}-{images}"

    def fill(partial: Path) -> None:
        (partial / POSITIVE).mkdir()
        listed: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number in range(1, images + 1):
            width, height = SIZES[(number - 1) % len(SIZES)]
            whole = render(f"objects/{KINDS[(number - 1) % len(KINDS)]}", max(width, height), f"vhr10/{seed}/{number}")
            scene = crop(whole, width, height)
            file_name = f"{number:03d}.jpg"
            Image.fromarray(scene.image).save(partial / POSITIVE / file_name, "JPEG", quality=_QUALITY)
            listed.append({"id": number - 1, "file_name": file_name, "height": height, "width": width})
            for one in _annotations(scene):
                annotations.append({"id": len(annotations), "image_id": number - 1} | one)
        categories = [{"supercategory": None, "id": k, "name": name} for k, name in enumerate(CLASSES, start=1)]
        document = {
            "info": {"description": "demo scenes drawn by rsbench"}, "licenses": [], "images": listed,
            "type": "instances", "annotations": annotations, "categories": categories,
        }  # fmt: skip
        (partial / ANNOTATIONS).write_text(json.dumps(document), encoding="utf-8")
        write_split(
            partial / SPLIT_FILE,
            name=name,
            ids="{class}/{number:03d}.jpg",
            assignment={POSITIVE: divide(KINDS, images, SHARES, seed)},
            origin=[f"Demo scenes drawn by rsbench in the layout of {TITLE}; none of them is a real image."],
        )

    return write_once(root, FOLDER, name, fill)


def divide(kinds: tuple[str, ...], images: int, shares: dict[str, float], seed: int) -> list[str]:
    """Returns the part of image 1, 2, ..., where kinds take turns and each has the same shares."""
    rows = stratified({kind: len(range(k, images, len(kinds))) for k, kind in enumerate(kinds)}, shares, seed)
    return [rows[kinds[number % len(kinds)]][number // len(kinds)] for number in range(images)]


def _annotations(scene: Scene) -> list[dict[str, Any]]:
    """Returns what COCO says of the things in a scene, without ids."""
    height, width = scene.image.shape[:2]
    found = []
    for thing in scene.objects:
        if thing.class_name not in _NAMES:
            continue
        polygon = np.round(thing.polygon, 2)
        ring = polygon.ravel().tolist()
        area = float(coco.area(coco.merge(coco.frPyObjects([ring], height, width))))
        low, high = polygon.min(0), polygon.max(0)
        found.append(
            {
                "category_id": CLASSES.index(_NAMES[thing.class_name]) + 1,
                "segmentation": [ring],
                "area": area,
                "bbox": np.round([*low, *(high - low)], 2).tolist(),
                "iscrowd": 0,
            }
        )
    return found
