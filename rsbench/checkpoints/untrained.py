"""Tells a network that was never trained from one that was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rsbench.backbones import Backbone, create
from rsbench.checkpoints.digest import digest
from rsbench.errors import UserError
from rsbench.weights import Weights


def refuse_untrained(backbone: Backbone, weights: Weights, kwargs: Mapping[str, Any], seed: int, origin: str) -> None:
    """Raises UserError if ``backbone``, filled from ``origin``, holds a fresh initialisation; see ``is_untrained``."""
    if is_untrained(backbone, weights, kwargs, seed):
        raise UserError(
            f"{origin} holds a fresh initialisation of {weights.architecture_name}, not trained weights.",
            "It was saved before training; for the random baseline use --method random/...",
        )


def is_untrained(backbone: Backbone, weights: Weights, kwargs: Mapping[str, Any], seed: int) -> bool:
    """True if ``backbone`` holds a fresh initialisation.

    Training moves the affine parameters and the statistics of every normalisation layer, whatever the seed: if all of
    them are as they were made, nothing was trained. A network without such layers is compared with fresh ones, of
    ``seed`` and of seed 0, which whoever saved it most likely had.

    Args:
        backbone: filled.
        weights: that name its architecture.
        kwargs: of the architecture, beyond those of the weights.
        seed: of the run.
    """
    layers = [tensors for module in backbone.modules() if (tensors := _normalising(module))]
    if layers:
        return all(_as_made(name, tensor) for tensors in layers for name, tensor in tensors.items())
    arguments = {**weights.kwargs, **kwargs}
    found = digest(backbone)
    return any(found == digest(create(weights.architecture, seed=each, **arguments)) for each in {seed, 0})


def _normalising(module: nn.Module) -> dict[str, Tensor]:
    kinds = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)
    if not isinstance(module, kinds):
        return {}
    return {name: tensor for name, tensor in module.state_dict().items() if name != "num_batches_tracked"}


def _as_made(name: str, tensor: Tensor) -> bool:
    """Scales and variances begin as one (or as zero, at the end of a residual branch), the rest as zero."""
    if name in ("weight", "running_var"):
        return bool((tensor == tensor.flatten()[0]).all()) and float(tensor.flatten()[0]) in (0.0, 1.0)
    return not torch.any(tensor)
