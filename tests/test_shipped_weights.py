"""The encoders that ship with rsbench: small, known by digest, with their provenance, and really trained."""

import json
from importlib import resources
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rsbench.checkpoints.load import load
from rsbench.checkpoints.read import sha256_file
from rsbench.plugins import load as load_plugins

SHIPPED = ["ctxmim", "simmim-rs"]


def files(name):
    method, variant = load_plugins().method(name)
    source = method.weights(variant).source
    file = Path(str(resources.files(source.package) / source.file))
    return method, variant, file, json.loads(file.with_suffix(".json").read_text())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_encoder_is_small_half_precision_and_known_by_its_digest(name):
    method, variant, file, provenance = files(name)
    assert variant == "nano" and method.reimplemented
    assert file.stat().st_size <= 4_000_000
    assert all(tensor.dtype == torch.float16 for tensor in load_file(file).values())
    assert sha256_file(file) == method.weights(variant).sha256 == provenance["sha256"]


@pytest.mark.parametrize("name", SHIPPED)
def test_its_provenance_says_how_it_was_made(name):
    method, variant, _, provenance = files(name)
    assert provenance["command"].startswith("rsbench pretrain --method")
    assert provenance["data"]["images"] == 16_200
    assert "eurosat/train" in provenance["data"]["note"]
    assert method.weights(variant).pretraining_data == ("eurosat/train",)
    assert len(provenance["losses_per_epoch"]) == provenance["options"]["epochs"]
    assert {"torch", "timm"} <= provenance["environment"]["packages"].keys()
    assert provenance["corrupt"] == {}


@pytest.mark.parametrize("name", SHIPPED)
def test_its_loss_fell_and_settled(name):
    losses = [epoch["L_Re"] for epoch in files(name)[3]["losses_per_epoch"]]
    assert losses[-1] < 0.6 * losses[0]
    assert abs(losses[-1] - losses[-2]) < 0.02 * losses[-1]


@pytest.mark.parametrize("name", SHIPPED)
def test_it_loads_whole_and_sees_what_a_random_network_does_not(name):
    method, variant, _, _ = files(name)
    loaded = load(method, variant)
    assert loaded.about()["keys"] == {"mapped": len(loaded.backbone.model.state_dict()), "dropped": 0}
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.isfinite(loaded.backbone.embed(images)).all()


def test_the_two_encoders_differ():
    digests = {load(*files(name)[:2]).digest for name in SHIPPED}
    assert len(digests) == 2
