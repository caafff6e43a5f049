"""PSANet on the backbones: shapes, window, shrinking, the compact form, gradients, and a plain re-computation."""

import pytest
import torch
import torch.nn.functional as F
from segmentation_reference import plain
from torch import nn

from rsbench.backbones import create
from rsbench.errors import UserError
from rsbench.segmentation.heads import build_head
from rsbench.segmentation.model import Segmenter, cross_entropy
from rsbench.segmentation.protocols import FROZEN, PAPER
from rsbench.segmentation.psanet import PSANet, window_for

SMALL = {"width": 16, "depths": [1, 1, 1, 1], "heads": [1, 2, 4, 8]}
PLAIN = {"width": 32, "depth": 4, "heads": 2}
BACKBONES = {
    "resnet50": {"layers": [1, 1, 1, 1]},
    "swin_b": SMALL,
    "swin_v2_b": SMALL,
    "vit_b": PLAIN,
    "spectralgpt_b": PLAIN,
}
STAGE = {"resnet50": 8, "swin_b": 32, "swin_v2_b": 32, "vit_b": 16, "spectralgpt_b": 8}


def segmenter(name, head="psanet", size=64, **changes):
    backbone = create(name, **BACKBONES[name])
    module, decided = build_head(backbone, 2, size, {**PAPER.settings, "head": head, **changes})
    return Segmenter(backbone, module, 0.4), decided


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("head", ["psanet", "upernet", "linear"])
def test_every_backbone_trains_and_predicts(name, head):
    torch.manual_seed(0)
    model, decided = segmenter(name, head)
    images, labels = torch.randn(2, 3, 64, 64), torch.randint(0, 2, (2, 64, 64))
    losses = model.train()(images, labels)
    losses["loss"].backward()
    used = [p for n, p in model.named_parameters() if n.startswith("head.")]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in used)
    stem = next(p for p in model.backbone.parameters() if p.dim() > 1)
    assert stem.grad is not None or name == "vit_b"
    predicted = model.eval().predict(images)
    assert predicted.shape == (2, 64, 64) and predicted.dtype == torch.uint8
    if head == "psanet":
        torch.testing.assert_close(losses["loss"], losses["main"] + 0.4 * losses["aux"])
        assert decided["strides"][-1] == STAGE[name]
        assert decided["shrink"] == (2 if STAGE[name] == 8 else 1)


def test_forward_pass_equals_the_paper_written_out():
    """Collect and distribute by the loop, then every layer by hand."""
    torch.manual_seed(0)
    head = PSANet([6, 8], 3, window_for(40, 8, 2), shrink=2, width=4).double().eval()
    for norm in (m for m in head.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    features = torch.randn(2, 8, 5, 5, dtype=torch.double)

    def small(branch):
        return F.interpolate(branch.reduce(features), (3, 3), mode="bilinear", align_corners=True)

    gathered = []
    for branch, source in ((head.collects, 2), (head.distributes, 1)):
        values = small(branch)
        relation = plain(branch.attention(values), (5, 5)).softmax(source)  # (B, from, to)
        if source == 2:
            relation = relation.transpose(1, 2)
        gathered.append(torch.einsum("bcs,bst->bct", values.flatten(2), relation).view_as(values))
    attended = F.interpolate(head.project(torch.cat(gathered, 1)), (5, 5), mode="bilinear", align_corners=True)
    expected = head.classify(torch.cat([features, attended], 1))
    torch.testing.assert_close(head([torch.zeros(0), features])[0], expected)


def test_coarse_features_can_be_enlarged_first():
    model, decided = segmenter("swin_b", psa_stride=8)
    assert (decided["enlarge"], decided["window"], decided["shrink"]) == (4, [7, 7], 2)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert model.eval().head(model.backbone.stages(images))[0].shape == (1, 2, 8, 8)
    assert segmenter("resnet50", psa_stride=16)[1]["enlarge"] == 1  # it is finer already
    with pytest.raises(UserError, match="psa_stride=5 is no stride for a last stage of stride 32"):
        segmenter("swin_b", psa_stride=5)


def test_compact_form_takes_one_size_only():
    model, decided = segmenter("swin_b", psa_compact=True)
    assert decided["window"] == [2, 2]
    model.eval().predict(torch.randn(1, 3, 64, 64))
    with pytest.raises(UserError, match="made for maps of 2 x 2, not 2 x 3"):
        model.predict(torch.randn(1, 3, 64, 96))


def test_compact_maps_are_of_absolute_positions():
    """Channel q of the map of position p is what p says of q; nothing is cut."""
    head = PSANet([4, 4], 2, (2, 3), compact=True, width=4).eval()
    values, relation = head.collects(torch.randn(1, 4, 2, 3))
    maps = head.collects.attention(values)
    for p in range(6):
        for q in range(6):
            assert relation[0, p, q] == maps[0, q, p // 3, p % 3]


@pytest.mark.parametrize(
    ("size", "stride", "shrink", "side"), [(465, 8, 2, 59), (448, 8, 2, 55), (448, 32, 1, 27), (400, 8, 2, 49)]
)
def test_window_reaches_every_position(size, stride, shrink, side):
    assert window_for(size, stride, shrink) == (side, side)


def test_no_labelled_pixel_is_a_loss_of_zero_and_no_nan():
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 4, 4), 255))
    loss.backward()
    assert loss == 0 and not logits.grad.any()


def test_loss_is_the_mean_over_labelled_pixels():
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    labels[0, :2] = 255
    torch.testing.assert_close(cross_entropy(logits, labels), F.cross_entropy(logits, labels, ignore_index=255))


def test_two_classes_are_predicted_as_by_argmax():
    model, _ = segmenter("swin_b")
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        logits = model.eval().head(model.backbone.stages(images))[0]
        expected = F.interpolate(logits, (64, 64), mode="bilinear", align_corners=False).argmax(1)
    assert (model.predict(images) == expected).float().mean() > 0.9999


def test_unknown_head_is_refused():
    with pytest.raises(UserError, match="cannot be 'psenet'") as caught:
        PAPER.with_settings({"head": "psenet"})
    assert "psanet" in caught.value.hint


def test_frozen_protocol_differs_from_the_paper_only_where_it_says():
    differing = {key for key, value in FROZEN.settings.items() if value != PAPER.settings[key]}
    assert differing == {"head", "lr", "epochs"}
    assert set(PAPER.assumed) == set(PAPER.settings) - {"head", "lr", "batch_size"}
