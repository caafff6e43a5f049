"""Swin Transformers on timm: Swin-B, and a nano one for CPUs. Source: Liu et al. 2021, arXiv 2103.14030."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor

from rsbench.backbones.checks import check_multiple, check_sides, four_stages
from rsbench.backbones.contract import Backbone


class SwinBackbone(Backbone):
    """A Swin Transformer behind the contract; the parameters carry timm's names.

    The pyramid holds the raw output of each stage; the embedding is the mean over all positions of the last
    one after the final LayerNorm. Any input whose sides are multiples of 4 px is accepted: maps are padded to
    whole windows, and the attention masks are made for the size at hand.

    Args:
        model: a timm Swin Transformer without classifier.
    """

    size_multiple = 4

    def __init__(self, model: SwinTransformer) -> None:
        super().__init__()
        self.model = model
        self.channels = tuple(info["num_chs"] for info in model.feature_info)
        self.embedding_dim = model.num_features

    @classmethod
    def build(
        cls,
        *,
        width: int,
        depths: Sequence[int],
        heads: Sequence[int],
        image_size: int,
        window: int,
        drop_path: float = 0.0,
    ) -> SwinBackbone:
        """Makes a freshly initialised network (truncated normal, standard deviation 0.02).

        Args:
            width: channels of the first stage; they double at each next one.
            depths: blocks per stage.
            heads: attention heads per stage.
            image_size: pixels; sets the windows of stages smaller than one window.
            window: side of the attention window in tokens.
            drop_path: rate of stochastic depth of the last block.

        Raises:
            UserError: an argument is out of range.
        """
        depths, heads = four_stages(width, depths, heads)
        check_multiple("image_size", image_size, 4)
        check_multiple("window", window, 1)
        model = SwinTransformer(
            img_size=image_size,
            embed_dim=width,
            depths=depths,
            num_heads=heads,
            window_size=window,
            drop_path_rate=drop_path,
            num_classes=0,
            strict_img_size=False,
        )
        return cls(model)

    def tokens(self, images: Tensor) -> Tensor:
        """Returns the tokens (B, H/4, W/4, C) after patch embedding and its LayerNorm."""
        check_sides(images, self.size_multiple, "the patches")
        return self.model.patch_embed(images)

    def encode(self, tokens: Tensor) -> Tensor:
        """Runs all stages and the final LayerNorm on tokens (B, h, w, C): the map (B, D, h/8, w/8)."""
        return self.model.norm(self.model.layers(tokens)).permute(0, 3, 1, 2)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.tokens(images)
        pyramid = []
        for stage in self.model.layers:
            x = stage(x)
            pyramid.append(x.permute(0, 3, 1, 2).contiguous())
        return pyramid

    def embed(self, images: Tensor) -> Tensor:
        return self.encode(self.tokens(images)).mean((2, 3))


def swin_b(
    image_size: int = 224,
    window: int = 7,
    drop_path: float = 0.0,
    width: int = 128,
    depths: Sequence[int] = (2, 2, 18, 2),
    heads: Sequence[int] = (4, 8, 16, 32),
) -> SwinBackbone:
    """Swin-B: 86.7 M parameters, embedding 1024; 224 px with window 7, or 192 px with window 6 (SimMIM)."""
    return SwinBackbone.build(
        width=width, depths=depths, heads=heads, image_size=image_size, window=window, drop_path=drop_path
    )


def nano(
    image_size: int = 128,
    window: int = 4,
    drop_path: float = 0.0,
    width: int = 32,
    depths: Sequence[int] = (1, 1, 3, 1),
    heads: Sequence[int] = (1, 2, 4, 8),
) -> SwinBackbone:
    """A Swin of 1.6 M parameters for CPUs: width 32, depths 1-1-3-1, embedding 256, 128 px with window 4."""
    return swin_b(image_size, window, drop_path, width, depths, heads)


def replace_tokens(tokens: Tensor, mask: Tensor, mask_token: Tensor) -> Tensor:
    """Puts ``mask_token`` (C,) in the place of each token (B, h, w, C) where ``mask`` (B, h, w) is true."""
    return torch.where(mask.unsqueeze(-1), mask_token.to(tokens.dtype), tokens)
