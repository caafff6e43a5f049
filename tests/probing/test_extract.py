"""Extraction against a plain loop over the images; a backbone that changes itself, or whose features say nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from upstream.randomise import randomised

from rsbench.backbones import Backbone, create
from rsbench.errors import RunError
from rsbench.preprocessing import Preprocessor
from rsbench.probing.extract import extract
from rsbench.weights import Preprocess

PATHS = [Path(str(number)) for number in range(11)]
PREPROCESSOR = Preprocessor(Preprocess(size=64))


def load(path):
    return np.random.default_rng(int(path.name)).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def backbone(name="nano", **kwargs):
    return randomised(create(name, **kwargs), seed=3).freeze()


class Writing(Backbone):
    """Writes to itself in ``embed`` as told."""

    channels, embedding_dim = (3, 3, 3, 3), 3

    def __init__(self, write):
        super().__init__()
        self.write = write
        self.scale = torch.nn.Parameter(torch.ones(3))
        self.register_buffer("queue", torch.arange(5.0))
        self.norm = torch.nn.BatchNorm2d(3)

    def embed(self, images):
        self.write(self)
        return self.norm(images).mean((2, 3)) * self.scale


def assign(module):
    module.queue = module.queue + 1


WRITES = {
    "parameter in place": lambda module: module.scale.mul_(2),
    "parameter replaced": lambda module: setattr(module.scale, "data", module.scale.data * 2),
    "past autograd": lambda module: module.scale.data.mul_(2),
    "by NumPy": lambda module: np.negative(module.scale.data.numpy(), out=module.scale.data.numpy()),
    "buffer in place": lambda module: module.queue.add_(1),
    "buffer rolled": lambda module: module.queue.copy_(module.queue.roll(1)),
    "buffer assigned": assign,
    "training mode": lambda module: module.norm.train(),
}


@pytest.mark.parametrize("name", ["nano", "resnet50"])
def test_features_are_those_of_one_image_after_another(name):
    network = backbone(name, **({"layers": (1, 1, 1, 1)} if name == "resnet50" else {}))
    done = []
    found = extract(network, load, PATHS, PREPROCESSOR, batch_size=4, report=done.append).features
    with torch.inference_mode():
        expected = np.concatenate([network.embed(PREPROCESSOR([load(path)])).numpy() for path in PATHS])
    assert found.dtype == np.float32 and done == [4, 8, 11]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
    assert np.array_equal(found, extract(network, load, PATHS, PREPROCESSOR, batch_size=4).features)


def test_bf16_gives_other_features_near_those_of_fp32():
    network = backbone()
    full, half = (extract(network, load, PATHS, PREPROCESSOR, precision=p).features for p in ("fp32", "bf16"))
    assert half.dtype == np.float32
    assert 1e-4 < np.abs(half - full).max() / np.abs(full).max() < 0.05


@pytest.mark.parametrize("write", WRITES)
def test_a_backbone_that_changes_itself_is_refused(write):
    with pytest.raises(RunError, match="changed a parameter or a buffer"):
        extract(Writing(WRITES[write]).freeze(), load, PATHS, PREPROCESSOR, batch_size=4)


@pytest.mark.parametrize("write", ["parameter replaced", "buffer in place", "buffer assigned", "training mode"])
def test_what_a_refused_backbone_replaced_or_buffered_is_not_the_callers(write):
    network = Writing(WRITES[write]).freeze()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(RunError):
        extract(network, load, PATHS, PREPROCESSOR)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not network.norm.training


def test_a_backbone_that_leaves_itself_alone_passes():
    network = Writing(lambda module: None).freeze()
    assert extract(network, load, PATHS, PREPROCESSOR).features.shape == (11, 3)


@pytest.mark.parametrize(
    ("embed", "message"),
    [
        (lambda images: images.mean((2, 3)) / (images[:, :1, 0, 0] > 0), "embeddings are not finite"),
        (lambda images: images.new_ones(len(images), 3), "same embedding"),
        (lambda images: images.mean((1, 2, 3)), r"returned the shape \(11,\)"),
        (lambda images: images[:1].mean((2, 3)), r"returned the shape \(1, 3\)"),
    ],
)
def test_features_that_cannot_be_right_are_refused(embed, message):
    network = Writing(lambda module: None).freeze()
    network.embed = embed
    with pytest.raises(RunError, match=message):
        extract(network, load, PATHS, PREPROCESSOR)
