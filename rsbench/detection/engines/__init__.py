"""Detectors by library. The same task, data, schedule and evaluation whichever it is; a file for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from rsbench.backbones import Backbone
from rsbench.errors import UserError, near_miss

LEVELS = 5  # of every detector
_NEEDS = {"retinanet": ("octaves", "candidates"), "mask-rcnn": ("rois", "proposals")}  # beside what all have

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


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises a UserError if no detector can be made by these settings of a protocol.

    That is an unknown engine or detector, an engine that is not installed, or settings that do not fit together.
    """
    from rsbench.detection.protocols import DETECTORS, ENGINES

    for name, known in (("engine", ENGINES), ("detector", DETECTORS)):
        if settings[name] not in known:
            raise UserError(f"There is no {name} {settings[name]!r}.", near_miss(str(settings[name]), known))
    missing = [name for name in _NEEDS[settings["detector"]] if name not in settings]
    if missing:
        raise UserError(
            f"This protocol has no setting {missing[0]!r}, which {settings['detector']} needs.",
            "Take a protocol that is made for this detector.",
        )
    if len(settings["anchors"]) != LEVELS:
        raise UserError(
            f"{len(settings['anchors'])} anchor sizes do not fit the {LEVELS} levels of a detector.",
            "Give one side in pixels for each, as in --set anchors=16,32,64,128,256.",
        )
    if settings["engine"] == "detectron2":
        from rsbench.detection.engines.d2 import load_models

        load_models()


def build_detector(backbone: Backbone, classes: int, cell: int, settings: Mapping[str, Any]) -> Any:
    """Makes the detector that the settings of a protocol name.

    Args:
        backbone: with its weights.
        classes: how many, without background.
        cell: sides of the canvas are multiples of it, in pixels.
        settings: of the protocol.

    Raises:
        UserError: see ``check_settings``.
    """
    check_settings(settings)
    if settings["engine"] == "detectron2":
        from rsbench.detection.engines import d2 as engine
    else:
        from rsbench.detection.engines import tv as engine  # type: ignore[no-redef]
    return engine.build(backbone, classes, cell, settings)
