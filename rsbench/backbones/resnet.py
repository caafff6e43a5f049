"""ResNet-50 on timm, with the 7x7 stem that all remote-sensing weights have. Source: He et al. 2016."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Self

import timm
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rsbench.backbones.checks import check_multiple
from rsbench.backbones.contract import STRIDES, Backbone
from rsbench.errors import UserError


class ResNetBackbone(Backbone):
    """A ResNet behind the contract; the parameters carry timm's names, which are torchvision's without ``fc``.

    Args:
        model: a timm ResNet without classifier.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.channels = tuple(info["num_chs"] for info in model.feature_info[1:])
        self.embedding_dim = model.num_features

    def forward(self, images: Tensor) -> list[Tensor]:
        model: Any = self.model
        x = model.maxpool(model.act1(model.bn1(model.conv1(images))))
        pyramid = []
        for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
            x = layer(x)
            pyramid.append(x)
        return pyramid

    def dilate(self, stride: int) -> Self:
        """Computes the later stages at ``stride`` (8, 16 or 32 px) with dilated 3x3 convolutions.

        Every 3x3 convolution of such a stage is dilated, as in the code of PSANet's authors; torchvision leaves
        out the first. The weights stay as they are.

        Raises:
            UserError: another stride.
        """
        if stride not in STRIDES[1:]:
            raise UserError(f"A ResNet cannot be dilated to the stride {stride}.", "Choose 8, 16 or 32.")
        layers = (self.model.layer2, self.model.layer3, self.model.layer4)
        for own, layer in zip(STRIDES[1:], layers, strict=True):
            rate = max(1, own // stride)
            if rate == 1:
                continue
            for block in layer:
                block.conv2.stride, block.conv2.dilation, block.conv2.padding = (1, 1), (rate, rate), (rate, rate)
                if block.downsample is not None:
                    block.downsample[0].stride = (1, 1)
        self.strides = self.stage_strides = tuple(min(own, stride) for own in STRIDES)
        return self

    def embed(self, images: Tensor) -> Tensor:
        return self.forward(images)[-1].mean((2, 3))


def resnet50(layers: Sequence[int] = (3, 4, 6, 3)) -> ResNetBackbone:
    """ResNet-50: 23.5 M parameters, embedding 2048, any input size.

    Args:
        layers: bottleneck blocks of the four stages; other numbers make another ResNet of the same widths.

    Raises:
        UserError: not four positive whole numbers.
    """
    if len(layers) != len(STRIDES):
        raise UserError(f"layers is {layers!r}.", f"It must name the blocks of {len(STRIDES)} stages.")
    for stage, blocks in enumerate(layers):
        check_multiple(f"layers[{stage}]", blocks, 1)
    return ResNetBackbone(timm.create_model("resnet50", pretrained=False, num_classes=0, layers=tuple(layers)))


def fold_batchnorm(backbone: Backbone) -> Backbone:
    """Folds BatchNorm in evaluation mode into the convolution before it, in place; other networks stay as they are.

    Pairs are ``convN`` and ``bnN`` of one block, and a convolution directly before a BatchNorm in an
    ``nn.Sequential``. The result computes the same function up to rounding.
    """
    if not isinstance(backbone, ResNetBackbone):
        return backbone
    for block in list(backbone.modules()):
        children = dict(block.named_children())
        pairs = [(name, name.replace("conv", "bn")) for name in children if name.startswith("conv")]
        if isinstance(block, nn.Sequential):
            names = list(children)
            pairs = list(itertools.pairwise(names))
        for conv, norm in pairs:
            first, second = children.get(conv), children.get(norm)
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(block, conv, fuse_conv_bn_eval(first, second))
                setattr(block, norm, nn.Identity())
    return backbone
