"""Cross-Scale MAE in the three layouts its published files may have; no one has looked into them.

(a) timm's names; (b) the repository's names with timm's blocks; (c) the repository's names with the blocks of xFormers
0.0.19, whose norms stand after the residual sums. In all of them upstream computes ``encoder_norm`` and throws the
result away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from upstream.containers import mae_extras, save, state_dict
from upstream.randomise import numbers, randomised
from upstream.registry import Fake, fake
from upstream.vits import DEPTH, HEADS, WIDTH, decoder, decoder_block, kwargs_of, timm, vit

_SIZE = 128


class PostNormBlock(nn.Module):
    """A block of the original Transformer: x <- LN(x + Attn(x)), x <- LN(x + MLP(x))."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)  # as in xFormers' fused norm
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.mlp(x))


class PostNormViT(nn.Module):
    """Cross-Scale MAE's encoder with xFormers: the class token after the last block."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, WIDTH, 16, 16)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (_SIZE // 16) ** 2, WIDTH))
        self.blocks = nn.Sequential(*(PostNormBlock() for _ in range(DEPTH)))

    def forward(self, images: Tensor) -> Tensor:
        patches = self.projection(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        return self.blocks(x)[:, 0]


def xformers(network: PostNormViT) -> dict[str, Tensor]:
    """Returns the state of ``network`` under the names that xFormers' factory gives."""
    named = {
        "cls_token": network.cls_token.data,
        "encoder_pos_embed": network.pos_embed.data,
        "patch_embed.proj.weight": network.projection.weight.data,
        "patch_embed.proj.bias": network.projection.bias.data,
    }
    for index, block in enumerate(network.blocks):
        start = f"encoder.encoders.{index}."
        for kind in ("weight", "bias"):
            joined = getattr(block.attention, f"in_proj_{kind}").data.chunk(3)
            for letter, part in zip("qkv", joined, strict=True):
                named[f"{start}wrap_att.sublayer.layer.in_proj_container.{letter}_proj.{kind}"] = part.clone()
            named[f"{start}wrap_att.sublayer.layer.proj.{kind}"] = getattr(block.attention.out_proj, kind).data
            named[f"{start}wrap_att.norm.{kind}"] = getattr(block.norm1, kind).data
            named[f"{start}wrap_ff.sublayer.layer.mlp.0.{kind}"] = getattr(block.mlp[0], kind).data
            named[f"{start}wrap_ff.sublayer.layer.mlp.3.{kind}"] = getattr(block.mlp[2], kind).data
            named[f"{start}wrap_ff.norm.{kind}"] = getattr(block.norm2, kind).data
    return named


def _pre_norm(seed: int) -> nn.Module:
    """Returns torchvision's ViT without the final norm."""
    network = vit(_SIZE, seed)
    network.encoder.ln = nn.Identity()
    return network


def _repository_names(network: nn.Module) -> dict[str, Tensor]:
    named = timm(network)
    return {
        "encoder_pos_embed" if key == "pos_embed" else key.replace("blocks.", "encoder."): tensor
        for key, tensor in named.items()
    }


def _write(
    file: Path, seed: int, network: nn.Module, state: Mapping[str, Tensor], norm: str, block: Callable[..., dict]
) -> Fake:
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        f"{norm}.weight": (WIDTH,),
        f"{norm}.bias": (WIDTH,),
        "predictor.0.weight": (8, 16),
        "predictor.1.running_mean": (64,),
        "predictor.3.bias": (16,),
    }
    junk = {**decoder(generator, _SIZE), **block(generator)}
    junk |= {key: numbers(generator, *shape) for key, shape in shapes.items()}
    extras = mae_extras(generator, model="mae_vit_large", use_xformers=True, wandb_project=None)
    save(file, {"model": state_dict({**state, **junk}), **extras}, cuda=True)
    return Fake(file, kwargs_of(_SIZE), network, _SIZE, tuple(junk))


@fake("crossscalemae/vit_l#a", "cross_scale_mae_large_pretrain.pth")
def _timm_names(file: Path, seed: int) -> Fake:
    network = _pre_norm(seed)
    return _write(file, seed, network, timm(network), "norm", lambda g: decoder_block(g, "decoder_blocks.0."))


@fake("crossscalemae/vit_l#b", "cross_scale_mae_large_pretrain.pth")
def _timm_blocks(file: Path, seed: int) -> Fake:
    network = _pre_norm(seed)
    names = _repository_names(network)
    return _write(file, seed, network, names, "encoder_norm", lambda g: decoder_block(g, "decoder.0."))


@fake("crossscalemae/vit_l#c", "cross_scale_mae_large_pretrain.pth")
def _xformers_blocks(file: Path, seed: int) -> Fake:
    network = randomised(PostNormViT(), seed)
    return _write(file, seed, network, xformers(network), "encoder_norm", _xformers_decoder)


def _xformers_decoder(generator: torch.Generator) -> dict[str, Tensor]:
    start = "decoder.encoders.0."
    shapes = {"wrap_att.norm.weight": (16,), "wrap_att.sublayer.layer.in_proj_container.q_proj.weight": (16, 16)}
    shapes |= {"wrap_ff.sublayer.layer.mlp.0.bias": (64,), "wrap_ff.norm.bias": (16,)}
    return {start + key: numbers(generator, *shape) for key, shape in shapes.items()}
