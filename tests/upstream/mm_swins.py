"""Swin-B as CMID publishes it, in OpenMMLab's style; the reference is a plain module written after that code.

Its PatchMerging reads the four neighbours with nn.Unfold: channels first, the window row by row. All other networks
here concatenate four maps. With the same weights that is another function.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from upstream.containers import prefixed, save, state_dict
from upstream.randomise import randomised
from upstream.registry import Fake, fake
from upstream.resnets import save_cmid
from upstream.swins import DEPTHS, HEADS, SWIN, WIDTH, computed


class WindowAttention(nn.Module):
    """Attention inside windows of a map that is already shifted, one window after the other."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        place = torch.arange(window**2)
        row, column = place // window, place % window
        up, left = row[:, None] - row + window - 1, column[:, None] - column + window - 1
        self.register_buffer("relative_position_index", up * (2 * window - 1) + left)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, region: Tensor) -> Tensor:
        """Takes a map (B, H, W, C) and the region (H, W) of each token; tokens of two regions do not see each other."""
        size, out = self.window, torch.zeros_like(x)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        for top in range(0, x.shape[1], size):
            for left in range(0, x.shape[2], size):
                here = (slice(top, top + size), slice(left, left + size))
                tokens = x[:, here[0], here[1]].flatten(1, 2)
                q, k, v = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
                scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5 + bias
                label = region[here].flatten()
                scores = scores.masked_fill(label[:, None] != label, -torch.inf)
                seen = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
                out[:, here[0], here[1]] = self.proj(seen).unflatten(1, (size, size))
        return out


class Attention(nn.Module):
    """Attention in windows, shifted by half a window in every second block unless one window is the whole map."""

    def __init__(self, width: int, heads: int, window: int, shifted: bool) -> None:
        super().__init__()
        self.w_msa = WindowAttention(width, heads, window)
        self.shift = window // 2 if shifted else 0

    def forward(self, x: Tensor) -> Tensor:
        side, window = x.shape[1], self.w_msa.window
        shift = self.shift if side > window else 0
        place = torch.arange(side)
        strip = (place >= side - window).long() + (place >= side - shift).long() if shift else torch.zeros_like(place)
        rolled = x.roll((-shift, -shift), (1, 2))
        return self.w_msa(rolled, 3 * strip[:, None] + strip).roll((shift, shift), (1, 2))


class Block(nn.Module):
    """A Swin block; ``ffn.layers`` is (linear, GELU), linear."""

    def __init__(self, width: int, heads: int, window: int, shifted: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, window, shifted)
        self.norm2 = nn.LayerNorm(width)
        first = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU())
        self.ffn = nn.ModuleDict({"layers": nn.Sequential(first, nn.Linear(4 * width, width))})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.ffn["layers"](self.norm2(x))


class Merging(nn.Module):
    """Joins 2 x 2 neighbours by nn.Unfold, then LayerNorm, then a linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        side = x.shape[1] // 2
        joined = functional.unfold(x.permute(0, 3, 1, 2), kernel_size=2, stride=2).transpose(1, 2)
        return self.reduction(self.norm(joined)).unflatten(1, (side, side))


class Stage(nn.Module):
    """Blocks, and a merging after them but in the last stage."""

    def __init__(self, width: int, depth: int, heads: int, window: int, last: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, heads, window, index % 2 == 1) for index in range(depth)))
        self.downsample = nn.Identity() if last else Merging(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(self.blocks(x))


class PatchEmbed(nn.Module):
    """Patches of 4 px, then LayerNorm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, width, 4, 4)
        self.norm = nn.LayerNorm(width)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.projection(images).permute(0, 2, 3, 1))


class MmSwin(nn.Module):
    """CMID's Swin: the mean over positions of the last stage after ``norm3``."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(WIDTH)
        self.stages = nn.Sequential(
            *(Stage(WIDTH * 2**i, DEPTHS[i], HEADS[i], window, last=i == len(DEPTHS) - 1) for i in range(len(DEPTHS)))
        )
        self.norm3 = nn.LayerNorm(8 * WIDTH)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm3(self.stages(self.patch_embed(images))).mean((1, 2))


def mm_swin(seed: int) -> MmSwin:
    """Returns the network with weights."""
    return randomised(MmSwin(SWIN.window), seed)


@fake("cmid/swin_b", "CMID_Swin-B_bk_200ep.pth")
def _cmid(file: Path, seed: int) -> Fake:
    network = mm_swin(seed)
    save(file, state_dict(network.state_dict()))
    return Fake(file, SWIN.kwargs, network, SWIN.image, tuple(computed(network.state_dict())))


@fake("cmid/swin_b#full", "CMID_Swin-B_200ep.pth")
def _cmid_full(file: Path, seed: int) -> Fake:
    network = mm_swin(seed)
    junk = save_cmid(file, network.state_dict(), mm_swin(seed + 1).state_dict(), (1, 1, WIDTH), seed)
    indices = prefixed("online_encoder.model.", network.state_dict())
    return Fake(file, SWIN.kwargs, network, SWIN.image, (*junk, *computed(indices)))
