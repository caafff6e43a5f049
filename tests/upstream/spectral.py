"""SpectralGPT as its authors publish it; the reference is a plain module written after their code.

RGB goes in as rsbench says it does: R, G and B in the places of B4, B3 and B2, zeros in the nine other bands.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from upstream.containers import mae_extras, save, state_dict
from upstream.randomise import numbers, randomised
from upstream.registry import Fake, fake

_WIDTH, _DEPTH, _HEADS = 32, 4, 4
_BANDS = 12  # B1 B2 B3 | B4 B5 B6 | B7 B8 B8A | B9 B11 B12


class Attention(nn.Module):
    """Self-attention with separate layers for query, key and value, one head after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(_WIDTH, _WIDTH) for _ in "qkv")
        self.proj = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        heads = []
        for q, k, v in zip(*(part(x).chunk(_HEADS, -1) for part in (self.q, self.k, self.v)), strict=True):
            heads.append((q @ k.transpose(1, 2) / (_WIDTH // _HEADS) ** 0.5).softmax(-1) @ v)
        return self.proj(torch.cat(heads, dim=-1))


class Block(nn.Module):
    """A block with the norms before attention and MLP."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(_WIDTH, eps=1e-6)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(_WIDTH, eps=1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(_WIDTH, 4 * _WIDTH), "fc2": nn.Linear(4 * _WIDTH, _WIDTH)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](nn.functional.gelu(self.mlp["fc1"](self.norm2(x))))


class Spectral(nn.Module):
    """SpectralGPT's encoder on RGB: the mean of all tokens after the final norm."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(1, _WIDTH, (3, 8, 8), (3, 8, 8))})
        self.pos_embed_spatial = nn.Parameter(torch.zeros(1, (size // 8) ** 2, _WIDTH))
        self.pos_embed_temporal = nn.Parameter(torch.zeros(1, _BANDS // 3, _WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(_DEPTH)))
        self.norm = nn.LayerNorm(_WIDTH, eps=1e-6)

    def forward(self, images: Tensor) -> Tensor:
        bands = torch.zeros(len(images), _BANDS, *images.shape[2:])
        bands[:, 3], bands[:, 2], bands[:, 1] = images[:, 0], images[:, 1], images[:, 2]
        volume = self.patch_embed["proj"](bands[:, None])  # (B, C, 4, h, w)
        groups = []
        for group in range(_BANDS // 3):
            tokens = volume[:, :, group].flatten(2).transpose(1, 2)
            groups.append(tokens + self.pos_embed_spatial + self.pos_embed_temporal[:, group : group + 1])
        return self.norm(self.blocks(torch.cat(groups, dim=1))).mean(1)


def _write(file: Path, seed: int, size: int, name: str) -> Fake:
    network, generator = randomised(Spectral(size), seed), torch.Generator().manual_seed(seed)
    shapes = {
        "mask_token": (1, 1, 16),
        "decoder_pos_embed_spatial": (1, (size // 8) ** 2, 16),
        "decoder_pos_embed_temporal": (1, 4, 16),
        "decoder_embed.weight": (16, _WIDTH),
        "decoder_embed.bias": (16,),
        "decoder_blocks.0.attn.q.weight": (16, 16),
        "decoder_blocks.0.norm1.bias": (16,),
        "decoder_norm.weight": (16,),
        "decoder_pred.weight": (192, 16),
    }
    junk = {key: numbers(generator, *shape) for key, shape in shapes.items()}
    extras = mae_extras(generator, model=name, dropped_bands=[10], grouped_bands=[], dist_url="env://")
    save(file, {"model": state_dict({**network.state_dict(), **junk}), **extras}, cuda=True, old=True)
    kwargs = {"width": _WIDTH, "depth": _DEPTH, "heads": _HEADS, "image_size": size}
    return Fake(file, kwargs, network, size, tuple(junk))


@fake("spectralgpt/vit_b", "SpectralGPT.pth")
def _base(file: Path, seed: int) -> Fake:
    return _write(file, seed, 96, "mae_vit_base_patch8_96")


@fake("spectralgpt/vit_b_plus", "SpectralGPT+.pth")
def _plus(file: Path, seed: int) -> Fake:
    return _write(file, seed, 128, "mae_vit_base_patch8_128")
