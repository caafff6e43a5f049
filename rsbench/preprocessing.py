"""From 8-bit images to the input of a backbone; stays on uint8 until the last step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rsbench.weights import Preprocess

RESIZE = "torch-uint8-antialias"  # recorded: differs from Pillow by up to 2/255
_CHUNK = 16  # images at once, so that what is written is still in the cache when it is read


class Preprocessor:
    """Resizes, scales and normalises, as a method's ``Preprocess`` says.

    Args:
        preprocess: of the method.
        size: side of the output in pixels; 0 is the one that the method expects.
    """

    def __init__(self, preprocess: Preprocess, size: int = 0) -> None:
        self.size = size or preprocess.size
        self.mode = preprocess.interpolation
        self.flip_bands = preprocess.bands == "BGR"
        self.own_range = preprocess.unit == "min-max"
        unit = 255.0 if preprocess.unit == "0-1" else 1.0
        mean = torch.tensor(preprocess.mean, dtype=torch.float64)
        std = torch.tensor(preprocess.std, dtype=torch.float64)
        self.scale = (1 / (unit * std)).float().view(1, 3, 1, 1)
        self.shift = (-mean / std).float().view(1, 3, 1, 1)
        self.stretched = _stretch_table(preprocess.stretch) if preprocess.stretch else None

    def resize(self, images: Tensor) -> Tensor:
        """Resizes uint8 images (B, 3, H, W) to (B, 3, size, size), antialiased, still uint8."""
        if tuple(images.shape[-2:]) == (self.size, self.size):
            return images
        if self.mode == "nearest":
            return F.interpolate(images, (self.size, self.size), mode="nearest")
        return F.interpolate(images, (self.size, self.size), mode=self.mode, antialias=True, align_corners=False)

    def __call__(self, images: Sequence[np.ndarray]) -> Tensor:
        """Returns the float32 input (B, 3, size, size), channels last, of uint8 images (H, W, 3), RGB.

        ``stretch`` is given in the order of RGB. Images of one batch may differ in size.
        """
        out = torch.empty((len(images), 3, self.size, self.size), memory_format=torch.channels_last)
        for start in range(0, len(images), _CHUNK):
            chunk = images[start : start + _CHUNK]
            if len({image.shape for image in chunk}) == 1:
                pixels = self.resize(torch.from_numpy(np.stack(chunk)).permute(0, 3, 1, 2))
            else:
                single = [torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None] for image in chunk]
                pixels = torch.cat([self.resize(image) for image in single])
            self.normalise(pixels, out[start : start + len(chunk)])
        return out

    def normalise(self, pixels: Tensor, out: Tensor) -> None:
        """Writes what a network takes for uint8 images (B, 3, H, W), RGB, into ``out``, float32 of that shape."""
        if self.stretched is not None:
            pixels = torch.stack([self.stretched[band][pixels[:, band].long()] for band in range(3)], dim=1)
        if self.flip_bands:
            pixels = pixels.flip(1)
        out.copy_(pixels)
        if self.own_range:
            low, high = out.amin((2, 3), keepdim=True), out.amax((2, 3), keepdim=True)
            out.sub_(low).div_((high - low).clamp_(min=1.0))  # whole numbers: a constant channel becomes zero
        out.mul_(self.scale).add_(self.shift)


def _stretch_table(stretch: Sequence[tuple[float, float]]) -> Tensor:
    """Returns what each of the 256 values of R, G and B becomes: uint8 (3, 256)."""
    values = torch.arange(256, dtype=torch.float64)
    rows = [((values - low) / (high - low)).clamp(0, 1) * 255 for low, high in stretch]
    return torch.stack(rows).to(torch.uint8)  # whole numbers by truncation, as NumPy's astype does
