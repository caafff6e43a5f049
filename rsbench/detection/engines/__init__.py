"""Detectors by library. The same task, data, schedule and evaluation whichever it is; a file for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from rsbench.backbones import Backbone
from rsbench.errors import UserError, near_miss

Target = Mapping[str, Tensor]
"""What is to be found in an image: ``boxes`` float32 (N, 4), left, top, right, bottom in pixels of the input;
``labels`` int64 (N,), indices into the classes; and where masks are learned ``masks`` uint8 (N, h, w)."""


class Detector(Protocol):
    """A network that finds objects: an ``nn.Module`` with these members.

    Attributes:
        backbone: as it was given.
        decided: what was decided for this backbone, plain JSON.
    """

    backbone: Backbone
    decided: dict[str, Any]

    def __call__(self, images: list[Tensor], targets: list[Target]) -> dict[str, Tensor]:
        """Returns the losses by name: ``loss`` is the one to minimise, the others are its parts.

        Args:
            images: normalised, float32 (3, h, w) each; joined on one canvas here, at its top left.
            targets: of each image.
        """
        ...

    def predict(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        """Returns the detections of images (3, h, w).

        Each has ``boxes`` float32 (D, 4), left, top, right, bottom; ``labels`` int64 (D,); ``scores`` float32 (D,); of
        a detector of masks also ``masks`` float32 (D, M, M), probabilities within the box. The best come first.
        """
        ...


def build_detector(backbone: Backbone, classes: int, cell: int, settings: Mapping[str, Any]) -> Any:
    """Makes the detector that the settings of a protocol name.

    Args:
        backbone: with its weights.
        classes: how many, without background.
        cell: sides of the canvas are multiples of it, in pixels.
        settings: of the protocol.

    Raises:
        UserError: an unknown engine or detector, one that is not installed, or settings that do not fit together.
    """
    from rsbench.detection.protocols import DETECTORS, ENGINES

    engine, detector = settings["engine"], settings["detector"]
    if detector not in DETECTORS:
        raise UserError(f"There is no detector {detector!r}.", near_miss(str(detector), DETECTORS))
    if len(settings["anchors"]) != 5:
        raise UserError(
            f"{len(settings['anchors'])} anchor sizes do not fit the 5 levels of a detector.",
            "Give one side in pixels for each, as in --set anchors=16,32,64,128,256.",
        )
    if engine == "torchvision":
        from rsbench.detection.engines import tv

        return tv.build(backbone, classes, cell, settings)
    if engine == "detectron2":
        from rsbench.detection.engines import d2

        return d2.build(backbone, classes, cell, settings)
    raise UserError(f"There is no engine {engine!r}.", near_miss(str(engine), ENGINES))
