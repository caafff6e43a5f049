"""Backbones by name, all behind one contract; a file per architecture family."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from rsbench.backbones.contract import STRIDES, Backbone
from rsbench.backbones.resnet import resnet50
from rsbench.backbones.spectral import spectralgpt_b
from rsbench.backbones.swin import SwinBackbone, nano, swin_b
from rsbench.backbones.swin_v2 import swin_v2_b
from rsbench.backbones.vit import crossscale_b, crossscale_l, scalemae_l, vit_b, vit_l
from rsbench.errors import UserError, near_miss

ARCHITECTURES: Mapping[str, Callable[..., Backbone]] = {
    "resnet50": resnet50,
    "swin_b": swin_b,
    "vit_b": vit_b,
    "vit_l": vit_l,
    "scalemae_l": scalemae_l,
    "crossscale_b": crossscale_b,
    "crossscale_l": crossscale_l,
    "swin_v2_b": swin_v2_b,
    "spectralgpt_b": spectralgpt_b,
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
    try:
        inspect.signature(build).bind(**kwargs)
    except TypeError as error:
        raise UserError(f"{architecture} cannot be made with {kwargs}: {error}.", _arguments(build)) from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = build(**kwargs)
    if not isinstance(backbone, Backbone):
        raise UserError(
            f"The architecture {architecture} returned a {type(backbone).__name__}.",
            "It must return a rsbench.backbones.Backbone: subclass it and write forward and embed.",
        )
    return backbone


def _arguments(build: Callable[..., Backbone]) -> str:
    names = ", ".join(inspect.signature(build).parameters)
    return f"It takes: {names}." if names else "It takes no arguments."
