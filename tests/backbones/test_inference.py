"""The network for inference: it computes the same, by oneDNN where that is the rule, and leaves the caller's alone."""

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from upstream.randomise import randomised

from rsbench.backbones import Backbone, create
from rsbench.backbones.inference import arithmetic, arrange, linear_backend
from rsbench.errors import UserError

SMALL = {
    "nano": ({}, 64),
    "resnet50": ({"layers": [1, 2, 1, 1]}, 64),
    "swin_v2_b": ({"width": 16, "depths": (1, 1, 2, 1), "heads": (1, 2, 4, 8), "window": 4}, 64),
    "vit_b": ({"image_size": 64, "width": 48, "depth": 3, "heads": 3}, 64),
    "crossscale_b": ({"image_size": 64, "width": 48, "depth": 3, "heads": 3, "post_norm": True}, 64),
    "spectralgpt_b": ({"image_size": 64, "width": 48, "depth": 3, "heads": 3}, 64),
}
onednn = pytest.mark.skipif(linear_backend("fp32", "cpu") != "onednn", reason="this torch has no oneDNN or no MKL")


class Multiplications(TorchDispatchMode):
    """Notes the names of the operators that linear layers end in."""

    NAMES = ("aten.linear", "aten.addmm", "aten.mm", "mkldnn._linear_pointwise")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func).rpartition(".")[0]
        if name in self.NAMES:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


class Odd(Backbone):
    """Modules that read the weight of a linear layer and do not call it, tied weights, a bias with gaps, no bias."""

    channels, embedding_dim = (8, 8, 8, 8), 8

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 24, 8, 8)
        self.attention = nn.MultiheadAttention(24, 2, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(24, 2, 48, batch_first=True)
        self.one, self.two = nn.Linear(24, 24), nn.Linear(24, 24)
        self.two.weight = self.one.weight
        self.read = nn.Linear(24, 16, bias=False)

    def embed(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = self.layer(x + self.attention(x, x, x, need_weights=False)[0])
        x = self.two(self.one(x).relu())
        return F.linear(x, self.read.weight[::2], self.one.bias[::3]).mean(1)


def small(name):
    kwargs, size = SMALL[name]
    return randomised(create(name, **kwargs), seed=1).freeze(), torch.randn(4, 3, size, size)


def embed(network, images, precision="fp32"):
    with arithmetic(precision, "cpu"):
        return network.embed(images)


def distance(found, expected):
    return ((found.double() - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", SMALL)
def test_the_arranged_network_is_as_near_to_float64_as_the_plain_one(name):
    backbone, images = small(name)
    with torch.inference_mode():
        exact, plain = deepcopy(backbone).double().embed(images.double()), backbone.embed(images)
    found = embed(arrange(backbone), images)
    assert distance(found, exact) < 2e-6 and distance(plain, exact) < 2e-6
    assert distance(found, plain.double()) < 2e-6


@pytest.mark.parametrize("name", SMALL)
def test_bf16_is_near_fp32_and_is_not_fp32(name):
    backbone, images = small(name)
    network = arrange(backbone)
    full, half = embed(network, images), embed(network, images, "bf16")
    assert 1e-4 < distance(half, full.double()) < 0.1
    assert F.cosine_similarity(half.float(), full).min() > 0.99


def test_modules_that_only_read_a_weight_compute_the_same():
    backbone = randomised(Odd(), seed=2).freeze()
    images = torch.randn(4, 3, 32, 32)
    with torch.inference_mode():
        exact = deepcopy(backbone).double().embed(images.double())
    assert distance(embed(arrange(backbone), images), exact) < 2e-6


@onednn
@pytest.mark.parametrize("name", sorted(SMALL.keys() - {"resnet50"}))
def test_every_linear_layer_of_a_transformer_goes_to_onednn(name):
    backbone, images = small(name)
    with arithmetic("fp32", "cpu"), Multiplications() as count:
        arrange(backbone).embed(images)
    assert set(count.seen) == {"mkldnn._linear_pointwise"}
    blocks = [module for module in backbone.modules() if isinstance(module, nn.LayerNorm)]
    assert len(count.seen) > len(blocks)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # torch's own flags() asks for it
@pytest.mark.parametrize("missing", ["mkl", "mkldnn", "switched off", "operator"])
def test_without_onednn_the_usual_way_is_taken_and_said(missing, monkeypatch):
    if missing == "operator":
        monkeypatch.setattr("rsbench.backbones.inference._SCHEMA", "mkldnn::_linear_pointwise(Tensor other")
    elif missing != "switched off":
        monkeypatch.setattr(getattr(torch.backends, missing), "is_available", lambda: False)
    backbone, images = small("nano")
    with torch.backends.mkldnn.flags(enabled=missing != "switched off"):
        assert linear_backend("fp32", "cpu") == "torch"
        with torch.inference_mode():
            expected = backbone.embed(images)
        with arithmetic("fp32", "cpu"), Multiplications() as count:
            found = arrange(backbone).embed(images)
    assert torch.equal(found, expected)
    assert count.seen and "mkldnn._linear_pointwise" not in count.seen


def test_only_fp32_on_a_cpu_has_another_backend():
    assert linear_backend("bf16", "cpu") == linear_backend("fp32", "cuda:0") == "torch"


@pytest.mark.parametrize(
    ("input", "weight", "bias"),
    [
        (torch.randn(4, 7, 64), torch.randn(96, 64), torch.randn(192)[::2]),
        (torch.randn(4, 7, 64), torch.randn(64, 96).t(), torch.randn(96)),
        (torch.randn(4, 64, 7).transpose(1, 2), torch.randn(96, 64), None),
        (torch.randn(4, 7, 64), torch.randn(96, 64), torch.randn(1)),
        (torch.randn(4, 7, 64), torch.randn(64), None),
        (torch.randn(64), torch.randn(96, 64), torch.randn(96)),
        (torch.randn(0, 64), torch.randn(96, 64), torch.randn(96)),
        (torch.randn(3, 0), torch.randn(5, 0), torch.randn(5)),
        (torch.randn(3, 64).double(), torch.randn(5, 64).double(), None),
    ],
)
def test_awkward_products_are_right(input, weight, bias):
    expected = F.linear(input.double(), weight.double(), None if bias is None else bias.double())
    with arithmetic("fp32", "cpu"):
        found = F.linear(input, weight, bias=bias)
    assert found.shape == expected.shape and found.dtype == input.dtype
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_a_networks_own_autocast_is_respected_and_its_errors_stay():
    layer, images = nn.Linear(64, 8), torch.randn(5, 64)
    with arithmetic("fp32", "cpu"):
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(images).dtype == torch.bfloat16
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            layer(torch.randn(5, 63))


@pytest.mark.parametrize("name", ["nano", "resnet50"])
def test_the_callers_backbone_is_left_alone_and_its_parameters_are_not_doubled(name):
    backbone, images = small(name)
    backbone.frozen = False
    backbone.train()
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    kinds = [(type(module), module.training) for module in backbone.modules()]
    network = arrange(backbone)
    assert not any(module.training for module in network.modules())
    embed(network, images)
    network.requires_grad_(True)
    for buffer in network.buffers():
        buffer.zero_()
    assert [(type(module), module.training) for module in backbone.modules()] == kinds
    assert all(torch.equal(state[key], value) for key, value in backbone.state_dict().items())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    if name == "nano":
        shared = {parameter.data_ptr() for parameter in backbone.parameters()}
        assert {parameter.data_ptr() for parameter in network.parameters()} == shared


def test_batchnorm_is_folded_away():
    backbone, _ = small("resnet50")
    assert any(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in arrange(backbone).modules())


@pytest.mark.parametrize("layers", [(1, 1, 1), (1, 1, 1, 0), (1, 1, 1.5, 1), (1, 1, True, 1)])
def test_a_resnet_of_wrong_stages_is_refused(layers):
    with pytest.raises(UserError, match="layers"):
        create("resnet50", layers=layers)


@pytest.mark.parametrize("layers", [(1, 2, 1, 1), [1, 2, 1, 1]])
def test_a_small_resnet_has_timms_names(layers):
    names = create("resnet50", layers=layers).model.state_dict().keys()
    assert {"conv1.weight", "layer2.1.conv3.weight", "layer4.0.downsample.1.running_var"} <= names
    assert not any(name.startswith(("layer1.1", "layer2.2")) for name in names)
