"""Gives every parameter and buffer of a network a value that training could have left, and no initialisation would."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
_COMPUTED = ("relative_position_index", "relative_coords_table")  # follow from the architecture


def randomised(network: Network, seed: int) -> Network:
    """Fills ``network`` in place and returns it frozen, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not name.endswith(_COMPUTED):
            tensor.copy_(_value(name, tensor, generator))
    return network.requires_grad_(False).eval()


def numbers(generator: torch.Generator, *shape: int) -> Tensor:
    """Returns normal numbers for a part of a file that no backbone reads."""
    return torch.randn(shape, generator=generator)


def _value(name: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    shape = tensor.shape
    if not tensor.is_floating_point():  # num_batches_tracked
        return torch.randint(1000, 100_000, shape, generator=generator)
    if name.endswith("running_var"):
        return 0.5 + torch.rand(shape, generator=generator)
    if name.endswith("logit_scale"):  # of Swin-V2: a logarithm, clamped at log(100)
        return math.log(10.0) + 0.5 * torch.randn(shape, generator=generator)
    if tensor.dim() < 2:
        is_scale = name.endswith("weight")  # of a norm
        return (
            0.5 + torch.rand(shape, generator=generator) if is_scale else 0.3 * torch.randn(shape, generator=generator)
        )
    if "bias_table" in name:
        return 2.0 * torch.randn(shape, generator=generator)
    if "pos_embed" in name or "token" in name:
        return 0.7 * torch.randn(shape, generator=generator)
    return torch.randn(shape, generator=generator) / math.sqrt(tensor.numel() / shape[0])
