"""Layouts of Vision Transformers whose keys are not timm's."""

from __future__ import annotations

from rsbench.checkpoints.layout import Layout, renaming, substituting
from rsbench.checkpoints.layouts.joined import joining

spectralgpt = Layout(
    "spectralgpt",
    "SpectralGPT: separate q, k and v, split position tables",
    joining(r"(?P<block>blocks\.\d+\.attn)\.(?P<part>[qkv])\.(?P<kind>weight|bias)", "qkv", r"\g<block>.qkv.\g<kind>"),
    mark=r"blocks\.0\.attn\.q\.",
    drop=r"decoder_|mask_token$",
)

# Cross-Scale MAE has been written in three layouts, and in the third the norms stand after the residual sums. Its
# encoder_norm is computed and thrown away in the authors' forward, so it was never trained.
_CROSS_NAMES = {r"^encoder\.": "blocks.", r"^encoder_pos_embed$": "pos_embed"}
_CROSS_DROP = r"decoder|mask_token$|(encoder_)?norm\.|head\.|predictor|proj(ection)?_?head"
_XFORMERS_NAMES = {
    r"^encoder\.encoders\.": "blocks.",
    r"\.wrap_att\.norm\.": ".norm1.",
    r"\.wrap_ff\.norm\.": ".norm2.",
    r"\.wrap_att\.sublayer\.layer\.proj\.": ".attn.proj.",
    r"\.wrap_ff\.sublayer\.layer\.mlp\.0\.": ".mlp.fc1.",
    r"\.wrap_ff\.sublayer\.layer\.mlp\.3\.": ".mlp.fc2.",
    r"^encoder_pos_embed$": "pos_embed",
}
_IN_PROJECTION = r"\.wrap_att\.sublayer\.layer\.in_proj_container\.(?P<part>[qkv])_proj\.(?P<kind>weight|bias)"

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
    joining(rf"(?P<block>.*){_IN_PROJECTION}", "qkv", r"\g<block>.attn.qkv.\g<kind>", substituting(_XFORMERS_NAMES)),
    mark=r"encoder\.encoders\.",
    drop=_CROSS_DROP,
    kwargs={"post_norm": True},
)

ALL = (spectralgpt, crossscale_timm, crossscale, crossscale_xformers)
