"""RetinaNet and Mask R-CNN of detectron2, where the user has installed it; it is imported when one is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from rsbench.backbones import Backbone
from rsbench.errors import UserError

PAGE = "https://detectron2.readthedocs.io/en/latest/tutorials/install.html"
"""How detectron2 is installed, by its own project."""


def build(backbone: Backbone, classes: int, cell: int, settings: Mapping[str, Any]) -> Any:
    """Makes a detector (``d2_models.DetectronDetector``); see ``rsbench.detection.engines.build_detector``.

    Raises:
        UserError: detectron2 is not installed, or cannot be imported.
    """
    return load_models().build(backbone, classes, cell, settings)


def load_models() -> Any:
    """Returns the module ``d2_models``, which imports detectron2.

    Raises:
        UserError: detectron2 is not installed, or cannot be imported.
    """
    try:
        from rsbench.detection.engines import d2_models
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "detectron2":
            raise UserError(
                "detectron2 is not installed, and rsbench does not bring it.",
                f"Install it as {PAGE} says, with --no-build-isolation so that it is built against the installed torch "
                "(docs/detectron2.md), or use --engine torchvision.",
            ) from error
        raise UserError(
            f"detectron2 is installed, but cannot be imported: {str(error).splitlines()[0]}",
            f"Install what is missing, or build it again against torch {torch.__version__}, as after each upgrade of "
            f"torch: {PAGE} (docs/detectron2.md).",
        ) from error
    return d2_models
