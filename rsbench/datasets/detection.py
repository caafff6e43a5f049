"""Objects in images: boxes, and masks where the dataset has them. For detection and instance segmentation.

A dataset is a name, classes, the item ids of each part and functions: which files an item is made of, its size, its
image, its objects. ``rsbench.datasets.dota``, ``vhr10`` and ``vegas`` give them; a plugin gives its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from rsbench.datasets.items import check_items, fingerprint
from rsbench.errors import UserError

RLE = Mapping[str, Any]
"""A mask as run lengths in the compressed form of COCO: ``size`` [height, width] and ``counts`` (bytes)."""


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one image.

    Args:
        boxes: float64 (N, 4): left, top, width, height in pixels; (0, 0) is the outer corner of the first pixel.
        labels: int64 (N,), indices into the classes.
        areas: float64 (N,), square pixels: what decides between small, medium and large.
        crowd: bool (N,): regions in which a detection counts neither as right nor as wrong; nothing is learned there.
        masks: N run-length codes of the size of the image; None where the dataset has boxes alone.
    """

    boxes: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    masks: tuple[RLE, ...] | None = None

    def __len__(self) -> int:
        return len(self.boxes)


def no_objects(masks: bool) -> Objects:
    """Returns the objects of an image that has none."""
    empty = np.zeros(0)
    return Objects(np.zeros((0, 4)), empty.astype(np.int64), empty, empty.astype(bool), () if masks else None)


@dataclass(frozen=True, eq=False)
class DetectionDataset:
    """A dataset of images with objects whose files are known to be there and belong to the split.

    Args:
        name: of the dataset.
        classes: names in label order.
        parts: item ids of each part of the split, sorted.
        files: ``files(key)`` returns the files that an item is made of, image first; the fingerprint covers them.
        size: ``size(key)`` returns height and width in pixels without decoding the image.
        read_image: ``read_image(key)`` decodes an image, uint8 (H, W, 3), RGB, in several threads at once.
        read_objects: ``read_objects(key)`` returns its objects, likewise.
        image_ids: the number of each item in COCO files.
        category_ids: the number of each class in COCO files, in label order.
        masks: whether objects have masks.
        policies: what was decided while reading, such as ``difficult: keep``; plain JSON, part of a run's identity.
        notes: sentences that belong beside every number, without a full stop.

    The readers raise a UserError that names the file (and line or id) at fault.
    """

    name: str
    classes: tuple[str, ...]
    parts: Mapping[str, tuple[str, ...]]
    files: Callable[[str], tuple[Path, ...]]
    size: Callable[[str], tuple[int, int]]
    read_image: Callable[[str], np.ndarray]
    read_objects: Callable[[str], Objects]
    image_ids: Mapping[str, int]
    category_ids: tuple[int, ...]
    masks: bool
    policies: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    _known: dict[str, Objects] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType({part: tuple(ids) for part, ids in self.parts.items()}))
        object.__setattr__(self, "policies", MappingProxyType(dict(self.policies)))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over id and contents of all used items and over the policies; read once, then remembered."""
        return fingerprint(self.parts, self.files, [json.dumps(dict(self.policies), sort_keys=True).encode()])

    def objects(self, key: str) -> Objects:
        """Returns the objects of an item; they are read and checked once, then remembered.

        Raises:
            UserError: they cannot be read, or are not what ``Objects`` says.
        """
        if key not in self._known:
            found = self.read_objects(key)
            self._check_objects(key, found)
            self._known[key] = found
        return self._known[key]

    def load(self, key: str) -> tuple[np.ndarray, Objects]:
        """Decodes one image, uint8 (H, W, 3), and returns it with its objects. Several threads may call it.

        Raises:
            UserError: image or objects cannot be read, or do not belong together.
        """
        image = self.read_image(key)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            self._refuse(key, f"its image is {image.dtype} {image.shape}, not uint8 (H, W, 3)")
        if image.shape[:2] != tuple(self.size(key)):
            self._refuse(key, f"its image has {image.shape[:2]} pixels, its annotations say {tuple(self.size(key))}")
        return image, self.objects(key)

    def check(self, report: Callable[[int, int], Any] = lambda done, total: None) -> None:
        """Loads every used item once; UserError that names the first bad files and counts them all."""
        check_items(self.parts, self.load, "images", report)

    def _check_objects(self, key: str, found: Objects) -> None:
        count = len(found.boxes)
        shapes = {"boxes": (count, 4), "labels": (count,), "areas": (count,), "crowd": (count,)}
        for name, shape in shapes.items():
            if getattr(found, name).shape != shape:
                self._refuse(key, f"its {name} have the shape {getattr(found, name).shape}, not {shape}")
        if self.masks != (found.masks is not None) or (found.masks is not None and len(found.masks) != count):
            self._refuse(key, f"it has {count} boxes and {found.masks and len(found.masks)} masks")
        if not np.isfinite(found.boxes).all() or (found.boxes[:, 2:] <= 0).any():
            self._refuse(key, "a box has no extent or is not finite")
        if count and not 0 <= found.labels.min() <= found.labels.max() < len(self.classes):
            self._refuse(key, f"a label is none of the {len(self.classes)} classes")

    def _refuse(self, key: str, reason: str) -> NoReturn:
        """Says what a reader must not return."""
        names = ", ".join(map(str, self.files(key)))
        raise UserError(f"The item {key!r} of {self.name} is not valid: {reason} ({names}).", "Correct its reader.")
