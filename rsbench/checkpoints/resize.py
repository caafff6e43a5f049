"""Fitting tables to another window size. One rule per kind of table, pinned here and named in the record.

Evaluators differ in this step (scipy's removed interp2d, timm's own linear interpolation, bicubic on a uniform grid),
and so do their tables by a few hundredths. Source of the grid: the code of SimMIM, after BEiT.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Resizer:
    """A rule that fits a tensor to another shape.

    Args:
        applies: takes the target key, the shape found and the shape wanted; True if the rule covers the case.
        resize: takes the tensor and the shape wanted.
    """

    applies: Callable[[str, tuple[int, ...], tuple[int, ...]], bool]
    resize: Callable[[Tensor, tuple[int, ...]], Tensor]


def _is_table(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    squares = all(len(shape) == 2 and math.isqrt(shape[0]) ** 2 == shape[0] for shape in (found, wanted))
    return name.endswith("relative_position_bias_table") and squares and found[1] == wanted[1]


def geometric_grid(size: int, other: int) -> np.ndarray:
    """Returns where the ``size`` rows of a table lie in the coordinates of one with ``other`` rows.

    The distances between neighbours grow as a geometric progression from the centre, with the ratio for which the
    outermost row falls on the outermost row of the other table (found by bisection).

    >>> geometric_grid(11, 13)[5:].round(3).tolist()
    [0.0, 1.0, 2.091, 3.282, 4.582, 6.0]
    """
    half = size // 2
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        ratio = (low + high) / 2
        if (1 - ratio**half) / (1 - ratio) > other // 2:
            high = ratio
        else:
            low = ratio
    steps = np.cumsum([ratio**step for step in range(half)])
    return np.concatenate([-steps[::-1], [0.0], steps])


def resize_bias_table(table: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Fits a relative-position table to another window: cubic spline on the geometric grid.

    Args:
        table: ((2 w - 1)^2, heads) of window w.
        shape: ((2 w' - 1)^2, heads) wanted.

    Returns:
        Float32 of ``shape``.
    """
    from scipy.interpolate import RectBivariateSpline

    size, other = math.isqrt(table.shape[0]), math.isqrt(shape[0])
    source = geometric_grid(size, other)
    wanted = np.arange(-(other // 2), other // 2 + 1.0)
    heads = [
        RectBivariateSpline(source, source, head, kx=3, ky=3, s=0)(wanted, wanted)
        for head in table.double().numpy().T.reshape(-1, size, size)
    ]
    return torch.from_numpy(np.stack(heads).reshape(len(heads), -1).T.copy()).float()


RESIZERS: Mapping[str, Resizer] = {"window": Resizer(_is_table, resize_bias_table)}
