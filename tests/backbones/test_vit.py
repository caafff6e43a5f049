"""Plain ViTs: our forward pass against timm's, torchgeo's and torch's own, and positions against a plain loop."""

import math

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torchgeo.models.scale_mae import ScaleMAE

from rsbench.backbones import create

SMALL = {"width": 32, "depth": 4, "heads": 2}


def shaken(backbone, seed=0):
    """``backbone`` with every parameter moved, norms and biases too, so that leaving one out shows."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in backbone.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return backbone.freeze()


def timm_vit(**kwargs):
    return VisionTransformer(
        embed_dim=32, depth=4, num_heads=2, num_classes=0, dynamic_img_size=True, fc_norm=False, **kwargs
    ).eval()


@pytest.mark.parametrize("size", [(64, 64), (96, 96), (64, 128)])
@pytest.mark.parametrize("pool", ["token", "avg"])
def test_embedding_equals_timms_own_forward(size, pool):
    backbone = shaken(create("vit_b", image_size=64, pool=pool, **SMALL))
    reference = timm_vit(img_size=64, global_pool=pool)
    reference.load_state_dict(backbone.model.state_dict())  # strict: the names are timm's
    images = torch.randn(2, 3, *size)
    with torch.inference_mode():
        torch.testing.assert_close(backbone.embed(images), reference(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("patch", [8, 16])
def test_pyramid_is_timms_intermediates_resampled(patch):
    backbone = shaken(create("vit_b", image_size=64, patch=patch, **SMALL))
    reference = timm_vit(img_size=64, patch_size=patch)
    reference.load_state_dict(backbone.model.state_dict())
    images = torch.randn(2, 3, 96, 64)
    with torch.inference_mode():
        pyramid = backbone(images)
        taps = reference.forward_intermediates(images, indices=[0, 1, 2, 3], intermediates_only=True)
    index = {8: 1, 16: 2}[patch]
    torch.testing.assert_close(pyramid[index], taps[index], rtol=1e-5, atol=1e-5)  # its own stride: as it is
    coarse = taps[3].unfold(2, 32 // patch, 32 // patch).unfold(3, 32 // patch, 32 // patch).mean((4, 5))
    torch.testing.assert_close(pyramid[3], coarse, rtol=1e-5, atol=1e-5)
    fine = nn.Upsample(scale_factor=patch // 4, mode="bilinear")(taps[0])
    torch.testing.assert_close(pyramid[0], fine, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_full_vit_b_equals_timms_own_forward():
    backbone = create("vit_b").freeze()
    reference = VisionTransformer(num_classes=0).eval()
    reference.load_state_dict(backbone.model.state_dict())
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(backbone.embed(images), reference(images), rtol=1e-4, atol=1e-4)


def looped_positions(h, w, width, res):
    """The table of ScaleMAE, one number at a time, in double precision."""
    table = np.zeros((1 + h * w, width))
    quarter = width // 4
    for row in range(h):
        for column in range(w):
            for i in range(quarter):
                frequency = 10000 ** (-i / quarter)
                for half, position in ((0, column), (1, row)):
                    angle = position * res * frequency
                    table[1 + row * w + column, 2 * half * quarter + i] = math.sin(angle)
                    table[1 + row * w + column, (2 * half + 1) * quarter + i] = math.cos(angle)
    return table


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("res", [1.0, 2.5, 10])
def test_scalemae_adds_the_gsd_table_in_float32(res, autocast):
    backbone = create("scalemae_l", res=res, **SMALL)
    for parameter in backbone.parameters():  # what remains is the table
        nn.init.zeros_(parameter)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        tokens, grid = backbone.tokens(torch.zeros(1, 3, 48, 80))
    assert grid == (3, 5)
    np.testing.assert_allclose(tokens[0].numpy(), looped_positions(3, 5, 32, res), atol=5e-6)


@pytest.mark.parametrize("res", [0.3, 1.0, 3.5])
def test_scalemae_equals_torchgeo(res):
    backbone = shaken(create("scalemae_l", res=res, **SMALL))
    assert "pos_embed" not in backbone.model.state_dict()
    reference = ScaleMAE(res=res, img_size=96, embed_dim=32, depth=4, num_heads=2, num_classes=0).eval()
    state = {**backbone.model.state_dict(), "pos_embed": reference.pos_embed}  # it keeps one that it never uses
    reference.load_state_dict(state)
    images = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        torch.testing.assert_close(backbone.embed(images), reference(images), rtol=1e-5, atol=1e-5)


def test_res_matters():
    images = torch.rand(1, 3, 64, 64)
    one, ten = (shaken(create("scalemae_l", res=res, **SMALL)).embed(images) for res in (1, 10))
    assert (one - ten).abs().max() > 0.1


def torch_layer(block, norm_first):
    """torch's own layer of the Transformer with the weights of a timm block."""
    layer = nn.TransformerEncoderLayer(32, 2, 128, 0.0, "gelu", 1e-6, batch_first=True, norm_first=norm_first)
    pairs = [
        (layer.self_attn.in_proj_weight, block.attn.qkv.weight),
        (layer.self_attn.in_proj_bias, block.attn.qkv.bias),
        (layer.self_attn.out_proj.weight, block.attn.proj.weight),
        (layer.self_attn.out_proj.bias, block.attn.proj.bias),
    ]
    for mine, theirs in (("linear1", "mlp.fc1"), ("linear2", "mlp.fc2"), ("norm1", "norm1"), ("norm2", "norm2")):
        target, source = layer.get_submodule(mine), block.get_submodule(theirs)
        pairs += [(target.weight, source.weight), (target.bias, source.bias)]
    for target, source in pairs:
        target.data.copy_(source.data)
    return layer.eval()


@pytest.mark.parametrize("post_norm", [False, True])
@pytest.mark.parametrize("final_norm", [False, True])
def test_crossscale_equals_torchs_own_transformer(post_norm, final_norm):
    backbone = shaken(create("crossscale_b", image_size=64, post_norm=post_norm, final_norm=final_norm, **SMALL))
    state = backbone.model.state_dict()
    assert {"cls_token", "pos_embed", "blocks.3.norm1.weight", "blocks.3.norm2.bias"} <= state.keys()
    assert ("norm.weight" in state) == final_norm
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        x, _ = backbone.tokens(images)
        for block in backbone.model.blocks:
            x = torch_layer(block, norm_first=not post_norm)(x)
        if final_norm:
            x = nn.functional.layer_norm(x, (32,), state["norm.weight"], state["norm.bias"], 1e-6)
        torch.testing.assert_close(backbone.embed(images), x[:, 0], rtol=1e-4, atol=1e-4)
        average = shaken(create("crossscale_b", image_size=64, pool="avg", post_norm=post_norm, **SMALL))
        if not final_norm:
            torch.testing.assert_close(average.embed(images), x[:, 1:].mean(1), rtol=1e-4, atol=1e-4)


def test_post_norm_is_another_function_on_the_same_weights():
    pre, post = (shaken(create("crossscale_l", post_norm=flag, **SMALL)) for flag in (False, True))
    post.load_state_dict(pre.state_dict())  # strict: names and shapes say nothing of where the norm stands
    images = torch.rand(1, 3, 64, 64)
    assert (pre.embed(images) - post.embed(images)).abs().max() > 0.1
