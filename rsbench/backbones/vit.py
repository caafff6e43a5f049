"""Plain Vision Transformers on timm, made to look like a pyramid. Source: Dosovitskiy et al. 2021."""

from __future__ import annotations

from typing import Any, Literal

import timm
import torch.nn.functional as F
from torch import Tensor

from rsbench.backbones.contract import Backbone

Pool = Literal["token", "avg"]


class ViTBackbone(Backbone):
    """A plain ViT with patch 16 behind the contract; the parameters carry timm's names.

    The four maps are taps after a quarter, half, three quarters and all of the blocks, resampled from stride 16
    to strides 4 and 8 (bilinear), 16 (as it is) and 32 (2x2 mean). There are no parameters in the resampling, so
    that a frozen backbone is the pretrained network and nothing else. Sides must be multiples of 32 px;
    position embeddings are interpolated to the size at hand.

    Args:
        model: a timm ViT without classifier, made with ``dynamic_img_size=True``.
        pool: embedding from the class token, or the mean of the patch tokens, after the final norm.
    """

    size_multiple = 16

    def __init__(self, model: Any, pool: Pool) -> None:
        super().__init__()
        self.model: Any = model
        self.pool = pool
        self.embedding_dim = model.num_features
        self.channels = (model.num_features,) * 4
        depth = len(model.blocks)
        self.taps = [depth // 4 - 1, depth // 2 - 1, 3 * depth // 4 - 1, depth - 1]

    def forward(self, images: Tensor) -> list[Tensor]:
        x4, x8, x16, x32 = self.model.forward_intermediates(images, indices=self.taps, intermediates_only=True)
        return [
            F.interpolate(x4, scale_factor=4, mode="bilinear", align_corners=False),
            F.interpolate(x8, scale_factor=2, mode="bilinear", align_corners=False),
            x16,
            F.avg_pool2d(x32, 2),
        ]

    def embed(self, images: Tensor) -> Tensor:
        tokens = self.model.forward_features(images)
        patches = tokens[:, self.model.num_prefix_tokens :]
        return tokens[:, 0] if self.pool == "token" else patches.mean(1)


def _vit(name: str, image_size: int, pool: Pool) -> ViTBackbone:
    model = timm.create_model(name, pretrained=False, num_classes=0, img_size=image_size, dynamic_img_size=True)
    return ViTBackbone(model, pool)


def vit_b(image_size: int = 224, pool: Pool = "token") -> ViTBackbone:
    """ViT-B/16: 85.8 M parameters, embedding 768."""
    return _vit("vit_base_patch16_224", image_size, pool)


def vit_l(image_size: int = 224, pool: Pool = "token") -> ViTBackbone:
    """ViT-L/16: 303.3 M parameters, embedding 1024."""
    return _vit("vit_large_patch16_224", image_size, pool)
