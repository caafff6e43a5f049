"""RetinaNet and Mask R-CNN of detectron2 on a backbone of the contract. Import it through ``d2.load_models``.

Sources: Lin et al., ICCV 2017 (RetinaNet); He et al., ICCV 2017 (Mask R-CNN). The pyramid is that of the torchvision
engine, and so are anchors, thresholds and sampling; heads and losses are detectron2's, with its own defaults.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import detectron2
import torch
from detectron2.layers import ShapeSpec
from detectron2.modeling import Backbone as DetectronBackbone
from detectron2.modeling.anchor_generator import DefaultAnchorGenerator
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.matcher import Matcher
from detectron2.modeling.meta_arch import GeneralizedRCNN
from detectron2.modeling.meta_arch.retinanet import RetinaNet, RetinaNetHead
from detectron2.modeling.poolers import ROIPooler
from detectron2.modeling.proposal_generator import RPN, StandardRPNHead
from detectron2.modeling.roi_heads import (
    FastRCNNConvFCHead,
    FastRCNNOutputLayers,
    MaskRCNNConvUpsampleHead,
    StandardROIHeads,
)
from detectron2.structures import BitMasks, Boxes, ImageList, Instances
from detectron2.utils.events import EventStorage
from torch import Tensor, nn

from rsbench.backbones import Backbone
from rsbench.detection.engines import Target
from rsbench.detection.engines.tv import Canvas, to_float
from rsbench.detection.pyramid import WIDTH, Levels

_AS_THEY_COME: dict[str, Any] = {"pixel_mean": (0.0, 0.0, 0.0), "pixel_std": (1.0, 1.0, 1.0)}
_FOREGROUND = 100.0  # with which detectron2's moving average begins


class NamedLevels(DetectronBackbone):
    """Levels under detectron2's names: ``p`` and the logarithm of the stride.

    Args:
        levels: backbone and pyramid.
    """

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.levels = levels
        self.names = [f"p{round(math.log2(stride))}" for stride in levels.strides]

    def output_shape(self) -> dict[str, ShapeSpec]:
        """Returns channels and stride of each level."""
        return {
            name: ShapeSpec(channels=WIDTH, stride=stride)
            for name, stride in zip(self.names, self.levels.strides, strict=True)
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Returns the levels of ``images`` (B, 3, H, W)."""
        return dict(zip(self.names, self.levels(images).values(), strict=True))


class JoinedRetinaNet(RetinaNet):
    """RetinaNet of images that come normalised; its moving average of the foreground is part of its state.

    detectron2 keeps that average as a number, which no checkpoint would hold: in a resumed run it would begin anew.
    """

    def __init__(self, cell: int, **parts: Any) -> None:
        super().__init__(**parts, **_AS_THEY_COME)
        self.canvas = Canvas(cell)
        self.register_buffer("loss_normalizer", torch.tensor(_FOREGROUND))

    def preprocess_image(self, batched_inputs: list[dict[str, Any]]) -> ImageList:
        return _joined(self.canvas, batched_inputs)


class JoinedRCNN(GeneralizedRCNN):
    """R-CNN of images that come normalised."""

    def __init__(self, cell: int, **parts: Any) -> None:
        super().__init__(**parts, **_AS_THEY_COME)
        self.canvas = Canvas(cell)

    def preprocess_image(self, batched_inputs: list[dict[str, Any]]) -> ImageList:
        return _joined(self.canvas, batched_inputs)


def _joined(canvas: Canvas, inputs: list[dict[str, Any]]) -> ImageList:
    joined, _ = canvas([one["image"] for one in inputs])
    return ImageList(joined.tensors, joined.image_sizes)


class DetectronDetector(nn.Module):
    """A detector of detectron2 behind the interface of ``rsbench.detection.engines.Detector``.

    Args:
        model: on ``NamedLevels``.
        decided: what was decided for the backbone.
    """

    def __init__(self, model: JoinedRetinaNet | JoinedRCNN, decided: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        self.decided = decided

    @property
    def backbone(self) -> Backbone:
        """The backbone as it was given."""
        return self.model.backbone.levels.backbone

    def forward(self, images: list[Tensor], targets: list[Target]) -> dict[str, Tensor]:
        inputs = [
            {"image": image, "instances": _instances(image, target)}
            for image, target in zip(images, targets, strict=True)
        ]
        try:
            with EventStorage(0):  # detectron2 logs into it; what it logs is not kept
                parts = self.model(inputs)
        except FloatingPointError:  # proposals that are not finite: the training loop says so, and names the images
            return {"loss": images[0].new_full((), math.nan)}
        return {"loss": torch.stack([value.float() for value in parts.values()]).sum(), **parts}

    def predict(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        inputs = [{"image": image} for image in images]
        if isinstance(self.model, GeneralizedRCNN):
            found = self.model.inference(inputs, do_postprocess=False)  # which would draw the masks into the images
        else:
            found = [one["instances"] for one in self.model(inputs)]
        return [_detections(one) for one in found]


def _instances(image: Tensor, target: Target) -> Instances:
    own = Instances((image.shape[1], image.shape[2]))
    own.gt_boxes = Boxes(target["boxes"])
    own.gt_classes = target["labels"]
    if "masks" in target:
        own.gt_masks = BitMasks(target["masks"])
    return own


def _detections(one: Instances) -> dict[str, Tensor]:
    own = {"boxes": one.pred_boxes.tensor.float(), "labels": one.pred_classes, "scores": one.scores.float()}
    if one.has("pred_masks"):
        own["masks"] = one.pred_masks[:, 0].float()
    return own


def build(backbone: Backbone, classes: int, cell: int, settings: Mapping[str, Any]) -> DetectronDetector:
    """Makes a detector; see ``rsbench.detection.engines.build_detector``."""
    detector = settings["detector"]
    levels = Levels(backbone, 8 if detector == "retinanet" else 4, settings["batchnorm"])
    make = _retinanet if detector == "retinanet" else _mask_rcnn
    differs = (
        {"loss_normaliser": "moving average of the foreground"}
        if detector == "retinanet"
        else {"roi_align": "aligned, adaptive sampling", "box_loss": "L1"}
    )
    return DetectronDetector(
        make(NamedLevels(levels), classes, cell, settings),
        decided={
            "detector": detector,
            "engine": "detectron2",
            "version": detectron2.__version__,
            "pyramid": levels.kind,
            "strides": levels.strides,
            **differs,
        },
    )


def _retinanet(levels: NamedLevels, classes: int, cell: int, settings: Mapping[str, Any]) -> JoinedRetinaNet:
    steps = [2 ** (octave / settings["octaves"]) for octave in range(settings["octaves"])]
    head = RetinaNetHead(
        input_shape=list(levels.output_shape().values()),
        num_classes=classes,
        num_anchors=len(steps) * len(settings["ratios"]),
        conv_dims=[WIDTH] * 4,
    )
    head.register_forward_hook(to_float)
    return JoinedRetinaNet(
        cell,
        backbone=levels,
        head=head,
        head_in_features=levels.names,
        anchor_generator=_anchors([[side * step for step in steps] for side in settings["anchors"]], levels, settings),
        box2box_transform=Box2BoxTransform(weights=(1.0, 1.0, 1.0, 1.0)),
        anchor_matcher=Matcher([0.4, 0.5], [0, -1, 1], allow_low_quality_matches=True),
        num_classes=classes,
        test_score_thresh=settings["score_threshold"],
        test_topk_candidates=settings["candidates"],
        test_nms_thresh=settings["nms_iou"],
        max_detections_per_image=settings["detections"],
    )


def _mask_rcnn(levels: NamedLevels, classes: int, cell: int, settings: Mapping[str, Any]) -> JoinedRCNN:
    proposing = StandardRPNHead(in_channels=WIDTH, num_anchors=len(settings["ratios"]))
    proposing.register_forward_hook(to_float)
    proposals = RPN(
        in_features=levels.names,
        head=proposing,
        anchor_generator=_anchors([[side] for side in settings["anchors"]], levels, settings),
        anchor_matcher=Matcher([0.3, 0.7], [0, -1, 1], allow_low_quality_matches=True),
        box2box_transform=Box2BoxTransform(weights=(1.0, 1.0, 1.0, 1.0)),
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_topk=(2000, 1000),
        post_nms_topk=(settings["proposals"], settings["proposals"]),
    )
    box_head = FastRCNNConvFCHead(ShapeSpec(channels=WIDTH, height=7, width=7), conv_dims=[], fc_dims=[1024, 1024])
    boxes = FastRCNNOutputLayers(
        box_head.output_shape,
        box2box_transform=Box2BoxTransform(weights=(10.0, 10.0, 5.0, 5.0)),
        num_classes=classes,
        test_score_thresh=settings["score_threshold"],
        test_nms_thresh=settings["nms_iou"],
        test_topk_per_image=settings["detections"],
    )
    masks = MaskRCNNConvUpsampleHead(
        ShapeSpec(channels=WIDTH, height=14, width=14), num_classes=classes, conv_dims=[WIDTH] * 5
    )
    for head in (boxes, masks.predictor):
        head.register_forward_hook(to_float)
    pooled = levels.names[:4]
    scales = [1 / stride for stride in levels.levels.strides[:4]]
    heads = StandardROIHeads(
        num_classes=classes,
        batch_size_per_image=settings["rois"],
        positive_fraction=0.25,
        proposal_matcher=Matcher([0.5], [0, 1], allow_low_quality_matches=False),
        box_in_features=pooled,
        box_pooler=_pooler(7, scales),
        box_head=box_head,
        box_predictor=boxes,
        mask_in_features=pooled,
        mask_pooler=_pooler(14, scales),
        mask_head=masks,
    )
    return JoinedRCNN(cell, backbone=levels, proposal_generator=proposals, roi_heads=heads)


def _anchors(sizes: list[list[float]], levels: NamedLevels, settings: Mapping[str, Any]) -> DefaultAnchorGenerator:
    return DefaultAnchorGenerator(
        sizes=sizes, aspect_ratios=[list(settings["ratios"])], strides=list(levels.levels.strides), offset=0.0
    )


def _pooler(side: int, scales: list[float]) -> ROIPooler:
    """Returns a pooler that reads levels in fp32: detectron2 brings boxes to the type of the levels."""
    pooler = ROIPooler(side, scales, sampling_ratio=0, pooler_type="ROIAlignV2")
    pooler.register_forward_pre_hook(lambda module, given: ([level.float() for level in given[0]], given[1]))
    return pooler
