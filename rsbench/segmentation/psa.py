"""Point-wise spatial attention: every position gives weights to every other one. Source: Zhao et al., ECCV 2018.

A convolution gives each position p a map over the offsets around it, large enough to reach every other position: it is
over-complete, (2h - 1) x (2w - 1) numbers of which the h x w that lie on the image are used. ``relations`` cuts these
out. The authors' ``psamask`` does it offset by offset; but where the numbers of one position lie together in memory,
the cut is a view with other strides, so that all of it is one copy, and its gradient another.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def relations(maps: Tensor, window: tuple[int, int]) -> Tensor:
    """Cuts the over-complete map of each position at the borders of the image.

    Entry (p, q) of the result is what the map of position p holds at the offset from p to q, and 0 where the window is
    too small for it. The centre of a window of m offsets is number (m - 1) // 2, also if m is even.

    Args:
        maps: (B, mh * mw, h, w), offsets row by row; fastest if they are channels last.
        window: (mh, mw).

    Returns:
        (B, h * w, h * w).

    >>> maps = torch.arange(3.0).reshape(1, 3, 1, 1).expand(1, 3, 1, 2)  # left, here, right, for two positions
    >>> relations(maps, (1, 3))
    tensor([[[1., 2.],
             [0., 1.]]])
    """
    batch, channels, h, w = maps.shape
    mh, mw = window
    if channels != mh * mw:
        raise ValueError(f"{channels} channels are not a window of {mh} x {mw} offsets.")
    own = maps.permute(0, 2, 3, 1).unflatten(3, window)
    top, left = (mh - 1) // 2, (mw - 1) // 2  # offsets before the centre
    missing = [max(0, n) for n in (w - 1 - left, w - mw + left, h - 1 - top, h - mh + top)]
    own = F.pad(own, missing).contiguous() if any(missing) else own.contiguous()
    top, left = top + missing[2], left + missing[0]
    mh, mw = own.shape[3:]
    # one step down the image is one window further, and one row back in it; so for columns
    strides = (h * w * mh * mw, w * mh * mw - mw, mh * mw - 1, mw, 1)
    view = own.as_strided((batch, h, w, h, w), strides, own.storage_offset() + top * mw + left)
    return view.reshape(batch, h * w, h * w)


def collect(values: Tensor, relation: Tensor) -> Tensor:
    """Every position gathers from all others by its own map.

    Args:
        values: (B, C, h, w).
        relation: (B, h * w, h * w), of ``relations``; the softmax is taken here, over what a position collects from.

    Returns:
        (B, C, h, w).
    """
    weights = relation.softmax(2)
    return torch.bmm(values.flatten(2), weights.transpose(1, 2)).view_as(values)


def distribute(values: Tensor, relation: Tensor) -> Tensor:
    """Every position gathers from all others by their maps; arguments and result as for ``collect``."""
    weights = relation.softmax(1)
    return torch.bmm(values.flatten(2), weights).view_as(values)
