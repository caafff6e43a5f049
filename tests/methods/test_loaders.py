"""Every method's loader against upstream's network: on files in the true container and layout, with junk beside.

The files are small and their numbers random; the network that upstream would run on them is written for these tests or
comes from torchvision (tests/upstream). What is compared is the embedding, not the keys.
"""

from dataclasses import replace

import pytest
import torch
from upstream import FAKES

from rsbench import UserError
from rsbench.checkpoints.load import load
from rsbench.plugins import load as load_plugins

# Variants whose loader differs from that of another one in nothing but where the file comes from.
SAME = {
    "caco/resnet50_100k": "caco/resnet50",
    "crossscalemae/vit_b": "crossscalemae/vit_l",
    "gersp/resnet50_200ep": "gersp/resnet50",
    "satlas/swin_b_aerial": "satlas/swin_b",
    "satlas/swin_b_aerial_mi": "satlas/swin_b_mi",
    "seco/resnet50_100k": "seco/resnet50",
}
# Resizing has no network of upstream's to be compared with; tests/checkpoints/test_resize.py is about it.
RESIZED = {"gfm/swin_b_224", "simmim/swin_b_224"}
# Multi-image files belong to a variant of their own; all others behind a # are read through the default one.
OTHER_VARIANT = {"satlas/resnet50#mi": "satlas/resnet50_mi", "satlas/swin_b#mi": "satlas/swin_b_mi"}


def small_method(name, fake):
    """The method with its architecture as small as the fake file, and no digest of the real one."""
    method, variant = load_plugins().method(OTHER_VARIANT.get(name, name.partition("#")[0]))
    kwargs = {**method.weights(variant).kwargs, **fake.kwargs}
    return method.replaced(variant, kwargs=kwargs, sha256=None, md5=None), variant


@pytest.mark.parametrize("name", sorted(FAKES))
def test_the_backbone_computes_what_upstream_computes(name, tmp_path):
    fake = FAKES[name](tmp_path, 0)
    method, variant = small_method(name, fake)
    loaded = load(method, variant, fake.file)
    images = torch.rand(3, 3, fake.size, fake.size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        ours, theirs = loaded.backbone.embed(images), fake.reference(images)
    assert ours.shape == theirs.shape
    assert (theirs[0] - theirs[1]).abs().max() > 1e-3 * theirs.abs().max(), "the reference ignores its input"
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.parametrize("name", sorted(FAKES))
def test_every_key_is_accounted_for(name, tmp_path):
    fake = FAKES[name](tmp_path, 0)
    method, variant = small_method(name, fake)
    loaded = load(method, variant, fake.file)
    account = loaded.account
    assert set(fake.junk) == set(account.dropped)
    assert account.complete and set(account.mapped.values()) == set(account.moves)
    assert not set(account.mapped) & set(account.dropped)


def test_every_method_of_the_paper_has_a_file():
    own = {
        f"{name}/{variant}"
        for name, method in load_plugins().methods.items.items()
        for variant, weights in method.variants.items()
        if weights.source.kind in ("url", "by-hand")
    }
    proven = {OTHER_VARIANT.get(name, name.partition("#")[0]) for name in FAKES}
    assert own == proven | SAME.keys() | RESIZED
    assert set(SAME.values()) <= proven


@pytest.mark.parametrize("kind", ["resnet50", "swin_b"])
def test_single_and_multi_image_networks_are_told_by_their_keys(kind, tmp_path):
    """SatLas' files were swapped on the hub: a name says nothing."""
    for file, variant in (("#mi", kind), ("#si", f"{kind}_mi")):
        fake = FAKES[f"satlas/{kind}{file}"](tmp_path, 0)
        method, _ = load_plugins().method("satlas")
        small = method
        for each in (kind, f"{kind}_mi"):
            small = small.replaced(each, kwargs=fake.kwargs, sha256=None)
        small = replace(small, variants={each: small.weights(each) for each in (kind, f"{kind}_mi")})
        with pytest.raises(UserError, match="missing") as caught:
            load(small, variant, fake.file)
        right = kind if variant.endswith("_mi") else f"{kind}_mi"
        assert caught.value.hint.endswith(f"It fits satlas/{right}.")
