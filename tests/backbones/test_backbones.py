"""The contract of all backbones: pyramid, embedding, several sizes, a freeze that freezes, errors in one line."""

import json

import pytest
import timm
import torch
from torch import nn

from rsbench.backbones import ARCHITECTURES, Backbone, create
from rsbench.errors import UserError

STAGES = {"width": 16, "depths": [1, 1, 2, 1], "heads": [1, 2, 4, 8]}
PLAIN = {"width": 32, "depth": 4, "heads": 2}
# Every architecture, small; only JSON values.
TINY = {
    "resnet50": {},
    "nano": {},
    "swin_b": STAGES,
    "swin_v2_b": STAGES,
    "vit_b": PLAIN,
    "vit_l": PLAIN,
    "scalemae_l": PLAIN,
    "crossscale_b": PLAIN,
    "crossscale_l": {**PLAIN, "post_norm": True, "final_norm": True},
    "spectralgpt_b": PLAIN,
}
# Embedding, parameters in millions.
FULL = {
    "nano": (256, 1.62),
    "resnet50": (2048, 23.51),
    "swin_b": (1024, 86.74),
    "swin_v2_b": (1024, 86.90),
    "vit_b": (768, 85.80),
    "vit_l": (1024, 303.30),
    "scalemae_l": (1024, 303.10),
    "crossscale_b": (768, 85.70),
    "crossscale_l": (1024, 303.16),
    "spectralgpt_b": (768, 85.32),
}


def tiny(name: str, **kwargs) -> Backbone:
    return create(name, **json.loads(json.dumps({**TINY[name], **kwargs})))


def assert_contract(backbone: Backbone, size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size)
    with torch.inference_mode():
        pyramid, embedding = backbone(images), backbone.embed(images)
    assert backbone.strides == (4, 8, 16, 32)
    expected = [(2, c, size[0] // s, size[1] // s) for c, s in zip(backbone.channels, backbone.strides, strict=True)]
    assert [tuple(level.shape) for level in pyramid] == expected
    assert embedding.shape == (2, backbone.embedding_dim)
    assert not torch.allclose(embedding[0], embedding[1])


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("size", [(64, 64), (96, 96), (64, 128)])
def test_pyramid_at_four_strides_and_pooled_embedding(name, size):
    assert_contract(tiny(name).freeze(), size)


@pytest.mark.parametrize("name", ["nano", "resnet50", *[pytest.param(n, marks=pytest.mark.slow) for n in FULL]])
def test_full_sizes(name):
    backbone = create(name).freeze()
    assert (backbone.embedding_dim, backbone.parameter_count / 1e6) == pytest.approx(FULL[name], abs=0.01)
    assert_contract(backbone, (64, 64))


def test_every_architecture_is_tested():
    assert set(ARCHITECTURES) == set(TINY) == set(FULL)


@pytest.mark.parametrize("name", TINY)
def test_embed_takes_multiples_of_size_multiple_and_refuses_others_in_one_line(name):
    backbone = tiny(name).freeze()
    side = 32 + backbone.size_multiple
    with torch.inference_mode():
        assert backbone.embed(torch.rand(1, 3, side, 64)).isfinite().all()
        if backbone.size_multiple > 1:
            for images in (torch.rand(1, 3, side + 1, 64), torch.rand(1, 3, 64, side + 2)):
                with pytest.raises(UserError, match="do not fit"):
                    backbone.embed(images)


@pytest.mark.parametrize("name", ["vit_b", "scalemae_l", "crossscale_b", "spectralgpt_b"])
def test_plain_transformers_refuse_a_pyramid_that_would_not_have_its_strides(name):
    with pytest.raises(UserError, match=r"48 x 64 px do not fit the pyramid.*\n.*multiples of 32 px"):
        tiny(name)(torch.rand(1, 3, 48, 64))


@pytest.mark.parametrize("name", TINY)
def test_embed_trains_every_parameter(name):
    backbone = tiny(name)
    backbone.embed(torch.rand(2, 3, 64, 64)).square().sum().backward()
    assert [key for key, parameter in backbone.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", TINY)
def test_channels_last_computes_the_same(name):
    backbone = tiny(name).freeze()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = backbone.embed(images)
        moved = backbone.to(memory_format=torch.channels_last).to("cpu", memory_format=torch.channels_last)
        torch.testing.assert_close(
            moved.embed(images.to(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-4
        )
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in moved.parameters() if p.dim() == 4)


@pytest.mark.parametrize("name", TINY)
def test_bf16_autocast_stays_close(name):
    backbone, images = tiny(name).freeze(), torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected, pyramid = backbone.embed(images), backbone(images)
        with torch.autocast("cpu", torch.bfloat16):
            embedding, low = backbone.embed(images).float(), backbone(images)
    for found, wanted in zip([embedding, *low], [expected, *pyramid], strict=True):
        assert (found - wanted).norm() < 0.1 * wanted.norm()


@pytest.mark.parametrize("name", TINY)
def test_freeze_leaves_every_parameter_and_buffer_bit_equal(name):
    backbone = tiny(name).freeze()
    model = nn.Sequential(backbone, nn.Identity())
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    buffers = {key: value.clone() for key, value in backbone.named_buffers()}
    model.train()  # what a training loop does to everything that it is given
    assert not any(module.training for module in backbone.modules())
    head = nn.Linear(backbone.embedding_dim, 2)
    for _ in range(2):
        head(backbone.embed(torch.randn(2, 3, 64, 64))).sum().backward()
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


@pytest.mark.parametrize("name", TINY)
def test_weights_depend_on_the_seed_alone(name):
    torch.manual_seed(5)
    one = tiny(name, seed=3).state_dict()
    torch.manual_seed(6)
    two, other = tiny(name, seed=3).state_dict(), tiny(name, seed=4).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_resnet_embedding_equals_timms_own_forward():
    backbone = create("resnet50").freeze()
    reference = timm.create_model("resnet50", pretrained=False, num_classes=0).eval()
    reference.load_state_dict(backbone.model.state_dict())  # strict: the names are timm's
    images = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        torch.testing.assert_close(backbone.embed(images), reference(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("vit_b", {"pool": "max"}, "no pool 'max'.\n.*avg, token"),
        ("scalemae_l", {"pool": "tokn"}, "Did you mean 'token'"),
        ("crossscale_b", {"pool": None}, "no pool None"),
        ("scalemae_l", {"res": 0}, "res is 0.\n.*above 0"),
        ("scalemae_l", {"res": -1.0}, "res is -1.0"),
        ("scalemae_l", {"res": float("nan")}, "res is nan"),
        ("scalemae_l", {"res": "1"}, "res is '1'"),
        ("scalemae_l", {"width": 30, "heads": 2}, "width is 30.\n.*multiple of 4"),
        ("vit_b", {"image_size": 100}, "image_size is 100.\n.*multiple of 16"),
        ("vit_b", {"patch": 14}, "patch is 14.\n.*4, 8, 16, 32"),
        ("vit_b", {"width": 30, "heads": 4}, "width is 30.\n.*multiple of 4"),
        ("vit_b", {"depth": 0}, "depth is 0"),
        ("spectralgpt_b", {"rgb": "plac"}, "no rgb 'plac'.\n.*Did you mean 'place'"),
        ("spectralgpt_b", {"spectral": "sum"}, "no spectral 'sum'.\n.*concat, mean"),
        ("spectralgpt_b", {"image_size": 100}, "image_size is 100.\n.*multiple of 8"),
        ("swin_b", {"depths": [2, 2, 2]}, r"depths \[2, 2, 2\] .* 4 stages"),
        ("swin_v2_b", {"heads": [3, 6, 12, 24]}, "stage 1 is 16.\n.*multiple of 3"),
        ("swin_v2_b", {"window": 7}, "window is 7.\n.*multiple of 2"),
        ("nano", {"windows": 4}, "unexpected keyword argument 'windows'.\n.*It takes: image_size, window"),
        ("resnet50", {"width": 4}, "unexpected keyword argument 'width'"),
    ],
)
def test_wrong_arguments_are_one_line_and_a_remedy(name, kwargs, message):
    with pytest.raises(UserError, match=message):
        tiny(name, **kwargs)


def test_errors_name_the_near_miss_and_a_wrong_return():
    with pytest.raises(UserError, match="Did you mean 'swin_b'"):
        create("swinb")
    with pytest.raises(UserError, match="returned a Linear"):
        create(lambda: nn.Linear(2, 2))


@pytest.mark.parametrize("name", TINY)
def test_stages_are_the_maps_of_the_pyramid_at_their_own_strides(name):
    backbone = tiny(name).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        stages, pyramid = backbone.stages(images), backbone(images)
    for stage, level, own, stride in zip(stages, pyramid, backbone.stage_strides, backbone.strides, strict=True):
        assert stage.shape == (1, level.shape[1], 64 // own, 96 // own)
        if own == stride:
            assert torch.equal(stage, level)


def test_dilated_resnet_keeps_its_weights_and_the_first_stages():
    plain, dilated = tiny("resnet50", layers=[1, 1, 1, 1]).eval(), tiny("resnet50", layers=[1, 1, 1, 1]).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        before, after = plain(images), dilated.dilate(8)(images)
    assert dilated.stage_strides == (4, 8, 8, 8)
    assert [tuple(level.shape[2:]) for level in after] == [(16, 16), (8, 8), (8, 8), (8, 8)]
    assert torch.equal(before[1], after[1])
    for (name, one), other in zip(plain.state_dict().items(), dilated.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_dilation_is_the_convolution_on_every_second_place():
    """Of a map that is the same in blocks of 2 x 2, a dilated stage gives the plain one's places, each four times."""
    network = tiny("resnet50", layers=[1, 1, 1, 1]).eval()
    block = network.model.layer4[0]
    features = torch.rand(1, 1024, 6, 6)
    with torch.inference_mode():
        block.conv2.stride, block.downsample[0].stride = (1, 1), (1, 1)
        small = block(features)
        network.dilate(16)  # rate 2 in the last stage
        large = block(features.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(large[:, :, ::2, ::2], small)


def test_other_dilations_are_refused():
    with pytest.raises(UserError, match="cannot be dilated to the stride 4"):
        tiny("resnet50").dilate(4)
