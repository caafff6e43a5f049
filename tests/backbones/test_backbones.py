"""The contract of backbones: pyramid, embedding, several sizes, a freeze that freezes."""

import pytest
import timm
import torch
from torch import nn

from rsbench.backbones import ARCHITECTURES, Backbone, create
from rsbench.backbones.resnet import fold_batchnorm
from rsbench.errors import UserError

SMALL = [("nano", 128), ("nano", 64), ("nano", 96), ("resnet50", 64), ("resnet50", 96)]
LARGE = [("swin_b", 224), ("swin_b", 192), ("vit_b", 224), ("vit_b", 96), ("vit_l", 64)]
EMBEDDING = {"nano": 256, "resnet50": 2048, "swin_b": 1024, "vit_b": 768, "vit_l": 1024}
PARAMETERS = {"nano": 1.62, "resnet50": 23.51, "swin_b": 86.74, "vit_b": 85.80, "vit_l": 303.30}


@pytest.mark.parametrize(("name", "size"), SMALL + [pytest.param(*case, marks=pytest.mark.slow) for case in LARGE])
def test_pyramid_at_four_strides_and_pooled_embedding(name, size):
    backbone = create(name).freeze()
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        pyramid, embedding = backbone(images), backbone.embed(images)
    assert backbone.strides == (4, 8, 16, 32)
    expected = [(2, c, size // s, size // s) for c, s in zip(backbone.channels, backbone.strides, strict=True)]
    assert [tuple(level.shape) for level in pyramid] == expected
    assert embedding.shape == (2, EMBEDDING[name]) == (2, backbone.embedding_dim)
    assert backbone.parameter_count / 1e6 == pytest.approx(PARAMETERS[name], abs=0.01)
    assert not torch.allclose(embedding[0], embedding[1])


@pytest.mark.parametrize("name", ["nano", "resnet50"])
def test_freeze_leaves_every_parameter_and_buffer_bit_equal(name):
    backbone = create(name).freeze()
    model = nn.Sequential(backbone, nn.Identity())
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    buffers = {key: value.clone() for key, value in backbone.named_buffers()}
    model.train()  # what a training loop does to everything that it is given
    assert not any(module.training for module in backbone.modules())
    head = nn.Linear(backbone.embedding_dim, 2)
    for _ in range(3):
        head(backbone.embed(torch.randn(4, 3, 64, 64))).sum().backward()
    assert all(parameter.grad is None for parameter in backbone.parameters())
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())
    assert all(torch.equal(buffers[key], value) for key, value in backbone.named_buffers())


def test_without_freeze_batchnorm_would_drift():
    backbone = create("resnet50")
    backbone.requires_grad_(False)
    before = backbone.model.bn1.running_mean.clone()
    backbone.train()
    backbone.embed(torch.randn(4, 3, 64, 64))
    assert not torch.equal(before, backbone.model.bn1.running_mean)


@pytest.mark.parametrize("name", ["nano", "resnet50"])
def test_weights_depend_on_the_seed_alone(name):
    torch.manual_seed(5)
    one = create(name, seed=3).state_dict()
    torch.manual_seed(6)
    two, other = create(name, seed=3).state_dict(), create(name, seed=4).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_embedding_equals_timms_own_forward():
    images = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        for name in ("nano", "resnet50"):
            backbone = create(name).freeze()
            reference = backbone.model.forward_head(backbone.model.forward_features(images), pre_logits=True)
            torch.testing.assert_close(backbone.embed(images), reference, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_large_backbones_equal_timms_own_forward_and_keep_its_names():
    images = torch.randn(1, 3, 224, 224)
    for name, timm_name in (("swin_b", "swin_base_patch4_window7_224"), ("vit_b", "vit_base_patch16_224")):
        backbone = create(name).freeze()
        reference = timm.create_model(timm_name, pretrained=False, num_classes=0).eval()
        reference.load_state_dict(backbone.model.state_dict())  # strict: the names are timm's
        with torch.inference_mode():
            torch.testing.assert_close(backbone.embed(images), reference(images), rtol=1e-4, atol=1e-4)


def test_folded_batchnorm_computes_the_same():
    backbone = create("resnet50")
    generator = torch.Generator().manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics such as training leaves
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.1, generator=generator)
    backbone.freeze()
    images = torch.randn(2, 3, 64, 64, generator=generator)
    with torch.inference_mode():
        expected = backbone.embed(images)
        folded = fold_batchnorm(backbone)
        assert (folded.embed(images) - expected).abs().max() < 1e-4 * expected.abs().max()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


def test_errors_name_the_near_miss_and_a_wrong_return():
    with pytest.raises(UserError, match="Did you mean 'swin_b'"):
        create("swinb")
    with pytest.raises(UserError, match="returned a Linear"):
        create(lambda: nn.Linear(2, 2))
    assert set(ARCHITECTURES) >= set(EMBEDDING)
    assert issubclass(type(create("nano")), Backbone)
