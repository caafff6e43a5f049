"""Swin Transformers: our walk through the stages against timm's own forward, at several sizes and depths."""

import pytest
import timm
import torch
from timm.models.swin_transformer import SwinTransformer

from rsbench.backbones import create

SMALL = {"width": 16, "depths": [1, 2, 1, 1], "heads": [1, 2, 4, 8]}


@pytest.mark.parametrize(("image_size", "window"), [(128, 4), (192, 6), (224, 7)])
def test_embedding_equals_timms_own_forward(image_size, window):
    backbone = create("swin_b", image_size=image_size, window=window, **SMALL).freeze()
    reference = SwinTransformer(
        img_size=image_size, embed_dim=16, depths=(1, 2, 1, 1), num_heads=(1, 2, 4, 8), window_size=window,
        num_classes=0,
    ).eval()  # fmt: skip
    reference.load_state_dict(backbone.model.state_dict())  # strict: the names are timm's
    images = torch.randn(2, 3, image_size, image_size)
    with torch.inference_mode():
        torch.testing.assert_close(backbone.embed(images), reference(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_pyramid_is_timms_features(size):
    backbone = create("nano", **SMALL).freeze()
    images = torch.randn(2, 3, *size)
    with torch.inference_mode():
        stages = backbone.model.forward_intermediates(images, intermediates_only=True)
        for level, stage in zip(backbone(images), stages, strict=True):
            torch.testing.assert_close(level, stage)


def test_stages_are_arguments():
    backbone = create("swin_b", **SMALL)
    assert backbone.channels == (16, 32, 64, 128)
    assert [len(stage.blocks) for stage in backbone.model.layers] == SMALL["depths"]
    default, nano = create("nano"), create("nano", depths=[1, 1, 3, 1], width=32, heads=(1, 2, 4, 8))
    assert all(torch.equal(a, b) for a, b in zip(default.parameters(), nano.parameters(), strict=True))


@pytest.mark.slow
def test_full_swin_b_equals_timms_own_forward():
    backbone = create("swin_b").freeze()
    reference = timm.create_model("swin_base_patch4_window7_224", pretrained=False, num_classes=0).eval()
    reference.load_state_dict(backbone.model.state_dict())
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(backbone.embed(images), reference(images), rtol=1e-4, atol=1e-4)
