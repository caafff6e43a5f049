"""Backbones by name, all behind one contract; a file per architecture family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from rsbench.backbones.contract import STRIDES, Backbone
from rsbench.backbones.resnet import resnet50
from rsbench.backbones.swin import SwinBackbone, nano, swin_b
from rsbench.backbones.vit import vit_b, vit_l
from rsbench.errors import UserError, near_miss

ARCHITECTURES: Mapping[str, Callable[..., Backbone]] = {
    "resnet50": resnet50,
    "swin_b": swin_b,
    "vit_b": vit_b,
    "vit_l": vit_l,
    "nano": nano,
}

__all__ = ["ARCHITECTURES", "STRIDES", "Backbone", "SwinBackbone", "create"]


def create(architecture: str | Callable[..., Backbone], seed: int = 0, **kwargs: Any) -> Backbone:
    """Makes a freshly initialised backbone; its weights depend on ``seed`` alone, whatever ran before.

    >>> create("nano").channels
    (32, 64, 128, 256)

    Args:
        architecture: a name of ``ARCHITECTURES``, or a callable that returns a Backbone.
        seed: of the initialisation.
        kwargs: further arguments of the architecture.

    Raises:
        UserError: no such architecture, wrong arguments, or a callable that returns something else.
    """
    if isinstance(architecture, str):
        if architecture not in ARCHITECTURES:
            raise UserError(f"There is no architecture {architecture!r}.", near_miss(architecture, ARCHITECTURES))
        build = ARCHITECTURES[architecture]
    else:
        build = architecture
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = build(**kwargs)
    if not isinstance(backbone, Backbone):
        raise UserError(
            f"The architecture {architecture} returned a {type(backbone).__name__}.",
            "It must return a rsbench.backbones.Backbone: subclass it and write forward and embed.",
        )
    return backbone
