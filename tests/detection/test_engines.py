"""torchvision's detectors on backbones of all kinds: levels, losses, the reference with its own transform."""

import pytest
import torch
from torch import nn
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from rsbench.backbones import create
from rsbench.detection.engines import build_detector
from rsbench.detection.engines.tv import Anchors
from rsbench.detection.protocols import BOXES, DOTA, MASKS, VEGAS
from rsbench.detection.pyramid import Levels
from rsbench.errors import UserError

SMALL = {
    "nano": {},
    "resnet50": {"layers": (1, 1, 1, 1)},
    "vit_b": {"image_size": 64, "width": 32, "depth": 4, "heads": 2},
    "swin_v2_b": {"window": 4, "width": 32, "depths": (1, 1, 1, 1), "heads": (1, 2, 4, 8)},
}


def settings(protocols, **changes):
    """Settings of the first protocol, smaller."""
    own = {"anchors": (8.0, 16.0, 32.0, 64.0, 96.0), "rois": 32, "proposals": 50}
    return {**protocols[0].settings, **own, **changes}


def targets(masks: bool):
    boxes = torch.tensor([[4.0, 6, 40, 50], [20, 20, 60, 44]])
    found = {"boxes": boxes, "labels": torch.tensor([0, 2])}
    if masks:
        found["masks"] = torch.zeros(2, 64, 96, dtype=torch.uint8)
        for mask, (x0, y0, x1, y1) in zip(found["masks"], boxes.long().tolist(), strict=True):
            mask[y0:y1, x0:x1] = 1
    empty = {name: value[:0] for name, value in found.items()}
    if masks:
        empty["masks"] = torch.zeros(0, 50, 70, dtype=torch.uint8)
    return [found, empty]


def inputs():
    torch.manual_seed(1)
    return [torch.randn(3, 64, 96), torch.randn(3, 50, 70)]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("finest", [4, 8])
def test_levels_halve_from_the_finest_whatever_the_backbone(name, finest):
    backbone = create(name, seed=0, **SMALL[name])
    levels = Levels(backbone, finest, "train").eval()
    with torch.no_grad():
        found = levels(torch.randn(2, 3, 128, 64))
    assert list(found) == ["0", "1", "2", "3", "4"]
    assert levels.strides == tuple(finest * 2**i for i in range(5))
    for stride, level in zip(levels.strides, found.values(), strict=True):
        assert level.shape == (2, 256, max(-(-128 // stride), 1), max(-(-64 // stride), 1))
    assert levels.kind == ("simple" if name == "vit_b" else "fpn")


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("protocols", [BOXES, MASKS], ids=["boxes", "masks"])
def test_losses_reach_every_parameter_and_predictions_have_the_right_form(name, protocols):
    masks = protocols is MASKS
    torch.manual_seed(0)
    model = build_detector(create(name, seed=0, **SMALL[name]), 3, 32, settings(protocols, score_threshold=0.001))
    losses = model(inputs(), targets(masks))
    parts = [value for key, value in losses.items() if key != "loss"]
    assert torch.isclose(losses["loss"], torch.stack(parts).sum())
    losses["loss"].backward()
    unused = {key for key, value in model.named_parameters() if value.grad is None}
    assert all(".norm." in key or "fc_norm" in key for key in unused), unused  # the final norm of a transformer
    model.eval()
    with torch.no_grad():
        found = model.predict(inputs())
    for one, (h, w) in zip(found, [(64, 96), (50, 70)], strict=True):
        count = len(one["boxes"])
        assert one["scores"].dtype == torch.float32 and (one["scores"].diff() <= 0).all()
        assert ((one["labels"] >= 0) & (one["labels"] < 3)).all()
        assert (one["boxes"] >= 0).all() and (one["boxes"] <= torch.tensor([w, h, w, h])).all()
        assert ("masks" in one) == masks
        if masks:
            assert one["masks"].shape == (count, 28, 28) and ((one["masks"] >= 0) & (one["masks"] <= 1)).all()


def test_one_image_is_predicted_as_by_torchvisions_own_transform():
    model = build_detector(create("nano", seed=0), 3, 32, settings(BOXES, score_threshold=0.001)).eval()
    reference = RetinaNet(
        model.model.backbone, 3, anchor_generator=model.model.anchor_generator, head=model.model.head,
        score_thresh=0.001, nms_thresh=0.5, detections_per_img=100,
    ).eval()  # fmt: skip
    reference.transform = GeneralizedRCNNTransform(64, 96, [0.0] * 3, [1.0] * 3, size_divisible=32)
    image = inputs()[0]
    with torch.no_grad():
        [own], [theirs] = model.predict([image]), reference([image])
    assert len(own["boxes"]) > 0
    assert torch.allclose(own["boxes"], theirs["boxes"], atol=1e-3)
    assert torch.allclose(own["scores"], theirs["scores"], atol=1e-6)
    assert torch.equal(own["labels"], theirs["labels"])


@pytest.mark.parametrize("protocols", [BOXES, MASKS], ids=["boxes", "masks"])
def test_boxes_are_decoded_in_full_precision_under_autocast(protocols):
    model = build_detector(create("nano", seed=0), 3, 32, settings(protocols, score_threshold=0.001))
    with torch.autocast("cpu", torch.bfloat16):
        model(inputs(), targets(protocols is MASKS))["loss"].backward()
        model.eval()
        with torch.no_grad():
            found = model.predict(inputs())
    boxes = torch.cat([one["boxes"] for one in found])
    assert boxes.dtype == torch.float32 and len(boxes)
    assert not torch.equal(boxes, boxes.bfloat16().float()), "bf16 would have rounded them"


def test_a_detector_learns_one_batch_by_heart():
    torch.manual_seed(0)
    model = build_detector(create("nano", seed=0), 3, 32, settings(BOXES))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(40):
        loss = model(inputs()[:1], targets(False)[:1])["loss"]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 35.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        [found] = model.predict(inputs()[:1])
    wanted = targets(False)[0]
    best = {int(label): box for label, box in reversed(list(zip(found["labels"], found["boxes"], strict=True)))}
    for label, box in zip(wanted["labels"].tolist(), wanted["boxes"], strict=True):
        assert torch.allclose(best[label], box, atol=4.0)


def test_protocols_say_what_the_papers_configurations_say():
    dota, vegas = DOTA[0].settings, VEGAS[0].settings
    assert (dota["lr"], dota["batch_size"], dota["weight_decay"], dota["image_size"]) == (1e-5, 4, 0.05, 800)
    assert (dota["nms_iou"], dota["detections"], dota["score_threshold"], dota["candidates"]) == (0.3, 600, 0.05, 1000)
    assert (vegas["lr"], vegas["batch_size"], vegas["detector"], vegas["rois"]) == (1e-4, 4, "mask-rcnn", 512)
    assert "lr" not in DOTA[0].assumed and "epochs" in DOTA[0].assumed
    assert "weight_decay" in VEGAS[0].assumed and "weight_decay" not in DOTA[0].assumed


@pytest.mark.parametrize("size", [(800, 800), (416, 640)])
def test_anchors_lie_where_the_cells_are(size):
    levels = Levels(create("nano", seed=0), 8, "train")
    anchors = Anchors(levels.strides, ((32.0,),) * 5, ((1.0,),) * 5)
    images = torch.zeros(1, 3, *size)
    with torch.no_grad():
        maps = list(levels(images).values())
    [found] = anchors(ImageList(images, [size]), maps)
    centres = (found[:, :2] + found[:, 2:]) / 2
    expected = [
        torch.tensor([[x * stride, y * stride] for y in range(one.shape[2]) for x in range(one.shape[3])])
        for stride, one in zip(levels.strides, maps, strict=True)
    ]
    assert torch.equal(centres, torch.cat(expected).float())


def test_regions_are_pooled_at_the_strides_of_the_levels_whatever_is_seen_first():
    model = build_detector(create("nano", seed=0), 3, 32, settings(MASKS))
    model.eval()
    with torch.no_grad():
        model.predict([torch.zeros(3, 40, 40)])  # on a canvas of 64: torchvision would infer half the strides
    for pool in (model.model.roi_heads.box_roi_pool, model.model.roi_heads.mask_roi_pool):
        assert pool.scales == [1 / 4, 1 / 8, 1 / 16, 1 / 32]


def test_a_protocol_of_another_detector_is_refused():
    with pytest.raises(UserError, match="no setting 'rois', which mask-rcnn needs"):
        build_detector(create("nano", seed=0), 3, 32, {**BOXES[0].settings, "detector": "mask-rcnn"})
