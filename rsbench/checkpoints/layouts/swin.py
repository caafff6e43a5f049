"""Layouts of Swin Transformers (version 1), all brought to timm's names.

Three things differ: names; the stage that owns a PatchMerging (timm gives it to the stage after it); and, in mm-style
code, the order of the four neighbours inside a PatchMerging.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from rsbench.checkpoints.layout import Layout, Move, renaming, substituting
from rsbench.checkpoints.layouts.joined import joining

# Buffers that timm computes, and what masked image modelling adds.
_MADE = r".*(relative_position_index|attn_mask)$|mask_token$|.*embeddings\.mask_token$|decoder\.|head\.|pooler\."


def _next_stage(key: str) -> str:
    """Gives the PatchMerging at the end of stage i to stage i + 1."""
    return re.sub(r"^layers\.(\d+)\.downsample\.", lambda found: f"layers.{int(found[1]) + 1}.downsample.", key)


def from_unfold(tensor: Tensor) -> Tensor:
    """Reorders the 4C inputs of a PatchMerging from nn.Unfold's order to the order of concatenation.

    nn.Unfold puts channels first and the 2x2 window row by row: (c, 00), (c, 01), (c, 10), (c, 11). timm and
    Microsoft concatenate whole maps in the order 00, 10, 01, 11. Without this every key fits and the numbers are wrong.

    Args:
        tensor: (..., 4C): the weight of the reduction, or a vector of the norm before it.
    """
    windows = tensor.reshape(*tensor.shape[:-1], -1, 4)
    return windows[..., [0, 2, 1, 3]].transpose(-1, -2).reshape(tensor.shape)


def _mm_moves(keys: Collection[str]) -> Mapping[str, Move]:
    rename = substituting(
        {
            r"^patch_embed\.projection\.": "patch_embed.proj.",
            r"^stages\.": "layers.",
            r"\.attn\.w_msa\.": ".attn.",
            r"\.ffn\.layers\.0\.0\.": ".mlp.fc1.",
            r"\.ffn\.layers\.1\.": ".mlp.fc2.",
            r"^norm3\.": "norm.",
        }
    )
    moves = {}
    for key in keys:
        merging = re.search(r"\.downsample\.(reduction|norm)\.", key)
        how = (from_unfold, "PatchMerging reordered") if merging else (None, "")
        moves[_next_stage(rename(key))] = Move((key,), *how)
    return moves


_transformers_names = substituting(
    {
        r"^embeddings\.patch_embeddings\.projection\.": "patch_embed.proj.",
        r"^embeddings\.norm\.": "patch_embed.norm.",
        r"^encoder\.layers\.": "layers.",
        r"\.attention\.self\.relative_position_bias_table$": ".attn.relative_position_bias_table",
        r"\.attention\.output\.dense\.": ".attn.proj.",
        r"\.intermediate\.dense\.": ".mlp.fc1.",
        r"\.output\.dense\.": ".mlp.fc2.",
        r"\.layernorm_before\.": ".norm1.",
        r"\.layernorm_after\.": ".norm2.",
        r"^layernorm\.": "norm.",
    }
)
_transformers_moves = joining(
    r"(?P<block>.*)\.attention\.self\.(?P<part>query|key|value)\.(?P<kind>weight|bias)",
    ("query", "key", "value"),
    r"\g<block>.attn.qkv.\g<kind>",
    lambda key: _next_stage(_transformers_names(key)),
)

microsoft = Layout(
    "swin-microsoft",
    "Microsoft's Swin code: SimMIM, GFM",
    renaming(_next_stage),
    mark=r"layers\.0\.downsample\.",
    drop=_MADE,
)
timm_swin = Layout("swin-timm", "timm 0.9 and later; rsbench pretrain", renaming(str), drop=_MADE)
mm = Layout("swin-mm", "OpenMMLab's Swin: CMID, mmpretrain", _mm_moves, mark=r"stages\.", drop=_MADE)
transformers = Layout(
    "swin-transformers",
    "Hugging Face transformers",
    _transformers_moves,
    mark=r"encoder\.layers\.0\.blocks\.0\.attention\.",
    drop=_MADE,
)

# The final norm and the head of SatlasPretrain's Swin-V2 are made by torchvision and never used, so never trained.
v2 = Layout("swin-v2-torchvision", "torchvision's Swin-V2: SatLas", renaming(str), drop=r"(norm|head)\.")

ALL = (timm_swin, microsoft, mm, transformers, v2)
