"""PSANet's head on the feature maps of any backbone. Source: Zhao et al., ECCV 2018, and the authors' ``semseg``.

The paper of CtxMIM names PSANet and says nothing more. What is taken from the authors: both branches, 512 channels,
softmax, shrinking by 2 at stride 8, the auxiliary head on the stage before the last one with weight 0.4, dropout 0.1.
What PSANet does not define is a backbone without dilation: there the last two stages are taken as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsbench.errors import UserError
from rsbench.segmentation.psa import collect, distribute, relations


class Unit(nn.Sequential):
    """Convolution without bias, BatchNorm, ReLU; keeps the size."""

    def __init__(self, channels: int, width: int, kernel: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )


class Branch(nn.Module):
    """One direction: reduced features (B, width, h, w), and what every position says of the others.

    Args:
        channels: of the input.
        width: of the reduced features.
        window: (mh, mw) of the over-complete maps; of the compact form, (h, w) of the only map that it takes.
        shrink: features are made smaller by it before positions are compared.
        compact: maps are of absolute positions, which fixes the size of the input; no ``relations``.
    """

    def __init__(self, channels: int, width: int, window: tuple[int, int], shrink: int, compact: bool) -> None:
        super().__init__()
        self.window, self.shrink, self.compact = window, shrink, compact
        self.reduce = Unit(channels, width)
        self.attention = nn.Sequential(Unit(width, width), nn.Conv2d(width, window[0] * window[1], 1, bias=False))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        values = self.reduce(features)
        if self.shrink > 1:
            size = [(side - 1) // self.shrink + 1 for side in values.shape[2:]]
            values = F.interpolate(values, size, mode="bilinear", align_corners=True)
        if not self.compact:
            maps = self.attention(values.contiguous(memory_format=torch.channels_last))
            return values, relations(maps, self.window)
        if tuple(values.shape[2:]) != self.window:
            raise UserError(
                f"The compact form of PSANet was made for maps of {self.window[0]} x {self.window[1]}, "
                f"not {values.shape[2]} x {values.shape[3]}.",
                "Set image_size so that it holds every tile, or leave out psa_compact=true.",
            )
        return values, self.attention(values).flatten(2).transpose(1, 2)


class PSANet(nn.Module):
    """Logits from the last two stages of a backbone.

    Args:
        channels: of the stages; the last two count.
        classes: of the output.
        window: see ``Branch``; ``window_for`` gives the one that reaches every position.
        shrink: see ``Branch``.
        compact: see ``Branch``.
        enlarge: the last stage is enlarged by it first, bilinear.
        width: channels of the branches and of the last convolution.
        dropout: of whole channels before the classifier.
    """

    takes = "stages"

    def __init__(
        self,
        channels: Sequence[int],
        classes: int,
        window: tuple[int, int],
        shrink: int = 1,
        compact: bool = False,
        enlarge: int = 1,
        width: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        last, before = channels[-1], channels[-2]
        self.enlarge = enlarge
        self.collects = Branch(last, width, window, shrink, compact)
        self.distributes = Branch(last, width, window, shrink, compact)
        self.project = Unit(2 * width, last)
        self.classify = nn.Sequential(Unit(2 * last, width, 3), nn.Dropout2d(dropout), nn.Conv2d(width, classes, 1))
        narrow = max(before // 4, 1)
        self.auxiliary = nn.Sequential(Unit(before, narrow, 3), nn.Dropout2d(dropout), nn.Conv2d(narrow, classes, 1))

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Returns logits (B, classes, h, w) at the (enlarged) size of the last stage; in training auxiliary ones too.

        Args:
            stages: maps (B, channels[i], h_i, w_i) of the backbone.
        """
        features = stages[-1]
        if self.enlarge > 1:
            features = F.interpolate(features, scale_factor=self.enlarge, mode="bilinear", align_corners=False)
        gathered = [collect(*self.collects(features)), distribute(*self.distributes(features))]
        attended = self.project(torch.cat(gathered, 1))
        if attended.shape[2:] != features.shape[2:]:
            attended = F.interpolate(attended, features.shape[2:], mode="bilinear", align_corners=True)
        logits = [self.classify(torch.cat([features, attended], 1))]
        return [*logits, self.auxiliary(stages[-2])] if self.training else logits


def window_for(size: int, stride: int, shrink: int, compact: bool = False) -> tuple[int, int]:
    """Returns the window that reaches every position in images of ``size`` x ``size`` pixels.

    >>> window_for(465, 8, 2)
    (59, 59)
    >>> window_for(448, 32, 1, compact=True)
    (14, 14)

    Args:
        size: side of the images in pixels.
        stride: of the features in pixels.
        shrink: by which they are made smaller.
        compact: for the compact form, which has the side of the map itself.
    """
    side = (-(-size // stride) - 1) // shrink + 1
    return (side, side) if compact else (2 * side - 1, 2 * side - 1)
