"""Small networks for tests."""

import torch
from torch import Tensor

from rsbench.backbones import create


def trained_state(name: str = "nano", seed: int = 9, **kwargs) -> dict[str, Tensor]:
    """State of a network (timm's names) in which nothing is as it was made, as training leaves it."""
    generator = torch.Generator().manual_seed(seed)
    state = create(name, seed=seed, **kwargs).model.state_dict()
    for key, value in state.items():
        if value.is_floating_point():
            noise = torch.rand(value.shape, generator=generator) * 0.02
            state[key] = value + (noise if "running_var" in key else noise - 0.01)
    return state
