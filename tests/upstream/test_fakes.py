"""The fake checkpoints themselves: readable, laid out as upstream's, and nothing in them without effect."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from upstream import FAKES, Fake
from upstream.plain import content_of

KEYS = sorted(FAKES)
# One of each network; the others differ in their files alone.
NETWORKS = (
    "imagenet/resnet50",
    "imagenet/swin_b",
    "simmim/swin_b",
    "cmid/swin_b",
    "satlas/swin_b",
    "imagenet/vit_b",
    "scalemae/vit_l",
    "crossscalemae/vit_l#a",
    "crossscalemae/vit_l#c",
    "spectralgpt/vit_b",
)
PICKLED_OBJECTS = (
    "seco/resnet50#ckpt",
    "caco/resnet50#ckpt",
    "cmid/resnet50#full",
    "cmid/swin_b#full",
    "gfm/swin_b",
    "simmim/swin_b_800ep",
)
LEGACY = ("geo-aware/resnet50#tar", "tov/resnet50")
# Where the weights are inside the file, how many tensors, and some of their names, after upstream's code.
LAYOUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "imagenet/vit_l": ("", ("head.bias",)),
    "spectralgpt/vit_b_plus": ("model", ("blocks.3.attn.q.bias",)),
    "scalemae/vit_l#torchgeo": ("", ("pos_embed",)),
    "satlas/resnet50": ("", ("fc.bias",)),
    "geo-aware/resnet50": ("", ("layer4.0.bn1.weight",)),
    "imagenet/resnet50": ("", ("conv1.weight", "layer1.1.bn3.num_batches_tracked", "fc.bias")),
    "imagenet/swin_b": ("", ("layers.1.downsample.reduction.weight", "layers.3.blocks.0.mlp.fc2.bias", "head.fc.bias")),
    "imagenet/vit_b": ("", ("cls_token", "pos_embed", "blocks.3.attn.qkv.bias", "norm.weight", "head.weight")),
    "seco/resnet50": ("", ("layer4.0.downsample.0.weight",)),
    "seco/resnet50#ckpt": ("state_dict", ("encoder_q.0.weight", "encoder_q.7.0.downsample.1.running_var", "queue_ptr")),
    "caco/resnet50": ("", ("0.weight", "1.running_mean", "4.1.conv3.weight")),
    "caco/resnet50#ckpt": ("state_dict", ("encoder_q.1.bias", "encoder_k.5.0.bn2.weight", "heads_k.0.0.weight")),
    "geo-aware/resnet50#tar": ("state_dict", ("module.encoder_q.conv1.weight", "module.encoder_q.fc.0.weight")),
    "tov/resnet50": ("state_dict", ("conv1.weight", "fc.weight")),
    "cmid/resnet50": ("", ("bn1.running_var", "layer2.0.conv2.weight")),
    "cmid/resnet50#full": ("model", ("online_encoder.model.conv1.weight", "branch_encoder.conv1.weight")),
    "cmid/swin_b": ("", ("patch_embed.projection.bias", "stages.0.downsample.norm.weight", "norm3.weight")),
    "cmid/swin_b#full": ("model", ("online_encoder.model.stages.2.blocks.1.ffn.layers.0.0.weight", "queue")),
    "gersp/resnet50": ("state_dict", ("backbone.conv1.weight", "encoder_q.conv1.weight", "proj_q.projector.0.weight")),
    "gersp/resnet50#converted": ("state_dict", ("backbone.layer3.0.bn1.bias",)),
    "satlas/resnet50#si": ("", ("backbone.resnet.conv1.weight", "intermediates.0.fpn.inner_blocks.3.0.bias")),
    "satlas/resnet50#mi": ("", ("backbone.backbone.resnet.fc.weight", "heads.0.layers.0.0.weight")),
    "satlas/swin_b": ("", ("features.1.0.attn.cpb_mlp.2.weight", "features.7.0.attn.logit_scale", "norm.bias")),
    "satlas/swin_b#si": (
        "",
        ("backbone.backbone.features.1.0.attn.relative_coords_table", "backbone.backbone.head.bias"),
    ),
    "satlas/swin_b#mi": ("", ("backbone.backbone.backbone.features.6.reduction.weight",)),
    "scalemae/vit_l": ("model", ("pos_embed", "mask_token_decoder", "fpn.fpn1.1.ln.weight")),
    "satmaepp/vit_l": ("model", ("blocks.0.norm1.weight", "up_block.res_block.conv1.weight")),
    "satmaepp/vit_l#mirror": ("", ("patch_embed.proj.weight", "decoder_pred.bias")),
    "crossscalemae/vit_l#a": ("model", ("blocks.0.attn.qkv.weight", "pos_embed", "norm.bias")),
    "crossscalemae/vit_l#b": ("model", ("encoder.0.attn.qkv.weight", "encoder_pos_embed", "encoder_norm.weight")),
    "crossscalemae/vit_l#c": (
        "model",
        (
            "encoder.encoders.3.wrap_att.norm.weight",
            "encoder.encoders.0.wrap_att.sublayer.layer.in_proj_container.k_proj.bias",
            "encoder.encoders.0.wrap_ff.sublayer.layer.mlp.3.weight",
        ),
    ),
    "spectralgpt/vit_b": ("model", ("patch_embed.proj.weight", "blocks.0.attn.k.weight", "pos_embed_temporal")),
    "gfm/swin_b": ("model", ("encoder.layers.2.downsample.norm.bias", "teacher.norm.weight", "projector.weight")),
    "simmim/swin_b": ("", ("swin.encoder.layers.0.blocks.1.attention.self.key.bias", "swin.layernorm.weight")),
    "simmim/swin_b_800ep": ("model", ("encoder.layers.2.blocks.1.attn_mask", "encoder.mask_token", "decoder.0.weight")),
}


@pytest.fixture
def fake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fake]:
    made = FAKES[request.param](tmp_path, 0)
    yield made
    made.file.unlink()  # ResNets are large


def each(*keys: str) -> pytest.MarkDecorator:
    """Runs a test for each of ``keys`` with its fake."""
    return pytest.mark.parametrize(("key", "fake"), [(key, key) for key in keys], indirect=["fake"], ids=keys)


@each(*KEYS)
def test_the_file_is_laid_out_as_upstreams_and_holds_the_numbers_of_the_reference(key: str, fake: Fake) -> None:
    where, names = LAYOUTS[key]
    content = content_of(fake.file)
    tensors: dict[str, Tensor] = content[where] if where else content
    assert set(names) <= set(tensors) and all(isinstance(value, Tensor) for value in tensors.values())
    assert set(fake.junk) <= set(tensors) and len(set(fake.junk)) == len(fake.junk)
    ours = fake.reference.state_dict()
    if key.startswith("scalemae"):
        made = ours.pop("encoder.pos_embedding")  # from a formula, and the table in the file is another one
        assert not torch.allclose(made, tensors["pos_embed"], atol=0.1)
    kept = [value for name, value in tensors.items() if name not in fake.junk]
    assert fingerprint(kept) == fingerprint(ours.values())


def fingerprint(tensors: Iterable[Tensor]) -> tuple[int, int]:
    """Returns the count and the sum of hashes of all floating-point numbers, which do not depend on their order."""
    numbers = torch.cat([tensor.flatten() for tensor in tensors if tensor.is_floating_point()]).numpy()
    hashes = numbers.view(np.uint32).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    hashes = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return numbers.size, int(hashes.sum())


@each(*NETWORKS)
def test_the_reference_depends_on_every_tensor_of_it(key: str, fake: Fake) -> None:
    images = torch.randn(2, 3, fake.size, fake.size, generator=torch.Generator().manual_seed(1))
    before = fake.reference(images)
    assert before.isfinite().all() and not before.requires_grad and not fake.reference.training
    assert (before[0] - before[1]).abs().max() > 0.02
    generator = torch.Generator().manual_seed(2)
    for name, tensor in fake.reference.state_dict().items():
        if not tensor.is_floating_point() or name.endswith("attn.k.bias"):  # softmax cancels a bias of the keys
            continue
        assert tensor.unique().numel() > 1 or tensor.numel() == 1, f"{name} is as it was made"
        kept = tensor.clone()
        tensor.mul_(0.5 + torch.rand(tensor.shape, generator=generator))
        assert (fake.reference(images) - before).abs().max() > 5e-3, name
        tensor.copy_(kept)
    torch.testing.assert_close(fake.reference(images), before)


@each(*PICKLED_OBJECTS)
def test_some_files_hold_objects_of_modules_that_are_gone(key: str, fake: Fake) -> None:
    with pytest.raises((ImportError, AttributeError)):
        torch.load(fake.file, map_location="cpu", weights_only=False)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(fake.file, map_location="cpu", weights_only=True)


@each(*LEGACY)
def test_some_files_are_of_torch_before_1_6(key: str, fake: Fake) -> None:
    assert not fake.file.read_bytes().startswith(b"PK")


def test_one_set_of_weights_has_the_same_numbers_in_all_its_files(tmp_path: Path) -> None:
    images = torch.randn(1, 3, 64, 64)
    one, other = (FAKES[key](tmp_path, 5) for key in ("seco/resnet50", "seco/resnet50#ckpt"))
    another = FAKES["seco/resnet50"](tmp_path, 6)
    torch.testing.assert_close(one.reference(images), other.reference(images))
    assert not torch.allclose(one.reference(images), another.reference(images))
    assert not torch.allclose(one.reference(images), FAKES["tov/resnet50"](tmp_path, 5).reference(images))
