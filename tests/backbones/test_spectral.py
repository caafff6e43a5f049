"""SpectralGPT against a reference of its own: patches by loops, positions by loops, torch's own transformer layers."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rsbench.backbones import create

WIDTH, DEPTH, HEADS = 24, 4, 2
SMALL = {"width": WIDTH, "depth": DEPTH, "heads": HEADS}


def shaken(**kwargs):
    """A backbone with every parameter moved, so that leaving one out shows; the seed decides, not ``kwargs``."""
    backbone = create("spectralgpt_b", **{**SMALL, "image_size": 32, **kwargs})
    generator = torch.Generator().manual_seed(0)
    for parameter in backbone.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return backbone.freeze()


def reference_taps(backbone, bands):
    """Tokens (B, T * h * w, C) after each block for ``bands`` (B, 3 T, H, W), in the order group, row, column."""
    state = backbone.model.state_dict()
    weight, bias = state["patch_embed.proj.weight"], state["patch_embed.proj.bias"]
    groups, h, w = bands.shape[1] // 3, bands.shape[2] // 8, bands.shape[3] // 8
    tokens = []
    for group in range(groups):
        for row in range(h):
            for column in range(w):
                patch = bands[:, 3 * group : 3 * group + 3, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
                token = torch.einsum("bdhw,cdhw->bc", patch, weight[:, 0]) + bias
                token = token + state["pos_embed_spatial"][0, row * w + column]
                tokens.append(token + state["pos_embed_temporal"][0, group])
    x = torch.stack(tokens, dim=1)
    taps = []
    for n in range(DEPTH):
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", 1e-6, True, norm_first=True).eval()
        names = {
            "self_attn.in_proj_": "attn.qkv.", "self_attn.out_proj.": "attn.proj.", "linear1.": "mlp.fc1.",
            "linear2.": "mlp.fc2.", "norm1.": "norm1.", "norm2.": "norm2.",
        }  # fmt: skip
        layer.load_state_dict(
            {mine + kind: state[f"blocks.{n}.{theirs}{kind}"] for mine, theirs in names.items() for kind in KINDS}
        )
        x = layer(x)
        taps.append(x)
    return taps


KINDS = ("weight", "bias")


def make_bands(rgb, images):
    """What the network sees, band by band."""
    red, green, blue = images.unbind(1)
    if rgb == "place":  # B1, B2, B3, B4, ...
        zero = torch.zeros_like(red)
        return torch.stack([zero, blue, green, red, *[zero] * 8], dim=1)
    return torch.stack([blue, green, red] * (4 if rgb == "tile" else 1), dim=1)


@pytest.mark.parametrize("rgb", ["place", "tile", "single"])
@torch.inference_mode()
def test_embedding_is_the_mean_of_all_tokens_after_the_norm(rgb):
    backbone, images = shaken(rgb=rgb), torch.rand(2, 3, 32, 32)
    last = reference_taps(backbone, make_bands(rgb, images))[-1]
    state = backbone.model.state_dict()
    expected = F.layer_norm(last, (WIDTH,), state["norm.weight"], state["norm.bias"], 1e-6).mean(1)
    torch.testing.assert_close(backbone.embed(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rgb", ["place", "tile", "single"])
@pytest.mark.parametrize("spectral", ["mean", "concat"])
@torch.inference_mode()
def test_pyramid_joins_the_spectral_groups_of_each_position(rgb, spectral):
    backbone, images = shaken(rgb=rgb, spectral=spectral), torch.rand(2, 3, 32, 32)
    taps = reference_taps(backbone, make_bands(rgb, images))
    groups = 1 if rgb == "single" else 4
    maps = []
    for tap in taps:
        parts = [part.transpose(1, 2).reshape(2, WIDTH, 4, 4) for part in tap.split(16, dim=1)]
        assert len(parts) == groups
        maps.append(sum(parts) / groups if spectral == "mean" else torch.cat(parts, dim=1))
    pyramid = backbone(images)
    assert backbone.channels == (WIDTH * (groups if spectral == "concat" else 1),) * 4
    assert [tuple(level.shape[1:]) for level in pyramid] == [
        (channels, 32 // stride, 32 // stride)
        for channels, stride in zip(backbone.channels, (4, 8, 16, 32), strict=True)
    ]
    for level, expected in zip(
        pyramid,
        [
            F.interpolate(maps[0], size=(8, 8), mode="bilinear"),
            maps[1],
            F.adaptive_avg_pool2d(maps[2], 2),
            F.adaptive_avg_pool2d(maps[3], 1),
        ],
        strict=True,
    ):
        torch.testing.assert_close(level, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_weights_of_96_px_at_128_px():
    small, images = shaken(image_size=96), torch.rand(1, 3, 128, 128)
    state = small.model.state_dict()
    grid = state["pos_embed_spatial"].reshape(1, 12, 12, WIDTH).permute(0, 3, 1, 2)
    resampled = F.interpolate(grid, size=(16, 16), mode="bicubic", antialias=True).flatten(2).transpose(1, 2)
    large = create("spectralgpt_b", **SMALL, image_size=128).freeze()
    large.model.load_state_dict({**state, "pos_embed_spatial": resampled})
    torch.testing.assert_close(small.embed(images), large.embed(images), rtol=1e-5, atol=1e-5)


def test_state_dict_is_what_checkpoints_are_mapped_onto():
    state = {key: tuple(value.shape) for key, value in shaken(image_size=96).model.state_dict().items()}
    assert state["patch_embed.proj.weight"] == (WIDTH, 1, 3, 8, 8)
    assert state["pos_embed_spatial"] == (1, 144, WIDTH)
    assert state["pos_embed_temporal"] == (1, 4, WIDTH)
    block = {"norm1": (WIDTH,), "attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH), "norm2": (WIDTH,)}
    block |= {"mlp.fc1": (4 * WIDTH, WIDTH), "mlp.fc2": (WIDTH, 4 * WIDTH)}
    expected = {f"blocks.{n}.{part}.weight": shape for n in range(DEPTH) for part, shape in block.items()}
    expected |= {key.replace("weight", "bias"): shape[:1] for key, shape in expected.items()}
    other = {"patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed_spatial", "pos_embed_temporal"}
    assert state.keys() == expected.keys() | other | {"norm.weight", "norm.bias"}
    assert all(state[key] == shape for key, shape in expected.items())


@pytest.mark.parametrize("rgb", ["place", "tile", "single"])
@torch.inference_mode()
def test_each_colour_goes_to_a_place_of_its_own(rgb):
    backbone, images = shaken(rgb=rgb), torch.rand(1, 3, 32, 32)
    swapped = images[:, [1, 0, 2]]
    assert (backbone.embed(images) - backbone.embed(swapped)).abs().max() > 1e-4
