"""A backbone with a head: losses in training, classes of pixels in evaluation."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from rsbench.backbones import Backbone
from rsbench.backbones.inference import fast_linear
from rsbench.datasets.segmentation import IGNORE
from rsbench.errors import RunError


class Segmenter(nn.Module):
    """Predicts a class for every pixel.

    Args:
        backbone: frozen or not.
        head: takes what its ``takes`` says, the ``stages`` or the ``pyramid`` of the backbone, and returns a list of
            logits, the first of which count, others being auxiliary.
        aux_weight: of the losses of auxiliary logits.
    """

    def __init__(self, backbone: Backbone, head: nn.Module, aux_weight: float) -> None:
        super().__init__()
        self.backbone, self.head, self.aux_weight = backbone, head, aux_weight
        self.takes = head.takes

    def _maps(self, images: Tensor) -> list[Tensor]:
        features = self.backbone.stages if self.takes == "stages" else self.backbone
        if not self.backbone.frozen:
            return features(images)
        half = torch.is_autocast_enabled(images.device.type)
        with torch.no_grad(), nullcontext() if half else fast_linear("fp32", images.device.type):
            return features(images)

    def forward(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Returns the losses by name: ``loss`` is the one to minimise, ``main`` and ``aux`` are its parts.

        Args:
            images: (B, 3, H, W).
            labels: int64 (B, H, W); IGNORE counts nowhere.
        """
        logits = self.head(self._maps(images))
        parts = [cross_entropy(resize(one, labels.shape[1:]), labels) for one in logits]
        if len(parts) == 1:
            return {"loss": parts[0]}
        aux = torch.stack(parts[1:]).sum()
        return {"loss": parts[0] + self.aux_weight * aux, "main": parts[0], "aux": aux}

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Returns the class of every pixel, uint8 (B, H, W), of images (B, 3, H, W); RunError if one is not finite."""
        logits = self.head(self._maps(images))[0].float()
        if not torch.isfinite(logits).all():
            half = torch.is_autocast_enabled(images.device.type)
            raise RunError(
                "A prediction is not finite.", f"Lower the learning rate{', or use --precision fp32' * half}."
            )
        if logits.shape[1] == 2:  # the resize is linear: that of the difference costs half, and needs no argmax
            difference = logits[:, 1:] - logits[:, :1]
            return (resize(difference, images.shape[2:])[:, 0] > 0).to(torch.uint8)
        return resize(logits, images.shape[2:]).max(1)[1].to(torch.uint8)


def resize(logits: Tensor, size: Any) -> Tensor:
    """Resizes logits (B, C, h, w) to ``size``, bilinear."""
    return F.interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns the mean over labelled pixels; 0, with a gradient of 0, where there is none (torch gives NaN).

    Where several processes share a batch, the mean over *their* results, which is what data-parallel training takes,
    is the mean over the labelled pixels of the whole batch, however unequal their shares.

    Args:
        logits: (B, C, H, W).
        labels: int64 (B, H, W), IGNORE where there is none.
    """
    total = F.cross_entropy(logits.float(), labels, ignore_index=IGNORE, reduction="sum")
    count = (labels != IGNORE).sum().float()
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(count)
        count /= dist.get_world_size()
    return total / count.clamp(min=torch.finfo(count.dtype).tiny)
