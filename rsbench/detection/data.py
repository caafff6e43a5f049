"""Batches of images with objects: decoded, resized, flipped; what is drawn depends on seed, epoch and image alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rsbench.batches import CELL, ahead, canvas_for, decoders, epoch_batches
from rsbench.datasets.detection import DetectionDataset, Objects
from rsbench.datasets.run_lengths import decode
from rsbench.detection.engines import Target
from rsbench.preprocessing import Preprocessor


@dataclass(frozen=True, eq=False)
class Batch:
    """Images as a detector takes them.

    Args:
        images: B times float32 (3, h, w).
        targets: of each; empty where nothing is learned from.
        items: B ids.
        sizes: B heights and widths before resizing.
    """

    images: list[Tensor]
    targets: list[Target]
    items: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]


def fitted(size: tuple[int, int], limit: int) -> tuple[int, int]:
    """Returns height and width of an image made smaller to fit into a square; a smaller one stays as it is.

    >>> fitted((600, 1200), 800), fitted((557, 712), 800)
    ((400, 800), (557, 712))
    """
    scale = min(1.0, limit / max(size))
    height, width = (max(round(side * scale), 1) for side in size)
    return height, width


@dataclass(frozen=True, eq=False)
class Images:
    """Reads the images of a dataset as a method and a protocol want them.

    Args:
        dataset: to read from.
        preprocessor: of the method.
        limit: pixels; larger images are made smaller to fit into a square of this side.
        masks: whether targets have masks.
    """

    dataset: DetectionDataset
    preprocessor: Preprocessor
    limit: int
    masks: bool

    def view(self, key: str, rng: np.random.Generator, augment: str) -> tuple[Tensor, Target]:
        """Returns one image with its targets, turned as ``rng`` draws; objects marked as crowd are no targets."""
        pixels, objects = self.dataset.load(key)
        size = pixels.shape[:2]
        image = self.resize(pixels)
        h, w = image.shape[1:]
        boxes = (corners(objects.boxes, size) * np.tile([w / size[1], h / size[0]], 2)).astype(np.float32)
        kept = ~objects.crowd & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        target: dict[str, Tensor] = {
            "boxes": torch.from_numpy(boxes[kept]),
            "labels": torch.from_numpy(objects.labels[kept]),
        }
        if self.masks:
            target["masks"] = self._masks(objects, kept, (h, w))
        if augment != "none":
            turns, mirror = (int(rng.integers(4)) if augment == "dihedral" else 0), bool(rng.integers(2))
            image, target = turned(image, target, turns, mirror)
        return self._normalised(image), target

    def plain(self, key: str) -> Tensor:
        """Returns one image, float32 (3, h, w), as it is predicted."""
        return self._normalised(self.resize(self.dataset.load(key)[0]))

    def _normalised(self, image: Tensor) -> Tensor:
        out = torch.empty((1, *image.shape))
        self.preprocessor.normalise(image[None], out)
        return out[0]

    def resize(self, pixels: np.ndarray) -> Tensor:
        """Returns an image (H, W, 3) as uint8 (3, h, w)."""
        image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
        size = fitted((pixels.shape[0], pixels.shape[1]), self.limit)
        if tuple(image.shape[1:]) == size:
            return image
        if self.preprocessor.mode == "nearest":
            return F.interpolate(image[None], size, mode="nearest")[0]
        return F.interpolate(image[None], size, mode=self.preprocessor.mode, antialias=True, align_corners=False)[0]

    def _masks(self, objects: Objects, kept: np.ndarray, size: tuple[int, int]) -> Tensor:
        codes = [objects.masks[i] for i in np.flatnonzero(kept)] if objects.masks else []
        own = tuple(codes[0]["size"]) if codes else size
        masks = torch.from_numpy(decode(codes, own))
        if own == size:
            return masks
        grey = F.interpolate(masks[:, None] * 255, size, mode="bilinear", antialias=True, align_corners=False)
        return (grey[:, 0] >= 128).to(torch.uint8)


def corners(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns boxes (N, 4), left, top, width, height, as left, top, right, bottom, cut to an image of ``size``."""
    found = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return np.clip(found, 0, np.tile([size[1], size[0]], 2))


def turned(image: Tensor, target: dict[str, Tensor], turns: int, mirror: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """Turns an image (3, h, w) by quarter turns against the clock, then swaps left and right; its objects likewise."""
    boxes = target["boxes"]
    masks = target.get("masks")
    for _ in range(turns):
        width = image.shape[2]
        image = image.rot90(1, (1, 2))
        masks = None if masks is None else masks.rot90(1, (1, 2))
        boxes = torch.stack([boxes[:, 1], width - boxes[:, 2], boxes[:, 3], width - boxes[:, 0]], dim=1)
    if mirror:
        width = image.shape[2]
        image = image.flip(2)
        masks = None if masks is None else masks.flip(2)
        boxes = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], dim=1)
    found = {**target, "boxes": boxes}
    if masks is not None:
        found["masks"] = masks.contiguous()
    return image.contiguous(), found


def training_batches(
    images: Images, items: Sequence[str], *, augment: str, seed: int, epoch: int, batch_size: int,
    first: int = 0, rank: int = 0, world: int = 1,
) -> Iterator[Batch]:  # fmt: skip
    """Yields the batches of an epoch; images that do not fill the last one wait for another epoch.

    Args:
        images: to read with.
        items: ids of the training part, in an order that does not change.
        augment: ``flip``: left and right are swapped for every second image; ``dihedral``: one of eight flips and
            quarter turns; ``none``.
        seed, epoch: of all that is drawn, together with the image.
        batch_size: images in a batch of all processes.
        first: batch to begin with.
        rank, world: the share of this process.
    """

    def view(index: int) -> tuple[Tensor, Target]:
        return images.view(items[index], np.random.default_rng([seed, 2, epoch, index]), augment)

    numbers = epoch_batches(len(items), batch_size, seed=seed, epoch=epoch, first=first, rank=rank, world=world)
    with decoders() as pool:

        def make(chosen: np.ndarray) -> Batch:
            views = list(pool.map(view, chosen.tolist()))
            ids = tuple(items[index] for index in chosen.tolist())
            sizes = tuple(images.dataset.size(key) for key in ids)
            return Batch([image for image, _ in views], [target for _, target in views], ids, sizes)

        yield from ahead(make, numbers)


def whole_batches(images: Images, items: Sequence[str], batch_size: int, cell: int = CELL) -> Iterator[Batch]:
    """Yields images in the given order, those of one canvas together, at most ``batch_size`` of them at once."""
    with decoders() as pool:

        def make(start: int) -> list[Batch]:
            chosen = items[start : start + batch_size]
            groups: dict[tuple[int, int], list[tuple[str, Tensor]]] = {}
            for key, image in zip(chosen, pool.map(images.plain, chosen), strict=True):
                groups.setdefault(canvas_for(image.shape[1], image.shape[2], cell=cell), []).append((key, image))
            return [
                Batch(
                    [image for _, image in members],
                    [],
                    tuple(key for key, _ in members),
                    tuple(images.dataset.size(key) for key, _ in members),
                )
                for members in groups.values()
            ]

        for batches in ahead(make, range(0, len(items), batch_size)):
            yield from batches
