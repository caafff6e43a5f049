"""Batches of tiles: decoded, turned, cropped or padded; what is drawn depends on seed, epoch and tile alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rsbench.batches import CELL, ahead, canvas_for, decoders, epoch_batches
from rsbench.datasets.segmentation import IGNORE, SegmentationDataset, Tile
from rsbench.preprocessing import Preprocessor


@dataclass(frozen=True, eq=False)
class Batch:
    """Tiles on one canvas, at its top left.

    Args:
        images: float32 (B, 3, H, W); zero, the mean colour, beyond a tile.
        labels: int64 (B, H, W); IGNORE beyond a tile.
        items: B ids.
        sizes: B heights and widths of what is not padding.
    """

    images: Tensor
    labels: Tensor
    items: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Tiles:
    """Reads the tiles of a dataset as a method and a protocol want them.

    Args:
        dataset: to read from.
        preprocessor: of the method; it does not resize here.
        no_data: ``background``: pixels without data keep their label; ``ignore``: they count nowhere.
    """

    dataset: SegmentationDataset
    preprocessor: Preprocessor
    no_data: str

    def load(self, key: str) -> Tile:
        """Reads one tile, with labels by the policy."""
        tile = self.dataset.load(key)
        if self.no_data == "background":
            return tile
        return Tile(tile.image, np.where(tile.no_data, np.uint8(IGNORE), tile.labels), tile.no_data)

    def join(self, tiles: Sequence[tuple[str, np.ndarray, np.ndarray]], canvas: tuple[int, int]) -> Batch:
        """Makes a batch of (id, uint8 image (h, w, 3), uint8 labels (h, w)) on a canvas (H, W) that holds them all."""
        images = torch.zeros(len(tiles), *canvas, 3).permute(0, 3, 1, 2)  # channels last
        labels = torch.full((len(tiles), *canvas), IGNORE, dtype=torch.int64)
        for row, (_, image, label) in enumerate(tiles):
            h, w = label.shape
            pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
            self.preprocessor.normalise(pixels, images[row : row + 1, :, :h, :w])
            labels[row, :h, :w] = torch.from_numpy(np.ascontiguousarray(label))
        sizes = tuple((label.shape[0], label.shape[1]) for _, _, label in tiles)
        return Batch(images, labels, tuple(key for key, _, _ in tiles), sizes)


def training_batches(
    tiles: Tiles, items: Sequence[str], *, size: int, augment: str, seed: int, epoch: int, batch_size: int,
    first: int = 0, rank: int = 0, world: int = 1,
) -> Iterator[Batch]:  # fmt: skip
    """Yields the batches of an epoch; tiles that do not fill the last one wait for another epoch.

    Args:
        tiles: to read with.
        items: ids of the training part, in an order that does not change.
        size: side of the square canvas in pixels; what is larger is cropped at random.
        augment: ``dihedral``: one of eight flips and quarter turns; ``none``: neither that nor a random crop.
        seed, epoch: of all that is drawn, together with the tile.
        batch_size: tiles in a batch of all processes.
        first: batch to begin with.
        rank, world: the share of this process: every ``world``-th tile of a batch.
    """
    numbers = epoch_batches(len(items), batch_size, seed=seed, epoch=epoch, first=first, rank=rank, world=world)

    def view(index: int) -> tuple[str, np.ndarray, np.ndarray]:
        tile = tiles.load(items[index])
        rng = np.random.default_rng([seed, 2, epoch, index])
        return items[index], *_view(tile, size, rng if augment == "dihedral" else None)

    with decoders() as pool:

        def make(chosen: np.ndarray) -> Batch:
            return tiles.join(list(pool.map(view, chosen.tolist())), (size, size))

        yield from ahead(make, numbers)


def whole_batches(tiles: Tiles, items: Sequence[str], least: int, batch_size: int, cell: int = CELL) -> Iterator[Batch]:
    """Yields whole tiles in the given order, those of one canvas together, at most ``batch_size`` of them at once."""
    with decoders() as pool:

        def make(start: int) -> list[Batch]:
            chosen = items[start : start + batch_size]
            groups: dict[tuple[int, int], list[tuple[str, np.ndarray, np.ndarray]]] = {}
            for key, tile in zip(chosen, pool.map(tiles.load, chosen), strict=True):
                groups.setdefault(canvas_for(tile.labels.shape[0], tile.labels.shape[1], least, cell), []).append(
                    (key, tile.image, tile.labels)
                )
            return [tiles.join(members, canvas) for canvas, members in groups.items()]

        for batches in ahead(make, range(0, len(items), batch_size)):
            yield from batches


def _view(tile: Tile, size: int, rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
    image, labels = tile.image, tile.labels
    places = [max(side - size, 0) // 2 for side in labels.shape]
    if rng is not None:
        places = [int(rng.integers(max(side - size, 0) + 1)) for side in labels.shape]
    cut = tuple(slice(place, place + size) for place in places)
    image, labels = image[cut], labels[cut]
    if rng is not None:
        turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
        image, labels = np.rot90(image, turns), np.rot90(labels, turns)
        if mirror:
            image, labels = image[:, ::-1], labels[:, ::-1]
    return image, labels
