"""The protocols of detection and instance segmentation, as data: every hyper-parameter that can change the number.

Of DOTA the CtxMIM paper (4.4) says: RetinaNet, 800 px, AdamW, learning rate 1e-5, batch 4, weight decay 0.05; of Las
Vegas (4.5): Mask R-CNN, AdamW, 1e-4, batch 4. The rest of the first is what GeRSP's published configuration has (its
DOTA numbers are those of the paper within two points), the rest of both what mmdetection has by default. ``assumed``
names these settings, and every record repeats them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from rsbench.task import Protocol, Setting

ENGINES = ("torchvision", "detectron2")
DETECTORS = ("retinanet", "mask-rcnn")
AUGMENTATIONS = ("flip", "dihedral", "none")
BATCHNORM = ("train", "eval")

_MOST = 1e9
_LIMITS: dict[str, tuple[float, float]] = {
    "image_size": (0, 8192),
    "epochs": (1, _MOST),
    "batch_size": (1, _MOST),
    "lr": (0, math.inf),
    "weight_decay": (0, math.inf),
    "warmup_steps": (0, _MOST),
    "drops": (0, 1),
    "clip": (0, math.inf),
    "anchors": (1, 8192),
    "ratios": (0.01, 100),
    "octaves": (1, 16),
    "score_threshold": (0, 1),
    "nms_iou": (0, 1),
    "candidates": (1, _MOST),
    "rois": (1, _MOST),
    "proposals": (1, _MOST),
    "detections": (1, _MOST),
    "max_dets": (1, _MOST),
}
_CHOICES = {"engine": ENGINES, "detector": DETECTORS, "augment": AUGMENTATIONS, "batchnorm": BATCHNORM}

_SHARED: dict[str, Setting] = {
    "engine": "torchvision",
    "batch_size": 4,
    "weight_decay": 0.05,
    "warmup_steps": 500,  # linear, from a thousandth of the rate; never more than a tenth of all steps
    "drops": (2 / 3, 11 / 12),  # of the run: the rate falls to a tenth at each
    "augment": "flip",  # left and right; dihedral is one of the eight flips and quarter turns
    "batchnorm": "train",  # of the backbone: statistics of the batch; eval keeps those of the weights
    "anchors": (32.0, 64.0, 128.0, 256.0, 512.0),  # pixels: one side per level
    "ratios": (0.5, 1.0, 2.0),  # height to width
    "score_threshold": 0.05,
    "max_dets": 100,  # per class and image, in the evaluation
}
_RETINANET: dict[str, Setting] = {
    **_SHARED,
    "detector": "retinanet",
    "image_size": 800,  # pixels: larger images are made smaller to fit, smaller ones stay
    "epochs": 24,
    "clip": 35.0,  # norm of all gradients
    "octaves": 3,  # anchor sizes per level, 2^(1/3) apart
    "candidates": 1000,  # per level, before non-maximum suppression
    "nms_iou": 0.5,
    "detections": 100,  # per image, of all classes
}
_MASK_RCNN: dict[str, Setting] = {
    **_SHARED,
    "detector": "mask-rcnn",
    "image_size": 800,
    "epochs": 12,
    "clip": 0.0,
    "rois": 512,  # proposals per image that box and mask heads learn from
    "proposals": 1000,  # kept after the suppression in the region proposal network
    "nms_iou": 0.5,
    "detections": 100,
}
_SAID = ("detector", "batch_size", "lr")  # by the paper


def _protocol(
    name: str, solver: str, settings: Mapping[str, Setting], description: str, said: tuple[str, ...] | None = None
) -> Protocol:
    assumed = () if said is None else tuple(key for key in settings if key not in said)
    return Protocol(
        name=name, solver=solver, settings=settings, description=description, assumed=assumed,
        limits={key: bounds for key, bounds in _LIMITS.items() if key in settings},
        choices={key: known for key, known in _CHOICES.items() if key in settings},
    )  # fmt: skip


def _pair(settings: Mapping[str, Setting], what: str) -> tuple[Protocol, Protocol]:
    """Returns the two protocols of a task that the paper does not have."""
    return (
        _protocol("finetune", "finetune", {**settings, "lr": 1e-4}, f"Backbone and {what} trained end to end."),
        _frozen(settings, what),
    )


def _frozen(settings: Mapping[str, Setting], what: str) -> Protocol:
    return _protocol(
        "frozen", "frozen", {**settings, "lr": 1e-3, "batchnorm": "eval"}, f"{what} on the frozen backbone."
    )


DOTA = (
    _protocol(
        "paper",
        "finetune",
        {**_RETINANET, "lr": 1e-5, "nms_iou": 0.3, "detections": 600},
        "Backbone and RetinaNet trained end to end; AdamW at the paper's rate and batch (CtxMIM, 4.4).",
        (*_SAID, "weight_decay", "image_size"),
    ),
    _frozen({**_RETINANET, "nms_iou": 0.3, "detections": 600}, "RetinaNet"),
)
VEGAS = (
    _protocol(
        "paper",
        "finetune",
        {**_MASK_RCNN, "lr": 1e-4},
        "Backbone and Mask R-CNN trained end to end; AdamW at the paper's rate and batch (CtxMIM, 4.5).",
        _SAID,
    ),
    _frozen(_MASK_RCNN, "Mask R-CNN"),
)
BOXES = _pair(_RETINANET, "RetinaNet")
MASKS = _pair(_MASK_RCNN, "Mask R-CNN")
