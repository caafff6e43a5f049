"""Semantic segmentation: tiles of any size with a class for every pixel.

A dataset is a name, classes, the item ids of each part and three functions: which files an item is made of, its image,
its labels. ``rsbench.datasets.rio`` gives them for SpaceNet-1; a plugin gives its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from rsbench.datasets.items import check_items, fingerprint
from rsbench.errors import UserError

IGNORE = 255  # label of pixels that are neither trained on nor counted
_REMEMBERED = 1 << 28  # bytes of labels that are kept in compressed form; those of Rio are some 30 MB
_LEVEL = 1  # of zlib for remembered labels: a mask of buildings shrinks to a fiftieth, in less time than it is drawn


@dataclass(frozen=True, eq=False)
class Tile:
    """One decoded tile.

    Args:
        image: uint8 array of shape (H, W, 3), RGB.
        labels: uint8 array of shape (H, W), indices into the classes; ``IGNORE`` where the dataset has no label.
        no_data: bool array of shape (H, W), the pixels that the sensor did not see.
    """

    image: np.ndarray
    labels: np.ndarray
    no_data: np.ndarray


def all_zero(image: np.ndarray) -> np.ndarray:
    """Returns where all bands are zero: bool array of shape (H, W).

    >>> all_zero(np.array([[[0, 0, 0], [0, 0, 7]]], np.uint8)).tolist()
    [[True, False]]
    """
    zero: np.ndarray = (image[..., 0] | image[..., 1] | image[..., 2]) == 0  # any(axis=2) takes ten times as long
    return zero


@dataclass(frozen=True, eq=False)
class SegmentationDataset:
    """A dataset of labelled tiles whose files are known to be there and belong to the split.

    Args:
        name: of the dataset.
        classes: names in label order.
        parts: item ids of each part of the split, sorted.
        files: ``files(key)`` returns the files that an item is made of, image first; the fingerprint covers them.
        read_image: ``read_image(key)`` decodes an image, uint8 (H, W, 3), in several threads at once.
        read_labels: ``read_labels(key)`` returns the labels that belong to it, uint8 (H, W), likewise.
        find_no_data: ``find_no_data(image)`` returns where the sensor saw nothing, bool (H, W).

    The three readers raise a UserError that names the file that is at fault.
    """

    name: str
    classes: tuple[str, ...]
    parts: Mapping[str, tuple[str, ...]]
    files: Callable[[str], tuple[Path, ...]]
    read_image: Callable[[str], np.ndarray]
    read_labels: Callable[[str], np.ndarray]
    find_no_data: Callable[[np.ndarray], np.ndarray] = all_zero
    _known: dict[str, tuple[tuple[int, ...], bytes]] = field(default_factory=dict, init=False, repr=False)
    shapes: set[tuple[int, int]] = field(default_factory=set, init=False, repr=False)
    """Heights and widths of the tiles that were loaded so far; after ``check``, of all."""
    _room: list[int] = field(default_factory=lambda: [_REMEMBERED], init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType({part: tuple(ids) for part, ids in self.parts.items()}))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over id and contents of all used items, in sorted order of the ids; read once, then remembered."""
        return fingerprint(self.parts, self.files)

    def load(self, key: str) -> Tile:
        """Decodes one tile. Several threads may call it; labels are made once and kept in compressed form
        while there is room for them (256 MiB).

        Raises:
            UserError: image or labels cannot be read, or do not belong together.
        """
        image = self.read_image(key)
        known = self._known.get(key)
        if known is None:
            labels = self.read_labels(key)
            top = int(labels[labels != IGNORE].max(initial=0))
            if top >= len(self.classes):
                self._refuse(key, f"a pixel has the label {top} where there are {len(self.classes)} classes")
        else:
            shape, packed = known
            labels = np.frombuffer(bytearray(zlib.decompress(packed)), np.uint8).reshape(shape)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            self._refuse(key, f"its image is {image.dtype} {image.shape}, not uint8 (H, W, 3)")
        if labels.dtype != np.uint8 or labels.shape != image.shape[:2]:
            self._refuse(key, f"its labels are {labels.dtype} {labels.shape}, its image has {image.shape[:2]} pixels")
        if known is None:
            self._remember(key, labels)
        self.shapes.add((labels.shape[0], labels.shape[1]))
        return Tile(image, labels, self.find_no_data(image))

    def _remember(self, key: str, labels: np.ndarray) -> None:
        packed = zlib.compress(labels.tobytes(), _LEVEL)
        if len(packed) <= self._room[0]:
            self._room[0] -= len(packed)
            self._known[key] = (labels.shape, packed)

    def check(self, report: Callable[[int, int], Any] = lambda done, total: None) -> None:
        """Loads every used tile once.

        Args:
            report: is told how many tiles are done and how many there are.

        Raises:
            UserError: it names the first bad files and counts them all. Its remedy is that of all faults, or of the
                first where they differ.
        """
        check_items(self.parts, self.load, "tiles", report)

    def _refuse(self, key: str, reason: str) -> NoReturn:
        """Says what a reader must not return: other types, other shapes, a class that does not exist."""
        names = ", ".join(map(str, self.files(key)))
        raise UserError(f"The item {key!r} of {self.name} is not valid: {reason} ({names}).", "Correct its reader.")
