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

from rsbench.datasets.detection_checks import Fault, check_description, checked_objects
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
        crowd: bool (N,): regions in which a detection counts neither as right nor as wrong; background in training.
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
        digest: ``digest(key)`` returns the bytes that stand for the contents of an item in the fingerprint, where its
            files are not the same for everybody who has the dataset; those of its files by default.

    The readers raise a UserError that names the file (and line or id) at fault.

    Raises:
        UserError: the description does not fit together: an item in two parts or without a number, two of the same
            number, two classes of one name, a part without items.
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
    digest: Callable[[str], bytes] | None = None
    _known: dict[str, Objects] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType({part: tuple(ids) for part, ids in self.parts.items()}))
        object.__setattr__(self, "policies", MappingProxyType(dict(self.policies)))
        check_description(self)
        plain = {key: int(number) for key, number in self.image_ids.items()}  # JSON takes no numbers of numpy's
        object.__setattr__(self, "image_ids", MappingProxyType(plain))
        object.__setattr__(self, "category_ids", tuple(map(int, self.category_ids)))
        object.__setattr__(self, "classes", tuple(self.classes))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over id and contents of all used items and over the policies; read once, then remembered."""
        more = [json.dumps(dict(self.policies), sort_keys=True).encode()]
        return fingerprint(self.parts, self.files, more, self.digest)

    def objects(self, key: str) -> Objects:
        """Returns the objects of an item; they are read and checked once, then remembered.

        Raises:
            UserError: they cannot be read, or are not what ``Objects`` says.
        """
        if key not in self._known:
            found = self.read_objects(key)
            if not isinstance(found, Objects):
                self._refuse(key, f"its objects are of the type {type(found).__name__}, not Objects")
            try:
                self._known[key] = checked_objects(found, self.size(key), len(self.classes), self.masks)
            except Fault as fault:
                self._refuse(key, fault.reason, fault.remedy)
        return self._known[key]

    def labelled(self, part: str) -> int:
        """Returns how many objects of a part are there to be found, crowds left out; it reads all of them.

        Raises:
            UserError: as for ``objects``.
        """
        return sum(int(np.count_nonzero(~self.objects(key).crowd)) for key in self.parts[part])

    def load(self, key: str) -> tuple[np.ndarray, Objects]:
        """Decodes one image, uint8 (H, W, 3), and returns it with its objects. Several threads may call it.

        Raises:
            UserError: image or objects cannot be read, or do not belong together.
        """
        image = self.read_image(key)
        if not isinstance(image, np.ndarray):
            self._refuse(key, f"its image is of the type {type(image).__name__}, not an array of numpy")
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            self._refuse(key, f"its image is {image.dtype} {image.shape}, not uint8 (H, W, 3)")
        if image.shape[:2] != tuple(self.size(key)):
            self._refuse(key, f"its image has {image.shape[:2]} pixels, its annotations say {tuple(self.size(key))}")
        return image, self.objects(key)

    def check(self, report: Callable[[int, int], Any] = lambda done, total: None) -> None:
        """Loads every used item once; UserError that names the first bad files and counts them all."""
        check_items(self.parts, self.load, "images", report)

    def _refuse(self, key: str, reason: str, more: str = "") -> NoReturn:
        """Says what a reader must not return."""
        names = ", ".join(map(str, self.files(key)))
        hint = f"Correct its reader. {more}".strip()
        raise UserError(f"The item {key!r} of {self.name} is not valid: {reason} ({names}).", hint)
