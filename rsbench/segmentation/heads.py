"""Heads by name: PSANet for the paper's protocol, and two cheap ones for frozen features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder
from torch import Tensor, nn

from rsbench.backbones import Backbone
from rsbench.errors import UserError, near_miss
from rsbench.segmentation.protocols import HEADS
from rsbench.segmentation.psanet import PSANet, window_for

DILATED_STRIDE = 8  # of PSANet's ResNets


class UPerNet(nn.Module):
    """UPerNet of segmentation-models-pytorch on the pyramid. Source: Xiao et al., ECCV 2018.

    Args:
        channels: of the pyramid at strides 4, 8, 16, 32.
        classes: of the output.
        width: channels of the decoder.
    """

    takes = "pyramid"

    def __init__(self, channels: tuple[int, ...], classes: int, width: int = 256) -> None:
        super().__init__()
        self.decoder = UPerNetDecoder([0, 0, *channels], encoder_depth=5, decoder_channels=width)
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        return [self.classify(self.decoder([pyramid[0], pyramid[0], *pyramid]))]  # it passes over the first two


class Linear(nn.Module):
    """One linear layer per position on the pyramid, each map normalised over the batch and brought to stride 4.

    Args:
        channels: of the pyramid.
        classes: of the output.
    """

    takes = "pyramid"

    def __init__(self, channels: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, affine=False) for width in channels)
        self.layers = nn.ModuleList(nn.Conv2d(width, classes, 1, bias=not i) for i, width in enumerate(channels))
        for parameter in self.layers.parameters():
            nn.init.zeros_(parameter)  # as in logistic regression: no seed draws where it begins

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        # a linear layer and a bilinear resize can change places: classes are fewer than channels
        maps = [layer(norm(one)) for layer, norm, one in zip(self.layers, self.norms, pyramid, strict=True)]
        size = maps[0].shape[2:]
        return [maps[0] + sum(F.interpolate(one, size, mode="bilinear", align_corners=False) for one in maps[1:])]


def build_head(
    backbone: Backbone, classes: int, size: int, settings: Mapping[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """Makes the head that the settings of a protocol name, and prepares the backbone for it.

    Args:
        backbone: PSANet dilates a ResNet.
        classes: of the output.
        size: side of the training images in pixels.
        settings: ``head``, and for PSANet ``psa_stride``, ``psa_shrink`` (0 is 2 at stride 8 and 1 at coarser
            strides) and ``psa_compact``.

    Returns:
        The head, and what was decided for this backbone.

    Raises:
        UserError: there is no such head, or images too small for it.
    """
    name = settings["head"]
    if name not in HEADS:
        raise UserError(f"There is no head {name!r}.", near_miss(name, HEADS))
    if name == "upernet":
        return UPerNet(backbone.channels, classes), {"head": name, "strides": list(backbone.strides)}
    if name == "linear":
        return Linear(backbone.channels, classes), {"head": name, "strides": list(backbone.strides)}
    backbone.dilate(DILATED_STRIDE)
    own, wanted = backbone.stage_strides[-1], settings["psa_stride"]
    if wanted not in (0, DILATED_STRIDE, 2 * DILATED_STRIDE) or (0 < wanted < own and own % wanted):
        raise UserError(f"psa_stride={wanted} is no stride for a last stage of stride {own}.", "Choose 0, 8 or 16.")
    enlarge = own // wanted if 0 < wanted < own else 1
    stride = own // enlarge
    shrink = settings["psa_shrink"] or (2 if stride <= DILATED_STRIDE else 1)
    window = window_for(size, stride, shrink, settings["psa_compact"])
    head = PSANet(backbone.channels, classes, window, shrink, settings["psa_compact"], enlarge)
    strides = list(backbone.stage_strides[-2:])
    return head, {"head": name, "strides": strides, "enlarge": enlarge, "window": list(window), "shrink": shrink}
