"""Batches for tasks that train on whole images: who is in which, how large the canvas is, and making them ahead."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from rsbench.backbones import Backbone
from rsbench.errors import UserError

CELL = 32  # pixels: sides of what is predicted are multiples of it, so that every stage of a backbone is whole
_THREADS = 4  # that decode, at most

Work = TypeVar("Work")
Made = TypeVar("Made")


def canvas_for(height: int, width: int, least: int = 1, cell: int = CELL) -> tuple[int, int]:
    """Returns the canvas on which a whole image is predicted: whole cells, and no side shorter than ``least``.

    It depends on the image alone, so that a prediction does not depend on the images beside it.

    >>> canvas_for(406, 439, 400), canvas_for(406, 439, 448)
    ((416, 448), (448, 448))

    Args:
        height, width: of the image in pixels.
        least: shortest side of the canvas.
        cell: sides are multiples of it; see ``cell_of``.
    """
    height, width = (max(-(-side // cell) * cell, least) for side in (height, width))
    return height, width


def cell_of(backbone: Backbone) -> int:
    """Returns the side in pixels of which canvases of a backbone are multiples."""
    return math.lcm(CELL, backbone.size_multiple)


def epoch_batches(
    count: int, batch_size: int, *, seed: int, epoch: int, first: int = 0, rank: int = 0, world: int = 1
) -> list[np.ndarray]:
    """Returns the indices of each batch of an epoch; items that do not fill the last one wait for another epoch.

    >>> [len(batch) for batch in epoch_batches(11, 4, seed=0, epoch=0)]
    [4, 4]

    Args:
        count: items of the training part.
        batch_size: items in a batch of all processes.
        seed, epoch: of the order.
        first: batch to begin with.
        rank, world: the share of this process: every ``world``-th item of a batch.
    """
    order = np.random.default_rng([seed, 1, epoch]).permutation(count)
    starts = range(first * batch_size, count // batch_size * batch_size, batch_size)
    return [order[start : start + batch_size][rank::world] for start in starts]


def steps_per_epoch(count: int, batch_size: int, world: int, least: int = 1) -> int:
    """Returns the batches of an epoch over ``count`` images.

    Args:
        count: images of the training part.
        batch_size: images of a step.
        world: processes that share them.
        least: images that each process must have.

    Raises:
        UserError: there are fewer images than a batch has, the processes cannot share a batch equally, or their shares
            are too small.
    """
    if count < batch_size:
        raise UserError(
            f"{count} training image{'s are' if count != 1 else ' is'} fewer than a batch of {batch_size}.",
            f"Use --set batch_size={count} or less; the record will say so.",
        )
    if batch_size % world:
        raise UserError(f"{world} processes cannot share a batch of {batch_size} equally.", "Use another number.")
    if batch_size // world < least:
        raise UserError(
            f"This head needs {least} images in each process, not {batch_size // world}.", "Use a larger batch_size."
        )
    return count // batch_size


def decoders() -> ThreadPoolExecutor:
    """Returns threads that decode images."""
    return ThreadPoolExecutor(max(1, min(_THREADS, os.cpu_count() or 1)))


def ahead(make: Callable[[Work], Made], work: Iterable[Work]) -> Iterator[Made]:
    """Yields ``make(one)`` for each of ``work``, making the next one meanwhile."""
    with ThreadPoolExecutor(1) as maker:
        pending = None
        for one in work:
            following = maker.submit(make, one)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
