"""The authors' psamask as the loop that defines it, for tests."""

import itertools

import torch


def plain(maps, window):
    """Returns (B, from, to) of maps (B, mh * mw, h, w), offset by offset; zero outside of the window."""
    batch, _, h, w = maps.shape
    top, left = (window[0] - 1) // 2, (window[1] - 1) // 2
    out = torch.zeros(batch, h * w, h * w, dtype=maps.dtype)
    for y, x, i, j in itertools.product(range(h), range(w), range(h), range(w)):
        row, column = i - y + top, j - x + left
        if 0 <= row < window[0] and 0 <= column < window[1]:
            out[:, y * w + x, i * w + j] = maps[:, row * window[1] + column, y, x]
    return out
