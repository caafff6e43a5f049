"""SpectralGPT: a transformer over spectral groups of Sentinel-2 bands. Source: Hong et al. 2024, arXiv 2311.07113."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch
from timm.layers import LayerNorm
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from rsbench.backbones.checks import check_choice, check_multiple, check_sides
from rsbench.backbones.contract import STRIDES, Backbone
from rsbench.backbones.plain import make_map, make_pyramid, run_blocks, tap_indices
from rsbench.backbones.positions import resample_positions

Rgb = Literal["place", "tile", "single"]
Spectral = Literal["mean", "concat"]
RGB = ("place", "tile", "single")
SPECTRAL = ("mean", "concat")

BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
RGB_BANDS = ("B4", "B3", "B2")
GROUP = 3
GROUPS = len(BANDS) // GROUP
PATCH = 8


class SpectralTransformer(nn.Module):
    """The network: a token is 3 neighbouring bands of 8 x 8 px; no class token, learned positions, pre-norm blocks.

    Args:
        image_size: pixels; sets the grid of the stored positions.
        width: channels.
        depth: blocks.
        heads: attention heads.
    """

    def __init__(self, image_size: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        side, size = image_size // PATCH, (GROUP, PATCH, PATCH)
        self.grid = (side, side)
        self.patch_embed = nn.Sequential(OrderedDict(proj=nn.Conv3d(1, width, kernel_size=size, stride=size)))
        self.pos_embed_spatial = nn.Parameter(torch.zeros(1, side * side, width))
        self.pos_embed_temporal = nn.Parameter(torch.zeros(1, GROUPS, width))
        self.blocks = nn.Sequential(*[Block(width, heads, qkv_bias=True, norm_layer=LayerNorm) for _ in range(depth)])
        self.norm = LayerNorm(width)
        for name, parameter in self.named_parameters():
            if name.startswith("pos_embed") or (name.startswith("blocks") and parameter.dim() > 1):
                nn.init.trunc_normal_(parameter, std=0.02)
            elif name.startswith("blocks") and ".norm" not in name:
                nn.init.zeros_(parameter)

    def tokens(self, volume: Tensor) -> tuple[Tensor, tuple[int, int, int]]:
        """Returns the tokens (B, T * h * w, C) of ``volume`` (B, 1, 3 T, H, W), group by group, and (T, h, w)."""
        patches = self.patch_embed(volume)
        _, _, groups, h, w = patches.shape
        spatial = resample_positions(self.pos_embed_spatial, self.grid, (h, w), prefix=0)
        positions = spatial[:, None] + self.pos_embed_temporal[:, :groups, None]
        x = patches.flatten(3).permute(0, 2, 3, 1) + positions
        return x.flatten(1, 2), (groups, h, w)


class SpectralBackbone(Backbone):
    """SpectralGPT behind the contract, fed with RGB images that are scaled to [0, 1] per image and channel.

    The network was trained on 12 bands of Sentinel-2. How three of them go in has no official answer; ``rgb`` is the
    choice:

    - ``place``: R, G and B stand in the slots of B4, B3 and B2, the nine other bands are zero. Two of the four
      spectral groups see nothing but their positions.
    - ``tile``: each of the four groups is (B, G, R), ascending in wavelength as the bands are.
    - ``single``: one group (B, G, R) at the position of the first.

    The embedding is the mean of all tokens after the final norm. The maps of the pyramid are taps after a quarter,
    half, three quarters and all of the blocks, without the final norm; ``spectral`` says how the groups of a position
    are joined: their ``mean`` (C channels), or ``concat``, group after group (T * C channels). Sides must be
    multiples of 8 px for the embedding and of 32 px for the pyramid; stored positions are interpolated.

    Args:
        model: the network.
        rgb: see above.
        spectral: see above.
    """

    size_multiple = PATCH
    stage_strides = (PATCH,) * len(STRIDES)

    def __init__(self, model: SpectralTransformer, rgb: Rgb, spectral: Spectral) -> None:
        super().__init__()
        self.model = model
        self.rgb = rgb
        self.spectral = spectral
        self.embedding_dim = model.norm.normalized_shape[0]
        groups = 1 if rgb == "single" else GROUPS
        self.channels = (self.embedding_dim * (groups if spectral == "concat" else 1),) * len(STRIDES)
        self.taps = tap_indices(len(model.blocks))

    def volume(self, images: Tensor) -> Tensor:
        """Returns the bands (B, 1, 3 T, H, W) that are made from ``images`` (B, 3, H, W)."""
        if self.rgb == "place":
            bands = images.new_zeros(images.shape[0], len(BANDS), *images.shape[2:])
            bands[:, [BANDS.index(band) for band in RGB_BANDS]] = images
        else:
            bands = images.flip(1).repeat(1, GROUPS if self.rgb == "tile" else 1, 1, 1)
        return bands[:, None]

    def stages(self, images: Tensor) -> list[Tensor]:
        check_sides(images, self.size_multiple, "the patches")
        x, (groups, h, w) = self.model.tokens(self.volume(images))
        maps = []
        for tap in run_blocks(self.model.blocks, x, self.taps):
            parts = tap.unflatten(1, (groups, h * w))
            joined = parts.mean(1) if self.spectral == "mean" else torch.cat(parts.unbind(1), dim=2)
            maps.append(make_map(joined, (h, w)))
        return maps

    def forward(self, images: Tensor) -> list[Tensor]:
        check_sides(images, max(STRIDES), "the pyramid")
        return make_pyramid(self.stages(images), PATCH)

    def embed(self, images: Tensor) -> Tensor:
        check_sides(images, self.size_multiple, "the embedding")
        x, _ = self.model.tokens(self.volume(images))
        return self.model.norm(self.model.blocks(x)).mean(1)


def spectralgpt_b(
    image_size: int = 96,
    rgb: Rgb = "place",
    spectral: Spectral = "mean",
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
) -> SpectralBackbone:
    """SpectralGPT-B: 85.3 M parameters, embedding 768; stored positions for 96 px (``SpectralGPT+``: 128 px).

    Args:
        image_size: pixels; sets the grid of the stored positions.
        rgb: how RGB goes into the 12 bands: ``place``, ``tile`` or ``single``; see ``SpectralBackbone``.
        spectral: how the spectral groups are joined for the pyramid: ``mean`` or ``concat``.
        width: channels.
        depth: blocks.
        heads: attention heads.

    Raises:
        UserError: an argument is out of range.
    """
    check_choice("rgb", rgb, RGB)
    check_choice("spectral", spectral, SPECTRAL)
    check_multiple("image_size", image_size, PATCH)
    check_multiple("depth", depth, 1)
    check_multiple("heads", heads, 1)
    check_multiple("width", width, heads)
    return SpectralBackbone(SpectralTransformer(image_size, width, depth, heads), rgb, spectral)
