"""Random masks on a grid of square cells. Source: SimMIM (Xie et al. 2022), section 3.2."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor


def random_mask(grid: int, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Returns a mask (grid, grid) of booleans with ceil(grid^2 * ratio) cells masked (true).

    >>> [int(random_mask(grid, 0.6, np.random.default_rng(0)).sum()) for grid in (6, 7)]
    [22, 30]
    """
    mask = np.zeros(grid * grid, dtype=bool)
    mask[rng.permutation(grid * grid)[: math.ceil(grid * grid * ratio)]] = True
    return mask.reshape(grid, grid)


def enlarge(mask: Tensor, factor: int) -> Tensor:
    """Repeats each cell of a mask (B, h, w) ``factor`` times along both sides: (B, h * factor, w * factor)."""
    return mask.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
