"""From a backbone to the levels of a detector: FPN on a hierarchy, a simple feature pyramid on a plain transformer."""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool, LastLevelP6P7

from rsbench.backbones import Backbone
from rsbench.backbones.inference import fast_linear
from rsbench.detection.engines import LEVELS

WIDTH = 256  # channels of every level


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of maps (B, C, H, W)."""

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _rescale(channels: int, own: int, wanted: int) -> tuple[nn.Sequential, int]:
    """Returns layers that bring maps from one stride to another, and the channels that they give."""
    layers: list[nn.Module] = []
    steps = round(math.log2(own / wanted))
    for step in range(max(steps, 0)):
        if step:
            layers += [ChannelNorm(channels), nn.GELU()]
        layers.append(nn.ConvTranspose2d(channels, channels // 2, 2, 2))
        channels //= 2
    if steps < 0:
        layers.append(nn.MaxPool2d(2**-steps, 2**-steps))
    return nn.Sequential(*layers), channels


class SimpleFeaturePyramid(nn.Module):
    """Levels of a plain transformer from its last map alone. Source: Li et al., ECCV 2022 (ViTDet), section 3.

    Args:
        channels: of the last map.
        stride: of the last map, in pixels.
        strides: of the levels; each is the stride times a power of two.
        extra: makes the coarser levels.
    """

    def __init__(self, channels: int, stride: int, strides: tuple[int, ...], extra: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList()
        for wanted in strides:
            layers, width = _rescale(channels, stride, wanted)
            layers.extend([nn.Conv2d(width, WIDTH, 1, bias=False), ChannelNorm(WIDTH)])
            layers.extend([nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), ChannelNorm(WIDTH)])
            self.branches.append(layers)
        self.extra = extra

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        levels = [branch(maps[-1]) for branch in self.branches]
        return self.extra(levels, [maps[-1]], [""] * len(levels))[0]


class HierarchyPyramid(nn.Module):
    """FPN on the maps of a hierarchical backbone. Source: Lin et al., CVPR 2017.

    Transformers leave their maps unnormalised: each gets a LayerNorm, as Swin has in its detectors (Liu et al. 2021).

    Args:
        channels: of the maps that are used.
        normalised: whether the maps come from a network with BatchNorm.
        extra: makes the coarser levels.
    """

    def __init__(self, channels: tuple[int, ...], normalised: bool, extra: nn.Module) -> None:
        super().__init__()
        self.used = len(channels)
        self.norms = nn.ModuleList(nn.Identity() if normalised else ChannelNorm(width) for width in channels)
        self.fpn = FeaturePyramidNetwork(list(channels), WIDTH, extra)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        used = [norm(one) for norm, one in zip(self.norms, maps[-self.used :], strict=True)]
        return list(self.fpn(OrderedDict((str(i), one) for i, one in enumerate(used))).values())


class Levels(nn.Module):
    """A backbone and a pyramid: what a detector calls its backbone.

    Args:
        backbone: frozen or not.
        finest: stride of the finest level, 4 or 8. From 4, strides are 4 to 64, the last one pooled (R-CNN); from 8
            they are 8 to 128, the last two convolved from the backbone's last map (RetinaNet).
        batchnorm: ``train``, or ``eval``: the backbone's statistics stay as they are.

    Attributes:
        strides: of the levels.
        out_channels: of every level; torchvision's name for it.
    """

    out_channels = WIDTH

    def __init__(self, backbone: Backbone, finest: int, batchnorm: str) -> None:
        super().__init__()
        self.backbone = backbone
        self.batchnorm = batchnorm
        self.strides = tuple(finest * 2**level for level in range(LEVELS))
        plain = len(set(backbone.stage_strides)) == 1
        self.stages = backbone.stages if plain else backbone.forward
        own = backbone.channels[-1]
        used = tuple(stride for stride in (4, 8, 16, 32) if stride >= finest)
        extra: Any = LastLevelMaxPool()
        if finest == 8:  # the last map of a plain transformer has the stride of its patches: there the level counts
            extra = LastLevelP6P7(WIDTH if plain else own, WIDTH)
            extra.use_P5 = plain  # torchvision looks at the widths, and takes the level where they are equal
        self.pyramid: nn.Module
        if plain:
            self.pyramid = SimpleFeaturePyramid(own, backbone.stage_strides[-1], used, extra)
        else:
            normalised = any(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())
            self.pyramid = HierarchyPyramid(backbone.channels[-len(used) :], normalised, extra)

    @property
    def kind(self) -> str:
        """``fpn`` or ``simple``."""
        return "fpn" if isinstance(self.pyramid, HierarchyPyramid) else "simple"

    def train(self, mode: bool = True) -> Levels:
        super().train(mode)
        if self.batchnorm == "eval":
            for module in self.backbone.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Returns the five levels of ``images`` (B, 3, H, W), named ``0`` to ``4`` as torchvision wants it."""
        if self.backbone.frozen:
            half = torch.is_autocast_enabled(images.device.type)
            with torch.no_grad(), nullcontext() if half else fast_linear("fp32", images.device.type):
                maps = self.stages(images)
        else:
            maps = self.stages(images)
        return OrderedDict((str(i), level) for i, level in enumerate(self.pyramid(maps)))
