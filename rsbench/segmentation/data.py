"""Batches of tiles: decoded, turned, cropped or padded; what is drawn depends on seed, epoch and tile alone."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rsbench.backbones import Backbone
from rsbench.datasets.segmentation import IGNORE, SegmentationDataset, Tile
from rsbench.errors import UserError
from rsbench.preprocessing import Preprocessor

CELL = 32  # pixels: sides of what is predicted are multiples of it, so that every stage of a backbone is whole
_THREADS = 4  # that decode, at most


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


def canvas_for(height: int, width: int, least: int, cell: int = CELL) -> tuple[int, int]:
    """Returns the canvas on which a whole tile is predicted: whole cells, and no side shorter than ``least``.

    It depends on the tile alone, so that a prediction does not depend on the tiles beside it.

    >>> canvas_for(406, 439, 400), canvas_for(406, 439, 448)
    ((416, 448), (448, 448))

    Args:
        height, width: of the tile in pixels.
        least: side of the training images.
        cell: sides are multiples of it; see ``cell_of``.
    """
    height, width = (max(-(-side // cell) * cell, least) for side in (height, width))
    return height, width


def cell_of(backbone: Backbone) -> int:
    """Returns the side in pixels of which canvases of a backbone are multiples."""
    return math.lcm(CELL, backbone.size_multiple)


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
    order = np.random.default_rng([seed, 1, epoch]).permutation(len(items))

    def view(index: int) -> tuple[str, np.ndarray, np.ndarray]:
        tile = tiles.load(items[index])
        rng = np.random.default_rng([seed, 2, epoch, index])
        return items[index], *_view(tile, size, rng if augment == "dihedral" else None)

    numbers = [
        order[start : start + batch_size][rank::world]
        for start in range(first * batch_size, len(items) // batch_size * batch_size, batch_size)
    ]
    with ThreadPoolExecutor(_threads()) as decoders, ThreadPoolExecutor(1) as maker:

        def make(chosen: np.ndarray) -> Batch:
            return tiles.join(list(decoders.map(view, chosen.tolist())), (size, size))

        yield from _ahead(maker, make, numbers)


def whole_batches(tiles: Tiles, items: Sequence[str], least: int, batch_size: int, cell: int = CELL) -> Iterator[Batch]:
    """Yields whole tiles in the given order, those of one canvas together, at most ``batch_size`` of them at once."""
    with ThreadPoolExecutor(_threads()) as decoders, ThreadPoolExecutor(1) as maker:

        def make(start: int) -> list[Batch]:
            chosen = items[start : start + batch_size]
            groups: dict[tuple[int, int], list[tuple[str, np.ndarray, np.ndarray]]] = {}
            for key, tile in zip(chosen, decoders.map(tiles.load, chosen), strict=True):
                groups.setdefault(canvas_for(tile.labels.shape[0], tile.labels.shape[1], least, cell), []).append(
                    (key, tile.image, tile.labels)
                )
            return [tiles.join(members, canvas) for canvas, members in groups.items()]

        for batches in _ahead(maker, make, range(0, len(items), batch_size)):
            yield from batches


def steps_per_epoch(count: int, batch_size: int, world: int, least: int = 1) -> int:
    """Returns the batches of an epoch over ``count`` tiles.

    Args:
        count: tiles of the training part.
        batch_size: tiles of a step.
        world: processes that share them.
        least: tiles that each process must have.

    Raises:
        UserError: there are fewer tiles than a batch has, the processes cannot share a batch equally, or their shares
            are too small.
    """
    if count < batch_size:
        raise UserError(
            f"{count} training tiles are fewer than a batch of {batch_size}.",
            f"Use --set batch_size={count} or less; the record will say so.",
        )
    if batch_size % world:
        raise UserError(f"{world} processes cannot share a batch of {batch_size} equally.", "Use another number.")
    if batch_size // world < least:
        raise UserError(
            f"This head needs {least} tiles in each process, not {batch_size // world}.", "Use a larger batch_size."
        )
    return count // batch_size


def _ahead(maker: ThreadPoolExecutor, make, work) -> Iterator:  # type: ignore[no-untyped-def]
    """Yields ``make(one)`` for each of ``work``, making the next one meanwhile."""
    pending = None
    for one in work:
        following = maker.submit(make, one)
        if pending is not None:
            yield pending.result()
        pending = following
    if pending is not None:
        yield pending.result()


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


def _threads() -> int:
    return max(1, min(_THREADS, os.cpu_count() or 1))
