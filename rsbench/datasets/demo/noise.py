"""Smooth random fields: sums of bicubically enlarged random grids, octave upon octave."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image


def fractal(
    rng: np.random.Generator, size: int, cells: float, octaves: int = 3, persistence: float = 0.55
) -> np.ndarray:
    """Draws a smooth random field.

    Octaves finer than about 1.5 pixels are left out: they would only alias.

    Args:
        rng: source of the numbers.
        size: side of the square field in pixels.
        cells: features of the coarsest octave across the field.
        octaves: how many; each has features half as large as the one before.
        persistence: amplitude of an octave relative to the one before.

    Returns:
        float32 array of shape (size, size), mean about 0, standard deviation about 0.5.
    """
    total = np.zeros((size, size), np.float32)
    amplitude, power = 1.0, 0.0
    for octave in range(octaves):
        count = min(cells * 2**octave, size / 1.5)
        side = math.ceil(count) + 5
        grid = Image.fromarray(rng.random((side, side), dtype=np.float32) - np.float32(0.5))
        left, top = (2 + rng.random(2)).tolist()
        box = (left, top, left + count, top + count)
        total += np.float32(amplitude) * np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC, box))
        power += amplitude**2
        amplitude *= persistence
        if count < cells * 2**octave:
            break
    return total * np.float32(2.2 / math.sqrt(power))


def relief(height: np.ndarray, direction: float) -> np.ndarray:
    """Returns how much a surface is turned to a light: its slope towards ``direction`` (radians, y down).

    Args:
        height: float32 array of shape (H, W).
        direction: from which the light comes.

    Returns:
        float32 array of shape (H, W), scaled to a standard deviation of 1.
    """
    rows, columns = np.gradient(height)
    slope = -(np.float32(math.cos(direction)) * columns + np.float32(math.sin(direction)) * rows)
    return (slope / (slope.std() + np.float32(1e-6))).astype(np.float32)
