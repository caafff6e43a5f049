"""Position tables of plain transformers for the grid of patches at hand."""

from __future__ import annotations

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor


def resample_positions(table: Tensor, old: tuple[int, int], new: tuple[int, int], prefix: int) -> Tensor:
    """Returns a stored table for another grid: bicubic with antialiasing, and untouched where the grids are equal.

    Args:
        table: (1, prefix + h * w, C), row by row.
        old: (h, w) of the table.
        new: (h, w) wanted.
        prefix: rows before the patches that stay as they are (1 with a class token).
    """
    return resample_abs_pos_embed(table, new_size=list(new), old_size=list(old), num_prefix_tokens=prefix)


def gsd_positions(grid: tuple[int, int], width: int, res: float, device: torch.device) -> Tensor:
    """Returns the table (1, 1 + h * w, width) of ScaleMAE, whose wavelengths follow the ground sampling distance.

    The position of a patch is its index times ``res``. The first half of the channels is made from the column, the
    second from the row; each half is a block of sines and a block of cosines at the frequencies 10000^(-i / n),
    i = 0 ... n - 1 with n = width / 4. The row of the class token is zero. Always float32: at half precision the
    positions of neighbouring patches fall together.

    Source: Reed et al. 2023, arXiv 2212.14532, section 3.1, with the reference distance G = 1 m.

    Args:
        grid: (h, w) of the patches.
        width: channels, a multiple of 4.
        res: ground sampling distance relative to G.
        device: where to make it.
    """
    count = width // 4
    step = torch.arange(count, dtype=torch.float32, device=device) / count
    frequencies = 1.0 / 10000**step
    rows, columns = (torch.arange(n, dtype=torch.float32, device=device)[:, None] * res * frequencies for n in grid)
    by_row, by_column = (torch.cat([angles.sin(), angles.cos()], dim=1) for angles in (rows, columns))
    h, w = grid
    patches = torch.cat([by_column.expand(h, w, -1), by_row[:, None].expand(h, w, -1)], dim=2).reshape(h * w, width)
    return torch.cat([patches.new_zeros(1, width), patches])[None]
