"""Layouts of Vision Transformers whose keys are not timm's."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from rsbench.checkpoints.layout import Layout, Move, renaming, substituting


def _joined(*tensors: Tensor) -> Tensor:
    return torch.cat(tensors)


def _split_qkv(keys: Collection[str]) -> Mapping[str, Move]:
    moves = {}
    for key in keys:
        part = re.match(r"(blocks\.\d+\.attn)\.([qkv])\.(weight|bias)$", key)
        if part is None:
            moves[key] = Move((key,))
        elif part[2] == "q":
            sources = tuple(f"{part[1]}.{name}.{part[3]}" for name in "qkv")
            moves[f"{part[1]}.qkv.{part[3]}"] = Move(sources, _joined, "q, k, v joined")
    return moves


spectralgpt = Layout(
    "spectralgpt",
    "SpectralGPT: separate q, k and v, split position tables",
    _split_qkv,
    mark=r"blocks\.0\.attn\.q\.",
    drop=r"decoder_|mask_token$",
)

# Cross-Scale MAE has been written in three layouts, and in the third the norms stand after the residual sums. Its
# encoder_norm is computed and thrown away in the authors' forward, so it was never trained.
_CROSS_NAMES = {r"^encoder\.": "blocks.", r"^encoder_pos_embed$": "pos_embed"}
_CROSS_DROP = r"decoder|mask_token$|(encoder_)?norm\.|head\.|predictor|proj(ection)?_?head"


def _xformers_moves(keys: Collection[str]) -> Mapping[str, Move]:
    rename = substituting(
        {
            r"^encoder\.encoders\.": "blocks.",
            r"\.wrap_att\.norm\.": ".norm1.",
            r"\.wrap_ff\.norm\.": ".norm2.",
            r"\.wrap_att\.sublayer\.layer\.proj\.": ".attn.proj.",
            r"\.wrap_ff\.sublayer\.layer\.mlp\.0\.": ".mlp.fc1.",
            r"\.wrap_ff\.sublayer\.layer\.mlp\.3\.": ".mlp.fc2.",
            r"^encoder_pos_embed$": "pos_embed",
        }
    )
    moves = {}
    for key in keys:
        part = re.match(r"(.*\.wrap_att\.sublayer\.layer\.in_proj_container)\.([qkv])_proj\.(weight|bias)$", key)
        if part is None:
            moves[rename(key)] = Move((key,))
        elif part[2] == "q":
            sources = tuple(f"{part[1]}.{name}_proj.{part[3]}" for name in "qkv")
            block = re.sub(r"^encoder\.encoders\.(\d+)\..*", r"blocks.\1", part[1])
            moves[f"{block}.attn.qkv.{part[3]}"] = Move(sources, _joined, "q, k, v joined")
    return moves


crossscale_timm = Layout(
    "crossscale-timm", "Cross-Scale MAE in timm's names", renaming(str), mark=r"blocks\.", drop=_CROSS_DROP
)
crossscale = Layout(
    "crossscale",
    "Cross-Scale MAE with timm's blocks",
    renaming(substituting(_CROSS_NAMES)),
    mark=r"encoder\.0\.",
    drop=_CROSS_DROP,
)
crossscale_xformers = Layout(
    "crossscale-xformers",
    "Cross-Scale MAE with the blocks of xFormers 0.0.19: norms after the residual sums",
    _xformers_moves,
    mark=r"encoder\.encoders\.",
    drop=_CROSS_DROP,
    kwargs={"post_norm": True},
)

ALL = (spectralgpt, crossscale_timm, crossscale, crossscale_xformers)
