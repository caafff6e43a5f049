"""What plain transformers share: taps after some blocks, and a pyramid made of maps of one stride."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from rsbench.backbones.contract import STRIDES


def tap_indices(depth: int) -> list[int]:
    """Indices of the blocks after a quarter, half, three quarters and all of ``depth`` blocks.

    >>> tap_indices(12)
    [2, 5, 8, 11]
    """
    return [max(depth * quarter // 4 - 1, 0) for quarter in (1, 2, 3, 4)]


def run_blocks(blocks: Iterable[nn.Module], tokens: Tensor, taps: Sequence[int]) -> list[Tensor]:
    """Returns the tokens (B, N, C) after each block whose index is in ``taps``, in the order of ``taps``."""
    kept: dict[int, Tensor] = {}
    for index, block in enumerate(blocks):
        tokens = block(tokens)
        if index in taps:
            kept[index] = tokens
    return [kept[index] for index in taps]


def make_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lays out tokens (B, h * w, C), row by row, as a map (B, C, h, w); ``grid`` is (h, w)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)


def make_pyramid(maps: Sequence[Tensor], stride: int) -> list[Tensor]:
    """Resamples four maps of ``stride`` to the strides 4, 8, 16, 32: bilinear upwards, mean of cells downwards.

    There are no parameters in it, so that a frozen backbone is the pretrained network and nothing else.

    Args:
        maps: (B, C, H / stride, W / stride), finest first; H and W are multiples of 32 px.
        stride: of the maps, 4, 8, 16 or 32.
    """
    return [_resample(feature_map, stride, wanted) for feature_map, wanted in zip(maps, STRIDES, strict=True)]


def _resample(feature_map: Tensor, stride: int, wanted: int) -> Tensor:
    if wanted < stride:
        return F.interpolate(feature_map, scale_factor=stride // wanted, mode="bilinear", align_corners=False)
    return feature_map if wanted == stride else F.avg_pool2d(feature_map, wanted // stride)
