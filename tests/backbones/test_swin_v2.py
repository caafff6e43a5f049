"""Swin Transformer V2: torchvision's names, timm's independent implementation, sizes that need padding."""

import pytest
import torch
import torchvision
from timm.models.swin_transformer_v2 import SwinTransformerV2

from rsbench.backbones import create

SMALL = {"width": 16, "depths": [2, 1, 2, 1], "heads": [1, 2, 4, 8]}


def shaken(backbone):
    """``backbone`` with every parameter moved, so that leaving one out shows."""
    generator = torch.Generator().manual_seed(0)
    for parameter in backbone.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return backbone.freeze()


def to_timm(state):
    """torchvision's tensors under timm's names; the part of the bias that belongs to the keys is always zero."""
    result = {}
    names = {"mlp.0": "mlp.fc1", "mlp.3": "mlp.fc2", "attn.cpb_mlp": "attn.cpb_mlp"}
    for key, tensor in state.items():
        _, layer, *rest = key.split(".")
        stage, name = int(layer) // 2, ".".join(rest)
        if "relative_" in key:
            continue
        if layer == "0":
            head, _, kind = name.partition(".")
            result[f"patch_embed.{'proj' if head == '0' else 'norm'}.{kind}"] = tensor
        elif int(layer) % 2 == 0:
            result[f"layers.{stage}.downsample.{name}"] = tensor
        else:
            block, _, inner = name.partition(".")
            for old, new in names.items():
                inner = inner.replace(old, new) if inner.startswith(old) else inner
            place = f"layers.{stage}.blocks.{block}."
            if inner == "attn.qkv.bias":
                q, _, v = tensor.chunk(3)
                result[place + "attn.q_bias"], result[place + "attn.v_bias"] = q, v
            else:
                result[place + inner] = tensor
    return result


def test_equals_timms_implementation():
    backbone = shaken(create("swin_v2_b", window=4, **SMALL))
    reference = SwinTransformerV2(
        img_size=128, embed_dim=16, depths=(2, 1, 2, 1), num_heads=(1, 2, 4, 8), window_size=4, num_classes=0
    ).eval()
    account = reference.load_state_dict(to_timm(backbone.model.state_dict()), strict=False)
    assert account.unexpected_keys == []
    assert all(key.startswith("norm.") or "relative_" in key for key in account.missing_keys)
    images = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        stages = reference.forward_intermediates(images, intermediates_only=True)
        pyramid = backbone(images)
    for level, stage in zip(pyramid, stages, strict=True):
        torch.testing.assert_close(level, stage, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(backbone.embed(images), stages[-1].mean((2, 3)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (96, 96), (256, 256), (64, 160)])
def test_pyramid_is_torchvisions_stages_whatever_the_size(size):
    backbone = shaken(create("swin_v2_b", **SMALL))
    reference = torchvision.models.swin_transformer.SwinTransformer(
        [4, 4], 16, [2, 1, 2, 1], [1, 2, 4, 8], [8, 8],
        block=torchvision.models.swin_transformer.SwinTransformerBlockV2,
        downsample_layer=torchvision.models.swin_transformer.PatchMergingV2,
    ).eval()  # fmt: skip
    state = {key: value for key, value in reference.state_dict().items() if key.startswith("features.")}
    assert state.keys() == backbone.model.state_dict().keys()  # torchvision's names; no norm, no head
    reference.load_state_dict(backbone.model.state_dict(), strict=False)
    images = torch.randn(1, 3, *size)
    with torch.inference_mode():
        stages = [reference.features[: 2 * n + 2](images).permute(0, 3, 1, 2) for n in range(4)]
        pyramid = backbone(images)
        embedding = backbone.embed(images)
    assert [tuple(level.shape[1:]) for level in pyramid] == [
        (16 * 2**n, size[0] // 2 ** (n + 2), size[1] // 2 ** (n + 2)) for n in range(4)
    ]
    for level, stage in zip(pyramid, stages, strict=True):
        torch.testing.assert_close(level, stage)
    torch.testing.assert_close(embedding, stages[-1].mean((2, 3)))


@pytest.mark.slow
def test_full_size_has_the_names_and_shapes_of_torchvision():
    reference = torchvision.models.swin_v2_b().state_dict()
    state = create("swin_v2_b").model.state_dict()
    expected = {key: value.shape for key, value in reference.items() if key.startswith("features.")}
    assert {key: value.shape for key, value in state.items()} == expected
