"""Scene classification: datasets on disk as one folder per class, read with a split list.

``open_eurosat`` and ``open_resisc45`` are two descriptions (``rsbench.datasets.layout``) of the same reader.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rsbench.datasets.images import load_image
from rsbench.datasets.layout import EUROSAT, RESISC45, Layout, class_of, locate
from rsbench.datasets.remembered import remembered
from rsbench.datasets.splits import SplitList
from rsbench.errors import UserError

_SHOWN = 3  # messages that check() quotes before it only counts


@dataclass(frozen=True, eq=False)
class Items:
    """The images of one part, in sorted order of their ids.

    Args:
        paths: of the N files.
        ids: N item ids, as in the split list.
        labels: int64 array of shape (N,), indices into the classes of the dataset.
    """

    paths: tuple[Path, ...]
    ids: tuple[str, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class ClassificationDataset:
    """A scene-classification dataset whose files are known to be there and belong to the split.

    Args:
        name: of the dataset.
        classes: names in label order.
        parts: items of each part of the split.
        size: side of the images in pixels.
    """

    name: str
    classes: tuple[str, ...]
    parts: Mapping[str, Items]
    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType(dict(self.parts)))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over id and content of all used items, in sorted order of the ids; remembered until one changes."""
        files = {key: path for items in self.parts.values() for key, path in zip(items.ids, items.paths, strict=True)}
        listed = sorted(files.items())
        return remembered(listed, lambda: _fingerprint(listed), (b"classification",))

    def load(self, path: Path) -> np.ndarray:
        """Decodes one image.

        Returns:
            uint8 array of shape (size, size, 3), RGB.

        Raises:
            UserError: the file is truncated, not an image, or of another size.
        """
        image = load_image(path)
        if image.shape[:2] != (self.size, self.size):
            raise UserError(
                f"The image {path} has {image.shape[1]} x {image.shape[0]} pixels, where {self.name} has "
                f"{self.size} x {self.size}.",
                "Replace it from the original archive: a method resizes images as it loads them, not on disk.",
            )
        return image

    def check(self) -> None:
        """Decodes every image of every part; UserError that names the first bad files and counts them all."""
        bad: list[str] = []
        for items in self.parts.values():
            for path in items.paths:
                try:
                    self.load(path)
                except UserError as error:
                    bad.append(error.message)
        if bad:
            more = f" ({len(bad)} images in all)" if len(bad) > 1 else ""
            raise UserError(f"{' '.join(bad[:_SHOWN])}{more}", "Replace them from the original archive.")


def open_layout(name: str, layout: Layout, root: str | Path, split: SplitList) -> ClassificationDataset:
    """Opens the images of a split under ``root``; UserError if they are not exactly there (see ``locate``)."""
    base = locate(layout, root, split)
    index = {class_name: label for label, class_name in enumerate(layout.classes)}
    parts = {
        part: Items(
            tuple(base / key for key in ids), ids, np.array([index[class_of(key)] for key in ids], dtype=np.int64)
        )
        for part, ids in split.parts.items()
    }
    return ClassificationDataset(name, layout.classes, parts, layout.size)


def open_eurosat(root: str | Path, split: SplitList) -> ClassificationDataset:
    """Opens EuroSAT RGB: ``eurosat/2750/<Class>/<Class>_1.jpg`` (torchvision's layout) or a folder further inside."""
    return open_layout("eurosat", EUROSAT, root, split)


def open_resisc45(root: str | Path, split: SplitList) -> ClassificationDataset:
    """Opens RESISC45: ``NWPU-RESISC45/<class>/<class>_001.jpg``, or the class folders themselves."""
    return open_layout("resisc45", RESISC45, root, split)


def _fingerprint(listed: Iterable[tuple[str, Path]]) -> str:
    total = hashlib.sha256()
    for key, path in listed:
        total.update(key.encode() + b"\0" + _file_sha256(path))
    return total.hexdigest()


def _file_sha256(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            digest = hashlib.sha256()
            while block := os.read(handle, 1 << 16):  # plain reads: images are small and there are many
                digest.update(block)
            return digest.digest()
        finally:
            os.close(handle)
    except OSError as error:
        raise UserError(f"The image {path} cannot be read: {error.strerror}.", "Restore it.") from None
