"""Plain Vision Transformers on timm, made to look like a pyramid. Source: Dosovitskiy et al. 2021.

ScaleMAE (Reed et al. 2023, arXiv 2212.14532) differs in its positions, CrossScaleMAE (Tang et al. 2023,
arXiv 2401.15855) in where its blocks normalise.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor

from rsbench.backbones.checks import check_choice, check_multiple, check_positive, check_sides
from rsbench.backbones.contract import STRIDES, Backbone
from rsbench.backbones.plain import make_map, make_pyramid, run_blocks, tap_indices
from rsbench.backbones.positions import gsd_positions, resample_positions
from rsbench.errors import UserError

Pool = Literal["token", "avg"]
POOLS = ("token", "avg")


class PostNormBlock(Block):
    """A block of the original Transformer: x <- LN(x + Attn(x)), x <- LN(x + MLP(x)); the names are timm's.

    timm's ``Block`` normalises before the two layers and its ``ResPostBlock`` before the two sums: same parameters,
    other functions. The epsilon of the norms is 1e-6 as everywhere here, which is also the default of the fused
    LayerNorm that xFormers 0.0.19 uses where triton is there. Source: Vaswani et al. 2017, section 3.1.
    """

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # no masks here
        x = self.norm1(x + self.drop_path1(self.attn(x)))
        return self.norm2(x + self.drop_path2(self.mlp(x)))


class ViTBackbone(Backbone):
    """A plain ViT behind the contract; the parameters carry timm's names.

    The four maps are taps after a quarter, half, three quarters and all of the blocks, without the final norm,
    resampled to strides 4, 8, 16 and 32. Sides must be multiples of the patch for the embedding and of 32 px for the
    pyramid; stored positions are interpolated to the size at hand.

    Args:
        model: a timm ViT with a class token and without classifier, made with ``dynamic_img_size=True``.
        pool: embedding from the class token, or the mean of the patch tokens, after the final norm.
        res: ground sampling distance that positions are made from (ScaleMAE); None where they are stored.
    """

    def __init__(self, model: VisionTransformer, pool: Pool, res: float | None = None) -> None:
        super().__init__()
        self.model: Any = model
        self.pool = pool
        self.res = res
        self.embedding_dim = model.embed_dim
        self.channels = (model.embed_dim,) * len(STRIDES)
        self.size_multiple = model.patch_embed.patch_size[0]
        self.stage_strides = (self.size_multiple,) * len(STRIDES)
        self.taps = tap_indices(len(model.blocks))

    @classmethod
    def build(
        cls,
        *,
        image_size: int,
        pool: Pool,
        width: int,
        depth: int,
        heads: int,
        patch: int,
        res: float | None = None,
        post_norm: bool = False,
        final_norm: bool = True,
    ) -> ViTBackbone:
        """Makes a freshly initialised network (truncated normal, standard deviation 0.02).

        Args:
            image_size: pixels; sets the grid of the stored positions.
            pool: ``token`` or ``avg``.
            width: channels.
            depth: blocks.
            heads: attention heads.
            patch: side of a patch in pixels: 4, 8, 16 or 32.
            res: see the class; with it no positions are stored.
            post_norm: blocks of the original Transformer.
            final_norm: a LayerNorm after the last block.

        Raises:
            UserError: an argument is out of range.
        """
        check_choice("pool", pool, POOLS)
        if patch not in STRIDES:
            raise UserError(f"patch is {patch!r}.", f"It must be one of {', '.join(map(str, STRIDES))}.")
        check_multiple("image_size", image_size, patch)
        check_multiple("depth", depth, 1)
        check_multiple("heads", heads, 1)
        check_multiple("width", width, heads)
        if res is not None:
            check_positive("res", res)
            check_multiple("width", width, 4)
        model = VisionTransformer(
            img_size=image_size,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            num_classes=0,
            pos_embed="learn" if res is None else "none",
            final_norm=final_norm,
            dynamic_img_size=True,
            block_fn=PostNormBlock if post_norm else Block,
        )
        return cls(model, pool, res)

    def tokens(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Returns the tokens (B, 1 + h * w, C) before the first block, class token first, and the grid (h, w)."""
        patches = self.model.patch_embed(images)
        batch, h, w, width = patches.shape
        class_token = self.model.cls_token.expand(batch, -1, -1)
        x = torch.cat([class_token, patches.flatten(1, 2)], dim=1)
        if self.res is not None:
            table = gsd_positions((h, w), width, self.res, x.device)
        else:
            table = resample_positions(self.model.pos_embed, self.model.patch_embed.grid_size, (h, w), prefix=1)
        return x + table.to(x.dtype), (h, w)

    def stages(self, images: Tensor) -> list[Tensor]:
        check_sides(images, self.size_multiple, "the patches")
        x, grid = self.tokens(images)
        return [make_map(tap[:, 1:], grid) for tap in run_blocks(self.model.blocks, x, self.taps)]

    def forward(self, images: Tensor) -> list[Tensor]:
        check_sides(images, max(STRIDES), "the pyramid")
        return make_pyramid(self.stages(images), self.size_multiple)

    def embed(self, images: Tensor) -> Tensor:
        check_sides(images, self.size_multiple, "the embedding")
        x, _ = self.tokens(images)
        x = self.model.norm(self.model.blocks(x))
        return x[:, 0] if self.pool == "token" else x[:, 1:].mean(1)


def vit_b(
    image_size: int = 224, pool: Pool = "token", width: int = 768, depth: int = 12, heads: int = 12, patch: int = 16
) -> ViTBackbone:
    """ViT-B/16: 85.8 M parameters, embedding 768."""
    return ViTBackbone.build(image_size=image_size, pool=pool, width=width, depth=depth, heads=heads, patch=patch)


def vit_l(
    image_size: int = 224, pool: Pool = "token", width: int = 1024, depth: int = 24, heads: int = 16, patch: int = 16
) -> ViTBackbone:
    """ViT-L/16: 303.3 M parameters, embedding 1024."""
    return vit_b(image_size, pool, width, depth, heads, patch)


def scalemae_l(
    image_size: int = 224,
    res: float = 1.0,
    pool: Pool = "token",
    width: int = 1024,
    depth: int = 24,
    heads: int = 16,
) -> ViTBackbone:
    """ScaleMAE ViT-L/16: 303.1 M parameters, embedding 1024; no positions stored, they are made from ``res``.

    ``res`` is not the sensor's ground sampling distance in practice: 1.0 was better than that over the data sets of
    torchgeo-bench (its pull request 215), and on EuroSAT (issue 1 of the ScaleMAE repository).
    """
    return ViTBackbone.build(image_size=image_size, pool=pool, width=width, depth=depth, heads=heads, patch=16, res=res)


def crossscale_b(
    image_size: int = 128,
    pool: Pool = "token",
    post_norm: bool = False,
    final_norm: bool = False,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    patch: int = 16,
) -> ViTBackbone:
    """CrossScaleMAE ViT-B/16: embedding 768.

    Args:
        image_size: pixels; sets the grid of the stored positions.
        pool: ``token`` or ``avg``.
        post_norm: True for weights that were trained with xFormers blocks; the layout of their file tells, the
            shapes do not.
        final_norm: False, because upstream computes the norm after its last block and throws it away, so that it was
            never trained.
        width: channels.
        depth: blocks.
        heads: attention heads.
        patch: side of a patch in pixels.
    """
    return ViTBackbone.build(
        image_size=image_size,
        pool=pool,
        width=width,
        depth=depth,
        heads=heads,
        patch=patch,
        post_norm=post_norm,
        final_norm=final_norm,
    )


def crossscale_l(
    image_size: int = 128,
    pool: Pool = "token",
    post_norm: bool = False,
    final_norm: bool = False,
    width: int = 1024,
    depth: int = 24,
    heads: int = 16,
    patch: int = 16,
) -> ViTBackbone:
    """CrossScaleMAE ViT-L/16: embedding 1024; arguments as ``crossscale_b``."""
    return crossscale_b(image_size, pool, post_norm, final_norm, width, depth, heads, patch)
