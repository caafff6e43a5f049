"""RetinaNet and Mask R-CNN of torchvision on a backbone of the contract.

Sources: Lin et al., ICCV 2017 (RetinaNet); He et al., ICCV 2017 (Mask R-CNN). torchvision's transform, which resizes
and normalises, gives way to one that only joins images: they come in their final size and as the method wants them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNN
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.ops.poolers import LevelMapper, MultiScaleRoIAlign

from rsbench.backbones import Backbone
from rsbench.batches import canvas_for
from rsbench.detection.engines import Target
from rsbench.detection.pyramid import Levels


class Canvas(nn.Module):
    """Joins images (3, h, w) at the top left of one canvas of whole cells; zero, the mean colour, beyond them."""

    def __init__(self, cell: int) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, images: list[Tensor], targets: Any = None) -> tuple[ImageList, Any]:
        sizes = [(image.shape[1], image.shape[2]) for image in images]
        height, width = canvas_for(max(h for h, _ in sizes), max(w for _, w in sizes), cell=self.cell)
        joined = images[0].new_zeros((len(images), height, width, 3)).permute(0, 3, 1, 2)  # channels last
        for place, image, (h, w) in zip(joined, images, sizes, strict=True):
            place[:, :h, :w] = image
        return ImageList(joined, sizes), targets

    def postprocess(self, result: Any, image_sizes: Any, original_image_sizes: Any) -> Any:
        """Returns detections as they are: in pixels of the images, masks as squares of their boxes."""
        return result


class Anchors(AnchorGenerator):
    """Anchors at the strides of the levels.

    torchvision divides the sides of the canvas by the cells of a level: at 800 px it would step by 61 and 114 px on the
    levels of 64 and 128, up to 84 px away from where the cells are.

    Args:
        strides: of the levels, in pixels.
        sizes, ratios: of each level.
    """

    def __init__(self, strides: tuple[int, ...], sizes: Any, ratios: Any) -> None:
        super().__init__(sizes, ratios)
        self.strides = strides

    def grid_anchors(self, grid_sizes: list[list[int]], strides: list[list[Tensor]]) -> list[Tensor]:
        own = [[one.new_full((), stride) for one in pair] for stride, pair in zip(self.strides, strides, strict=True)]
        return super().grid_anchors(grid_sizes, own)


def region_pool(size: int, strides: tuple[int, ...]) -> MultiScaleRoIAlign:
    """Returns RoIAlign on the first four levels; torchvision would infer their strides from the first images it sees.

    Args:
        size: cells of a side of the result.
        strides: of the levels, in pixels.
    """
    pool = MultiScaleRoIAlign(["0", "1", "2", "3"], size, sampling_ratio=2)
    pool.scales = [1 / stride for stride in strides[:4]]
    pool.map_levels = LevelMapper(*(round(math.log2(stride)) for stride in (strides[0], strides[3])))
    return pool


class TorchvisionDetector(nn.Module):
    """A detector of torchvision behind the interface of ``rsbench.detection.engines.Detector``.

    Args:
        model: with ``Canvas`` for a transform.
        first: number of the first class in its labels; R-CNNs have the background before it.
        decided: what was decided for the backbone.
    """

    def __init__(self, model: Any, first: int, decided: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        self.first = first
        self.decided = decided

    @property
    def backbone(self) -> Backbone:
        """The backbone as it was given."""
        return self.model.backbone.backbone

    def forward(self, images: list[Tensor], targets: list[Target]) -> dict[str, Tensor]:
        shifted = [{**target, "labels": target["labels"] + self.first} for target in targets]
        parts = self.model(images, shifted)
        return {"loss": torch.stack([value.float() for value in parts.values()]).sum(), **parts}

    def predict(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        found = []
        for one in self.model(images):
            own = {name: one[name].float() for name in ("boxes", "scores")}
            own["labels"] = one["labels"] - self.first
            if "masks" in one:
                own["masks"] = one["masks"][:, 0].float()
            found.append(own)
        return found


def build(backbone: Backbone, classes: int, cell: int, settings: Mapping[str, Any]) -> TorchvisionDetector:
    """Makes a detector; see ``rsbench.detection.engines.build_detector``."""
    detector = settings["detector"]
    make = _retinanet if detector == "retinanet" else _mask_rcnn
    levels = Levels(backbone, 8 if detector == "retinanet" else 4, settings["batchnorm"])
    model = make(levels, classes, settings)
    model.transform = Canvas(cell)
    return TorchvisionDetector(
        model,
        first=0 if detector == "retinanet" else 1,
        decided={"detector": detector, "engine": "torchvision", "pyramid": levels.kind, "strides": levels.strides},
    )


def _retinanet(levels: Levels, classes: int, settings: Mapping[str, Any]) -> RetinaNet:
    steps = [2 ** (octave / settings["octaves"]) for octave in range(settings["octaves"])]
    sizes = tuple(tuple(side * step for step in steps) for side in settings["anchors"])
    model = RetinaNet(
        levels,
        classes,
        anchor_generator=_anchors(levels, sizes, settings),
        score_thresh=settings["score_threshold"],
        nms_thresh=settings["nms_iou"],
        detections_per_img=settings["detections"],
        topk_candidates=settings["candidates"],
    )
    for head in (model.head.classification_head, model.head.regression_head):
        head.register_forward_hook(to_float)
    return model


def _mask_rcnn(levels: Levels, classes: int, settings: Mapping[str, Any]) -> MaskRCNN:
    model = MaskRCNN(
        levels,
        classes + 1,
        rpn_anchor_generator=_anchors(levels, tuple((side,) for side in settings["anchors"]), settings),
        box_roi_pool=region_pool(7, levels.strides),
        mask_roi_pool=region_pool(14, levels.strides),
        rpn_post_nms_top_n_train=settings["proposals"],
        rpn_post_nms_top_n_test=settings["proposals"],
        box_score_thresh=settings["score_threshold"],
        box_nms_thresh=settings["nms_iou"],
        box_detections_per_img=settings["detections"],
        box_batch_size_per_image=settings["rois"],
    )
    for head in (model.rpn.head, model.roi_heads.box_predictor, model.roi_heads.mask_predictor):
        head.register_forward_hook(to_float)
    return model


def _anchors(levels: Levels, sizes: tuple[tuple[float, ...], ...], settings: Mapping[str, Any]) -> Anchors:
    return Anchors(levels.strides, sizes, (tuple(settings["ratios"]),) * len(sizes))


def to_float(module: nn.Module, inputs: Any, output: Any) -> Any:
    """Returns outputs of a head in fp32, as a forward hook: bf16 has 8 bits for a place in an image."""
    if isinstance(output, Tensor):
        return output.float()
    return type(output)(map(partial(to_float, module, inputs), output))
